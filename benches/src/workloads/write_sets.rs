//! Write sets of every size over the same variables.
//!
//! A small set cycles through as many variables as a big one writes at once. So memory is equally cold for both, and what
//! differs is the size of the log alone.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Contender;
use super::variable::Variable;

/// Transactions that overwrite `SIZE` variables each; an operation is one write.
pub struct WriteSets<V, const SIZE: usize> {
    variables: Vec<V>,
    /// The value that the last pass wrote everywhere.
    stamp: AtomicU64,
}

impl<V: Variable, const SIZE: usize> WriteSets<V, SIZE> {
    const VARIABLES: usize = 100_000;

    pub fn new() -> Self {
        Self { variables: (0..Self::VARIABLES).map(|_| V::new(0)).collect(), stamp: AtomicU64::new(0) }
    }
}

impl<V: Variable, const SIZE: usize> Contender for WriteSets<V, SIZE> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let passes = operations.div_ceil(Self::VARIABLES as u64);
        for _ in 0..passes {
            // Relaxed: a single worker runs this.
            let stamp = self.stamp.fetch_add(1, Ordering::Relaxed) + 1;
            for set in black_box(&self.variables).chunks_exact(SIZE) {
                stm::atomically(|tx| {
                    for variable in set {
                        variable.write(tx, stamp)?;
                    }
                    Ok(())
                });
            }
        }
        passes * Self::VARIABLES as u64
    }

    fn verify(&self, operations: u64) {
        let stamp = operations / Self::VARIABLES as u64;
        let mut values = self.variables.iter().map(V::load);
        assert!(values.all(|value| value == stamp), "a write was lost");
    }
}
