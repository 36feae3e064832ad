//! Bodies that wait: how often they ran, and when they have probably fallen asleep.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Counts the runs of a waiting body, so that the waker can tell when it has started.
#[derive(Debug, Default)]
pub struct Runs(AtomicU32);

impl Runs {
    /// Counts one more run, and returns how many there were.
    pub fn count(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns how many runs there were.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns once the body has run `runs` times; a little later, so that it mostly sleeps.
    pub fn let_it_sleep(&self, runs: u32) {
        while self.get() < runs {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `wait`, which counts the runs of its body, on another thread, and `wake` here when it has begun.
/// Returns what `wait` returned and how often its body ran.
pub fn runs_until<R: Send>(mut wait: impl FnMut(&Runs) -> R + Send, wake: impl FnOnce(&Runs)) -> (R, u32) {
    let runs = Runs::default();
    let result = thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&runs));
        runs.let_it_sleep(1);
        wake(&runs);
        waiter.join().expect("the waiter returns")
    });
    (result, runs.get())
}
