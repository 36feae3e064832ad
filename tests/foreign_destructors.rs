//! A destructor of somebody else's value may run, and fail, at the end of whatever a thread does with variables: also when it
//! has just got a permit or a lock. Neither is lost.
//!
//! In a program of its own: the values that fail would fail in other tests, too.

use std::thread;

use common::{elsewhere, quietly, scaled, watchdog};
use stm::sync::{TBarrier, TPromise, TRwLock, TSemaphore};
use stm::{TVar, snapshot};

#[test]
fn one_that_fails_at_the_end_of_an_operation_loses_nothing() {
    struct Fails;
    impl Drop for Fails {
        fn drop(&mut self) {
            // Not when the thread unwinds already: two panics would end the process.
            assert!(thread::panicking(), "a foreign destructor");
        }
    }
    let _watchdog = watchdog();
    let (semaphore, lock, barrier) = (TSemaphore::new(2), TRwLock::new(0_u64), TBarrier::new(1));
    let foreign = TVar::new(Fails);
    let operations: [&dyn Fn(); 6] = [
        &|| drop(semaphore.acquire_blocking(2)),
        &|| drop(semaphore.try_acquire_now(1)),
        &|| drop(lock.write()),
        &|| drop(lock.read().upgrade()),
        &|| assert!(barrier.wait()),
        &|| {
            let (promise, before) = (TPromise::new(), semaphore.clone());
            let future = promise.future();
            let set = quietly(|| promise.set_now(1));
            assert_eq!(future.get_blocking(), Ok(1));
            drop(before);
            if let Err(payload) = set {
                std::panic::resume_unwind(payload);
            }
        },
    ];
    let mut failed = 0;
    for operation in operations {
        for pending in 0..scaled(200) {
            // So many that they become due at some step of the operation, whichever that is.
            for _ in 0..pending % 40 {
                drop(quietly(|| foreign.store(Fails)));
            }
            failed += usize::from(quietly(operation).is_err());
            // Freed, so that nothing fails while this looks.
            while quietly(stm::collect).is_err() {}
            assert_eq!(snapshot(|tx| Ok((semaphore.available(tx)?, semaphore.waiting(tx)?))), (2, 0));
            assert!(elsewhere(|| lock.try_write().is_some()), "{lock:?}");
            assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
        }
    }
    assert!(failed > 0, "no destructor has failed at the end of an operation");
    std::mem::forget(foreign);
}
