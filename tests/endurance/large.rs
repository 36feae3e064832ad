//! Transactions that write a million variables and do not commit at once: cancelled, undone in part, in conflict,
//! promoted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Ends, elsewhere, quietly, scaled, watchdog};
use stm::{StmResult, TVar, Transaction, atomically, cancel, options, snapshot, try_atomically};

use crate::alone;

struct Row(Vec<TVar<u64>>);

impl Row {
    fn new() -> Self {
        Self((0..scaled(1_000_000)).map(|_| TVar::new(0)).collect())
    }

    fn bump(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.0.iter().try_for_each(|x| x.modify(tx, |n| n + 1))
    }

    /// Checks that all hold `value`, and that all can be written.
    #[track_caller]
    fn assert_all(&self, value: u64) {
        elsewhere(|| {
            assert!(self.0.iter().all(|x| x.load() == value), "all were to be {value}");
            for x in self.0.iter().step_by(1_000) {
                x.fetch_update(|n| *n += 1);
                x.store(value);
            }
        });
    }

    /// Looks at both ends until `done`: they are always equal.
    fn observe(&self, done: &AtomicBool) {
        let (first, last) = (&self.0[0], &self.0[self.0.len() - 1]);
        while !done.load(Ordering::SeqCst) {
            let (first, last) = snapshot(|tx| Ok((first.read(tx)?, last.read(tx)?)));
            assert_eq!(first, last, "half of a commit");
            thread::sleep(Duration::from_micros(100));
        }
    }
}

#[test]
fn a_million_writes_are_undone_as_a_whole() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let row = Row::new();
    let cancelled = try_atomically(|tx| {
        row.bump(tx)?;
        cancel::<(), _>("cancelled")
    });
    assert_eq!(cancelled, Err("cancelled"));
    row.assert_all(0);
    let result = quietly(|| {
        atomically(|tx| -> StmResult<()> {
            row.bump(tx)?;
            panic!("told to")
        });
    });
    assert!(result.is_err());
    row.assert_all(0);
}

#[test]
fn a_million_writes_of_a_branch_are_undone_and_done_again() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let row = Row::new();
    let inner: Result<(), u64> = atomically(|tx| {
        row.0[7].write(tx, 70)?;
        let inner = tx.nested(|tx| {
            row.bump(tx)?;
            cancel(row.0[7].read(tx)?)
        })?;
        tx.or_else(
            |tx| {
                row.bump(tx)?;
                row.bump(tx)?;
                tx.retry()
            },
            |tx| {
                row.0[7].modify(tx, |n| n - 70)?;
                row.bump(tx)
            },
        )?;
        Ok(inner)
    });
    assert_eq!(inner, Err(71));
    row.assert_all(1);
}

/// The first commit gets as far as the last variable, and gives back all it has locked.
#[test]
fn a_million_locks_are_given_back_when_the_last_one_fails() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (row, done) = (Row::new(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        scope.spawn(|| row.observe(&done));
        for promote_after in [2, stm::PROMOTE_AFTER] {
            let runs = options().promote_after(promote_after).run(|tx| {
                row.bump(tx)?;
                if tx.attempt_number() == 1 {
                    elsewhere(|| {
                        atomically(|tx| {
                            [&row.0[0], &row.0[row.0.len() - 1]].iter().try_for_each(|x| x.modify(tx, |n| n + 1))
                        });
                    });
                }
                Ok(tx.attempt_number())
            });
            assert_eq!(runs, Ok(2));
        }
    });
    for x in [&row.0[0], &row.0[row.0.len() - 1]] {
        assert_eq!(x.load(), 4);
        x.store(2);
    }
    row.assert_all(2);
}
