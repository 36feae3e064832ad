//! As `structures`, for what threads meet at.

use common::{Census, watchdog};
use stm::atomically;
use stm::sync::{Mode, Owner, TBarrier, TLatch, TMVar, TPromise, TRwLock, TSemaphore};

use crate::alone;
use crate::structures::stays_within;

/// In so many steps one waits for the other thread; a sleep takes as long as very many operations.
const SELDOM: u64 = 1_000;

#[test]
fn a_place_for_a_value_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, place) = (Census::new(), TMVar::new_empty());
    let step = |_, n| {
        drop(atomically(|tx| place.try_put(tx, census.value(n))));
        drop(atomically(|tx| place.try_take(tx)));
        atomically(|tx| place.write(tx, census.value(n)));
        drop(atomically(|tx| place.try_read(tx)));
    };
    stays_within("TMVar", 4, step, || drop(atomically(|tx| place.try_take(tx))));
    drop(place);
    census.settle(0);
}

#[test]
fn a_semaphore_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let semaphore = TSemaphore::new(2);
    let step = |_, n| {
        // Waits in line for those of the other thread, seldom.
        drop(semaphore.acquire_blocking(if n % SELDOM == 0 { 2 } else { 1 }));
        if atomically(|tx| semaphore.try_acquire(tx, 1)) {
            atomically(|tx| semaphore.release(tx, 1));
        }
    };
    stays_within("TSemaphore", 4, step, || assert_eq!(atomically(|tx| semaphore.available(tx)), 2));
}

#[test]
fn a_lock_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let lock = TRwLock::new(census.value(0));
    let step = |_, n| {
        drop(lock.try_read());
        if let Some(mut guard) = lock.try_write() {
            guard.set(census.value(n));
        }
        let owner = Owner::new();
        if atomically(|tx| lock.try_lock(tx, owner, Mode::Upgradable)) {
            atomically(|tx| lock.unlock(tx, owner, Mode::Upgradable));
        }
        if n % SELDOM == 0 {
            drop(lock.write());
        }
    };
    stays_within("TRwLock", 6, step, || assert!(lock.try_write().is_some()));
    census.settle(1);
    drop(lock);
    census.settle(0);
}

#[test]
fn a_barrier_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (alone_at, both, many) = (TBarrier::new(1), TBarrier::new(2), TBarrier::new(1_000));
    let step = |_, n| {
        assert!(alone_at.wait());
        let arrival = atomically(|tx| many.arrive(tx));
        assert!(atomically(|tx| many.withdraw(tx, arrival)));
        if n % SELDOM == 0 {
            both.wait();
        }
    };
    stays_within("TBarrier", 4, step, || assert_eq!(atomically(|tx| many.arrived(tx)), 0));
}

/// Each is made for one use.
#[test]
fn promises_and_latches_come_and_go() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let step = |_, n: u64| {
        let promise = TPromise::new();
        let future = promise.future();
        if n.is_multiple_of(4) {
            drop(promise);
            assert!(future.get_blocking().is_err());
        } else {
            assert!(promise.set_now(census.value(n)).is_ok());
            assert!(promise.set_now(census.value(n)).is_err());
            assert!(future.get_blocking().is_ok());
        }
        let latch = TLatch::new(2);
        assert!(!latch.count_down_now() && latch.count_down_now());
        latch.wait_blocking();
    };
    stays_within("TPromise and TLatch", 8, step, || ());
    census.settle(0);
}
