//! Bodies that wait: how often they ran, and when they wait.

use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Counts the runs of a waiting body, so that the waker can tell when it waits. The body counts in its first line, in the line
/// of the call that runs it or in the next.
#[derive(Debug, Default)]
pub struct Runs {
    count: AtomicU32,
    /// Where the body counts.
    counted: Mutex<Option<&'static Location<'static>>>,
}

impl Runs {
    /// Counts one more run, and returns how many there were.
    #[track_caller]
    pub fn count(&self) -> u32 {
        *self.counted.lock().expect("nobody panics with it") = Some(Location::caller());
        self.count.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns how many runs there were.
    pub fn get(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }

    /// Returns once the body has run `runs` times and waits.
    pub fn let_it_sleep(&self, runs: u32) {
        self.until_waiting(runs, 1);
    }

    /// Returns once so many threads have run the body, and all of them wait.
    pub fn let_them_sleep(&self, threads: u32) {
        self.until_waiting(threads, threads);
    }

    fn until_waiting(&self, runs: u32, waiters: u32) {
        while self.get() < runs || self.waiting() < waiters {
            thread::yield_now();
        }
    }

    /// How many transactions wait that were started where the body counts.
    fn waiting(&self) -> u32 {
        let Some(counted) = *self.counted.lock().expect("nobody panics with it") else { return 0 };
        let lines = counted.line() - 1..=counted.line();
        let waiting = stm::debug::waiting();
        let sites = waiting.waiters().iter().map(stm::debug::Waiter::site);
        sites.filter(|site| site.file() == counted.file() && lines.contains(&site.line())).count() as u32
    }
}

/// Runs `wait`, which counts the runs of its body, on another thread, and `wake` here when it waits.
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
