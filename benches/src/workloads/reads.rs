//! Reading one variable, and reading many in one transaction.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Contender;
use super::variable::Variable;

/// Variable number `i` of a workload holds `BASE + i`, so that no sum comes out right by accident.
const BASE: u64 = 0x5eed;

/// A system that can read one variable.
pub trait ReadOne: Sync {
    fn new(value: u64) -> Self;
    fn read_one(&self) -> u64;
}

/// A system that can read many variables.
pub trait ReadAll: ReadOne + Sized {
    /// Returns the sum, taken in one transaction.
    fn read_all(variables: &[Self]) -> u64;
}

/// A variable read by an ordinary body.
pub struct InTransaction<V>(V);

/// A variable read by a body that cannot write.
pub struct InSnapshot<V>(V);

/// A variable read outside of transactions.
pub struct Loaded<V>(V);

impl<V: Variable> ReadOne for InTransaction<V> {
    fn new(value: u64) -> Self {
        Self(V::new(value))
    }

    #[inline]
    fn read_one(&self) -> u64 {
        stm::atomically(|tx| self.0.read(tx))
    }
}

impl<V: Variable> ReadAll for InTransaction<V> {
    #[inline]
    fn read_all(variables: &[Self]) -> u64 {
        stm::atomically(|tx| {
            let mut sum = 0;
            for variable in variables {
                sum += variable.0.read(tx)?;
            }
            Ok(sum)
        })
    }
}

impl<V: Variable> ReadOne for InSnapshot<V> {
    fn new(value: u64) -> Self {
        Self(V::new(value))
    }

    #[inline]
    fn read_one(&self) -> u64 {
        stm::snapshot(|tx| self.0.read(tx))
    }
}

impl<V: Variable> ReadAll for InSnapshot<V> {
    #[inline]
    fn read_all(variables: &[Self]) -> u64 {
        stm::snapshot(|tx| {
            let mut sum = 0;
            for variable in variables {
                sum += variable.0.read(tx)?;
            }
            Ok(sum)
        })
    }
}

impl<V: Variable> ReadOne for Loaded<V> {
    fn new(value: u64) -> Self {
        Self(V::new(value))
    }

    #[inline]
    fn read_one(&self) -> u64 {
        self.0.load()
    }
}

impl ReadOne for fast_stm::TVar<u64> {
    fn new(value: u64) -> Self {
        fast_stm::TVar::new(value)
    }

    #[inline]
    fn read_one(&self) -> u64 {
        fast_stm::atomically(|tx| self.read(tx))
    }
}

impl ReadAll for fast_stm::TVar<u64> {
    #[inline]
    fn read_all(variables: &[Self]) -> u64 {
        fast_stm::atomically(|tx| {
            let mut sum = 0;
            for variable in variables {
                sum += variable.read(tx)?;
            }
            Ok(sum)
        })
    }
}

impl ReadOne for Mutex<u64> {
    fn new(value: u64) -> Self {
        Mutex::new(value)
    }

    #[inline]
    fn read_one(&self) -> u64 {
        *self.lock()
    }
}

impl ReadOne for AtomicU64 {
    fn new(value: u64) -> Self {
        AtomicU64::new(value)
    }

    #[inline]
    fn read_one(&self) -> u64 {
        // Relaxed, here and below: the cheapest load there is, which is what a read is held against.
        self.load(Ordering::Relaxed)
    }
}

impl ReadAll for AtomicU64 {
    /// Not one moment: the floor under everybody who promises one.
    #[inline]
    fn read_all(variables: &[Self]) -> u64 {
        let mut sum = 0;
        for variable in variables {
            sum += variable.load(Ordering::Relaxed);
        }
        sum
    }
}

/// Transactions that read one variable.
pub struct Single<S> {
    variable: S,
}

impl<S: ReadOne> Single<S> {
    pub fn new() -> Self {
        Self { variable: S::new(BASE) }
    }
}

impl<S: ReadOne> Contender for Single<S> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0;
        for _ in 0..operations {
            sum += black_box(&self.variable).read_one();
        }
        assert_eq!(sum, operations * BASE, "a read returned a wrong value");
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.variable.read_one(), BASE);
    }
}

/// Transactions that read `N` variables.
pub struct Many<S, const N: usize> {
    variables: Vec<S>,
}

impl<S: ReadAll, const N: usize> Many<S, N> {
    const SUM: u64 = N as u64 * BASE + (N as u64 * (N as u64 - 1)) / 2;

    pub fn new() -> Self {
        Self { variables: (0..N as u64).map(|number| S::new(BASE + number)).collect() }
    }
}

impl<S: ReadAll, const N: usize> Contender for Many<S, N> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..operations {
            sum += S::read_all(black_box(&self.variables));
        }
        assert_eq!(sum, operations * Self::SUM, "a sum came out wrong");
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(S::read_all(&self.variables), Self::SUM);
    }
}
