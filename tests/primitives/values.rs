//! Values whose `Clone` or `Drop` panics, that are counted, or that can not be cloned at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Census, Counted, expect_panic, quietly, scaled, watchdog};
use stm::sync::{TFuture, TMVar, TPromise, TRwLock};
use stm::{StmResult, Transaction, atomically, snapshot};

/// A value whose clone panics while it is told to.
#[derive(Debug)]
struct Fragile {
    id: u64,
    fails: Arc<AtomicBool>,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.fails.load(Ordering::SeqCst), "clone failed");
        Self { id: self.id, fails: Arc::clone(&self.fails) }
    }
}

#[test]
fn a_panicking_clone_leaves_a_slot_whole() {
    let fails = Arc::new(AtomicBool::new(false));
    let new = |id| Fragile { id, fails: Arc::clone(&fails) };
    let (slot, other) = (TMVar::new(new(1)), TMVar::new_empty());
    type Body<'b> = &'b dyn Fn(&Transaction<'_, '_>) -> StmResult<()>;
    let bodies: [Body<'_>; 6] = [
        &|tx| slot.take(tx).map(drop),
        &|tx| slot.try_take(tx).map(drop),
        &|tx| slot.read(tx).map(drop),
        &|tx| slot.try_read(tx).map(drop),
        &|tx| slot.swap(tx, new(2)).map(drop),
        &|tx| slot.update(tx, |_| ()),
    ];
    for body in bodies {
        fails.store(true, Ordering::SeqCst);
        let panic = expect_panic(|| {
            atomically(|tx| {
                other.write(tx, 1)?;
                body(tx)
            });
        });
        assert_eq!(panic.message, "clone failed");
        fails.store(false, Ordering::SeqCst);
        assert_eq!(snapshot(|tx| Ok((slot.with(tx, |value| value.id)?, other.is_empty(tx)?))), (1, true));
        atomically(|tx| body(tx));
        atomically(|tx| slot.write(tx, new(1)));
    }
}

#[test]
fn a_panicking_clone_leaves_a_promise_and_a_lock_whole() {
    let fails = Arc::new(AtomicBool::new(true));
    let (promise, lock) = (TPromise::new(), TRwLock::new(Fragile { id: 1, fails: Arc::clone(&fails) }));
    let future: TFuture<Fragile> = promise.future();
    promise.set_now(Fragile { id: 2, fails: Arc::clone(&fails) }).expect("it was not set");
    assert_eq!(expect_panic(|| future.get_blocking()).message, "clone failed");
    assert_eq!(expect_panic(|| pollster::block_on(future.get_async())).message, "clone failed");
    assert_eq!(expect_panic(|| lock.write().update(|value| value.id = 3)).message, "clone failed");
    assert_eq!(lock.try_write().expect("it is free").id, 1);
    fails.store(false, Ordering::SeqCst);
    lock.write().update(|value| value.id = 3);
    assert_eq!((lock.read().id, future.get_blocking().map(|value| value.id)), (3, Ok(2)));
}

/// What is put and not taken, replaced, undone, refused: each is dropped once.
#[test]
fn every_value_is_dropped_once() {
    let _watchdog = watchdog();
    let census = Census::new();
    let slot = TMVar::new(census.value(0));
    for round in 0..scaled(300) as u64 {
        let refused = atomically(|tx| slot.try_put(tx, census.value(round)));
        assert_eq!(refused.expect_err("it is full").payload, round);
        let chosen = atomically(|tx| {
            tx.or_else(|tx| slot.put(tx, census.value(1)).map(|()| 1), |tx| slot.swap(tx, census.value(2)).map(|_| 2))
        });
        assert_eq!(chosen, 2);
        let undone: Result<(), ()> = stm::try_atomically(|tx| {
            slot.take_shared(tx)?;
            slot.put(tx, census.value(3))?;
            stm::cancel(())
        });
        assert_eq!(undone, Err(()));
        atomically(|tx| slot.write(tx, census.value(4)));
        drop(atomically(|tx| slot.take(tx)));
        atomically(|tx| slot.put(tx, census.value(5)));
    }
    census.settle(1);
    drop(slot);
    census.settle(0);

    let (promise, lock) = (TPromise::new(), TRwLock::new(census.value(0)));
    let future: TFuture<Counted> = promise.future();
    promise.set_now(census.value(1)).expect("it was not set");
    drop(promise.set_now(census.value(2)));
    drop(atomically(|tx| promise.set(tx, census.value(3))));
    lock.write().set(census.value(4));
    lock.write().update(|value| value.payload += 1);
    atomically(|tx| lock.set(tx, census.value(6)));
    census.settle(2);
    let guard = lock.read();
    drop((lock, promise));
    census.settle(2);
    drop((guard, future));
    census.settle(0);
}

/// One value whose destructor fails: nothing else does.
#[test]
fn a_panicking_drop_harms_nothing() {
    struct Failing(Arc<AtomicUsize>);
    impl Drop for Failing {
        fn drop(&mut self) {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            assert!(count > 0, "drop failed");
        }
    }
    let _watchdog = watchdog();
    let acts: [&dyn Fn(Failing, Failing); 4] = [
        &|first, second| {
            let (slot, mut second) = (TMVar::new(first), Some(second));
            atomically(|tx| slot.write(tx, second.take().expect("no conflict")));
            assert!(!snapshot(|tx| slot.is_empty(tx)));
        },
        &|first, second| {
            let lock = TRwLock::new(first);
            lock.write().set(second);
        },
        &|first, second| {
            let promise = TPromise::new();
            assert!(promise.set_now(first).is_ok());
            assert!(promise.set_now(second).is_err());
        },
        &|first, second| {
            let slot = TMVar::new(first);
            let mut second = Some(second);
            let refused = atomically(|tx| slot.try_put(tx, second.take().expect("no conflict")));
            drop(quietly(|| drop(refused)));
        },
    ];
    for act in acts {
        let dropped = Arc::new(AtomicUsize::new(0));
        let outcome = quietly(|| act(Failing(Arc::clone(&dropped)), Failing(Arc::clone(&dropped))));
        drop(outcome);
        super::until(|| {
            drop(quietly(stm::collect));
            dropped.load(Ordering::SeqCst) == 2
        });
    }
    // The library goes on.
    let slot = TMVar::new(1);
    assert_eq!(atomically(|tx| slot.take(tx)), 1);
}
