//! Progress: no transaction starves. Run number `promote_after` commits, whatever the others do;
//! `max_attempts` bounds the runs; a blind write never conflicts.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::{Clash, Sample, elsewhere, expect_panic, race, scaled, threads, watchdog, while_hammered};
use stm::{PROMOTE_AFTER, RunError, TVar, atomically, cancel, options, snapshot};

/// Waits until others have committed so many times more.
fn await_commits(commits: &AtomicU64, more: u64) {
    let target = commits.load(Ordering::SeqCst) + more;
    while commits.load(Ordering::SeqCst) < target {
        thread::yield_now();
    }
}

/// A long body over all variables that gives the hammers time to spoil each run before the last.
fn long_sum(variables: &[TVar<u64>], commits: &AtomicU64, bound: Option<u32>) -> u32 {
    let options = bound.map_or_else(stm::options, |bound| stm::options().promote_after(bound));
    let last = bound.unwrap_or(PROMOTE_AFTER);
    let total = TVar::new(0);
    let attempts = options.run(|tx| {
        let mut sum = 0_u64;
        for x in variables {
            sum = sum.wrapping_add(x.read(tx)?);
        }
        if tx.attempt_number() < last {
            // They can until the run that keeps them from it.
            await_commits(commits, 4 * variables.len() as u64);
        }
        total.write(tx, sum)?;
        variables[0].modify(tx, |n| n + 1)?;
        Ok(tx.attempt_number())
    });
    attempts.expect("nothing bounds the attempts")
}

#[test]
fn the_run_at_the_bound_commits_against_writers_that_never_stop() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..50).map(|_| TVar::new(1)).collect();
    while_hammered(threads() - 1, &variables, |commits| {
        for bound in [Some(2), Some(3), Some(5), None] {
            for _ in 0..scaled(5) {
                let attempts = long_sum(&variables, commits, bound);
                // Every run before it was spoilt: the sum was out of date before it could commit.
                assert_eq!(attempts, bound.unwrap_or(PROMOTE_AFTER));
            }
        }
    });
}

#[test]
fn a_snapshot_of_everything_ends_against_writers_that_never_stop() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..2_000).map(|_| TVar::new(1)).collect();
    while_hammered(threads() - 1, &variables, |commits| {
        for _ in 0..scaled(20) {
            let attempts = snapshot(|tx| {
                let mut sum = 0_u64;
                for (index, x) in variables.iter().enumerate() {
                    if index == 1_000 {
                        await_commits(commits, 2_000);
                    }
                    sum = sum.wrapping_add(x.read(tx)?);
                }
                assert!(sum >= 2_000);
                Ok(tx.attempt_number())
            });
            assert_eq!(attempts, 1);
        }
    });
}

#[test]
fn no_thread_starves_on_one_hot_variable() {
    let _watchdog = watchdog();
    let (hot, each) = (TVar::new(0_u64), scaled(1_000) as u64);
    let most = race(2 * threads(), |_| {
        let mut most = 0;
        for _ in 0..each {
            let attempts = atomically(|tx| {
                let seen = hot.read(tx)?;
                thread::yield_now();
                hot.write(tx, seen + 1)?;
                Ok(tx.attempt_number())
            });
            most = most.max(attempts);
        }
        most
    });
    assert_eq!(hot.load(), each * 2 * threads() as u64);
    let most = most.into_iter().max().expect("several threads");
    assert!(most <= PROMOTE_AFTER, "one took {most} runs");
}

#[test]
fn max_attempts_bounds_conflicts() {
    let _watchdog = watchdog();
    for bound in 1..=3 {
        let (clash, x, runs) = (Clash::new(), TVar::new(0_u64), Cell::new(0));
        let result = options().max_attempts(bound).run(|tx| {
            runs.set(runs.get() + 1);
            x.write(tx, 1)?;
            if runs.get() % 2 == 0 { clash.at_read(tx).map(drop) } else { clash.at_commit(tx) }
        });
        assert_eq!(result, Err(RunError::TooManyAttempts));
        assert_eq!((runs.get(), x.load()), (bound, 0));
    }
}

#[test]
fn max_attempts_bounds_restarts_and_waits() {
    let _watchdog = watchdog();
    let (x, runs) = (TVar::new(0_u64), Cell::new(0));
    let result = options().max_attempts(5).run(|tx| {
        runs.set(runs.get() + 1);
        tx.restart::<()>()
    });
    assert_eq!(result, Err(RunError::TooManyAttempts));
    assert_eq!(runs.get(), 5);
    // Nobody is going to write `x`: with no run left there is nothing to wait for.
    let result = options().max_attempts(1).run(|tx| tx.check(x.read(tx)? > 0));
    assert_eq!(result, Err(RunError::TooManyAttempts));
}

#[test]
fn the_last_attempt_counts() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let result = options().max_attempts(3).run(|tx| {
        if tx.attempt_number() < 3 {
            clash.at_commit(tx)?;
        }
        Ok(tx.attempt_number())
    });
    assert_eq!(result, Ok(3));
}

#[test]
fn a_cancel_is_told_from_a_lack_of_attempts() {
    let result = options().max_attempts(1).try_run(|_| cancel::<(), _>("mine"));
    assert_eq!(result, Err(RunError::Cancel("mine")));
    let result = options().max_attempts(1).try_run(|tx| Ok::<(), stm::TxError<&str>>(tx.restart()?));
    assert_eq!(result, Err(RunError::TooManyAttempts));
}

#[test]
fn the_error_says_what_happened() {
    let restarted = options().name("billing").max_attempts(2).run(|tx| tx.restart::<()>());
    let text = restarted.expect_err("it never commits").to_string();
    assert!(text.contains("max_attempts"), "{text}");
    let cancelled = options().try_run(|_| cancel::<(), _>("no money")).expect_err("it cancels");
    assert!(cancelled.to_string().contains("no money"), "{cancelled}");
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    for message in
        [expect_panic(|| options().max_attempts(0)).message, expect_panic(|| options().promote_after(1)).message]
    {
        assert!(message.contains("must"), "{message}");
    }
}

#[test]
fn a_blind_write_never_conflicts() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        let result = options().max_attempts(1).run(|tx| {
            x.write(tx, T::of(1))?;
            elsewhere(|| x.store(T::of(2)));
            x.write(tx, T::of(3))
        });
        assert_eq!((result, x.load()), (Ok(()), T::of(3)));
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

/// What it reads is its own value: nothing of anybody else's that could change.
#[test]
fn a_variable_written_before_it_is_read_costs_no_attempt() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(0)), TVar::new(T::of(0)));
        let result = options().max_attempts(1).run(|tx| {
            x.write(tx, T::of(1))?;
            y.write(tx, T::of(1))?;
            elsewhere(|| {
                atomically(|tx| {
                    x.modify(tx, |_| T::of(2))?;
                    y.modify(tx, |_| T::of(2))
                });
            });
            assert_eq!(x.read(tx)?, T::of(1));
            assert_eq!(x.replace(tx, T::of(3))?, T::of(1));
            y.modify(tx, |value| if value == T::of(1) { T::of(4) } else { T::of(5) })?;
            y.read(tx)
        });
        assert_eq!((result, x.load(), y.load()), (Ok(T::of(4)), T::of(3), T::of(4)));
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

#[test]
fn a_reader_that_read_before_the_change_commits_at_once() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    // It belongs before the other, and only reads: there is nothing to run again for.
    let result = options().max_attempts(1).run(|tx| {
        let pair = (x.read(tx)?, y.read(tx)?);
        elsewhere(|| {
            atomically(|tx| {
                x.write(tx, 1)?;
                y.write(tx, 1)
            });
        });
        Ok(pair)
    });
    assert_eq!(result, Ok((0, 0)));
}

/// A change to what was not read yet only moves the view.
#[test]
fn a_change_to_what_was_not_read_yet_costs_no_attempt() {
    let _watchdog = watchdog();
    let (x, y, z) = (TVar::new(0_u64), TVar::new(0_u64), TVar::new(0_u64));
    let result = options().max_attempts(1).run(|tx| {
        let before = x.read(tx)?;
        elsewhere(|| atomically(|tx| y.modify(tx, |n| n + 1)));
        let after = y.read(tx)?;
        z.write(tx, before + after)
    });
    assert_eq!((result, z.load()), (Ok(()), 1));
}

/// Brings a transaction to its promoted run, and goes on with `then` in there.
fn promoted<T>(
    then: impl Fn(&stm::Transaction) -> stm::TxResult<T, &'static str>,
) -> Result<T, RunError<&'static str>> {
    let clash = Clash::new();
    options().promote_after(2).try_run(|tx| {
        if tx.attempt_number() == 1 {
            let refused = clash.at_read(tx).expect_err("the read was to be refused");
            return Err(refused.into());
        }
        then(tx)
    })
}

#[test]
fn a_promoted_run_that_ends_lets_the_others_commit() {
    let _watchdog = watchdog();
    let (x, flag) = (TVar::new(0_u64), TVar::new(false));
    let others_commit = || elsewhere(|| atomically(|tx| x.modify(tx, |n| n + 1)));
    assert_eq!(promoted(|tx| Ok(x.write(tx, 10)?)), Ok(()));
    others_commit();
    assert_eq!(promoted(|_| cancel::<(), _>("error")), Err(RunError::Cancel("error")));
    others_commit();
    assert_eq!(expect_panic(|| promoted(|_| -> stm::TxResult<(), _> { panic!("here") })).message, "here");
    others_commit();
    // It waits for another thread's commit, which must be possible meanwhile.
    thread::scope(|scope| {
        let waiter = scope.spawn(|| promoted(|tx| Ok(tx.check(flag.read(tx)?)?)));
        scope.spawn(|| atomically(|tx| flag.write(tx, true)));
        assert_eq!(waiter.join().expect("it returns"), Ok(()));
    });
    assert_eq!(x.load(), 13);
}

/// The transaction is over when its hooks run: they may wait for others, who must be let go on.
#[test]
fn hooks_of_a_promoted_run_do_not_hold_the_others_up() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let waits_for_others = || {
        let x = x.clone();
        move || elsewhere(|| atomically(|tx| x.modify(tx, |n| n + 1)))
    };
    let committed = promoted(|tx| {
        tx.on_commit(waits_for_others());
        Ok(x.write(tx, 10)?)
    });
    assert_eq!((committed, x.load()), (Ok(()), 11));
    let cancelled = promoted(|tx| {
        tx.on_rollback(waits_for_others());
        x.write(tx, 20)?;
        cancel::<(), _>("error")
    });
    assert_eq!((cancelled, x.load()), (Err(RunError::Cancel("error")), 12));
    let panic = expect_panic(|| {
        promoted(|tx| -> stm::TxResult<(), _> {
            tx.on_rollback(waits_for_others());
            x.write(tx, 30)?;
            panic!("here")
        })
    });
    assert_eq!((panic.message.as_str(), x.load()), ("here", 13));
}

/// The hooks of an undone branch run in the middle of the body. Their transactions take their turn there.
#[test]
fn a_hook_in_the_middle_of_a_promoted_run_may_need_several_runs() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    let result = promoted(|tx| {
        let (x, y) = (x.clone(), y.clone());
        Ok(tx.or_else(
            |tx| {
                tx.on_rollback(move || {
                    let attempts = options().promote_after(2).run(|tx| {
                        let seen = x.read(tx)?;
                        if tx.attempt_number() == 1 {
                            // Its own doing: nobody else can.
                            x.store(5);
                            y.store(5);
                        }
                        assert!(y.read(tx)? == seen, "the new one beside the old one");
                        Ok(tx.attempt_number())
                    });
                    assert_eq!(attempts, Ok(2));
                });
                tx.retry()
            },
            |_| Ok(()),
        )?)
    });
    assert_eq!((result, x.load(), y.load()), (Ok(()), 5, 5));
}

/// Old values may be dropped at the end of the transaction; that is their time, not the others'.
#[test]
fn values_dropped_after_a_promoted_run_do_not_hold_the_others_up() {
    struct Waits(TVar<u64>);
    impl Drop for Waits {
        fn drop(&mut self) {
            elsewhere(|| atomically(|tx| self.0.modify(tx, |n| n + 1)));
        }
    }
    let _watchdog = watchdog();
    let drops = TVar::new(0_u64);
    let variables: Vec<_> = (0..300).map(|_| TVar::new(Some(Waits(drops.clone())))).collect();
    let result = promoted(|tx| {
        for x in &variables {
            x.write(tx, None)?;
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    while drops.load() < 300 {
        stm::collect();
    }
}
