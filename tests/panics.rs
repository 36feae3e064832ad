//! Panics: one in user code rolls the transaction back, releases everything and goes on
//! unwinding; nothing is poisoned, for this thread or any other.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

use common::{Clash, World, expect_panic, quietly, race, watchdog};
use stm::{StmResult, TVar, Transaction, TxResult, atomically, options, snapshot, try_atomically};

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
