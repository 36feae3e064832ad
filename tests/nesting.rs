//! Nesting: `nested` undoes its own writes and nothing else when it is cancelled, and
//! becomes part of the outer transaction when it is not. A whole `atomically` inside a body
//! is refused where it stands.

use std::cell::Cell;
use std::convert::Infallible;

use common::{Clash, Panic, Sample, elsewhere, expect_panic, watchdog};
use stm::{TVar, Transaction, TxError, TxResult, atomically, cancel, options, snapshot, try_atomically};

/// Runs `body` as a nested transaction that cannot cancel.
fn inner<T>(tx: &Transaction, body: impl FnOnce(&Transaction) -> stm::StmResult<T>) -> stm::StmResult<T> {
    tx.nested(|tx| Ok::<_, TxError<Infallible>>(body(tx)?)).map(|Ok(value)| value)
}

#[test]
fn a_nested_transaction_commits_with_the_outer_one() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(0)), TVar::new(T::of(10)));
        let given = atomically(|tx| {
            x.write(tx, T::of(1))?;
            let given = inner(tx, |tx| {
                assert_eq!(x.read(tx)?, T::of(1), "the inner body sees the outer writes");
                x.write(tx, T::of(2))?;
                y.write(tx, T::of(11))?;
                Ok("given")
            })?;
            assert_eq!((x.load(), y.load()), (T::of(0), T::of(10)), "nothing shows before the outer commit");
            assert_eq!((x.read(tx)?, y.read(tx)?), (T::of(2), T::of(11)), "the outer body sees the inner writes");
            Ok(given)
        });
        assert_eq!((given, x.load(), y.load()), ("given", T::of(2), T::of(11)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_cancel_undoes_the_inner_writes_only() {
    fn check<T: Sample>() {
        let (outer, both, fresh) = (TVar::new(T::of(0)), TVar::new(T::of(10)), TVar::new(T::of(20)));
        let result = atomically(|tx| {
            outer.write(tx, T::of(1))?;
            both.write(tx, T::of(11))?;
            let result = tx.nested(|tx| {
                fresh.write(tx, T::of(21))?;
                // Twice, so that undoing in the wrong order would restore the value in between.
                both.write(tx, T::of(12))?;
                both.write(tx, T::of(13))?;
                cancel::<(), _>("inner")
            })?;
            assert_eq!((outer.read(tx)?, both.read(tx)?, fresh.read(tx)?), (T::of(1), T::of(11), T::of(20)));
            Ok(result)
        });
        assert_eq!(result, Err("inner"));
        assert_eq!((outer.load(), both.load(), fresh.load()), (T::of(1), T::of(11), T::of(20)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_cancel_can_be_followed_by_another_try() {
    let x = TVar::new(0_u64);
    let step = |tx: &Transaction, by: u64, fail: bool| {
        tx.nested(|tx| {
            x.modify(tx, |n| n + by)?;
            if fail { cancel(by) } else { Ok(by) }
        })
    };
    let results = atomically(|tx| Ok([step(tx, 1, false)?, step(tx, 10, true)?, step(tx, 100, false)?]));
    assert_eq!((results, x.load()), ([Ok(1), Err(10), Ok(100)], 101));
}

#[test]
fn each_level_undoes_its_own_writes() {
    let x = TVar::new(0_u64);
    let (middle, value) = atomically(|tx| {
        x.write(tx, 1)?;
        let middle: Result<u64, &str> = tx.nested(|tx| {
            x.write(tx, 2)?;
            let deepest = tx.nested(|tx| {
                x.write(tx, 3)?;
                cancel::<(), _>("deepest")
            })?;
            assert_eq!((deepest, x.read(tx)?), (Err("deepest"), 2));
            x.modify(tx, |n| n + 5)?;
            Ok(x.read(tx)?)
        })?;
        Ok((middle, x.read(tx)?))
    });
    assert_eq!((middle, value, x.load()), (Ok(7), 7, 7));
}

#[test]
fn an_outer_cancel_undoes_completed_inner_writes() {
    let x = TVar::new(String::from("before"));
    let result: Result<(), _> = try_atomically(|tx| {
        inner(tx, |tx| x.write(tx, String::from("inner")))?;
        assert_eq!(x.read(tx)?, "inner");
        cancel("outer")
    });
    assert_eq!((result, x.load()), (Err("outer"), String::from("before")));

    let x = TVar::new(0_u64);
    let result: Result<(), _> = atomically(|tx| {
        let result = tx.nested(|tx| {
            inner(tx, |tx| x.write(tx, 1))?;
            cancel("middle")
        })?;
        assert_eq!(x.read(tx)?, 0);
        Ok(result)
    });
    assert_eq!((result, x.load()), (Err("middle"), 0));
}

/// The value is the committed one, and still a write: dropping it would let the outer one through.
#[test]
fn a_nested_write_of_the_committed_value_overrides_the_outer_write() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        atomically(|tx| {
            x.write(tx, T::of(1))?;
            inner(tx, |tx| x.write(tx, T::of(0)))?;
            assert_eq!(x.read(tx)?, T::of(0));
            Ok(())
        });
        assert_eq!(x.load(), T::of(0));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_nested_write_if_changed_compares_with_the_outer_write() {
    let x = TVar::new(0_u64);
    atomically(|tx| {
        x.write(tx, 1)?;
        assert!(inner(tx, |tx| x.write_if_changed(tx, 0))?, "the outer write had changed it");
        assert!(!inner(tx, |tx| x.write_if_changed(tx, 0))?);
        Ok(())
    });
    assert_eq!(x.load(), 0);
}

/// Its error decided what the outer body did, so what the error rests on must still hold: also
/// where the undone body wrote the variable as well.
#[test]
fn reads_of_a_cancelled_inner_body_are_checked_at_commit() {
    let _watchdog = watchdog();
    for (write_too, read_before) in [(false, false), (true, false), (false, true), (true, true)] {
        let (limit, log) = (TVar::new(0_u64), TVar::new(0_u64));
        let attempts = Cell::new(0);
        let result = atomically(|tx| {
            attempts.set(attempts.get() + 1);
            if read_before {
                limit.read(tx)?;
            }
            let result = tx.nested(|tx| {
                let left = if write_too { limit.replace(tx, 100)? } else { limit.read(tx)? };
                if left == 0 { cancel("limit reached") } else { Ok("granted") }
            })?;
            log.write(tx, 1)?;
            if attempts.get() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        log.read(tx)?;
                        limit.write(tx, 1)
                    });
                });
            }
            Ok(result)
        });
        assert_eq!((result, attempts.get()), (Ok("granted"), 2), "{write_too} {read_before}");
    }
}

/// A kept scope hands its reads on, with or without writes of the same variable.
#[test]
fn reads_of_a_kept_inner_body_are_checked_at_commit() {
    let _watchdog = watchdog();
    for write_too in [false, true] {
        let (total, log) = (TVar::new(0_u64), TVar::new(0_u64));
        let attempts = Cell::new(0);
        atomically(|tx| {
            attempts.set(attempts.get() + 1);
            let seen = inner(tx, |tx| {
                let seen = total.read(tx)?;
                if write_too {
                    total.write(tx, seen + 1)?;
                }
                Ok(seen)
            })?;
            log.write(tx, seen)?;
            if attempts.get() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        log.read(tx)?;
                        total.modify(tx, |n| n + 10)
                    });
                });
            }
            Ok(())
        });
        assert_eq!((attempts.get(), log.load(), total.load()), (2, 10, 10 + u64::from(write_too)));
    }
}

#[test]
fn a_conflict_inside_reruns_the_whole_transaction() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let (outer_runs, x) = (Cell::new(0), TVar::new(0_u64));
    let result = atomically(|tx| {
        outer_runs.set(outer_runs.get() + 1);
        x.modify(tx, |n| n + 1)?;
        tx.nested(|tx| {
            if tx.attempt_number() == 1 {
                clash.at_read(tx)?;
                unreachable!("the read was to be refused");
            }
            cancel::<(), _>(tx.attempt_number())
        })
    });
    assert_eq!((result, outer_runs.get(), x.load()), (Err(2), 2, 1));
}

#[test]
fn a_retry_inside_undoes_up_to_the_nearest_choice() {
    let x = TVar::new(0_u64);
    let seen = atomically(|tx| {
        x.write(tx, 1)?;
        tx.or_else(
            |tx| {
                x.write(tx, 2)?;
                inner(tx, |tx| {
                    x.write(tx, 3)?;
                    tx.retry()
                })
            },
            |tx| x.read(tx),
        )
    });
    assert_eq!((seen, x.load()), (1, 1));
}

#[test]
fn errors_of_other_types_cancel_by_or_cancel() {
    use stm::ResultExt as _;

    let x = TVar::new(0_i64);
    let add = |text: &str| {
        try_atomically(|tx| {
            x.modify(tx, |n| n + 1)?;
            let parsed = text.parse::<i64>().or_cancel()?;
            x.modify(tx, |n| n + parsed)?;
            Ok(x.read(tx)?)
        })
    };
    assert_eq!(add("20"), Ok(21));
    assert_eq!(add("many"), "many".parse::<i64>());
    assert_eq!(x.load(), 21);
}

#[test]
fn an_inner_error_may_become_the_outer_one() {
    let x = TVar::new(0_u64);
    let result: Result<(), String> = try_atomically(|tx| -> TxResult<(), String> {
        x.write(tx, 1)?;
        let inner: Result<(), &str> = tx.nested(|_| cancel("inner"))?;
        inner.map_err(|error| TxError::Cancel(format!("outer because of {error}")))
    });
    assert_eq!((result, x.load()), (Err(String::from("outer because of inner")), 0));
}

/// Checks that the panic names the rule and the way out, and points at the call.
fn assert_names_the_rule(panic: &Panic, line: u32) {
    let message = panic.message.to_lowercase();
    for part in ["inside the body of another transaction", "tx.nested("] {
        assert!(message.contains(part), "the message lacks {part:?}: {}", panic.message);
    }
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line), "where it points");
}

#[test]
fn a_transaction_inside_a_body_is_refused_at_the_call() {
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    let line = Cell::new(0);
    let starts: [&dyn Fn(); 6] = [
        &|| {
            line.set(line!() + 1);
            atomically(|tx| y.write(tx, 1));
        },
        &|| {
            line.set(line!() + 1);
            let _ = try_atomically(|tx| Ok::<_, TxError<()>>(y.write(tx, 1)?));
        },
        &|| {
            line.set(line!() + 1);
            snapshot(|tx| y.read(tx));
        },
        &|| {
            line.set(line!() + 1);
            let _ = options().run(|tx| y.write(tx, 1));
        },
        &|| {
            line.set(line!() + 1);
            let _ = options().try_run(|tx| Ok::<_, TxError<()>>(y.write(tx, 1)?));
        },
        &|| {
            line.set(line!() + 1);
            y.wait_until(|_| true);
        },
    ];
    for start in starts {
        let panic = expect_panic(|| {
            atomically(|tx| {
                x.write(tx, 1)?;
                start();
                Ok(())
            });
        });
        assert_names_the_rule(&panic, line.get());
        assert_eq!((x.load(), y.load()), (0, 0), "both are rolled back");
    }
    // The thread is not marked as busy for ever.
    atomically(|tx| x.write(tx, 5));
    assert_eq!(x.load(), 5);
}

#[test]
fn a_transaction_is_refused_in_every_kind_of_body() {
    let x = TVar::new(0_u64);
    let offend = || {
        atomically(|tx| x.write(tx, 1));
    };
    let bodies: [&dyn Fn(); 7] = [
        &|| {
            snapshot(|_| {
                offend();
                Ok(())
            });
        },
        &|| {
            let _ = try_atomically(|_| {
                offend();
                Ok::<_, TxError<()>>(())
            });
        },
        &|| {
            atomically(|tx| {
                inner(tx, |_| {
                    offend();
                    Ok(())
                })
            });
        },
        &|| {
            atomically(|tx| {
                tx.or_else(
                    |tx| tx.retry(),
                    |_| {
                        offend();
                        Ok(())
                    },
                )
            });
        },
        &|| {
            atomically(|tx| {
                x.modify(tx, |n| {
                    offend();
                    n
                })
            });
        },
        &|| {
            let _ = options().run(|_| {
                offend();
                Ok(())
            });
        },
        &|| {
            x.wait_until(|_| {
                offend();
                true
            });
        },
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let panic = expect_panic(body);
        assert!(panic.message.contains("nested"), "body {index}: {}", panic.message);
        assert_eq!(x.load(), 0, "body {index}");
    }
    offend();
    assert_eq!(x.load(), 1);
}

/// A refusal that the body catches has not harmed the transaction it stands in.
#[test]
fn a_caught_refusal_leaves_the_outer_transaction_whole() {
    let (x, y) = (TVar::new(0_u64), TVar::new(String::new()));
    atomically(|tx| {
        x.write(tx, 1)?;
        expect_panic(|| atomically(|tx| x.write(tx, 100)));
        y.write(tx, String::from("after"))?;
        // Still inside a body, for all that a panic went by.
        expect_panic(|| atomically(|tx| x.write(tx, 200)));
        x.modify(tx, |n| n + 1)
    });
    assert_eq!((x.load(), y.load()), (2, String::from("after")));
}

#[test]
fn another_thread_may_run_a_transaction_meanwhile() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    atomically(|tx| {
        x.write(tx, 1)?;
        elsewhere(|| atomically(|tx| y.modify(tx, |n| n + 1)));
        Ok(())
    });
    assert_eq!((x.load(), y.load()), (1, 1));
}
