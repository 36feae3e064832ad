//! What entering and leaving a transaction costs.

use std::hint::black_box;

use super::Contender;

/// Transactions that do nothing.
pub struct Empty;

impl Contender for Empty {
    #[inline]
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for number in 0..operations {
            sum += stm::atomically(|_tx| Ok(black_box(number)));
        }
        assert_eq!(sum, (0..operations).sum::<u64>());
        operations
    }

    fn verify(&self, _operations: u64) {}
}

/// fast-stm's transactions that do nothing.
pub struct FastEmpty;

impl Contender for FastEmpty {
    #[inline]
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for number in 0..operations {
            sum += fast_stm::atomically(|_tx| Ok(black_box(number)));
        }
        assert_eq!(sum, (0..operations).sum::<u64>());
        operations
    }

    fn verify(&self, _operations: u64) {}
}

/// The measuring loop alone, to be taken off in the head from everything else.
pub struct Loop;

impl Contender for Loop {
    #[inline]
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for number in 0..operations {
            sum += black_box(number);
        }
        assert_eq!(sum, (0..operations).sum::<u64>());
        operations
    }

    fn verify(&self, _operations: u64) {}
}
