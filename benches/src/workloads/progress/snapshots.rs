//! A reader that sums up 4096 accounts beside a writer that moves money between them at full speed.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Team;
use crate::workloads::Contender;
use crate::workloads::keys::{CHOICES, XorShift};
use crate::workloads::variable::Variable;

pub const ACCOUNTS: usize = 4 * CHOICES;
const OPENING: u64 = 1_000_000;

/// A system that keeps [`ACCOUNTS`] accounts. Balances wrap.
pub trait Ledger: Sync {
    /// Whether a sum takes one run, and it is an error if it takes more.
    const SUMS_IN_ONE_RUN: bool;

    fn open() -> Self;
    fn transfer(&self, from: usize, to: usize);
    /// Returns the sum of all balances at one moment, and how often it had to start to get it.
    fn sum(&self) -> (u64, u64);
}

/// Accounts in transactional variables.
pub struct Transactional<V>(Vec<V>);

impl<V: Variable> Ledger for Transactional<V> {
    const SUMS_IN_ONE_RUN: bool = true;

    fn open() -> Self {
        Self((0..ACCOUNTS).map(|_| V::new(OPENING)).collect())
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        stm::atomically(|tx| {
            self.0[from].modify(tx, |balance| balance.wrapping_sub(1))?;
            self.0[to].modify(tx, |balance| balance.wrapping_add(1))
        });
    }

    fn sum(&self) -> (u64, u64) {
        let mut runs = 0;
        let sum = stm::snapshot(|tx| {
            runs += 1;
            let mut sum = 0_u64;
            for account in &self.0 {
                sum = sum.wrapping_add(account.read(tx)?);
            }
            Ok(sum)
        });
        (sum, runs)
    }
}

/// Accounts in fast-stm's variables.
pub struct FastStm(Vec<fast_stm::TVar<u64>>);

impl Ledger for FastStm {
    const SUMS_IN_ONE_RUN: bool = false;

    fn open() -> Self {
        Self((0..ACCOUNTS).map(|_| fast_stm::TVar::new(OPENING)).collect())
    }

    fn transfer(&self, from: usize, to: usize) {
        fast_stm::atomically(|tx| {
            self.0[from].modify(tx, |balance| balance.wrapping_sub(1))?;
            self.0[to].modify(tx, |balance| balance.wrapping_add(1))
        });
    }

    fn sum(&self) -> (u64, u64) {
        let runs = Cell::new(0);
        let sum = fast_stm::atomically(|tx| {
            runs.set(runs.get() + 1);
            let mut sum = 0_u64;
            for account in &self.0 {
                sum = sum.wrapping_add(account.read(tx)?);
            }
            Ok(sum)
        });
        (sum, runs.get())
    }
}

/// One mutex around all accounts.
pub struct CoarseMutex(Mutex<Vec<u64>>);

impl Ledger for CoarseMutex {
    const SUMS_IN_ONE_RUN: bool = true;

    fn open() -> Self {
        Self(Mutex::new(vec![OPENING; ACCOUNTS]))
    }

    fn transfer(&self, from: usize, to: usize) {
        let mut balances = self.0.lock();
        balances[from] = balances[from].wrapping_sub(1);
        balances[to] = balances[to].wrapping_add(1);
    }

    fn sum(&self) -> (u64, u64) {
        (self.0.lock().iter().copied().fold(0, u64::wrapping_add), 1)
    }
}

/// Chooses two different accounts.
fn pair(keys: &mut XorShift) -> (usize, usize) {
    let (from, to) = keys.pair();
    (4 * from + to % 4, 4 * to + from % 4)
}

/// Sums by worker 0; every other worker makes transfers beside it for as long as it sums.
pub struct Sums<S> {
    ledger: S,
    done: AtomicBool,
    sums: AtomicU64,
    runs: AtomicU64,
    most_runs: AtomicU64,
}

impl<S: Ledger> Sums<S> {
    pub fn new() -> Self {
        let (sums, runs, most_runs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { ledger: S::open(), done: AtomicBool::new(false), sums, runs, most_runs }
    }

    fn assert_conserved(&self) -> u64 {
        let (sum, runs) = black_box(&self.ledger).sum();
        assert_eq!(sum, OPENING * ACCOUNTS as u64, "a sum of different moments");
        runs
    }
}

impl<S: Ledger> Team for Sums<S> {
    fn begin(&self, _workers: usize) {
        // Relaxed, here and below: a flag and counts that publish nothing else. The workers are told of the window after this.
        self.done.store(false, Ordering::Relaxed);
    }

    fn run(&self, worker: usize, operations: u64) -> u64 {
        if worker == 0 {
            for _ in 0..operations {
                let runs = self.assert_conserved();
                self.runs.fetch_add(runs, Ordering::Relaxed);
                self.most_runs.fetch_max(runs, Ordering::Relaxed);
            }
            self.sums.fetch_add(operations, Ordering::Relaxed);
            self.done.store(true, Ordering::Relaxed);
            return operations;
        }
        let mut keys = XorShift::new(worker);
        let mut transfers = 0;
        while !self.done.load(Ordering::Relaxed) {
            let (from, to) = pair(&mut keys);
            black_box(&self.ledger).transfer(from, to);
            transfers += 1;
        }
        transfers
    }

    fn is_beside(&self, worker: usize) -> bool {
        worker > 0
    }

    fn verify(&self, _operations: u64) {
        self.assert_conserved();
        if S::SUMS_IN_ONE_RUN {
            assert_eq!(self.most_runs.load(Ordering::Relaxed), 1, "a body that is to run once ran more often");
        }
    }

    fn forget(&self) {
        for count in [&self.sums, &self.runs, &self.most_runs] {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn note(&self) -> Option<String> {
        let [sums, runs, most] =
            [&self.sums, &self.runs, &self.most_runs].map(|count| count.load(Ordering::Relaxed) as f64);
        Some(format!("{:.2} runs of the body a sum, {most} at most", runs / sums))
    }
}

/// The same transfers without a reader.
pub struct Transfers<S>(S);

impl<S: Ledger> Transfers<S> {
    pub fn new() -> Self {
        Self(S::open())
    }
}

impl<S: Ledger> Contender for Transfers<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            let (from, to) = pair(&mut keys);
            black_box(&self.0).transfer(from, to);
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.0.sum().0, OPENING * ACCOUNTS as u64, "money was made or lost");
    }
}
