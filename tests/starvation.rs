//! No transaction starves, counted in runs of its body and on sizes where it would: a body of 50,000 reads beside writers
//! that never stop, ten such bodies at once, and short writers in opposite orders on many more threads than there are
//! cores. Each is bounded by `PROMOTE_AFTER` runs; one run more, and it fails at once instead of starving.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::{Ends, Random, race, scaled, watchdog};
use stm::{PROMOTE_AFTER, StmResult, TCell, TVar, Transaction, atomically, options};

/// Writers that never stop.
const HAMMERS: usize = 8;
/// What the long bodies read.
const READS: usize = 50_000;

fn variables() -> Vec<TVar<u64>> {
    (0..READS).map(|_| TVar::new(1)).collect()
}

/// How many commits the hammers have made.
struct Commits(AtomicU64);

impl Commits {
    /// Returns when the hammers have committed something that they began after this was called. The body that calls this
    /// has read all there is, so whatever it was has spoilt the run.
    fn wait_until_all_is_spoilt(&self) {
        // A hammer counts after its commit, so the first count of each may be for an older one; one of these is not.
        let target = self.0.load(Ordering::SeqCst) + HAMMERS as u64 + 1;
        while self.0.load(Ordering::SeqCst) < target {
            thread::yield_now();
        }
    }
}

/// Runs `body` while [`HAMMERS`] threads write `variables` as fast as they can, one at a time and two at a time.
fn while_hammered<R>(variables: &[TVar<u64>], body: impl FnOnce(&Commits) -> R) -> R {
    let (done, commits) = (AtomicBool::new(false), Commits(AtomicU64::new(0)));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for hammer in 0..HAMMERS {
            let (done, commits) = (&done, &commits);
            scope.spawn(move || {
                let mut random = Random::new(hammer as u64);
                while !done.load(Ordering::SeqCst) {
                    let (one, other) = (&variables[random.below(READS)], &variables[random.below(READS)]);
                    match random.below(4) {
                        0 => one.store(1),
                        1 => atomically(|tx| one.modify(tx, |n| n + 1)),
                        2 => one.fetch_update(|n| *n += 1),
                        _ => atomically(|tx| {
                            one.modify(tx, |n| n + 1)?;
                            other.modify(tx, |n| n + 1)
                        }),
                    }
                    commits.0.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        body(&commits)
    })
}

/// Reads all variables and then writes number `written`. Returns the number of the run that committed.
fn read_all_and_write(variables: &[TVar<u64>], written: usize, before_the_write: impl Fn(u32)) -> u32 {
    let attempts = options().max_attempts(PROMOTE_AFTER).run(|tx| {
        let mut sum = 0_u64;
        for x in variables {
            sum = sum.wrapping_add(x.read(tx)?);
        }
        assert!(sum >= READS as u64);
        before_the_write(tx.attempt_number());
        variables[written].modify(tx, |n| n + 1)?;
        Ok(tx.attempt_number())
    });
    attempts.unwrap_or_else(|error| panic!("not committed after {PROMOTE_AFTER} runs: {error}"))
}

#[test]
fn a_long_body_commits_within_the_bound() {
    let _watchdog = watchdog();
    let variables = variables();
    while_hammered(&variables, |_| {
        for round in 0..scaled(10) {
            let attempts = read_all_and_write(&variables, round, |_| {});
            assert!(attempts <= PROMOTE_AFTER);
        }
    });
}

/// The worst that others can do: every run that they can spoil, they do.
#[test]
fn a_long_body_whose_every_run_is_spoilt_commits_at_the_bound() {
    let _watchdog = watchdog();
    let variables = variables();
    while_hammered(&variables, |commits| {
        for round in 0..scaled(3) {
            let spoil = |number| {
                if number < PROMOTE_AFTER {
                    commits.wait_until_all_is_spoilt();
                }
            };
            assert_eq!(read_all_and_write(&variables, round, spoil), PROMOTE_AFTER);
        }
    });
}

#[test]
fn ten_long_bodies_at_once_commit_within_the_bound() {
    let _watchdog = watchdog();
    let variables = variables();
    while_hammered(&variables, |_| {
        let most = race(10, |me| {
            let attempts = (0..scaled(3)).map(|_| read_all_and_write(&variables, me, |_| {}));
            attempts.max().expect("at least one round")
        });
        assert!(most.into_iter().all(|attempts| attempts <= PROMOTE_AFTER));
    });
}

/// They are promoted one after the other, and each commit spoils the others' runs as well.
#[test]
fn ten_long_bodies_whose_every_run_is_spoilt_commit_at_the_bound() {
    let _watchdog = watchdog();
    let variables = variables();
    while_hammered(&variables, |commits| {
        let spoil = |number| {
            if number < PROMOTE_AFTER {
                commits.wait_until_all_is_spoilt();
            }
        };
        let attempts = race(10, |me| read_all_and_write(&variables, me, spoil));
        assert_eq!(attempts, [PROMOTE_AFTER; 10]);
    });
}

/// Runs one transaction and returns the number of the run that committed.
fn attempts<'env>(mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<()>) -> u32 {
    let attempts = options().max_attempts(PROMOTE_AFTER).run(|tx| {
        body(tx)?;
        Ok(tx.attempt_number())
    });
    attempts.unwrap_or_else(|error| panic!("not committed after {PROMOTE_AFTER} runs: {error}"))
}

/// Two variables, which every other thread writes in the other order. Whoever has read one lets others run before it
/// goes on, so most runs are spoilt.
fn opposite_orders(threads: usize) {
    let (a, b) = (TVar::new(0_u64), TCell::new(0_u64));
    let each = scaled(10_000 / threads) as u64;
    let most = race(threads, |me| {
        let rounds = (0..each).map(|_| {
            attempts(|tx| {
                if me % 2 == 0 {
                    a.modify(tx, |n| n + 1)?;
                    thread::yield_now();
                    b.modify(tx, |n| n + 1)
                } else {
                    b.modify(tx, |n| n + 1)?;
                    thread::yield_now();
                    a.modify(tx, |n| n + 1)
                }
            })
        });
        rounds.max().expect("at least one round")
    });
    assert_eq!((a.load(), b.load()), (each * threads as u64, each * threads as u64));
    assert!(most.into_iter().all(|attempts| attempts <= PROMOTE_AFTER));
}

#[test]
fn eight_writers_in_opposite_orders_commit_within_the_bound() {
    let _watchdog = watchdog();
    opposite_orders(8);
}

#[test]
fn sixty_four_writers_in_opposite_orders_commit_within_the_bound() {
    let _watchdog = watchdog();
    opposite_orders(64);
}

/// A circle of which everybody writes two neighbours: waits for locks would close it.
#[test]
fn a_circle_of_sixty_four_writers_commits_within_the_bound() {
    const PLACES: usize = 8;
    let _watchdog = watchdog();
    let circle: Vec<_> = (0..PLACES).map(|_| TVar::new(0_u64)).collect();
    let each = scaled(150) as u64;
    let most = race(64, |me| {
        let (mine, next) = (&circle[me % PLACES], &circle[(me + 1) % PLACES]);
        let rounds = (0..each).map(|_| {
            attempts(|tx| {
                mine.modify(tx, |n| n + 1)?;
                thread::yield_now();
                next.modify(tx, |n| n + 1)
            })
        });
        rounds.max().expect("at least one round")
    });
    assert!(circle.iter().all(|place| place.load() == 2 * each * 64 / PLACES as u64));
    assert!(most.into_iter().all(|attempts| attempts <= PROMOTE_AFTER));
}

/// They have read nothing that could change. The long body takes the token again and again, and holds what it writes
/// while it waits for variables it has read: whoever locks in another order has to give way to it.
#[test]
fn blind_writers_in_opposite_orders_need_one_run_also_beside_promoted_ones() {
    let _watchdog = watchdog();
    let pair = [TVar::new(0_u64), TVar::new(0_u64)];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&done);
        let (pair, done) = (&pair, &done);
        for me in 0..16_usize {
            scope.spawn(move || {
                for round in 0_u64.. {
                    let (first, second) = (&pair[me % 2], &pair[1 - me % 2]);
                    let once = options().max_attempts(1).run(|tx| {
                        first.write(tx, round)?;
                        second.write(tx, round)
                    });
                    assert_eq!(once, Ok(()), "a blind write conflicted");
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        for round in 0..scaled(40) {
            let number = options().promote_after(2).max_attempts(2).run(|tx| {
                let sum = pair[round % 2].read(tx)? + pair[1 - round % 2].read(tx)?;
                if tx.attempt_number() == 1 {
                    thread::yield_now();
                }
                pair[round % 2].write(tx, sum / 2)?;
                Ok(tx.attempt_number())
            });
            assert!(number.is_ok(), "a promoted run did not commit");
        }
    });
}
