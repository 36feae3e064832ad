//! What a thread may be in the middle of when a fault strikes it: each is one transaction, or a one-shot operation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Ends, elsewhere};
use stm::{StmResult, Transaction, atomically, cancel, options, snapshot, try_atomically};

use crate::stage::{NUMBERS, Stage};

/// One scenario: its name, and what it does.
pub(crate) type Scenario = (&'static str, fn(&Stage));

pub(crate) const SCENARIOS: [Scenario; 31] = [
    ("a transaction that only reads", reads),
    ("a snapshot", takes_a_snapshot),
    ("an increment", |stage| commits(stage, |tx| stage.bump(tx, 0))),
    ("a blind write", |stage| commits(stage, |tx| stage.numbers[0].write(tx, 7))),
    ("a cell's first use", uses_a_cell),
    ("a transfer", transfers),
    ("a boxed write", |stage| commits(stage, |tx| stage.rewrite(tx, 0))),
    ("two boxed writes", |stage| commits(stage, |tx| (0..2).try_for_each(|index| stage.rewrite(tx, index)))),
    ("an inline write and then a boxed one", |stage| {
        commits(stage, |tx| {
            stage.bump(tx, 0)?;
            stage.rewrite(tx, 0)
        });
    }),
    ("a boxed write and then an inline one", |stage| {
        commits(stage, |tx| {
            stage.rewrite(tx, 0)?;
            stage.bump(tx, 0)
        });
    }),
    ("a write that depends on other variables", depends),
    ("a dozen writes", |stage| commits(stage, |tx| (0..NUMBERS).try_for_each(|index| stage.bump(tx, index)))),
    ("several writes of one variable", rewrites),
    ("a choice with scopes", chooses),
    ("a nested part that is cancelled", nests),
    ("a transfer during a snapshot", |stage| during_a_snapshot(stage, transfers)),
    ("two boxed writes during a snapshot", |stage| {
        during_a_snapshot(stage, |stage| {
            commits(stage, |tx| (0..2).try_for_each(|index| stage.rewrite(tx, index)));
        });
    }),
    ("a store during a snapshot", |stage| during_a_snapshot(stage, |stage| stage.numbers[0].store(7))),
    ("a boxed store during a snapshot", |stage| {
        during_a_snapshot(stage, |stage| stage.texts[0].store(stage.census.value(7)));
    }),
    ("a wait", waits),
    ("a conflict at the commit", |stage| conflicts(stage, false)),
    ("a conflict at a read", |stage| conflicts(stage, true)),
    ("a view that is moved forward", extends),
    ("a promoted run", promotes),
    ("a cancelled transaction", cancels),
    ("a store", |stage| stage.numbers[0].store(7)),
    ("a swap", |stage| assert_eq!(stage.numbers[0].swap(7), 0)),
    ("an update in one step", |stage| stage.numbers[0].fetch_update(|n| *n += 7)),
    ("a boxed store", |stage| stage.texts[0].store(stage.census.value(7))),
    ("a boxed swap", |stage| assert_eq!(stage.texts[0].swap(stage.census.value(7)).payload, 0)),
    ("a boxed update in one step", |stage| stage.texts[0].fetch_update(|text| text.payload += 7)),
];

fn commits(stage: &Stage, body: impl Fn(&Transaction<'_, '_>) -> StmResult<()>) {
    atomically(|tx| {
        stage.hook(tx);
        body(tx)
    });
}

fn uses_a_cell(stage: &Stage) {
    atomically(|tx| {
        stage.hook(tx);
        stage.cell.modify(tx, |n| n + 7)
    });
}

fn reads(stage: &Stage) {
    let sum = atomically(|tx| {
        stage.hook(tx);
        let text = stage.texts[1].with(tx, |text| text.payload)?;
        Ok(stage.numbers[0].read(tx)? + stage.numbers[1].read(tx)? + text)
    });
    assert_eq!(sum, 0);
}

/// Does it while another thread has a snapshot open, which notices nothing.
fn during_a_snapshot(stage: &Stage, act: fn(&Stage)) {
    let (open, done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            snapshot(|tx| {
                assert_eq!(tx.attempt_number(), 1, "nothing makes it run again");
                stage.numbers[0].read(tx)?;
                open.store(true, Ordering::SeqCst);
                while !done.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                for number in &stage.numbers {
                    assert_eq!(number.read(tx)?, 0, "it was committed after the snapshot began");
                }
                for text in &stage.texts {
                    assert_eq!(text.with(tx, |text| text.payload)?, 0, "it was committed after the snapshot began");
                }
                Ok(())
            });
        });
        let _ends = Ends(&done);
        while !open.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        act(stage);
    });
}

fn takes_a_snapshot(stage: &Stage) {
    let sum = snapshot(|tx| Ok(stage.numbers[0].read(tx)? + stage.texts[0].with(tx, |text| text.payload)?));
    assert_eq!(sum, 0);
}

fn transfers(stage: &Stage) {
    commits(stage, |tx| {
        let amount = 5 + stage.numbers[0].read(tx)?;
        stage.numbers[0].write(tx, amount)?;
        stage.numbers[1].modify(tx, |n| n.wrapping_sub(amount))
    });
}

fn depends(stage: &Stage) {
    commits(stage, |tx| {
        let sum = stage.numbers[2].read(tx)? + stage.texts[1].with(tx, |text| text.payload)? + 3;
        stage.numbers[0].write(tx, sum)?;
        stage.texts[0].write(tx, stage.census.value(sum))
    });
}

fn rewrites(stage: &Stage) {
    commits(stage, |tx| {
        for _ in 0..3 {
            stage.texts[0].update(tx, |text| text.payload += 1)?;
            stage.texts[1].write(tx, stage.census.value(4))?;
            stage.texts[1].replace(tx, stage.census.value(5))?;
            stage.texts[1].write_if_changed(tx, stage.census.value(5))?;
            stage.texts[1].write_if_changed(tx, stage.census.value(6))?;
        }
        Ok(())
    });
}

fn chooses(stage: &Stage) {
    commits(stage, |tx| {
        stage.rewrite(tx, 0)?;
        stage.bump(tx, 3)?;
        tx.or_else(
            |tx| {
                stage.hook(tx);
                stage.rewrite(tx, 0)?;
                stage.bump(tx, 0)?;
                let kept: Result<(), ()> = tx.nested(|tx| {
                    stage.rewrite(tx, 0)?;
                    Ok(stage.bump(tx, 1)?)
                })?;
                assert_eq!(kept, Ok(()));
                tx.retry()
            },
            |tx| {
                stage.rewrite(tx, 1)?;
                stage.bump(tx, 2)
            },
        )
    });
}

fn nests(stage: &Stage) {
    commits(stage, |tx| {
        stage.rewrite(tx, 0)?;
        let undone: Result<(), u64> = tx.nested(|tx| {
            stage.hook(tx);
            stage.rewrite(tx, 0)?;
            stage.rewrite(tx, 1)?;
            stage.bump(tx, 0)?;
            cancel(7)
        })?;
        stage.numbers[1].write(tx, undone.expect_err("it is cancelled"))
    });
}

/// Waits for the gate, which somebody opens when it is about to block.
fn waits(stage: &Stage) {
    thread::scope(|scope| {
        let _over = Ends(&stage.over);
        scope.spawn(|| {
            while !(stage.blocked.load(Ordering::SeqCst) || stage.over.load(Ordering::SeqCst)) {
                thread::yield_now();
            }
            stage.gate.store(1);
        });
        commits(stage, |tx| {
            stage.bump(tx, 0)?;
            stage.rewrite(tx, 0)?;
            stage.numbers[4].read(tx)?;
            tx.check(stage.gate.read(tx)? == 1)
        });
    });
}

fn conflicts(stage: &Stage, early: bool) {
    commits(stage, |tx| {
        stage.bump(tx, 0)?;
        stage.rewrite(tx, 0)?;
        if tx.attempt_number() > 1 {
            return Ok(());
        }
        if early { stage.clash.at_read(tx).map(drop) } else { stage.clash.at_commit(tx) }
    });
}

fn extends(stage: &Stage) {
    commits(stage, |tx| {
        let seen = stage.numbers[0].read(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| stage.gate.store(1));
        }
        let moved = stage.gate.read(tx)?;
        stage.numbers[0].write(tx, seen + moved)?;
        stage.rewrite(tx, 0)
    });
}

fn promotes(stage: &Stage) {
    let runs = options().promote_after(2).run(|tx| {
        stage.hook(tx);
        stage.bump(tx, 0)?;
        stage.rewrite(tx, 0)?;
        let sum = stage.numbers[2].read(tx)?;
        stage.numbers[1].write(tx, sum + 1)?;
        if tx.attempt_number() == 1 {
            stage.clash.at_commit(tx)?;
        }
        Ok(tx.attempt_number())
    });
    assert_eq!(runs, Ok(2));
}

fn cancels(stage: &Stage) {
    let result: Result<(), u64> = try_atomically(|tx| {
        stage.hook(tx);
        stage.bump(tx, 0)?;
        stage.rewrite(tx, 0)?;
        cancel(3)
    });
    assert_eq!(result, Err(3));
}
