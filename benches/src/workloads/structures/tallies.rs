//! The library's counter as a contender where everybody adds to one.

use stm::collections::TCounter;

use crate::workloads::counters::Counter;

/// Counts by adding in a transaction, as a part of which it would be followed by others.
impl Counter for TCounter {
    fn zero() -> Self {
        TCounter::new(0)
    }

    #[inline]
    fn increment(&self) {
        stm::atomically(|tx| self.add(tx, 1));
    }

    fn count(&self) -> u64 {
        self.load()
    }
}

/// A counter that is added to outside of transactions.
pub struct Bumped(TCounter);

impl Counter for Bumped {
    fn zero() -> Self {
        Self(TCounter::new(0))
    }

    #[inline]
    fn increment(&self) {
        self.0.bump(1);
    }

    fn count(&self) -> u64 {
        self.0.load()
    }
}
