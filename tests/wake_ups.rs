//! What wakes a waiter: every write to a variable it has read, by whatever operation, and nothing else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::{Runs, Sample, elsewhere, runs_until, watchdog};
use stm::{TVar, TxError, atomically, snapshot, try_atomically};

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
