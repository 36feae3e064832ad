//! Waiting: `retry` undoes everything, sleeps until something that was read is written, and
//! runs the body again; nothing else wakes it, and no write is missed.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::{Runs, elsewhere, expect_panic, race, runs_until, scaled, watchdog};
use stm::{RunError, TCell, TVar, TxError, atomically, options, snapshot, try_atomically};

#[test]
fn a_snapshot_waits_like_any_other() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let wait = |runs: &Runs| {
        snapshot(|tx| {
            runs.count();
            let value = x.read(tx)?;
            tx.check(value > 0)?;
            Ok(value)
        })
    };
    let (value, runs) = runs_until(wait, |_| x.store(3));
    // One more may be needed to find out what to wait for.
    assert!(value == 3 && (2..=3).contains(&runs), "{value} after {runs} runs");
}

#[test]
fn a_cell_is_waited_for_like_a_variable() {
    let _watchdog = watchdog();
    let (flag, text) = (TCell::new(false), TCell::new(String::new()));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            tx.check(flag.read(tx)?)?;
            tx.check(!text.read_ref(tx)?.is_empty())
        });
    };
    let wake = |runs: &Runs| {
        flag.store(true);
        runs.let_it_sleep(2);
        atomically(|tx| text.write(tx, String::from("ready")));
    };
    assert_eq!(runs_until(wait, wake), ((), 3));
}

#[test]
fn wait_until_returns_the_value_that_satisfied_it() {
    let _watchdog = watchdog();
    let (number, text) = (TVar::new(0_u64), TVar::new(String::from("a")));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| number.wait_until(|n| *n >= 3));
        for value in 1..=3 {
            number.store(value);
        }
        assert_eq!(waiter.join().expect("it returns"), 3);
        let waiter = scope.spawn(|| text.wait_until(|text| text.len() == 3));
        atomically(|tx| text.modify(tx, |text| text + "b"));
        atomically(|tx| text.modify(tx, |text| text + "c"));
        assert_eq!(waiter.join().expect("it returns"), "abc");
    });
    assert_eq!(number.wait_until(|n| *n == 3), 3, "no wait when it holds already");
}

#[test]
fn writes_before_a_retry_never_show() {
    let _watchdog = watchdog();
    let (flag, x, text) = (TVar::new(false), TVar::new(0_u64), TVar::new(String::new()));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            x.modify(tx, |n| n + 1)?;
            text.modify(tx, |text| text + "x")?;
            tx.check(flag.read(tx)?)
        });
    };
    let wake = |_: &Runs| {
        assert_eq!((x.load(), text.load()), (0, String::new()), "while it waits");
        flag.store(true);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
    assert_eq!((x.load(), text.load()), (1, String::from("x")));
}

/// Two threads hand a turn to each other: each hand-over is a chance to lose a wake-up.
#[test]
fn no_wake_up_is_lost_between_two_threads() {
    fn check(wait: impl Fn(&TVar<u64>, u64) + Sync, pass: impl Fn(&TVar<u64>, u64) + Sync) {
        let (turn, rounds) = (TVar::new(0_u64), scaled(5_000) as u64);
        race(2, |me| {
            let me = me as u64;
            for round in 0..rounds {
                wait(&turn, 2 * round + me);
                pass(&turn, 2 * round + me + 1);
            }
        });
        assert_eq!(turn.load(), 2 * rounds);
    }
    let _watchdog = watchdog();
    check(
        |turn, mine| atomically(|tx| tx.check(turn.read(tx)? == mine)),
        |turn, next| atomically(|tx| turn.write(tx, next)),
    );
    check(|turn, mine| assert_eq!(turn.wait_until(|turn| *turn == mine), mine), |turn, next| turn.store(next));
}

#[test]
fn a_one_place_buffer_loses_and_repeats_nothing() {
    let _watchdog = watchdog();
    let slot: TVar<Option<u64>> = TVar::new(None);
    let each = scaled(2_000) as u64;
    let sum = AtomicU64::new(0);
    race(4, |index| {
        for n in 0..each {
            if index < 2 {
                atomically(|tx| {
                    tx.check(slot.read(tx)?.is_none())?;
                    slot.write(tx, Some(n))
                });
            } else {
                let taken = atomically(|tx| match slot.replace(tx, None)? {
                    Some(n) => Ok(n),
                    None => tx.retry(),
                });
                sum.fetch_add(taken, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(slot.load(), None);
    assert_eq!(sum.load(Ordering::Relaxed), each * (each - 1));
}

#[test]
fn a_change_between_the_read_and_the_wait_is_noticed() {
    let _watchdog = watchdog();
    let (number, text) = (TVar::new(0_u64), TVar::new(String::new()));
    let attempts = atomically(|tx| {
        if number.read(tx)? == 0 {
            elsewhere(|| number.store(1));
            return tx.retry();
        }
        if text.with(tx, String::is_empty)? {
            elsewhere(|| atomically(|tx| text.write(tx, String::from("now"))));
            return tx.retry();
        }
        Ok(tx.attempt_number())
    });
    assert_eq!(attempts, 3);
}

#[test]
fn retry_with_nothing_read_panics_at_once() {
    let x = TVar::new(0_u64);
    let line = Cell::new(0);
    let cases: [&dyn Fn(); 6] = [
        &|| {
            line.set(line!() + 1);
            atomically(|tx| tx.retry())
        },
        &|| {
            line.set(line!() + 1);
            snapshot(|tx| tx.retry())
        },
        &|| {
            line.set(line!() + 1);
            atomically(|tx| tx.check(false))
        },
        &|| {
            line.set(line!() + 1);
            let _ = try_atomically(|tx| {
                x.write(tx, 1)?;
                Ok::<(), TxError<()>>(tx.retry()?)
            });
        },
        &|| {
            line.set(line!() + 1);
            atomically(|tx| tx.or_else(|tx| tx.retry(), |tx| tx.retry()))
        },
        &|| {
            line.set(line!() + 1);
            let _ = options().run(|tx| tx.retry::<()>());
        },
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let panic = expect_panic(case);
        let message = panic.message.to_lowercase();
        assert!(message.contains("retry") && message.contains("read"), "case {index}: {message}");
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line.get()), "case {index}: where it points");
        assert_eq!(x.load(), 0, "case {index} rolls back");
    }
    // The thread goes on.
    atomically(|tx| x.write(tx, 2));
    assert_eq!(x.load(), 2);
}

#[test]
fn restart_runs_again_without_waiting() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let run = |limit: u32| {
        atomically(|tx| {
            x.modify(tx, |n| n + 1)?;
            if tx.attempt_number() < limit { tx.restart() } else { Ok(tx.attempt_number()) }
        })
    };
    assert_eq!((run(5), x.load()), (5, 1));
    // Far beyond any bound on conflicts.
    assert_eq!((run(200), x.load()), (200, 2));
    let attempts = snapshot(|tx| if tx.attempt_number() < 3 { tx.restart() } else { Ok(tx.attempt_number()) });
    assert_eq!(attempts, 3);
}

#[test]
fn attempts_are_numbered_from_one_across_waits() {
    let _watchdog = watchdog();
    assert_eq!(atomically(|tx| Ok(tx.attempt_number())), 1);
    let x = TVar::new(0_u64);
    let wait = |runs: &Runs| {
        atomically(|tx| {
            assert_eq!(runs.count(), tx.attempt_number());
            tx.check(x.read(tx)? == 2)?;
            Ok(tx.attempt_number())
        })
    };
    let wake = |runs: &Runs| {
        x.store(1);
        runs.let_it_sleep(2);
        x.store(2);
    };
    assert_eq!(runs_until(wait, wake), (3, 3));
}

#[test]
fn max_attempts_bounds_wake_ups_too() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let wait = |runs: &Runs| {
        options().max_attempts(3).run(|tx| {
            runs.count();
            tx.check(x.read(tx)? == 100)
        })
    };
    let wake = |runs: &Runs| {
        x.store(1);
        runs.let_it_sleep(2);
        // The third run is the last: if it waited, nobody would wake it.
        x.store(2);
    };
    let (result, runs) = runs_until(wait, wake);
    assert_eq!(result, Err(RunError::TooManyAttempts));
    assert_eq!(runs, 3);
}

/// The writer's and the waiter's variables change places all the time; no wait may outlast its reason.
#[test]
fn waits_of_changing_sets_end() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..8).map(|_| TVar::new(0_u64)).collect();
    let rounds = scaled(1_000) as u64;
    race(2, |me| {
        for round in 0..rounds {
            let index = (round % 8) as usize;
            if me == 0 {
                atomically(|tx| variables[index].modify(tx, |n| n + 1));
            } else {
                // Reads some more than it waits for, each time others.
                atomically(|tx| {
                    variables[..index].iter().try_for_each(|other| other.read(tx).map(drop))?;
                    tx.check(variables[index].read(tx)? > round / 8)
                });
            }
        }
    });
}

/// A snapshot keeps no log at first, so its first run can not know what to wait for.
#[test]
fn a_snapshot_that_retries_waits_for_what_it_has_read() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let wait = |runs: &Runs| {
        // The first transaction of a thread keeps a log whatever it is.
        assert_eq!(snapshot(|tx| x.read(tx)), 0);
        snapshot(|tx| {
            runs.count();
            let value = x.read(tx)?;
            tx.check(value > 0)?;
            Ok(value)
        })
    };
    let (value, runs) = runs_until(wait, |_| x.store(7));
    assert_eq!(value, 7);
    assert!(runs >= 2, "it ran {runs} times");
}
