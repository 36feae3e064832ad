//! Waiting: `retry` undoes everything, sleeps until something that was read is written, and
//! runs the body again; nothing else wakes it, and no write is missed.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Sample, elsewhere, expect_panic, race, scaled, watchdog};
use stm::{RunError, TCell, TVar, TxError, atomically, options, snapshot, try_atomically};

/// Counts the runs of a waiting body, so that the waker can tell when it has started.
#[derive(Debug, Default)]
struct Runs(AtomicU32);

impl Runs {
    fn count(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns once the body has run `runs` times; a little later, so that it mostly sleeps.
    fn let_it_sleep(&self, runs: u32) {
        while self.get() < runs {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for `ready` on another thread while `wake` runs here, and returns how often its body ran.
fn runs_until<R: Send>(mut wait: impl FnMut(&Runs) -> R + Send, wake: impl FnOnce(&Runs)) -> (R, u32) {
    let runs = Runs::default();
    let result = thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&runs));
        runs.let_it_sleep(1);
        wake(&runs);
        waiter.join().expect("the waiter returns")
    });
    (result, runs.get())
}

/// Each way to write wakes, and one write makes exactly one more run.
#[test]
fn every_kind_of_write_wakes() {
    fn check<T: Sample>() {
        let wakers: [fn(&TVar<T>); 9] = [
            |x| x.store(T::of(1)),
            |x| drop(x.swap(T::of(1))),
            |x| x.fetch_update(|value| *value = T::of(1)),
            |x| atomically(|tx| x.write(tx, T::of(1))),
            |x| drop(atomically(|tx| x.replace(tx, T::of(1)))),
            |x| atomically(|tx| x.modify(tx, |_| T::of(1))),
            |x| atomically(|tx| x.update(tx, |value| *value = T::of(1))),
            |x| assert!(atomically(|tx| x.write_if_changed(tx, T::of(1)))),
            |x| {
                let Ok(()) = atomically(|tx| tx.nested(|tx| Ok::<_, TxError<()>>(x.write(tx, T::of(1))?))) else {
                    unreachable!("nothing cancels")
                };
            },
        ];
        for (index, waker) in wakers.into_iter().enumerate() {
            let x = TVar::new(T::of(0));
            let wait = |runs: &Runs| {
                atomically(|tx| {
                    runs.count();
                    tx.check(x.with(tx, |value| *value == T::of(1))?)
                });
            };
            let ((), runs) = runs_until(wait, |_| waker(&x));
            assert_eq!(runs, 2, "waker {index}");
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn every_kind_of_read_is_waited_for() {
    fn check<T: Sample>() {
        type Reader<T> = fn(&TVar<T>, &stm::Transaction) -> stm::StmResult<bool>;
        let readers: [Reader<T>; 7] = [
            |x, tx| Ok(x.read(tx)? == T::of(1)),
            |x, tx| Ok(*x.read_ref(tx)? == T::of(1)),
            |x, tx| x.with(tx, |value| *value == T::of(1)),
            |x, tx| Ok(x.replace(tx, T::of(1))? == T::of(1)),
            |x, tx| x.update(tx, |value| *value == T::of(1)),
            |x, tx| Ok(!x.write_if_changed(tx, T::of(1))?),
            |x, tx| {
                let mut equal = false;
                x.modify(tx, |value| {
                    equal = value == T::of(1);
                    value
                })?;
                Ok(equal)
            },
        ];
        for reader in readers {
            let x = TVar::new(T::of(0));
            let wait = |runs: &Runs| {
                atomically(|tx| {
                    runs.count();
                    tx.check(reader(&x, tx)?)
                });
            };
            let ((), runs) = runs_until(wait, |_| x.store(T::of(1)));
            assert_eq!(runs, 2);
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

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
fn a_write_of_an_equal_value_wakes() {
    let _watchdog = watchdog();
    let (number, text) = (TVar::new(5_u64), TVar::new(String::from("same")));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            let run = runs.count();
            number.read(tx)?;
            text.with(tx, String::len)?;
            tx.check(run >= 3)
        });
    };
    let wake = |runs: &Runs| {
        number.store(5);
        runs.let_it_sleep(2);
        atomically(|tx| text.write(tx, String::from("same")));
    };
    assert_eq!(runs_until(wait, wake), ((), 3));
}

#[test]
fn an_unchanged_value_wakes_nobody() {
    let _watchdog = watchdog();
    let x = TVar::new(5_u64);
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            tx.check(x.read(tx)? == 6)
        });
    };
    let wake = |_: &Runs| {
        for _ in 0..100 {
            assert!(!atomically(|tx| x.write_if_changed(tx, 5)));
        }
        x.store(6);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
}

#[test]
fn a_commit_that_only_read_wakes_nobody() {
    let _watchdog = watchdog();
    let (x, other, text) = (TVar::new(false), TVar::new(0_u64), TVar::new(String::new()));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            text.read(tx)?;
            tx.check(x.read(tx)?)
        });
    };
    let wake = |_: &Runs| {
        for _ in 0..100 {
            atomically(|tx| {
                let length = text.with(tx, String::len)?;
                assert!(!x.read(tx)?);
                other.modify(tx, |n| n + 1 + length as u64)
            });
            assert!(!x.load());
            snapshot(|tx| x.read(tx));
        }
        x.store(true);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
}

#[test]
fn a_rolled_back_write_wakes_nobody() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            tx.check(x.read(tx)? == 1)
        });
    };
    let wake = |_: &Runs| {
        for _ in 0..100 {
            let result: Result<(), _> = try_atomically(|tx| {
                x.write(tx, 7)?;
                stm::cancel("undone")
            });
            assert_eq!(result, Err("undone"));
            atomically(|tx| {
                tx.or_else(
                    |tx| {
                        x.write(tx, 8)?;
                        tx.retry()
                    },
                    |_| Ok(()),
                )
            });
        }
        x.store(1);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
}

/// A commit that fails after it has locked the variable gives it back as it was: with its waiters.
#[test]
fn a_failed_commit_leaves_the_waiters_to_the_next() {
    let _watchdog = watchdog();
    let (x, z) = (TVar::new(0_u64), TVar::new(0_u64));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            tx.check(x.read(tx)? == 1)
        });
    };
    let wake = |_: &Runs| {
        for _ in 0..10 {
            let attempts = atomically(|tx| {
                z.read(tx)?;
                if tx.attempt_number() == 1 {
                    x.write(tx, 7)?;
                    elsewhere(|| {
                        atomically(|tx| {
                            x.read(tx)?;
                            z.modify(tx, |n| n + 1)
                        });
                    });
                }
                Ok(tx.attempt_number())
            });
            assert_eq!(attempts, 2, "the first was to fail at its commit");
        }
        x.store(1);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
}

#[test]
fn a_variable_only_written_by_the_waiter_is_not_waited_for() {
    let _watchdog = watchdog();
    let (flag, scratch, text) = (TVar::new(false), TVar::new(0_u64), TVar::new(String::new()));
    let wait = |runs: &Runs| {
        atomically(|tx| {
            let run = runs.count();
            scratch.write(tx, u64::from(run))?;
            text.write(tx, run.to_string())?;
            // Reading its own write does not make it wait for others' writes either.
            assert_eq!(scratch.read(tx)?, u64::from(run));
            tx.check(flag.read(tx)?)
        });
    };
    let wake = |_: &Runs| {
        for n in 0..100 {
            scratch.store(n);
            text.store(n.to_string());
        }
        flag.store(true);
    };
    assert_eq!(runs_until(wait, wake), ((), 2));
    assert_eq!((scratch.load(), text.load()), (2, String::from("2")));
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

#[test]
fn the_last_of_many_variables_wakes() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..1_000).map(|_| TVar::new(0_u64)).collect();
    for index in [0, 1, 500, 998, 999] {
        let (_, runs) = runs_until(
            |runs| {
                atomically(|tx| {
                    runs.count();
                    let mut found = false;
                    for variable in &variables {
                        found |= variable.read(tx)? == 7;
                    }
                    tx.check(found)
                });
            },
            |_| variables[index].store(7),
        );
        assert_eq!(runs, 2, "variable {index}");
        variables[index].store(0);
    }
}

#[test]
fn one_commit_wakes_all_who_wait() {
    let _watchdog = watchdog();
    let (gate, waiting, through) = (TVar::new(false), AtomicU32::new(0), TVar::new(0_u64));
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    atomically(|tx| {
                        waiting.fetch_add(1, Ordering::SeqCst);
                        tx.check(gate.read(tx)?)?;
                        through.modify(tx, |n| n + 1)
                    });
                })
            })
            .collect();
        while waiting.load(Ordering::SeqCst) < 16 {
            thread::yield_now();
        }
        gate.store(true);
        for waiter in waiters {
            waiter.join().expect("each returns");
        }
    });
    assert_eq!(through.load(), 16);
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

/// As many waiters as words fall into few buckets of any table: they must not take each other's wake-up.
#[test]
fn waiters_on_different_variables_are_woken_each_by_its_own() {
    let _watchdog = watchdog();
    let gates: Vec<_> = (0..64).map(|_| TVar::new(0_u64)).collect();
    let waiting = AtomicU32::new(0);
    thread::scope(|scope| {
        for (index, gate) in gates.iter().enumerate() {
            let waiting = &waiting;
            scope.spawn(move || {
                atomically(|tx| {
                    waiting.fetch_add(1, Ordering::SeqCst);
                    tx.check(gate.read(tx)? == index as u64 + 1)
                });
            });
        }
        while waiting.load(Ordering::SeqCst) < 64 {
            thread::yield_now();
        }
        for (index, gate) in gates.iter().enumerate().rev() {
            gate.store(index as u64 + 1);
        }
    });
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
        x.store(2);
        runs.let_it_sleep(3);
        // A fourth run is not to come; this one is only here to end the wait if there is one.
        x.store(3);
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
