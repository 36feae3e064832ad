//! What the recorder writes down of real transactions.

use std::time::Instant;

use common::elsewhere;
use common::history::{Access, Attempt, Fate, Memory, Reading, Recorder, Writing, fresh_value, initial_value};
use stm::{TVar, TxError};

/// Records what `body` does on a thread numbered 1.
fn recorded(memory: &Memory, body: impl FnOnce(&Recorder<'_>)) -> Vec<Attempt> {
    let recorder = Recorder::new(memory, 1, Instant::now());
    body(&recorder);
    recorder.finish()
}

fn initial(variable: usize) -> Access {
    Access { variable, value: initial_value(variable) }
}

fn written(variable: usize, counter: u64) -> Access {
    Access { variable, value: fresh_value(1, counter) }
}

#[test]
fn reads_are_what_was_seen_and_writes_what_was_left() {
    let memory = Memory::new(5);
    for how in [Writing::Replace, Writing::Modify, Writing::Update, Writing::IfChanged] {
        let memory = Memory::new(5);
        let attempts = recorded(&memory, |recorder| {
            recorder.atomically(|tx| {
                (0..5).try_for_each(|x| recorder.write(tx, x, how))?;
                recorder.read(tx, 4, Reading::Clone).map(drop)
            });
        });
        assert_eq!(attempts[0].reads, (0..5).map(initial).collect::<Vec<_>>(), "{how:?}");
        assert_eq!(attempts[0].writes, (0..5).zip(1..).map(|(x, n)| written(x, n)).collect::<Vec<_>>());
    }
    for how in [Reading::Clone, Reading::Borrow, Reading::With] {
        let attempts = recorded(&memory, |recorder| {
            recorder.snapshot(|tx| (0..5).try_for_each(|x| recorder.read(tx, x, how).map(drop)));
        });
        assert_eq!(attempts[0].reads, (0..5).map(initial).collect::<Vec<_>>(), "{how:?}");
        assert_eq!(attempts[0].writes, []);
    }
}

#[test]
fn only_the_last_write_of_a_variable_counts() {
    let memory = Memory::new(2);
    let attempts = recorded(&memory, |recorder| {
        recorder.atomically(|tx| {
            for x in [0, 1, 0, 0] {
                recorder.write(tx, x, Writing::Replace)?;
            }
            Ok(())
        });
    });
    assert_eq!(attempts[0].reads, [initial(0), initial(1)]);
    assert_eq!(attempts[0].writes, [written(0, 4), written(1, 2)]);
    assert_eq!(attempts[0].discarded, [written(0, 1), written(0, 3)]);
}

#[test]
fn a_branch_that_retries_leaves_its_reads_and_not_its_writes() {
    let memory = Memory::new(3);
    let attempts = recorded(&memory, |recorder| {
        recorder.atomically(|tx| {
            let chosen = recorder.or_else(
                tx,
                |tx| {
                    recorder.write(tx, 0, Writing::Replace)?;
                    recorder.read(tx, 1, Reading::Clone)?;
                    Ok(recorder.retry(tx)?)
                },
                |tx| Ok::<_, TxError<()>>(recorder.write(tx, 2, Writing::Replace)?),
            );
            assert!(chosen.is_ok());
            // Its own write is gone, so this is the committed value again.
            recorder.read(tx, 0, Reading::Clone).map(drop)
        });
    });
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].reads, [initial(0), initial(1), initial(2), initial(0)]);
    assert_eq!(attempts[0].writes, [written(2, 2)]);
    assert_eq!(attempts[0].discarded, [written(0, 1)]);
}

#[test]
fn an_undone_part_leaves_its_reads_and_the_writes_before_it() {
    let memory = Memory::new(2);
    let attempts = recorded(&memory, |recorder| {
        recorder.atomically(|tx| {
            recorder.write(tx, 0, Writing::Replace)?;
            let undone = recorder.nested(tx, |tx| {
                recorder.write(tx, 0, Writing::Replace)?;
                recorder.write(tx, 1, Writing::Replace)?;
                Err::<(), _>(TxError::Cancel("undone"))
            })?;
            assert_eq!(undone, Err("undone"));
            recorder.read(tx, 0, Reading::Clone).map(drop)
        });
    });
    assert_eq!(attempts[0].reads, [initial(0), initial(1)]);
    assert_eq!(attempts[0].writes, [written(0, 1)]);
    assert_eq!(attempts[0].discarded, [written(0, 2), written(1, 3)]);
}

#[test]
fn a_run_that_conflicts_is_written_down_too() {
    let memory = Memory::new(2);
    let attempts = recorded(&memory, |recorder| {
        recorder.atomically(|tx| {
            recorder.read(tx, 0, Reading::Clone)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| Recorder::new(&memory, 2, Instant::now()).swap(0));
            }
            recorder.write(tx, 1, Writing::Replace)
        });
    });
    let [first, second] = attempts.as_slice() else { panic!("{attempts:?}") };
    assert_eq!((first.fate, second.fate), (Fate::Aborted, Fate::Committed));
    assert_eq!((first.run, second.run), (1, 2));
    assert_eq!((first.transaction, second.transaction), (1, 1));
    assert_eq!(first.reads, [initial(0), initial(1)]);
    assert_eq!(first.writes, [written(1, 1)]);
    assert_eq!(second.reads, [Access { variable: 0, value: fresh_value(2, 1) }, initial(1)]);
    assert!(first.start < first.end && first.end < second.start && second.start < second.end);
}

#[test]
fn a_run_that_waits_is_written_down_as_such() {
    let memory = Memory::new(1);
    let go = TVar::new(false);
    let attempts = recorded(&memory, |recorder| {
        recorder.atomically(|tx| {
            recorder.read(tx, 0, Reading::Clone)?;
            if go.read(tx)? {
                return Ok(());
            }
            elsewhere(|| go.store(true));
            recorder.retry(tx)
        });
    });
    let fates: Vec<_> = attempts.iter().map(|attempt| attempt.fate).collect();
    assert_eq!(fates, [Fate::Waiting, Fate::Committed]);
}

#[test]
fn a_transaction_that_cancels_is_written_down_as_such() {
    let memory = Memory::new(1);
    let attempts = recorded(&memory, |recorder| {
        let result = recorder.try_atomically(|tx| {
            recorder.write(tx, 0, Writing::Replace)?;
            Err::<(), _>(TxError::Cancel("no"))
        });
        assert_eq!(result, Err("no"));
        recorder.load(0);
    });
    assert_eq!(attempts[0].fate, Fate::Cancelled);
    assert_eq!(attempts[0].writes, [written(0, 1)], "kept, to know it again if anybody sees it");
    assert_eq!(attempts[1].reads, [initial(0)]);
}

#[test]
fn one_shot_operations_are_transactions() {
    let memory = Memory::new(5);
    for x in 0..5 {
        let attempts = recorded(&memory, |recorder| {
            recorder.load(x);
            recorder.swap(x);
            recorder.fetch_update(x);
            recorder.store(x);
        });
        let reads: Vec<_> = attempts[..3].iter().map(|attempt| attempt.reads.as_slice()).collect();
        assert_eq!(reads, [[initial(x)], [initial(x)], [written(x, 1)]]);
        let writes: Vec<_> = attempts.iter().map(|attempt| attempt.writes.as_slice()).collect();
        assert_eq!(writes, [&[][..], &[written(x, 1)], &[written(x, 2)], &[written(x, 3)]]);
        assert!(attempts.iter().all(Attempt::committed));
    }
}

/// The library says in which order blind writes took effect, and it is the order in which they did.
#[cfg(stm_probe)]
#[test]
fn blind_writes_have_versions_that_increase() {
    let memory = Memory::new(5);
    let attempts = recorded(&memory, |recorder| {
        for _ in 0..10 {
            recorder.store(0);
            recorder.atomically(|tx| (0..5).try_for_each(|x| recorder.write(tx, x, Writing::Write)));
        }
    });
    assert!(attempts.iter().all(|attempt| attempt.reads.is_empty()));
    assert!(attempts.windows(2).all(|pair| pair[0].version.is_some() && pair[0].version < pair[1].version));
}
