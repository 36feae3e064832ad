//! Dropping: every value is dropped once, never while somebody can see it, and off the commit
//! path; what a transaction made and did not keep is dropped as well.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Census, Clash, Counted, Random, elsewhere, quietly, race, scaled, watchdog};
use stm::{StmResult, TCell, TVar, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

#[test]
fn a_variable_drops_its_value() {
    let census = Census::new();
    let x = TVar::new(census.value(1));
    let other = x.clone();
    drop(x);
    census.settle(1);
    assert_eq!(atomically(|tx| other.with(tx, |value| value.payload)), 1, "a handle is left");
    drop(other);
    census.settle(0);

    let cell = TCell::new(census.value(1));
    census.settle(1);
    drop(cell);
    census.settle(0);
}

#[test]
fn replaced_values_are_dropped() {
    let census = Census::new();
    let (x, cell) = (TVar::new(census.value(0)), TCell::new(census.value(0)));
    for payload in 1..100 {
        atomically(|tx| {
            x.write(tx, census.value(payload))?;
            cell.write(tx, census.value(payload))
        });
        x.store(census.value(payload));
        cell.store(census.value(payload));
        drop(x.swap(census.value(payload)));
        drop(cell.swap(census.value(payload)));
        x.fetch_update(|value| value.payload += 1);
        cell.fetch_update(|value| value.payload += 1);
        drop(atomically(|tx| x.replace(tx, census.value(payload))));
        atomically(|tx| x.modify(tx, |value| value));
        atomically(|tx| x.update(tx, |value| value.payload += 1));
        atomically(|tx| x.write_if_changed(tx, census.value(payload)));
        atomically(|tx| x.write_if_changed(tx, census.value(payload)));
    }
    census.settle(2);
    assert_eq!((x.load().payload, cell.load().payload), (99, 100));
}

#[test]
fn a_one_shot_update_that_was_too_slow_drops_what_it_made() {
    let _watchdog = watchdog();
    let census = Census::new();
    let x = TVar::new(census.value(0));
    let runs = Cell::new(0);
    x.fetch_update(|value| {
        runs.set(runs.get() + 1);
        if runs.get() < 5 {
            elsewhere(|| x.store(census.value(10)));
        }
        value.payload += 1;
    });
    assert_eq!((runs.get(), x.load().payload), (5, 11));
    census.settle(1);
}

#[test]
fn values_overwritten_before_the_commit_are_dropped() {
    let census = Census::new();
    let x = TVar::new(census.value(0));
    atomically(|tx| {
        for payload in 1..50 {
            x.write(tx, census.value(payload))?;
            x.update(tx, |value| value.payload += 1)?;
        }
        Ok(())
    });
    census.settle(1);
    assert_eq!(x.load().payload, 50);
}

#[test]
fn values_of_undone_writes_are_dropped() {
    let _watchdog = watchdog();
    let (census, clash) = (Census::new(), Clash::new());
    let (x, y) = (TVar::new(census.value(0)), TVar::new(census.value(0)));
    let write = |tx: &Transaction| -> StmResult<()> {
        x.write(tx, census.value(1))?;
        x.write(tx, census.value(2))?;
        y.write(tx, census.value(1))
    };
    let fail = || -> TxResult<(), ()> { cancel(()) };
    assert_eq!(
        try_atomically(|tx| {
            write(tx)?;
            fail()
        }),
        Err(())
    );
    census.settle(2);
    atomically(|tx| {
        tx.or_else(
            |tx| {
                write(tx)?;
                tx.retry()
            },
            |_| Ok(()),
        )
    });
    census.settle(2);
    let inner: Result<(), ()> = atomically(|tx| {
        tx.nested(|tx| {
            write(tx)?;
            fail()
        })
    });
    assert_eq!(inner, Err(()));
    census.settle(2);
    atomically(|tx| match tx.attempt_number() {
        1 => {
            write(tx)?;
            tx.restart()
        }
        2 => {
            write(tx)?;
            clash.at_commit(tx)
        }
        _ => Ok(()),
    });
    census.settle(2);
    let failed = quietly(|| {
        atomically(|tx| -> StmResult<()> {
            write(tx)?;
            panic!("told to")
        });
    });
    assert!(failed.is_err());
    census.settle(2);
    assert_eq!((x.load().payload, y.load().payload), (0, 0));
}

#[test]
fn writes_of_kept_scopes_drop_what_they_replaced() {
    let census = Census::new();
    let x = TVar::new(census.value(0));
    let kept: Result<(), ()> = atomically(|tx| {
        x.write(tx, census.value(1))?;
        tx.or_else(
            |tx| {
                x.write(tx, census.value(2))?;
                x.write(tx, census.value(3))
            },
            |_| unreachable!("the first branch succeeds"),
        )?;
        tx.nested(|tx| Ok(x.write(tx, census.value(4))?))
    });
    assert_eq!(kept, Ok(()));
    census.settle(1);
    assert_eq!(x.load().payload, 4);
}

#[test]
fn values_a_doomed_run_hands_over_are_dropped() {
    let _watchdog = watchdog();
    let (census, clash) = (Census::new(), Clash::new());
    let x = TVar::new(census.value(0));
    let result = atomically(|tx| {
        if tx.attempt_number() == 1 {
            assert!(clash.at_read(tx).is_err());
            // Refused or taken, it is nobody's any more; so is the result of this run.
            let _ = x.write(tx, census.value(1));
            return Ok(census.value(1));
        }
        Ok(census.value(2))
    });
    assert_eq!(result.payload, 2);
    census.settle(2);
}

/// A variable may live and die within one body.
#[test]
fn a_variable_may_be_made_written_and_dropped_in_a_body() {
    let census = Census::new();
    let number = TVar::new(0);
    atomically(|tx| {
        let made = TVar::new(census.value(1));
        made.write(tx, census.value(2))?;
        made.update(tx, |value| value.payload += 1)?;
        let seen = made.read_ref(tx)?;
        drop(made);
        stm::collect();
        assert_eq!(seen.payload, 3, "the log still has it");
        number.write(tx, seen.payload)
    });
    assert_eq!(number.load(), 3);
    census.settle(0);

    let result: Result<(), ()> = try_atomically(|tx| {
        let made = TVar::new(census.value(1));
        made.write(tx, census.value(2))?;
        drop(made);
        cancel(())
    });
    assert_eq!(result, Err(()));
    census.settle(0);
}

#[test]
fn a_variable_dropped_after_it_was_read_or_written_is_kept_until_the_commit() {
    let census = Census::new();
    for _ in 0..200 {
        let mut handle = Some(TVar::new(census.value(1)));
        let (length, text) = (TVar::new(0), Cell::new(Some(TVar::new(String::from("text")))));
        atomically(|tx| {
            if let Some(x) = handle.take() {
                x.read_ref(tx)?;
                x.write(tx, census.value(2))?;
            }
            let text = text.take().expect("one run");
            let read = text.read_ref(tx)?;
            drop(text);
            stm::collect();
            length.write(tx, read.len())
        });
        assert_eq!(length.load(), 4);
    }
    census.settle(0);
}

#[test]
fn a_value_is_not_dropped_while_a_running_transaction_refers_to_it() {
    let _watchdog = watchdog();
    let census = Census::new();
    let x = TVar::new(census.value(1));
    let handle = Cell::new(Some(x.clone()));
    atomically(|tx| {
        let seen = x.read_ref(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| {
                for payload in 0..500 {
                    x.store(census.value(payload));
                    stm::collect();
                }
            });
            drop(handle.take());
            assert_eq!(seen.payload, 1);
        }
        Ok(())
    });
    drop(x);
    census.settle(0);
}

#[test]
fn variables_inside_values_go_with_them() {
    let census = Census::new();
    let inner = TVar::new(census.value(1));
    let outer = TVar::new(Some(inner.clone()));
    drop(inner);
    let seen = atomically(|tx| match outer.read(tx)? {
        Some(inner) => inner.with(tx, |value| value.payload),
        None => tx.retry(),
    });
    assert_eq!(seen, 1);
    outer.store(None);
    census.settle(0);
}

#[test]
fn random_work_leaves_exactly_the_live_values() {
    let _watchdog = watchdog();
    let census = Census::new();
    let variables: Vec<_> = (0..16).map(|n| TVar::new(census.value(n))).collect();
    race(3, |me| {
        let mut random = Random::new(me as u64);
        for _ in 0..scaled(1_500) {
            let (a, b, choice) = (random.below(16), random.below(16), random.below(6));
            let _ = try_atomically(|tx| {
                let value = variables[a].read(tx)?;
                variables[b].write(tx, value)?;
                match choice {
                    0 => cancel(()),
                    1 => Ok(tx.or_else(
                        |tx| {
                            variables[a].write(tx, census.value(7))?;
                            tx.retry()
                        },
                        |tx| variables[b].update(tx, |value| value.payload += 1),
                    )?),
                    2 => {
                        let fresh = TVar::new(census.value(0));
                        fresh.write(tx, variables[a].read(tx)?)?;
                        Ok(variables[b].write(tx, fresh.read(tx)?)?)
                    }
                    _ => Ok(()),
                }
            });
            if choice == 5 {
                variables[b].store(census.value(0));
            }
        }
    });
    census.settle(16);
    drop(variables);
    census.settle(0);
}

#[test]
fn garbage_of_an_ended_thread_is_freed_by_others() {
    let census = Census::new();
    let x = TVar::new(census.value(0));
    for _ in 0..20 {
        elsewhere(|| {
            for payload in 0..10 {
                atomically(|tx| x.write(tx, census.value(payload)));
            }
            drop(TVar::new(census.value(0)));
        });
    }
    census.settle(1);
}

#[test]
fn values_are_found_at_their_alignment() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(128))]
    struct Wide(u8, Counted);

    fn aligned<T>(value: &T) -> bool {
        (&raw const *value).addr().is_multiple_of(align_of::<T>())
    }

    let census = Census::new();
    let variables: Vec<_> = (0..20).map(|n| TVar::new(Wide(n, census.value(0)))).collect();
    let cells: Vec<_> = (0..20).map(|n| TCell::new(Wide(n, census.value(0)))).collect();
    for round in 0..3_u8 {
        for (n, (x, cell)) in (0..20).zip(variables.iter().zip(&cells)) {
            atomically(|tx| {
                for value in [x.read_ref(tx)?, cell.read_ref(tx)?] {
                    assert!(aligned(&*value));
                    assert_eq!(value.0, n + round);
                }
                x.with(tx, |value| assert!(aligned(value)))?;
                x.write(tx, Wide(n + round + 1, census.value(0)))?;
                cell.write(tx, Wide(n + round + 1, census.value(0)))?;
                assert!(aligned(&*x.read_ref(tx)?), "a pending value");
                Ok(())
            });
        }
    }
    census.settle(40);
    drop((variables, cells));
    census.settle(0);

    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(64))]
    struct Plain(u64);
    let x = TVar::new(Plain(1));
    atomically(|tx| x.modify(tx, |plain| Plain(plain.0 + 1)));
    assert!(snapshot(|tx| x.with(tx, aligned)));
    assert_eq!(x.load(), Plain(2));
}

#[test]
fn values_without_a_size_are_dropped_one_for_one() {
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug)]
    struct Nothing;
    impl Nothing {
        fn new() -> Self {
            LIVE.fetch_add(1, Ordering::SeqCst);
            Self
        }
    }
    impl Clone for Nothing {
        fn clone(&self) -> Self {
            Self::new()
        }
    }
    impl Drop for Nothing {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let _watchdog = watchdog();
    let x = TVar::new(Nothing::new());
    let unit = TVar::new(());
    for _ in 0..50 {
        atomically(|tx| {
            x.write(tx, Nothing::new())?;
            x.update(tx, |_| ())?;
            unit.write(tx, ())
        });
        drop(x.swap(Nothing::new()));
        drop(x.load());
    }
    // One more is the value in the variable; the rest go with collections.
    while LIVE.load(Ordering::SeqCst) > 1 {
        stm::collect();
    }
    assert_eq!(LIVE.load(Ordering::SeqCst), 1);
    drop(x);
    while LIVE.load(Ordering::SeqCst) > 0 {
        stm::collect();
    }
    assert_eq!(unit.load(), ());
}

#[test]
fn results_and_errors_are_the_callers() {
    let census = Census::new();
    let x = TVar::new(census.value(1));
    let kept = atomically(|tx| x.read(tx));
    let error = try_atomically(|tx| -> TxResult<(), Counted> { cancel(x.read(tx)?) });
    drop(x);
    census.settle(2);
    assert_eq!((kept.payload, error.map_err(|value| value.payload)), (1, Err(1)));
}
