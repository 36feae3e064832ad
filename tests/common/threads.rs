//! Threads that start together, and sizes that follow the machine.

use std::env;
#[cfg(target_os = "linux")]
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

fn setting(name: &str, default: usize) -> usize {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
        Err(_) => default,
    }
}

/// Returns how many threads a concurrent test uses: `STM_TEST_THREADS`, by default 4.
pub fn threads() -> usize {
    setting("STM_TEST_THREADS", 4).max(2)
}

/// Scales a test's size by `STM_TEST_SCALE` per cent, by default 100.
pub fn scaled(size: usize) -> usize {
    (size * setting("STM_TEST_SCALE", 100) / 100).max(1)
}

/// Runs `body(0)` to `body(threads - 1)` at once and returns what each returned, in that order.
pub fn race<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|index| {
                let (body, barrier) = (&body, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    body(index)
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("a racing thread panicked")).collect()
    })
}

/// Runs `body` on another thread and waits for it: inside a transaction's body, what it does
/// happens between two steps of that transaction.
pub fn elsewhere<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(body).join().expect("the other thread panicked"))
}

/// Runs `body` on a thread whose stack holds a few hundred frames of destructors, and no more: recursion would not get far.
pub fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(body).expect("a thread starts");
    thread.join().expect("the thread ends");
}

/// Returns how many threads of the process serve deadlines and timers. Their name can be looked up where there is a `/proc`.
#[cfg(target_os = "linux")]
pub fn timer_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("it can be listed");
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().map(name).filter(|name| name.trim() == "stm-timer").count()
}

/// Returns once one thread alone serves deadlines and timers, of which one is pending: another that has just ended may still be
/// listed.
#[cfg(target_os = "linux")]
pub fn until_one_timer_thread() {
    // Whoever serves this one has got its name.
    stm::timer(Duration::from_millis(1)).wait_until(|ring| *ring);
    while timer_threads() != 1 {
        thread::yield_now();
    }
}

/// Sets a flag when it is dropped: ends the other threads of a test, also when this one fails.
#[derive(Debug)]
pub struct Ends<'d>(pub &'d AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A barrier for many short rounds: it spins, so that the threads leave it within a few
/// nanoseconds of each other.
#[derive(Debug)]
pub struct Rendezvous {
    parties: usize,
    arrived: AtomicUsize,
}

impl Rendezvous {
    /// Creates a meeting point of `parties` threads.
    pub fn new(parties: usize) -> Self {
        Self { parties, arrived: AtomicUsize::new(0) }
    }

    /// Waits until all parties have arrived as often as the caller has.
    pub fn meet(&self) {
        let ticket = self.arrived.fetch_add(1, Ordering::AcqRel);
        let full = (ticket / self.parties + 1) * self.parties;
        let mut spins = 0_u32;
        while self.arrived.load(Ordering::Acquire) < full {
            spins += 1;
            if spins.is_multiple_of(128) {
                thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}
