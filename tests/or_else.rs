//! Choosing: if the first branch retries, its writes and hooks are undone, its reads are kept,
//! and the second branch runs; nothing but an explicit retry chooses the second.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{Clash, Sample, elsewhere, watchdog};
use stm::{Abort, StmResult, TVar, Transaction, TxError, atomically, cancel, snapshot, try_atomically};

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

type Branch = fn(&Transaction, &TVar<u64>, u64) -> StmResult<u64>;

fn succeeds(tx: &Transaction, x: &TVar<u64>, id: u64) -> StmResult<u64> {
    x.modify(tx, |n| n * 10 + id)?;
    Ok(id)
}

fn retries(tx: &Transaction, x: &TVar<u64>, id: u64) -> StmResult<u64> {
    x.modify(tx, |n| n * 10 + id)?;
    tx.retry()
}

/// Returns what the choice gave and left in the variable; 0 and its first value if it retried.
fn outcome(choice: impl Fn(&Transaction, &TVar<u64>) -> StmResult<u64>) -> (u64, u64) {
    let x = TVar::new(5);
    let given = atomically(|tx| tx.or_else(|tx| choice(tx, &x), |_| Ok(0)));
    (given, x.load())
}

#[test]
fn retry_is_the_unit_on_both_sides() {
    for branch in [succeeds as Branch, retries] {
        let alone = outcome(|tx, x| branch(tx, x, 1));
        assert_eq!(outcome(|tx, x| tx.or_else(|tx| tx.retry(), |tx| branch(tx, x, 1))), alone);
        assert_eq!(outcome(|tx, x| tx.or_else(|tx| branch(tx, x, 1), |tx| tx.retry())), alone);
    }
    assert_eq!(outcome(|tx, x| succeeds(tx, x, 1)), (1, 51));
    assert_eq!(outcome(|tx, x| retries(tx, x, 1)), (0, 5));
}

#[test]
fn choice_is_associative() {
    for pattern in 0..8_u32 {
        let branch = |index: u32| if pattern & (1 << index) == 0 { succeeds as Branch } else { retries };
        let (a, b, c) = (branch(0), branch(1), branch(2));
        let left = outcome(|tx, x| tx.or_else(|tx| tx.or_else(|tx| a(tx, x, 1), |tx| b(tx, x, 2)), |tx| c(tx, x, 3)));
        let right = outcome(|tx, x| tx.or_else(|tx| a(tx, x, 1), |tx| tx.or_else(|tx| b(tx, x, 2), |tx| c(tx, x, 3))));
        let chosen = u64::from((!pattern).trailing_zeros() + 1);
        let expected = if chosen > 3 { (0, 5) } else { (chosen, 50 + chosen) };
        assert_eq!((left, right), (expected, expected), "pattern {pattern:03b}");
    }
}

#[test]
fn retry_with_nothing_read_still_chooses() {
    assert_eq!(atomically(|tx| tx.or_else(|tx| tx.retry(), |_| Ok(7))), 7);
}

#[test]
fn a_thousand_alternatives_are_tried_in_order() {
    fn pick(tx: &Transaction, doors: &[TVar<bool>], tried: &Cell<usize>) -> StmResult<usize> {
        let Some((door, rest)) = doors.split_first() else { return tx.retry() };
        tx.or_else(
            |tx| {
                tried.set(tried.get() + 1);
                tx.check(door.read(tx)?)?;
                Ok(tried.get())
            },
            |tx| pick(tx, rest, tried),
        )
    }
    let doors: Vec<_> = (0..1_000).map(|index| TVar::new(index == 998)).collect();
    let tried = Cell::new(0);
    assert_eq!(atomically(|tx| pick(tx, &doors, &tried)), 999);
}

#[test]
fn a_read_transaction_chooses_as_well() {
    let (a, b) = (TVar::new(None), TVar::new(Some(2_u64)));
    let first_some = |tx: &stm::ReadTransaction| {
        let take = |var: &TVar<Option<u64>>, tx: &stm::ReadTransaction| match var.read(tx)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        };
        tx.or_else(|tx| take(&a, tx), |tx| take(&b, tx))
    };
    assert_eq!(snapshot(|tx| first_some(tx)), 2);
    assert_eq!(atomically(|tx| first_some(tx)), 2);
    a.store(Some(1));
    assert_eq!(snapshot(|tx| first_some(tx)), 1);
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
fn a_conflict_never_chooses_the_second_branch() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let signalled = Cell::new(false);
    let picked = atomically(|tx| {
        tx.or_else(
            |tx| {
                if tx.attempt_number() == 1 {
                    let late = clash.at_read(tx);
                    signalled.set(late.is_err());
                    late?;
                }
                Ok("first")
            },
            |_| Ok("second"),
        )
    });
    assert!(signalled.get(), "the read was to be refused");
    assert_eq!(picked, "first");
}

#[test]
fn a_restart_never_chooses_the_second_branch() {
    let picked = atomically(|tx| {
        tx.or_else(|tx| if tx.attempt_number() < 3 { tx.restart() } else { Ok(tx.attempt_number()) }, |_| Ok(0))
    });
    assert_eq!(picked, 3);
}

#[test]
fn a_conflict_in_the_second_branch_runs_the_first_again() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let firsts = Cell::new(0);
    let picked = atomically(|tx| {
        tx.or_else(
            |tx| {
                firsts.set(firsts.get() + 1);
                tx.retry()
            },
            |tx| {
                if tx.attempt_number() == 1 {
                    clash.at_read(tx)?;
                }
                Ok(tx.attempt_number())
            },
        )
    });
    assert_eq!((picked, firsts.get()), (2, 2));
}

#[test]
fn a_cancel_in_the_first_branch_does_not_choose_the_second() {
    let x = TVar::new(0_u64);
    let result = try_atomically(|tx| {
        tx.try_or_else(
            |tx| {
                x.write(tx, 1)?;
                cancel::<(), _>("stop")
            },
            |_| unreachable!("only a retry chooses"),
        )
    });
    assert_eq!((result, x.load()), (Err("stop"), 0));
}

#[test]
fn branches_that_can_cancel_choose_by_retry() {
    let x = TVar::new(0_u64);
    let run = |fail: bool| {
        try_atomically(|tx| {
            tx.try_or_else(
                |tx| {
                    x.write(tx, 1)?;
                    Ok(tx.retry()?)
                },
                |tx| {
                    let before = x.read(tx)?;
                    x.write(tx, 2)?;
                    if fail { cancel("second failed") } else { Ok(before) }
                },
            )
        })
    };
    assert_eq!((run(true), x.load()), (Err("second failed"), 0));
    assert_eq!((run(false), x.load()), (Ok(0), 2));
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

#[test]
fn a_signal_passed_on_by_hand_chooses_like_the_operator() {
    let result = atomically(|tx| {
        tx.or_else(
            |tx| {
                let signal: Result<(), Abort> = tx.retry();
                match signal {
                    Ok(()) => Ok(1),
                    Err(signal) => Err(signal),
                }
            },
            |_| Ok(2),
        )
    });
    assert_eq!(result, 2);
}
