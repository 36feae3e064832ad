//! What becomes of a branch that retries: its writes are undone, its reads are kept, to be checked at the
//! commit and to be waited for.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{Sample, elsewhere, watchdog};
use stm::{StmResult, TVar, Transaction, TxError, atomically};

#[test]
fn a_first_branch_that_succeeds_is_the_only_one_to_run() {
    let x = TVar::new(0_u64);
    let picked = atomically(|tx| {
        tx.or_else(
            |tx| {
                x.write(tx, 1)?;
                Ok("first")
            },
            |_| unreachable!("the first branch succeeded"),
        )
    });
    assert_eq!((picked, x.load()), ("first", 1));
}

#[test]
fn writes_of_a_retrying_branch_are_undone() {
    fn check<T: Sample>() {
        let (fresh, pending, other) = (TVar::new(T::of(0)), TVar::new(T::of(10)), TVar::new(T::of(20)));
        let seen = atomically(|tx| {
            pending.write(tx, T::of(11))?;
            tx.or_else(
                |tx| {
                    fresh.write(tx, T::of(1))?;
                    // Twice, so that undoing in the wrong order would restore the value in between.
                    pending.write(tx, T::of(12))?;
                    pending.write(tx, T::of(13))?;
                    assert_eq!((fresh.read(tx)?, pending.read(tx)?), (T::of(1), T::of(13)));
                    tx.retry()
                },
                |tx| {
                    other.write(tx, T::of(21))?;
                    Ok((fresh.read(tx)?, pending.read(tx)?))
                },
            )
        });
        assert_eq!(seen, (T::of(0), T::of(11)), "what the second branch saw");
        assert_eq!((fresh.load(), pending.load(), other.load()), (T::of(0), T::of(11), T::of(21)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn many_writes_of_a_retrying_branch_are_undone() {
    let variables: Vec<_> = (0..2_000_u64).map(|n| (TVar::new(n), TVar::new(n.to_string()))).collect();
    atomically(|tx| {
        for (number, text) in &variables[..1_000] {
            number.modify(tx, |n| n + 10_000)?;
            text.modify(tx, |t| t + "+")?;
        }
        tx.or_else(
            |tx| {
                for (number, text) in &variables {
                    number.write(tx, 0)?;
                    text.write(tx, String::new())?;
                }
                tx.retry()
            },
            |tx| {
                variables[1_500].0.write(tx, 7)?;
                Ok(())
            },
        )
    });
    for (index, (number, text)) in variables.iter().enumerate() {
        let (n, outer) = (index as u64, index < 1_000);
        let expected = if index == 1_500 { 7 } else { n + if outer { 10_000 } else { 0 } };
        assert_eq!(number.load(), expected, "number {index}");
        assert_eq!(text.load(), if outer { format!("{n}+") } else { n.to_string() }, "text {index}");
    }
}

#[test]
fn both_branches_may_write_the_same_variable() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        atomically(|tx| {
            tx.or_else(
                |tx| {
                    x.write(tx, T::of(1))?;
                    tx.retry()
                },
                |tx| x.write(tx, T::of(2)),
            )
        });
        assert_eq!(x.load(), T::of(2));
    }
    check::<u64>();
    check::<String>();
}

#[test]
fn writes_of_a_retrying_second_branch_are_undone_too() {
    let (x, y) = (TVar::new(0_u64), TVar::new(String::from("y")));
    let seen = atomically(|tx| {
        tx.or_else(
            |tx| {
                tx.or_else(
                    |tx| {
                        x.write(tx, 1)?;
                        tx.retry()
                    },
                    |tx| {
                        x.write(tx, 2)?;
                        y.write(tx, String::from("changed"))?;
                        tx.retry()
                    },
                )
            },
            |tx| Ok((x.read(tx)?, y.read(tx)?)),
        )
    });
    assert_eq!(seen, (0, String::from("y")));
}

#[test]
fn a_completed_nested_write_is_undone_with_its_branch() {
    let x = TVar::new(0_u64);
    let seen = atomically(|tx| {
        x.write(tx, 1)?;
        tx.or_else(
            |tx| {
                let Ok(()) = tx.nested(|tx| Ok::<_, TxError<Infallible>>(x.write(tx, 2)?))?;
                assert_eq!(x.read(tx)?, 2);
                tx.retry()
            },
            |tx| x.read(tx),
        )
    });
    assert_eq!((seen, x.load()), (1, 1));
}

#[test]
fn a_failing_check_chooses_as_retry_does() {
    let stock = TVar::new(3_u64);
    let take = |wanted: u64| {
        atomically(|tx| {
            tx.or_else(
                |tx| {
                    let left = stock.read(tx)?;
                    tx.check(left >= wanted)?;
                    stock.write(tx, left - wanted)?;
                    Ok(true)
                },
                |_| Ok(false),
            )
        })
    };
    assert!(take(2));
    assert!(!take(2));
    assert_eq!(stock.load(), 1);
}

/// The first branch was left because of what it read; that must still hold at the commit, also
/// where the branch wrote the variable as well, or the transaction had read it before.
#[test]
fn reads_of_a_retrying_branch_are_checked_at_commit() {
    fn check<T: Sample>() {
        type Look<T> = fn(&TVar<T>, &Transaction) -> StmResult<T>;
        let looks: [Look<T>; 5] = [
            |door, tx| door.read(tx),
            |door, tx| door.with(tx, Clone::clone),
            |door, tx| door.replace(tx, T::of(5)),
            |door, tx| door.update(tx, |state| std::mem::replace(state, T::of(5))),
            |door, tx| {
                let state = door.read(tx)?;
                door.write(tx, T::of(5))?;
                door.write(tx, T::of(6))?;
                Ok(state)
            },
        ];
        for (index, look) in looks.into_iter().enumerate() {
            for read_before in [false, true] {
                let (door, log) = (TVar::new(T::of(0)), TVar::new(T::of(0)));
                let attempts = Cell::new(0);
                let taken = atomically(|tx| {
                    attempts.set(attempts.get() + 1);
                    if read_before {
                        door.read(tx)?;
                    }
                    tx.or_else(
                        |tx| {
                            tx.check(look(&door, tx)? == T::of(1))?;
                            Ok("open")
                        },
                        |tx| {
                            log.write(tx, T::of(1))?;
                            if attempts.get() == 1 {
                                // It must come before this one, for it sees no entry, and
                                // after it, for this one saw the door shut.
                                elsewhere(|| {
                                    atomically(|tx| {
                                        log.read(tx)?;
                                        door.write(tx, T::of(1))
                                    });
                                });
                            }
                            Ok("shut")
                        },
                    )
                });
                assert_eq!((taken, attempts.get()), ("open", 2), "look {index}");
                assert_eq!(log.load(), T::of(0));
            }
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

/// What the first branch read is waited for, however it read it and whatever it then wrote.
#[test]
fn reads_of_a_retrying_branch_are_waited_for() {
    let _watchdog = watchdog();
    for write_too in [false, true] {
        let (number, text, other) = (TVar::new(0_u64), TVar::new(String::from("0")), TVar::new(0_u64));
        for wake_by_text in [false, true] {
            number.store(0);
            text.store(String::from("0"));
            let attempts = atomically(|tx| {
                if tx.attempt_number() == 1 {
                    other.read(tx)?;
                }
                tx.or_else(
                    |tx| {
                        let found = number.read(tx)? == 1 || text.read(tx)? == "1";
                        if write_too {
                            number.write(tx, 7)?;
                            text.write(tx, String::from("7"))?;
                        }
                        tx.check(found)
                    },
                    |tx| {
                        other.read(tx)?;
                        if tx.attempt_number() == 1 {
                            // Before the wait begins: a wait that forgot it would never end.
                            elsewhere(|| if wake_by_text { text.store(String::from("1")) } else { number.store(1) });
                        }
                        tx.retry()
                    },
                )?;
                Ok(tx.attempt_number())
            });
            assert_eq!(attempts, 2);
        }
    }
}

#[test]
fn the_wait_set_is_the_union_of_both_branches() {
    let _watchdog = watchdog();
    for round in 0..40 {
        let doors = [TVar::new(false), TVar::new(false)];
        let runs = AtomicU32::new(0);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                atomically(|tx| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let through = |index: usize, tx: &Transaction| {
                        tx.check(doors[index].read(tx)?)?;
                        Ok(index)
                    };
                    tx.or_else(|tx| through(0, tx), |tx| through(1, tx))
                })
            });
            while runs.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            // Lets it fall asleep now and then; woken or warned, it must go through.
            if round % 4 == 0 {
                thread::sleep(Duration::from_millis(3));
            }
            doors[round % 2].store(true);
            assert_eq!(waiter.join().expect("the waiter returns"), round % 2);
        });
    }
}

#[test]
fn a_variable_made_in_an_undone_branch_holds_its_first_value() {
    fn check<T: Sample>() {
        let smuggled = Cell::new(None);
        let seen = atomically(|tx| {
            tx.or_else(
                |tx| {
                    let made = TVar::new(T::of(1));
                    made.write(tx, T::of(2))?;
                    smuggled.set(Some(made));
                    tx.retry()
                },
                |tx| {
                    let made = smuggled.take().expect("the first branch made it");
                    let seen = made.read(tx)?;
                    smuggled.set(Some(made));
                    Ok(seen)
                },
            )
        });
        let made = smuggled.take().expect("the second branch put it back");
        assert_eq!((seen, made.load()), (T::of(1), T::of(1)));
    }
    check::<u64>();
    check::<String>();
}

/// Undoing a write must not free a value that the body still refers to.
#[test]
fn a_reference_outlives_the_undoing_of_the_value_it_refers_to() {
    let x = TVar::new(String::from("committed"));
    let length = atomically(|tx| {
        let kept = Cell::new(None);
        let second = tx.or_else(
            |branch| {
                x.write(branch, String::from("pending"))?;
                kept.set(Some(x.read_ref(tx)?));
                branch.retry()
            },
            |branch| {
                x.write(branch, String::from("second"))?;
                x.read_ref(tx)
            },
        )?;
        let kept = kept.take().expect("the first branch left it");
        stm::collect();
        assert_eq!((kept.as_str(), second.as_str()), ("pending", "second"));
        Ok(kept.len())
    });
    assert_eq!((length, x.load()), (7, String::from("second")));
}
