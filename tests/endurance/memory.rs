//! Memory over many transactions, and after one that was very large.

use std::env;
use std::hint::black_box;

use common::{elsewhere, race, scaled, watchdog};
use stm::{StmResult, TCell, TVar, Transaction, atomically, cancel, options, snapshot, try_atomically};

use crate::{alone, heap};

/// How many transactions of each kind make a long run.
fn long_run() -> usize {
    let full = env::var("STM_ENDURANCE").is_ok_and(|choice| choice == "full");
    scaled(if full { 10_000_000 } else { 1_000_000 })
}

/// Checks that `times` of `body` allocate nothing at all, once the thread has warmed up.
#[track_caller]
fn assert_allocates_nothing<R>(name: &str, times: usize, mut body: impl FnMut() -> R) {
    for _ in 0..100 {
        black_box(body());
    }
    let before = heap::allocations();
    for _ in 0..times {
        black_box(body());
    }
    assert_eq!(heap::allocations() - before, 0, "{name}: allocations in {times} transactions");
}

/// Checks that the process has no more memory after `times` of `body` than after the first tenth of them.
#[track_caller]
fn assert_stays_within(name: &str, times: usize, most: i64, mut body: impl FnMut()) {
    let mut live_after = |times: usize| {
        for _ in 0..times {
            body();
        }
        for _ in 0..4 {
            stm::collect();
        }
        heap::live()
    };
    let before = live_after(times / 10);
    let grown = live_after(times - times / 10) - before;
    assert!(grown <= most, "{name}: {grown} bytes more after {times} transactions");
}

#[test]
fn millions_of_transactions_on_plain_words_allocate_nothing() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, y, cell) = (TVar::new(0_u64), TVar::new(0_u64), TCell::new(0_u64));
    let times = long_run();
    assert_allocates_nothing("increment", times, || atomically(|tx| x.modify(tx, |n| n + 1)));
    assert_eq!(x.load(), times as u64 + 100);
    assert_allocates_nothing("transfer", times / 2, || {
        atomically(|tx| {
            x.modify(tx, |n| n - 1)?;
            y.modify(tx, |n| n + 1)
        });
    });
    assert_allocates_nothing("snapshot", times / 2, || snapshot(|tx| Ok(x.read(tx)? + y.read(tx)?)));
    assert_allocates_nothing("one-shot", times / 2, || cell.fetch_update(|n| *n += 1));
    assert_allocates_nothing("undone", times / 4, || {
        try_atomically(|tx| {
            x.write(tx, 0)?;
            tx.or_else(
                |tx| {
                    y.write(tx, 0)?;
                    tx.retry()
                },
                |tx| cell.write(tx, 0),
            )?;
            cancel::<(), _>("undone")
        })
    });
    assert_eq!(x.load() + y.load(), times as u64 + 100);
}

#[test]
fn memory_stays_as_it_is_over_a_million_boxed_writes() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (text, list, cell) = (TVar::new(String::new()), TVar::new(vec![0_u64]), TCell::new(String::new()));
    assert_stays_within("boxed", long_run() / 4, 20_000, || {
        atomically(|tx| {
            text.write(tx, String::from("a new value"))?;
            list.update(tx, |list| list[0] += 1)
        });
        cell.store(String::from("another"));
    });
    assert_stays_within("short-lived variables", long_run() / 10, 20_000, || {
        let made = TVar::new(String::from("short-lived"));
        atomically(|tx| {
            let shorter = TVar::new(String::from("shorter"));
            made.write(tx, shorter.read(tx)?)?;
            tx.on_commit(|| ());
            tx.on_rollback(|| ());
            Ok(())
        });
    });
}

/// Every kind of end that is not a commit at the first try.
#[test]
fn memory_stays_as_it_is_over_runs_that_fail() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, y, text) = (TVar::new(0_u64), TVar::new(0_u64), TVar::new(String::new()));
    assert_stays_within("conflicts and promotions", long_run() / 50, 20_000, || {
        let runs = options().promote_after(3).run(|tx| {
            let seen = x.read(tx)?;
            text.write(tx, String::from("perhaps"))?;
            tx.on_rollback(|| ());
            if tx.attempt_number() < 3 {
                // Spoils this run.
                x.store(seen + 1);
            }
            y.write(tx, seen)?;
            Ok(tx.attempt_number())
        });
        assert_eq!(runs, Ok(3));
    });
    assert_stays_within("choices", long_run() / 50, 20_000, || {
        atomically(|tx| {
            tx.or_else(
                |tx| {
                    text.write(tx, String::from("undone"))?;
                    x.modify(tx, |n| n + 1)?;
                    tx.retry()
                },
                |tx| text.write(tx, String::from("done")),
            )
        });
    });
}

/// A waiter is in the table under every variable it has read. Woken by one of them, it leaves the others.
#[test]
fn memory_stays_as_it_is_over_waits() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (turn, quiet) = (TVar::new(0_u64), [TVar::new(0_u64), TVar::new(1_u64)]);
    let pass = |times: usize| {
        let waited = race(2, |me| {
            let mut waits = 0;
            for _ in 0..times {
                atomically(|tx| {
                    waits += u64::from(tx.attempt_number() > 1);
                    let other = quiet[me].read(tx)?;
                    tx.or_else(|tx| tx.check(turn.read(tx)? % 2 == me as u64), |tx| tx.check(other > 5))?;
                    turn.modify(tx, |n| n + 1)
                });
            }
            waits
        });
        assert!(waited.into_iter().sum::<u64>() > times as u64 / 2, "they have to wait for each other");
        heap::live()
    };
    let before = pass(200);
    let grown = pass(scaled(5_000)) - before;
    assert!(grown < 20_000, "{grown} bytes more after many waits");
}

/// As many variables as an outlier has.
struct Row {
    numbers: Vec<TVar<u64>>,
    boxed: Vec<TVar<Box<u64>>>,
}

impl Row {
    fn new(count: usize) -> Self {
        Self {
            numbers: (0..count as u64).map(TVar::new).collect(),
            boxed: (0..count / 4).map(|_| TVar::new(Box::new(0))).collect(),
        }
    }

    fn bump_all(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.numbers.iter().try_for_each(|x| x.modify(tx, |n| n + 1))
    }

    /// Ordinary work, and collections of what is left.
    fn small_work(&self) {
        for _ in 0..100 {
            atomically(|tx| self.numbers[0].modify(tx, |n| n + 1));
        }
        for _ in 0..4 {
            stm::collect();
        }
    }
}

/// A very large transaction: its name, and what it does.
type Outlier = (&'static str, fn(&Row));

const OUTLIERS: [Outlier; 10] = [
    ("writes", |row| atomically(|tx| row.numbers.iter().try_for_each(|x| x.write(tx, 1)))),
    ("updates", |row| atomically(|tx| row.bump_all(tx))),
    ("reads", |row| {
        let sum = atomically(|tx| row.numbers.iter().try_fold(0_u64, |sum, x| Ok(sum + x.read(tx)?)));
        assert!(sum > 0);
    }),
    ("updates that are cancelled", |row| {
        let result: Result<(), ()> = try_atomically(|tx| {
            row.bump_all(tx)?;
            cancel(())
        });
        assert_eq!(result, Err(()));
    }),
    ("updates of a branch that is undone", |row| {
        atomically(|tx| {
            tx.or_else(
                |tx| {
                    row.bump_all(tx)?;
                    tx.retry()
                },
                |_| Ok(()),
            )
        });
    }),
    ("updates that are replaced and put back", |row| {
        let inner: Result<(), ()> = atomically(|tx| {
            row.bump_all(tx)?;
            tx.nested(|tx| {
                row.bump_all(tx)?;
                cancel(())
            })
        });
        assert_eq!(inner, Err(()));
    }),
    ("boxed writes", |row| atomically(|tx| row.boxed.iter().try_for_each(|x| x.write(tx, Box::new(1))))),
    ("dropped variables", |row| drop(row.boxed.iter().map(|_| TVar::new(Box::new(1_u64))).collect::<Vec<_>>())),
    ("hooks", |row| {
        atomically(|tx| {
            for _ in &row.boxed {
                tx.on_commit(|| ());
                tx.on_rollback(|| ());
            }
            if tx.attempt_number() == 1 { tx.restart() } else { Ok(()) }
        });
    }),
    ("hooks that are cancelled", |row| {
        let result: Result<(), ()> = try_atomically(|tx| {
            row.boxed.iter().for_each(|_| tx.on_rollback(|| ()));
            cancel(())
        });
        assert_eq!(result, Err(()));
    }),
];

/// What a thread keeps of its logs, in bytes: `docs/design.md` promises some 100,000 entries. Everything else is little.
const KEPT_LOGS: i64 = 6_500_000;

/// Whatever a thread has done once, what it keeps of it is bounded.
#[test]
fn memory_is_given_back_after_an_outlier() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let row = Row::new(scaled(1_000_000));
    for (name, outlier) in OUTLIERS {
        // On a thread of its own, which goes on with small work.
        elsewhere(|| {
            row.small_work();
            let before = heap::live();
            outlier(&row);
            row.small_work();
            let kept = heap::live() - before;
            println!("{name}: {kept} bytes are kept");
            // Only what writes or reads needs logs of some size.
            let most = if name.contains("hooks") || name.contains("dropped") { 100_000 } else { KEPT_LOGS };
            assert!(kept < most, "{name}: {kept} bytes are kept");
        });
    }
}
