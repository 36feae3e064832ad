//! Incrementing counters.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use stm::{TCell, TVar};

use super::Contender;
use super::variable::Variable;

/// A system that can count.
pub trait Counter: Sync {
    fn zero() -> Self;
    fn increment(&self);
    fn count(&self) -> u64;
}

/// Counts with one transaction an increment.
fn increment<V: Variable>(counter: &V) {
    stm::atomically(|tx| counter.modify(tx, |count| count + 1));
}

macro_rules! counter {
    ($variable:ident) => {
        impl Counter for $variable<u64> {
            fn zero() -> Self {
                $variable::new(0)
            }

            #[inline]
            fn increment(&self) {
                increment(self);
            }

            fn count(&self) -> u64 {
                self.load()
            }
        }
    };
}

counter!(TVar);
counter!(TCell);

impl Counter for fast_stm::TVar<u64> {
    fn zero() -> Self {
        fast_stm::TVar::new(0)
    }

    #[inline]
    fn increment(&self) {
        fast_stm::atomically(|tx| self.modify(tx, |count| count + 1));
    }

    fn count(&self) -> u64 {
        self.read_atomic()
    }
}

impl Counter for Mutex<u64> {
    fn zero() -> Self {
        Mutex::new(0)
    }

    #[inline]
    fn increment(&self) {
        *self.lock() += 1;
    }

    fn count(&self) -> u64 {
        *self.lock()
    }
}

impl Counter for AtomicU64 {
    fn zero() -> Self {
        AtomicU64::new(0)
    }

    #[inline]
    fn increment(&self) {
        // Relaxed, here and below: a count publishes nothing else.
        self.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

/// Increments: each worker has a counter of its own.
pub struct Increments<S> {
    counters: Vec<S>,
}

impl<S: Counter> Increments<S> {
    const WORKERS: usize = 2;
    /// The workers' counters are this far apart, so that no system's layout puts two of them on one cache line.
    const STRIDE: usize = 32;

    pub fn new() -> Self {
        Self { counters: (0..Self::WORKERS * Self::STRIDE).map(|_| S::zero()).collect() }
    }

    /// Returns the counter of a worker.
    pub fn counter(&self, worker: usize) -> &S {
        &self.counters[worker * Self::STRIDE]
    }
}

impl<S: Counter> Contender for Increments<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let counter = self.counter(worker);
        for _ in 0..operations {
            black_box(counter).increment();
        }
        operations
    }

    fn verify(&self, operations: u64) {
        let counted: u64 = self.counters.iter().map(S::count).sum();
        assert_eq!(counted, operations, "increments were lost or repeated");
    }
}
