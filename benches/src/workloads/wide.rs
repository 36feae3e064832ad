//! A value too wide to lie inline in its variable: what a boxed read and a boxed write cost by themselves, without the
//! allocations of a `String`.

use std::hint::black_box;

use stm::TVar;

use super::Contender;

type Wide = [u64; 8];

/// Transactions that read a wide value by reference.
pub struct ReadWide {
    variable: TVar<Wide>,
}

impl ReadWide {
    const VALUE: Wide = [3; 8];

    pub fn new() -> Self {
        Self { variable: TVar::new(Self::VALUE) }
    }
}

impl Contender for ReadWide {
    #[inline]
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for _ in 0..operations {
            let variable = black_box(&self.variable);
            sum += stm::atomically(|tx| Ok(variable.read_ref(tx)?[7]));
        }
        assert_eq!(sum, operations * Self::VALUE[7]);
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.variable.load(), Self::VALUE);
    }
}

/// Transactions that overwrite a wide value.
pub struct WriteWide {
    variable: TVar<Wide>,
}

impl WriteWide {
    pub fn new() -> Self {
        Self { variable: TVar::new([0; 8]) }
    }
}

impl Contender for WriteWide {
    #[inline]
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        for number in 0..operations {
            let variable = black_box(&self.variable);
            stm::atomically(|tx| variable.write(tx, [number; 8]));
        }
        operations
    }

    fn verify(&self, operations: u64) {
        let value = self.variable.load();
        assert_eq!(value, [value[0]; 8], "a write was torn");
        assert!(value[0] < operations, "a value was never written");
        assert!(value[0] > 0 || operations < 3, "writes were lost");
    }
}
