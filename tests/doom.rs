//! Dooming: once a call of an attempt has returned `Abort`, that attempt hands out nothing,
//! neither a commit nor a value, an error or a hook, even if its body swallowed the signal.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Clash, Runs, quietly, watchdog};
use stm::{RunError, StmResult, TVar, Transaction, TxResult, atomically, cancel, options, snapshot, try_atomically};

/// Runs `body(tx, signal)` until it commits; `signal` is what a refused read returned in the
/// first attempt, and `Ok` later. Returns the result and how many attempts it took.
fn doomed_once<T>(body: impl Fn(&Transaction, StmResult<u64>) -> StmResult<T>) -> (T, u32) {
    let clash = Clash::new();
    let refused = Cell::new(false);
    let result = atomically(|tx| {
        let signal = if tx.attempt_number() == 1 { clash.at_read(tx) } else { Ok(0) };
        refused.set(refused.get() || signal.is_err());
        Ok((body(tx, signal)?, tx.attempt_number()))
    });
    assert!(refused.get(), "the read was to be refused");
    result
}

#[test]
fn a_conflict_swallowed_by_ok_hands_out_no_value() {
    let _watchdog = watchdog();
    let (value, attempts) = doomed_once(|_, signal| Ok(if signal.ok().is_some() { "valid" } else { "doomed" }));
    assert_eq!((value, attempts), ("valid", 2));
}

#[test]
fn a_conflict_swallowed_by_unwrap_or_commits_nothing() {
    let _watchdog = watchdog();
    let (inline, boxed) = (TVar::new(1_u64), TVar::new(String::from("one")));
    let (_, attempts) = doomed_once(|tx, signal| {
        let value = signal.unwrap_or(99);
        // A doomed attempt may refuse these or take them; none may show.
        let _ = inline.write(tx, value);
        let _ = boxed.write(tx, value.to_string());
        Ok(())
    });
    assert_eq!((inline.load(), boxed.load(), attempts), (0, String::from("0"), 2));
}

#[test]
fn writes_before_the_swallowed_signal_are_rolled_back() {
    let _watchdog = watchdog();
    let (clash, x) = (Clash::new(), TVar::new(0_u64));
    atomically(|tx| {
        x.modify(tx, |n| n + 1)?;
        if tx.attempt_number() == 1 {
            assert!(clash.at_read(tx).is_err());
        }
        Ok(())
    });
    assert_eq!(x.load(), 1);
}

#[test]
fn a_swallowed_conflict_is_counted_as_an_attempt() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let result = options().max_attempts(1).run(|tx| Ok(clash.at_read(tx).unwrap_or(7)));
    assert_eq!(result, Err(RunError::TooManyAttempts));
}

#[test]
fn a_cancel_after_a_swallowed_conflict_is_a_conflict() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let result = try_atomically(|tx| {
        if tx.attempt_number() == 1 {
            let signal = clash.at_read(tx);
            assert!(signal.is_err(), "the read was to be refused");
            return cancel("an error nobody may see");
        }
        Ok(tx.attempt_number())
    });
    assert_eq!(result, Ok(2));
}

#[test]
fn a_nested_cancel_after_a_swallowed_conflict_is_a_conflict() {
    let _watchdog = watchdog();
    let (clash, x) = (Clash::new(), TVar::new(0_u64));
    let reported = Cell::new(false);
    let result = atomically(|tx| {
        let result = tx.nested(|tx| {
            x.write(tx, 1)?;
            if tx.attempt_number() == 1 {
                clash.at_read(tx).ok();
                return cancel("an error nobody may see");
            }
            Ok(tx.attempt_number())
        })?;
        reported.set(reported.get() || result.is_err());
        Ok(result)
    });
    assert_eq!((result, x.load()), (Ok(2), 1));
    assert!(!reported.get(), "not even the outer body may see the error");
}

#[test]
fn a_nested_value_after_a_swallowed_conflict_is_not_handed_out() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let reported = Cell::new(0);
    let result: Result<u32, ()> = atomically(|tx| {
        let result = tx.nested(|tx| {
            if tx.attempt_number() == 1 {
                clash.at_read(tx).ok();
            }
            Ok(tx.attempt_number())
        })?;
        reported.set(reported.get() + 1);
        Ok(result)
    });
    assert_eq!((result, reported.get()), (Ok(2), 1));
}

#[test]
fn hooks_of_a_doomed_attempt_never_see_a_commit() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    atomically(|tx| {
        let attempt = tx.attempt_number();
        let say = |word: &'static str| {
            let events = Arc::clone(&events);
            move || events.lock().expect("no hook panics").push((word, attempt))
        };
        tx.on_commit(say("commit"));
        tx.on_rollback(say("rollback"));
        if attempt == 1 {
            clash.at_read(tx).ok();
            tx.on_commit(say("late commit"));
        }
        Ok(())
    });
    assert_eq!(*events.lock().expect("no hook panics"), [("rollback", 1), ("commit", 2)]);
}

#[test]
fn a_retry_after_a_swallowed_conflict_does_not_choose() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let (value, seconds) = (Cell::new(0), Cell::new(0));
    atomically(|tx| {
        let given = tx.or_else(
            |tx| {
                if tx.attempt_number() == 1 {
                    clash.at_read(tx).ok();
                    return tx.retry();
                }
                Ok(tx.attempt_number())
            },
            |_| {
                seconds.set(seconds.get() + 1);
                Ok(99)
            },
        )?;
        value.set(given);
        Ok(())
    });
    assert_eq!((value.get(), seconds.get()), (2, 0));
}

#[test]
fn a_choice_after_a_swallowed_conflict_gives_nothing() {
    let _watchdog = watchdog();
    let (value, attempts) = doomed_once(|tx, signal| {
        signal.ok();
        tx.or_else(|tx| tx.retry(), |tx| Ok(tx.attempt_number())).or(Ok(0))
    });
    assert_eq!((value, attempts), (2, 2));
}

#[test]
fn a_swallowed_retry_waits() {
    let _watchdog = watchdog();
    let (flag, noise, runs) = (TVar::new(false), TVar::new(0_u64), Runs::default());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            atomically(|tx| {
                runs.count();
                if flag.read(tx)? {
                    return Ok("after");
                }
                tx.retry::<()>().ok();
                Ok("before")
            })
        });
        runs.let_it_sleep(1);
        noise.store(1);
        flag.store(true);
        assert_eq!(waiter.join().expect("the waiter returns"), "after");
    });
    assert_eq!(runs.get(), 2, "it was to sleep until the one write there was");
}

#[test]
fn a_swallowed_retry_of_a_snapshot_waits() {
    let _watchdog = watchdog();
    let (flag, runs) = (TVar::new(false), Runs::default());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            snapshot(|tx| {
                runs.count();
                let open = flag.read(tx)?;
                tx.check(open).ok();
                Ok(open)
            })
        });
        runs.let_it_sleep(1);
        flag.store(true);
        assert!(waiter.join().expect("the waiter returns"));
    });
    // One more may be needed to find out what to wait for.
    assert!((2..=3).contains(&runs.get()));
}

#[test]
fn a_cancel_after_a_swallowed_retry_waits() {
    let _watchdog = watchdog();
    let (flag, runs) = (TVar::new(false), Runs::default());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            try_atomically(|tx| {
                runs.count();
                let open = flag.read(tx)?;
                if tx.check(open).is_err() {
                    return cancel("an error nobody may see");
                }
                Ok(open)
            })
        });
        runs.let_it_sleep(1);
        flag.store(true);
        assert_eq!(waiter.join().expect("the waiter returns"), Ok(true));
    });
    assert_eq!(runs.get(), 2);
}

/// Whatever the choice makes of it, the value of the branch that swallowed is lost.
#[test]
fn a_branch_that_swallowed_its_retry_hands_out_no_value() {
    let chosen = atomically(|tx| {
        tx.or_else(
            |tx| {
                tx.or_else(
                    |tx| {
                        tx.retry::<()>().ok();
                        Ok("swallowed")
                    },
                    |tx| tx.retry(),
                )
            },
            |_| Ok("second"),
        )
    });
    assert_eq!(chosen, "second");
}

#[test]
fn a_swallowed_restart_runs_again() {
    let x = TVar::new(0_u64);
    let attempts = atomically(|tx| {
        x.modify(tx, |n| n + 1)?;
        if tx.attempt_number() < 4 {
            tx.restart::<()>().ok();
        }
        Ok(tx.attempt_number())
    });
    assert_eq!((attempts, x.load()), (4, 1));
}

#[test]
fn a_cancel_after_a_swallowed_restart_runs_again() {
    let result = try_atomically(|tx| {
        if tx.attempt_number() == 1 {
            tx.restart::<()>().ok();
            return cancel("an error nobody may see");
        }
        Ok(tx.attempt_number())
    });
    assert_eq!(result, Ok(2));
}

/// The last branch of a choice is held to the same rule as the first: a swallowed signal is no value.
#[test]
fn a_last_branch_that_swallows_the_signal_gives_no_value() {
    let _watchdog = watchdog();
    let mut given = Vec::new();
    let length = atomically(|tx| {
        let name = TVar::new(String::from("Ada"));
        let chosen = tx.or_else(
            |tx| tx.retry(),
            |tx| {
                if tx.attempt_number() == 1 {
                    let _swallowed = tx.restart::<()>();
                }
                // The clone of a reference is a value of its own.
                let text: String = name.read_ref(tx).map_or_else(|_| String::new(), |name| name.clone());
                Ok(text.len())
            },
        );
        given.push(chosen.is_ok());
        chosen
    });
    assert_eq!((length, given), (3, vec![false, true]));
}

/// A part that panics is undone while the panic leaves it; that does not bring the attempt back to life.
#[test]
fn a_doomed_attempt_stays_so_when_a_part_of_it_panics_and_the_panic_is_caught() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    let attempts = atomically(|tx| {
        y.read(tx)?;
        if tx.attempt_number() == 1 {
            let caught = quietly(|| {
                tx.nested(|tx| -> TxResult<(), ()> {
                    x.write(tx, 1)?;
                    assert!(tx.restart::<()>().is_err());
                    panic!("in a part of a doomed attempt")
                })
            });
            assert!(caught.is_err());
            assert!(x.read(tx).is_err(), "a doomed attempt reads");
            assert!(x.write(tx, 2).is_err(), "a doomed attempt writes");
        }
        Ok(tx.attempt_number())
    });
    assert_eq!((attempts, x.load()), (2, 0));
}
