//! Money in [`CHOICES`] accounts: transfers between two random ones, and visits that mostly read.

use std::hint::black_box;

use parking_lot::Mutex;

use super::Contender;
use super::keys::{CHOICES, Visit, XorShift};
use super::variable::Variable;

const OPENING: u64 = 1_000_000;

/// A system that keeps accounts. Balances wrap, so that no run is too long for them.
pub trait Accounts: Sync {
    fn open() -> Self;
    fn total(&self) -> u64;
}

/// A system that can move one unit between two accounts.
pub trait Transfer: Accounts {
    fn transfer(&self, from: usize, to: usize);
}

/// A system that can make a read-mostly visit.
pub trait ReadMostly: Accounts {
    /// Returns the sum of the balances it read.
    fn visit(&self, visit: Visit) -> u64;
}

/// Accounts in transactional variables.
pub struct Transactional<V>(Vec<V>);

impl<V: Variable> Accounts for Transactional<V> {
    fn open() -> Self {
        Self((0..CHOICES).map(|_| V::new(OPENING)).collect())
    }

    fn total(&self) -> u64 {
        self.0.iter().map(V::load).fold(0, u64::wrapping_add)
    }
}

impl<V: Variable> Transfer for Transactional<V> {
    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        stm::atomically(|tx| {
            self.0[from].modify(tx, |balance| balance.wrapping_sub(1))?;
            self.0[to].modify(tx, |balance| balance.wrapping_add(1))
        });
    }
}

impl<V: Variable> ReadMostly for Transactional<V> {
    #[inline]
    fn visit(&self, visit: Visit) -> u64 {
        stm::atomically(|tx| {
            let mut sum = 0_u64;
            for step in 0..Visit::READS {
                sum = sum.wrapping_add(self.0[visit.key(step)].read(tx)?);
            }
            if visit.writes {
                self.0[visit.key(0)].modify(tx, |balance| balance.wrapping_sub(1))?;
                self.0[visit.key(1)].modify(tx, |balance| balance.wrapping_add(1))?;
            }
            Ok(sum)
        })
    }
}

/// Accounts in transactional variables, with the macro's spelling of a transfer.
pub struct MacroForm<V>(Transactional<V>);

impl<V: Variable> Accounts for MacroForm<V> {
    fn open() -> Self {
        Self(Transactional::open())
    }

    fn total(&self) -> u64 {
        self.0.total()
    }
}

impl<V: Variable> Transfer for MacroForm<V> {
    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        let accounts = &self.0.0;
        stm::atomically!(|tx| {
            accounts[from].modify(tx, |balance| balance.wrapping_sub(1));
            accounts[to].modify(tx, |balance| balance.wrapping_add(1))
        });
    }
}

/// Accounts in fast-stm's variables.
pub struct FastStm(Vec<fast_stm::TVar<u64>>);

impl Accounts for FastStm {
    fn open() -> Self {
        Self((0..CHOICES).map(|_| fast_stm::TVar::new(OPENING)).collect())
    }

    fn total(&self) -> u64 {
        let balances = self.0.iter().map(fast_stm::TVar::read_atomic);
        balances.fold(0, u64::wrapping_add)
    }
}

impl Transfer for FastStm {
    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        fast_stm::atomically(|tx| {
            self.0[from].modify(tx, |balance| balance.wrapping_sub(1))?;
            self.0[to].modify(tx, |balance| balance.wrapping_add(1))
        });
    }
}

impl ReadMostly for FastStm {
    #[inline]
    fn visit(&self, visit: Visit) -> u64 {
        fast_stm::atomically(|tx| {
            let mut sum = 0_u64;
            for step in 0..Visit::READS {
                sum = sum.wrapping_add(self.0[visit.key(step)].read(tx)?);
            }
            if visit.writes {
                self.0[visit.key(0)].modify(tx, |balance| balance.wrapping_sub(1))?;
                self.0[visit.key(1)].modify(tx, |balance| balance.wrapping_add(1))?;
            }
            Ok(sum)
        })
    }
}

/// A mutex an account; whoever needs two locks the lower one first.
pub struct OrderedMutexes(Vec<Mutex<u64>>);

impl Accounts for OrderedMutexes {
    fn open() -> Self {
        Self((0..CHOICES).map(|_| Mutex::new(OPENING)).collect())
    }

    fn total(&self) -> u64 {
        let balances = self.0.iter().map(|account| *account.lock());
        balances.fold(0, u64::wrapping_add)
    }
}

impl Transfer for OrderedMutexes {
    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        let mut lower = self.0[from.min(to)].lock();
        let mut upper = self.0[from.max(to)].lock();
        let (source, target) = if from < to { (&mut *lower, &mut *upper) } else { (&mut *upper, &mut *lower) };
        *source = source.wrapping_sub(1);
        *target = target.wrapping_add(1);
    }
}

/// One mutex around all accounts.
pub struct CoarseMutex(Mutex<Vec<u64>>);

impl Accounts for CoarseMutex {
    fn open() -> Self {
        Self(Mutex::new(vec![OPENING; CHOICES]))
    }

    fn total(&self) -> u64 {
        self.0.lock().iter().copied().fold(0, u64::wrapping_add)
    }
}

impl ReadMostly for CoarseMutex {
    #[inline]
    fn visit(&self, visit: Visit) -> u64 {
        let mut balances = self.0.lock();
        let mut sum = 0_u64;
        for step in 0..Visit::READS {
            sum = sum.wrapping_add(balances[visit.key(step)]);
        }
        if visit.writes {
            let (from, to) = (visit.key(0), visit.key(1));
            balances[from] = balances[from].wrapping_sub(1);
            balances[to] = balances[to].wrapping_add(1);
        }
        sum
    }
}

fn assert_conserved(accounts: &impl Accounts) {
    let opened = OPENING * CHOICES as u64;
    assert_eq!(accounts.total(), opened, "money was made or lost");
}

/// Transfers of one unit between two random accounts.
pub struct Transfers<S> {
    accounts: S,
}

impl<S: Transfer> Transfers<S> {
    pub fn new() -> Self {
        Self { accounts: S::open() }
    }
}

impl<S: Transfer> Contender for Transfers<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            let (from, to) = keys.pair();
            black_box(&self.accounts).transfer(from, to);
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_conserved(&self.accounts);
    }
}

/// Visits that read 16 accounts; one in ten then moves a unit between two of them.
pub struct Visits<S> {
    accounts: S,
}

impl<S: ReadMostly> Visits<S> {
    pub fn new() -> Self {
        Self { accounts: S::open() }
    }
}

impl<S: ReadMostly> Contender for Visits<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            black_box(black_box(&self.accounts).visit(keys.visit()));
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_conserved(&self.accounts);
    }
}
