//! Values whose `Clone`, `PartialEq` or `Drop` panics: variables, other values and other threads are none the
//! worse for it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use common::{Census, Counted, World, elsewhere, expect_panic, quietly, watchdog};
use stm::{StmResult, TVar, Transaction, atomically, try_atomically};

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

/// What a run that panics has displaced is dropped later: a destructor that panicked while the thread unwinds would end
/// the process.
#[test]
fn no_value_is_dropped_while_a_body_panics() {
    struct Watching {
        unwinding: Arc<AtomicUsize>,
        _counted: Counted,
    }
    impl Drop for Watching {
        fn drop(&mut self) {
            self.unwinding.fetch_add(usize::from(thread::panicking()), Ordering::SeqCst);
        }
    }
    let _watchdog = watchdog();
    let (census, unwinding) = (Census::new(), Arc::new(AtomicUsize::new(0)));
    let value = || Watching { unwinding: Arc::clone(&unwinding), _counted: census.value(0) };
    let x = TVar::new(value());
    for _ in 0..3 {
        let panic = expect_panic(|| {
            atomically(|tx| -> StmResult<()> {
                // More than are gathered before they are dropped.
                (0..1_000).try_for_each(|_| x.write(tx, value()))?;
                panic!("in the body")
            })
        });
        assert_eq!(panic.message, "in the body");
    }
    census.settle(1);
    assert_eq!(unwinding.load(Ordering::SeqCst), 0);
}
