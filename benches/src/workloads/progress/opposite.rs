//! Writers of the same two variables in opposite orders, and how long each of their transactions takes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::histogram::{Histogram, Tail};
use super::{Padded, Team};
use crate::workloads::variable::Variable;

/// Two numbers that are incremented together.
pub trait Pair: Sync {
    fn zero() -> Self;
    /// Increments the first, then the second, in one step.
    fn forth(&self);
    /// Increments the second, then the first, in one step.
    fn back(&self);
    /// Both numbers, or none if the system does not count.
    fn both(&self) -> Option<[u64; 2]>;
}

/// A pair of transactional variables.
pub struct Transactional<V>([Padded<V>; 2]);

impl<V: Variable> Transactional<V> {
    #[inline]
    fn increment(&self, first: usize, second: usize) {
        stm::atomically(|tx| {
            self.0[first].0.modify(tx, |count| count + 1)?;
            self.0[second].0.modify(tx, |count| count + 1)
        });
    }
}

impl<V: Variable> Pair for Transactional<V> {
    fn zero() -> Self {
        Self([Padded(V::new(0)), Padded(V::new(0))])
    }

    #[inline]
    fn forth(&self) {
        self.increment(0, 1);
    }

    #[inline]
    fn back(&self) {
        self.increment(1, 0);
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some([self.0[0].0.load(), self.0[1].0.load()])
    }
}

/// Two mutexes. Everybody locks the first one first: in opposite orders they would deadlock.
pub struct OrderedMutexes([Padded<Mutex<u64>>; 2]);

impl Pair for OrderedMutexes {
    fn zero() -> Self {
        Self([Padded(Mutex::new(0)), Padded(Mutex::new(0))])
    }

    #[inline]
    fn forth(&self) {
        let (mut first, mut second) = (self.0[0].0.lock(), self.0[1].0.lock());
        *first += 1;
        *second += 1;
    }

    #[inline]
    fn back(&self) {
        let (mut first, mut second) = (self.0[0].0.lock(), self.0[1].0.lock());
        *second += 1;
        *first += 1;
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some([*self.0[0].0.lock(), *self.0[1].0.lock()])
    }
}

/// No pair at all: shows what the clock costs, and how often the operating system takes a core away.
pub struct Nothing;

impl Pair for Nothing {
    fn zero() -> Self {
        Self
    }

    fn forth(&self) {}

    fn back(&self) {}

    fn both(&self) -> Option<[u64; 2]> {
        None
    }
}

/// Transactions on one pair by `N` workers, every other one in the other order. Each transaction is timed from before
/// it begins until it has returned; a time during which the operating system runs another thread counts as well.
pub struct Opposite<S, const N: u64> {
    pair: S,
    /// Workers that have done their share, in all windows together.
    finished: AtomicU64,
    times: Mutex<Histogram>,
}

impl<S: Pair, const N: u64> Opposite<S, N> {
    pub fn new() -> Self {
        Self { pair: S::zero(), finished: AtomicU64::new(0), times: Mutex::new(Histogram::new()) }
    }
}

impl<S: Pair, const N: u64> Team for Opposite<S, N> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut times = Histogram::new();
        // Relaxed, here and below: a count of workers, which publishes nothing. As long as this one has not finished, it
        // tells the window.
        let all = (self.finished.load(Ordering::Relaxed) / N + 1) * N;
        let mut done = 0;
        // Whoever has done its share goes on until all have: every transaction meets the same number of others.
        while done < operations || self.finished.load(Ordering::Relaxed) < all {
            let pair = black_box(&self.pair);
            let start = Instant::now();
            if worker.is_multiple_of(2) {
                pair.forth()
            } else {
                pair.back()
            }
            times.add(start.elapsed());
            done += 1;
            if done == operations {
                self.finished.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.times.lock().add_all(&times);
        done
    }

    fn verify(&self, operations: u64) {
        if let Some(both) = self.pair.both() {
            assert_eq!(both, [operations; 2], "increments were lost or repeated");
        }
    }

    fn forget(&self) {
        *self.times.lock() = Histogram::new();
    }

    fn tail(&self) -> Option<Tail> {
        Some(self.times.lock().tail())
    }
}
