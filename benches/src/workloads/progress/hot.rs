//! One counter that all workers increment.

use std::hint::black_box;

use crate::workloads::Contender;
use crate::workloads::counters::Counter;

/// Increments of one counter by everybody.
pub struct Hot<S>(S);

impl<S: Counter> Hot<S> {
    pub fn new() -> Self {
        Self(S::zero())
    }
}

impl<S: Counter> Contender for Hot<S> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        for _ in 0..operations {
            black_box(&self.0).increment();
        }
        operations
    }

    fn verify(&self, operations: u64) {
        assert_eq!(self.0.count(), operations, "increments were lost or repeated");
    }
}
