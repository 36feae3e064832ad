//! Panics: one in user code rolls the transaction back, releases everything and goes on
//! unwinding; nothing is poisoned, for this thread or any other.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Census, Clash, Counted, elsewhere, expect_panic, quietly, race, watchdog};
use stm::{StmResult, TCell, TVar, Transaction, TxResult, atomically, options, snapshot, try_atomically};

/// Variables of both storages with known values, to be found intact after a panic.
struct World {
    number: TVar<u64>,
    text: TVar<String>,
    cell: TCell<u64>,
}

impl World {
    fn new() -> Self {
        Self { number: TVar::new(1), text: TVar::new(String::from("one")), cell: TCell::new(1) }
    }

    /// Writes everything, as the beginning of a transaction that is going to fail.
    fn spoil<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.number.write(tx, 99)?;
        self.text.write(tx, String::from("ninety-nine"))?;
        self.cell.write(tx, 99)
    }

    /// Checks that nothing of a failed transaction shows, and that this and other threads go on.
    #[track_caller]
    fn assert_intact(&self) {
        assert_eq!((self.number.load(), self.text.load(), self.cell.load()), (1, String::from("one"), 1));
        let bump = || {
            atomically(|tx| {
                self.number.modify(tx, |n| n + 1)?;
                self.text.modify(tx, |text| text + "!")?;
                self.cell.modify(tx, |n| n + 1)
            });
        };
        bump();
        elsewhere(bump);
        assert_eq!((self.number.load(), self.text.load(), self.cell.load()), (3, String::from("one!!"), 3));
        self.number.store(1);
        self.text.store(String::from("one"));
        self.cell.store(1);
    }
}

#[test]
fn a_panic_in_any_part_of_a_body_rolls_it_back() {
    let _watchdog = watchdog();
    let world = World::new();
    let other = TVar::new(5_u64);
    type Part<'p> = &'p dyn Fn(&Transaction) -> StmResult<()>;
    let parts: [(&str, Part<'_>); 10] = [
        ("body", &|_| panic!("here")),
        ("first branch", &|tx| tx.or_else(|_| panic!("here"), |_| Ok(()))),
        ("second branch", &|tx| tx.or_else(|tx| tx.retry(), |_| panic!("here"))),
        ("nested", &|tx| {
            let result: Result<(), ()> = tx.nested(|tx| {
                other.write(tx, 6)?;
                panic!("here")
            })?;
            result.map_err(|()| unreachable!("it panics"))
        }),
        ("with", &|tx| other.with(tx, |_| panic!("here"))),
        ("modify", &|tx| other.modify(tx, |_| panic!("here"))),
        ("update", &|tx| {
            other.update(tx, |n| {
                *n = 6;
                panic!("here")
            })
        }),
        ("read branch", &|tx| {
            let reader: &stm::ReadTransaction = tx;
            reader.or_else(|_| panic!("here"), |_| Ok(()))
        }),
        ("after a doomed call", &|tx| {
            tx.restart::<()>().ok();
            panic!("here")
        }),
        ("after a retry", &|tx| {
            other.read(tx)?;
            tx.retry::<()>().ok();
            panic!("here")
        }),
    ];
    for (name, part) in parts {
        let panic = expect_panic(|| {
            atomically(|tx| {
                world.spoil(tx)?;
                other.read(tx)?;
                part(tx)
            });
        });
        assert_eq!(panic.message, "here", "{name}");
        assert!(panic.file.ends_with("panics.rs"), "{name} points at {}", panic.file);
        world.assert_intact();
        assert_eq!(other.load(), 5, "{name}");
    }
}

#[test]
fn a_panic_goes_on_with_its_own_payload() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);
    let x = TVar::new(0_u64);
    let result = quietly(|| {
        atomically(|tx| -> StmResult<()> {
            x.write(tx, 1)?;
            resume_unwind(Box::new(Payload(7)))
        });
    });
    assert_eq!(result.expect_err("it panics").downcast_ref(), Some(&Payload(7)));
    assert_eq!(x.load(), 0);
}

#[test]
fn every_runner_survives_a_panic() {
    let world = World::new();
    let runners: [&dyn Fn(); 6] = [
        &|| {
            let _ = try_atomically(|tx| -> TxResult<(), ()> {
                world.spoil(tx)?;
                panic!("here")
            });
        },
        &|| {
            snapshot(|tx| -> StmResult<()> {
                world.number.read(tx)?;
                panic!("here")
            });
        },
        &|| {
            let _ = options().max_attempts(3).run(|tx| -> StmResult<()> {
                world.spoil(tx)?;
                panic!("here")
            });
        },
        &|| drop(world.text.wait_until(|_| panic!("here"))),
        &|| world.number.fetch_update(|_| panic!("here")),
        &|| {
            world.text.fetch_update(|text| {
                text.push_str("spoilt");
                panic!("here")
            })
        },
    ];
    for runner in runners {
        assert_eq!(expect_panic(runner).message, "here");
        world.assert_intact();
    }
}

#[test]
fn a_panic_in_a_later_attempt_rolls_back_as_well() {
    let _watchdog = watchdog();
    let (world, clash) = (World::new(), Clash::new());
    let panic = expect_panic(|| {
        atomically(|tx| -> StmResult<()> {
            world.spoil(tx)?;
            if tx.attempt_number() == 1 {
                return clash.at_commit(tx);
            }
            panic!("attempt {}", tx.attempt_number())
        });
    });
    assert_eq!(panic.message, "attempt 2");
    world.assert_intact();
}

/// The panicking run is the promoted one, which keeps everybody else from committing.
#[test]
fn a_panic_of_a_promoted_run_lets_the_others_go_on() {
    let _watchdog = watchdog();
    let (world, clash) = (World::new(), Clash::new());
    let panic = expect_panic(|| {
        let _ = options().promote_after(2).run(|tx| -> StmResult<()> {
            world.spoil(tx)?;
            if tx.attempt_number() == 1 {
                return clash.at_commit(tx);
            }
            panic!("promoted")
        });
    });
    assert_eq!(panic.message, "promoted");
    world.assert_intact();
}

#[test]
fn a_transaction_may_run_while_the_thread_unwinds() {
    struct OnDrop<'v>(&'v TVar<u64>, &'v TVar<String>);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            atomically(|tx| {
                self.0.modify(tx, |n| n + 1)?;
                self.1.modify(tx, |text| text + "+")
            });
            self.0.fetch_update(|n| *n += 10);
        }
    }
    let (number, text) = (TVar::new(0), TVar::new(String::new()));
    let panic = expect_panic(|| {
        let _on_drop = OnDrop(&number, &text);
        panic!("unwinding")
    });
    assert_eq!((panic.message.as_str(), number.load(), text.load()), ("unwinding", 11, String::from("+")));
}

#[test]
fn a_panic_caught_inside_the_body_does_not_end_the_transaction() {
    let world = World::new();
    atomically(|tx| {
        world.number.write(tx, 2)?;
        expect_panic(|| world.text.modify(tx, |_| panic!("caught")));
        expect_panic(|| tx.or_else(|_| -> StmResult<()> { panic!("caught") }, |_| Ok(())));
        world.text.modify(tx, |text| text + " more")?;
        assert_eq!((world.number.read(tx)?, world.text.read(tx)?), (2, String::from("one more")));
        Ok(())
    });
    assert_eq!((world.number.load(), world.text.load()), (2, String::from("one more")));
}

/// A scope that unwinding leaves counts as undone: its writes are half of something.
#[test]
fn a_panic_caught_outside_a_nested_body_has_undone_its_writes() {
    let world = World::new();
    atomically(|tx| {
        world.number.write(tx, 2)?;
        expect_panic(|| {
            tx.nested(|tx| -> TxResult<(), ()> {
                world.number.write(tx, 3)?;
                world.text.write(tx, String::from("half"))?;
                panic!("caught")
            })
        });
        assert_eq!((world.number.read(tx)?, world.text.read(tx)?), (2, String::from("one")));
        Ok(())
    });
    assert_eq!((world.number.load(), world.text.load()), (2, String::from("one")));
}

/// A value whose operations panic while they are told to.
#[derive(Debug)]
struct Fragile {
    id: u64,
    fuse: Arc<Fuse>,
}

#[derive(Debug, Default)]
struct Fuse {
    clone: AtomicBool,
    eq: AtomicBool,
    drop: AtomicBool,
    /// How many values have this fuse.
    live: AtomicUsize,
}

impl Fuse {
    fn light(flag: &AtomicBool) {
        flag.store(true, Ordering::SeqCst);
    }

    /// Makes the next drop panic, when all values but one are gone: what another thread has left
    /// behind would be dropped by anybody, who would not expect it.
    fn light_drop(&self) {
        while self.live.load(Ordering::SeqCst) > 1 {
            stm::collect();
            thread::yield_now();
        }
        Self::light(&self.drop);
    }

    /// Panics once after the flag was lit.
    fn burn(flag: &AtomicBool, operation: &str) {
        assert!(!flag.swap(false, Ordering::SeqCst), "{operation} failed");
    }
}

impl Fragile {
    fn new(id: u64, fuse: &Arc<Fuse>) -> Self {
        fuse.live.fetch_add(1, Ordering::SeqCst);
        Self { id, fuse: Arc::clone(fuse) }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        Fuse::burn(&self.fuse.clone, "clone");
        Self::new(self.id, &self.fuse)
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        Fuse::burn(&self.fuse.eq, "eq");
        self.id == other.id
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let lit = self.fuse.drop.swap(false, Ordering::SeqCst);
        // After the look at the fuse: whoever finds it gone may light the fuse.
        self.fuse.live.fetch_sub(1, Ordering::SeqCst);
        assert!(!lit, "drop failed");
    }
}

#[track_caller]
fn assert_id(x: &TVar<Fragile>, id: u64) {
    assert_eq!(atomically(|tx| x.with(tx, |value| value.id)), id);
    // Still writable from anywhere.
    elsewhere(|| atomically(|tx| x.update(tx, |value| value.id = 1_000)));
    x.fetch_update(|value| value.id = id);
    assert_eq!(x.load().id, id);
}

#[test]
fn a_panicking_clone_harms_nothing() {
    let _watchdog = watchdog();
    let (world, fuse) = (World::new(), Arc::new(Fuse::default()));
    let x = TVar::new(Fragile::new(1, &fuse));
    let new = || Fragile::new(2, &fuse);
    type Body<'b> = &'b dyn Fn(&Transaction) -> StmResult<()>;
    let bodies: [Body<'_>; 5] = [
        &|tx| x.read(tx).map(drop),
        &|tx| x.replace(tx, new()).map(drop),
        &|tx| x.modify(tx, |value| value),
        &|tx| x.update(tx, |_| ()),
        &|tx| {
            x.write(tx, new())?;
            x.read(tx).map(drop)
        },
    ];
    for body in bodies {
        Fuse::light(&fuse.clone);
        let panic = expect_panic(|| {
            atomically(|tx| {
                world.spoil(tx)?;
                body(tx)
            });
        });
        assert_eq!(panic.message, "clone failed");
        world.assert_intact();
        assert_id(&x, 1);
    }
    let operations: [&dyn Fn(); 4] =
        [&|| drop(x.load()), &|| drop(x.swap(new())), &|| x.fetch_update(|value| value.id = 2), &|| {
            drop(x.wait_until(|_| true))
        }];
    for (index, operation) in operations.into_iter().enumerate() {
        Fuse::light(&fuse.clone);
        assert_eq!(expect_panic(operation).message, "clone failed", "operation {index}");
        // A swap may have taken place before it copied what it returns.
        let id = atomically(|tx| x.with(tx, |value| value.id));
        assert!(id == 1 || (index == 1 && id == 2), "operation {index} left {id}");
        assert_id(&x, id);
        x.store(Fragile::new(1, &fuse));
    }
}

#[test]
fn a_panicking_comparison_harms_nothing() {
    let (world, fuse) = (World::new(), Arc::new(Fuse::default()));
    let x = TVar::new(Fragile::new(1, &fuse));
    for overwritten in [false, true] {
        Fuse::light(&fuse.eq);
        let panic = expect_panic(|| {
            atomically(|tx| {
                world.spoil(tx)?;
                if overwritten {
                    x.write(tx, Fragile::new(2, &fuse))?;
                }
                x.write_if_changed(tx, Fragile::new(3, &fuse))
            })
        });
        assert_eq!(panic.message, "eq failed");
        world.assert_intact();
        assert_id(&x, 1);
    }
    assert!(atomically(|tx| x.write_if_changed(tx, Fragile::new(3, &fuse))));
    assert_id(&x, 3);
}

/// Runs `act`, which makes values be dropped of which the first panics, now or later, and waits
/// for that panic.
#[track_caller]
fn a_drop_fails(fuse: &Fuse, act: impl Fn()) {
    fuse.light_drop();
    let mut panics = 0;
    let mut note = |result: Result<(), Box<dyn std::any::Any + Send>>| {
        if let Err(payload) = result {
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"drop failed"));
            panics += 1;
        }
    };
    note(quietly(act));
    // Bodies of other tests may hold it back for a while; the watchdog ends a wait for ever.
    while fuse.drop.load(Ordering::SeqCst) {
        note(quietly(stm::collect).map(drop));
        thread::yield_now();
    }
    assert!(panics <= 1, "one panic came out {panics} times");
}

#[test]
fn a_panicking_drop_of_a_replaced_value_does_not_undo_the_commit() {
    let _watchdog = watchdog();
    let (world, fuse) = (World::new(), Arc::new(Fuse::default()));
    let x = TVar::new(Fragile::new(1, &fuse));
    let next = Cell::new(1);
    let new = || {
        next.set(next.get() + 1);
        Fragile::new(next.get(), &fuse)
    };
    let writers: [&dyn Fn(); 3] = [
        &|| {
            let mut value = Some(new());
            atomically(|tx| x.write(tx, value.take().expect("no conflict")));
        },
        &|| x.store(new()),
        &|| {
            let mut value = Some(new());
            // The value it replaces in its own log is dropped, and the committed one.
            atomically(|tx| {
                x.write(tx, Fragile::new(0, &fuse))?;
                x.write(tx, value.take().expect("no conflict"))
            });
        },
    ];
    for writer in writers {
        a_drop_fails(&fuse, writer);
        assert_id(&x, next.get());
        world.assert_intact();
    }
}

#[test]
fn a_panicking_drop_of_a_discarded_value_harms_nothing() {
    let _watchdog = watchdog();
    let (world, fuse) = (World::new(), Arc::new(Fuse::default()));
    let x = TVar::new(Fragile::new(1, &fuse));
    let discards: [&dyn Fn(); 4] = [
        // A cancelled transaction's value.
        &|| {
            let result: Result<(), ()> = try_atomically(|tx| {
                world.spoil(tx)?;
                x.write(tx, Fragile::new(2, &fuse))?;
                stm::cancel(())
            });
            assert_eq!(result, Err(()));
        },
        // A branch's value.
        &|| {
            atomically(|tx| {
                tx.or_else(
                    |tx| {
                        x.write(tx, Fragile::new(2, &fuse))?;
                        tx.retry()
                    },
                    |_| Ok(()),
                )
            });
        },
        // The value of a run that is repeated.
        &|| {
            atomically(|tx| {
                if tx.attempt_number() == 1 {
                    x.write(tx, Fragile::new(2, &fuse))?;
                    return tx.restart();
                }
                Ok(())
            });
        },
        // A variable with its value.
        &|| drop(TVar::new(Fragile::new(2, &fuse))),
    ];
    for discard in discards {
        a_drop_fails(&fuse, discard);
        assert_id(&x, 1);
        world.assert_intact();
    }
}

/// Two panics at once would end the process: the body's goes on, the value's must not join it.
#[test]
fn a_panicking_drop_does_not_meet_the_panic_of_the_body() {
    let _watchdog = watchdog();
    let (world, fuse) = (World::new(), Arc::new(Fuse::default()));
    let x = TVar::new(Fragile::new(1, &fuse));
    fuse.light_drop();
    let panic = expect_panic(|| {
        atomically(|tx| -> StmResult<()> {
            world.spoil(tx)?;
            x.write(tx, Fragile::new(2, &fuse))?;
            x.write(tx, Fragile::new(3, &fuse))?;
            panic!("body")
        });
    });
    assert_eq!(panic.message, "body");
    while fuse.drop.load(Ordering::SeqCst) {
        drop(quietly(stm::collect));
    }
    assert_id(&x, 1);
    world.assert_intact();
}

/// One destructor that panics must not keep others from running.
#[test]
fn values_behind_a_panicking_drop_are_dropped_too() {
    struct Guarded {
        fails: bool,
        _counted: Counted,
    }
    impl Drop for Guarded {
        fn drop(&mut self) {
            assert!(!self.fails, "told to");
        }
    }
    let _watchdog = watchdog();
    let census = Census::new();
    let value = |fails: bool| Guarded { fails, _counted: census.value(0) };
    let variables: Vec<_> = (0..10).map(|index| TVar::new(value(index % 3 == 0))).collect();
    assert_eq!(census.live(), 10);
    // The commit is done, whatever its old values do.
    let result = quietly(|| {
        let mut values: Vec<_> = (0..10).map(|_| value(false)).collect();
        atomically(|tx| variables.iter().zip(values.drain(..)).try_for_each(|(x, value)| x.write(tx, value)));
    });
    drop(result);
    while census.live() > 10 {
        drop(quietly(stm::collect));
        thread::yield_now();
    }
    census.settle(10);
    assert!(variables.iter().all(|x| !atomically(|tx| x.with(tx, |value| value.fails))));
    drop(variables);
    census.settle(0);
}

#[test]
fn other_threads_progress_while_one_panics_again_and_again() {
    let _watchdog = watchdog();
    let (number, text) = (TVar::new(0_u64), TVar::new(String::new()));
    let failures = Mutex::new(0);
    race(3, |me| {
        for round in 0..200_u64 {
            if me == 0 {
                let result = quietly(|| {
                    atomically(|tx| -> StmResult<()> {
                        number.modify(tx, |n| n + 1_000_000)?;
                        text.write(tx, String::from("spoilt"))?;
                        panic!("round {round}")
                    });
                });
                *failures.lock().expect("nobody panics here") += u64::from(result.is_err());
            } else {
                atomically(|tx| {
                    number.modify(tx, |n| n + 1)?;
                    let value = number.read(tx)?;
                    text.write(tx, value.to_string())
                });
            }
        }
    });
    assert_eq!(*failures.lock().expect("nobody panics here"), 200);
    assert_eq!((number.load(), text.load()), (400, String::from("400")));
}
