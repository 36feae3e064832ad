//! `stm::sync`: slots, semaphores, locks, barriers, promises and latches do what simple sequential models of them do, keep
//! their promises among threads and tasks, and forget whoever gives up.

#[path = "primitives/barrier.rs"]
mod barrier;
#[path = "primitives/composed.rs"]
mod composed;
#[path = "primitives/giving_up.rs"]
mod giving_up;
#[path = "primitives/lock.rs"]
mod lock;
#[path = "primitives/lock_circles.rs"]
mod lock_circles;
#[path = "primitives/lock_crowds.rs"]
mod lock_crowds;
#[path = "primitives/lock_model.rs"]
mod lock_model;
#[path = "primitives/models.rs"]
mod models;
#[path = "primitives/programs.rs"]
mod programs;
#[path = "primitives/promise.rs"]
mod promise;
#[path = "primitives/semaphore.rs"]
mod semaphore;
#[path = "primitives/values.rs"]
mod values;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// No time at all, for those who are to give up at once.
const AT_ONCE: Duration = Duration::ZERO;

/// A future that is polled by hand.
struct Task<F: Future> {
    future: Pin<Box<F>>,
    woken: Arc<Count>,
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<F: Future> Task<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        self.future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.woken))))
    }

    fn wakes(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }

    /// Polls it, for as long as it is woken; what it returns once it is done.
    #[track_caller]
    fn advance(&mut self) -> Option<F::Output> {
        loop {
            let before = self.wakes();
            match self.poll() {
                Poll::Ready(output) => return Some(output),
                Poll::Pending if self.wakes() == before => return None,
                Poll::Pending => {}
            }
        }
    }

    /// Polls it once and finds it waiting.
    #[track_caller]
    fn begin(future: F) -> Self {
        let mut task = Self::new(future);
        assert!(task.advance().is_none(), "it was to wait");
        task
    }

    #[track_caller]
    fn finish(mut self) -> F::Output {
        assert!(self.wakes() > 0, "nobody has woken it");
        self.advance().expect("it was to be done")
    }
}

/// Returns when the condition holds; the watchdog ends a wait for ever.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}
