//! Promises: set once, seen by all, broken if nobody can set them any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use common::{elsewhere, quietly, race, scaled, threads, watchdog};
use stm::sync::{BrokenPromise, TPromise};
use stm::{RunError, atomically, snapshot};

use super::{AT_ONCE, Task};

#[test]
fn one_of_many_sets_it_and_all_see_that() {
    let _watchdog = watchdog();
    for round in 0..scaled(300) {
        let promise = TPromise::new();
        let outcomes = race(threads(), |me| {
            let future = promise.future();
            let is_set = if (me + round) % 2 == 0 { promise.set_now(me) } else { atomically(|tx| promise.set(tx, me)) };
            assert!(is_set.is_ok() || is_set == Err(me), "who does not set it has the value back");
            (is_set.is_ok(), future.get_blocking())
        });
        let winner = outcomes.iter().position(|(is_set, _)| *is_set).expect("somebody has set it");
        assert_eq!(outcomes.iter().filter(|(is_set, _)| *is_set).count(), 1);
        assert!(outcomes.iter().all(|(_, seen)| *seen == Ok(winner)));
    }
}

#[test]
fn readers_wait_until_it_is_set() {
    let _watchdog = watchdog();
    let promise = TPromise::new();
    let future = promise.future();
    assert_eq!(future.get_timeout(AT_ONCE), Err(RunError::TimedOut));
    let (mut task, clone) = (Task::begin(future.get_async()), future.clone());
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| clone.get_blocking());
        assert!(task.advance().is_none());
        promise.set_now(7).expect("it was not set");
        reader.join().expect("it returns")
    });
    assert_eq!((seen, task.finish(), future.get_timeout(AT_ONCE)), (Ok(7), Ok(7), Ok(7)));
    drop(promise);
    assert_eq!(future.get_blocking(), Ok(7), "what is set stays");
    assert_eq!(snapshot(|tx| Ok(future.get_ref(tx)?.copied())), Ok(7));
}

#[test]
fn it_is_broken_by_the_last_who_could_set_it() {
    let _watchdog = watchdog();
    let promise = TPromise::<u32>::new();
    let (other, future) = (promise.clone(), promise.future());
    let mut task = Task::begin(future.get_async());
    drop(promise);
    assert!(task.advance().is_none(), "there is another one");
    // By a panic, too.
    let ended = elsewhere(|| {
        quietly(move || {
            let _kept = other;
            panic!("before it is set")
        })
        .is_err()
    });
    assert!(ended);
    assert_eq!(task.finish(), Err(BrokenPromise));
    assert_eq!(future.get_blocking(), Err(BrokenPromise));
    assert_eq!(future.get_timeout(AT_ONCE), Err(RunError::Cancel(BrokenPromise)));
    assert_eq!(snapshot(|tx| future.try_get(tx)), Some(Err(BrokenPromise)));
}

/// A set that is undone is none.
#[test]
fn it_is_not_set_by_what_is_undone() {
    let _watchdog = watchdog();
    let promise = TPromise::new();
    let future = promise.future();
    let undone: Result<(), ()> = stm::try_atomically(|tx| {
        promise.set(tx, 1)?.expect("it was not set");
        assert_eq!(future.get(tx)?, Ok(1));
        stm::cancel(())
    });
    assert_eq!((undone, snapshot(|tx| future.try_get(tx))), (Err(()), None));
    assert_eq!(promise.set_now(2), Ok(()));
    // At once, also in a body that is undone.
    let (other, mut value) = (TPromise::new(), Some(3));
    let undone: Result<(), ()> = stm::try_atomically(|_| {
        other.set_now(value.take().expect("it runs once")).expect("it was not set");
        stm::cancel(())
    });
    assert_eq!((undone, other.future().get_blocking()), (Err(()), Ok(3)));
}

/// Setting a promise wakes others, which is code of theirs. Whoever is told, even there, that it is set already can read it.
#[test]
fn who_finds_it_set_finds_the_value() {
    #[derive(Default)]
    struct Rival(Mutex<Option<TPromise<u32>>>, AtomicBool);
    impl Wake for Rival {
        fn wake(self: Arc<Self>) {
            let promise = self.0.lock().expect("nobody panics with it").take().expect("it is woken once");
            let is_told = promise.set_now(3).is_err();
            let sees = snapshot(|tx| promise.future().try_get(tx)).is_some();
            self.1.store(is_told && sees, Ordering::SeqCst);
        }
    }

    let _watchdog = watchdog();
    let promise = TPromise::new();
    let rival = Arc::new(Rival::default());
    *rival.0.lock().expect("nobody panics with it") = Some(promise.clone());
    // It would set the promise to something else, if it were set.
    let mut waits = Box::pin(stm::atomically_async(|tx| match promise.set(tx, 2)? {
        Ok(()) => tx.retry(),
        Err(value) => Ok(value),
    }));
    let waker = Waker::from(Arc::clone(&rival));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(promise.set_now(1), Ok(()));
    assert!(rival.1.load(Ordering::SeqCst), "it was set, and had no value");
    assert_eq!(waits.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(2));
}
