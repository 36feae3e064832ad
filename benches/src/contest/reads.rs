//! Reading many numbers at one moment, while nobody writes them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::{Actor, Lock, LockKind, Stm};
use crate::workloads::Contender;
use crate::workloads::progress::Team;

/// Number `i` is `BASE + i`, so that no sum comes out right by accident.
const BASE: u64 = 0x5eed;

/// A system that keeps numbers.
trait Numbers: Sync {
    fn new(numbers: Vec<u64>) -> Self;
    fn sum(&self) -> u64;
}

struct Transactional<S: Stm>(Vec<S::Var<u64>>);

impl<S: Stm> Numbers for Transactional<S> {
    fn new(numbers: Vec<u64>) -> Self {
        Self(numbers.into_iter().map(S::var).collect())
    }

    #[inline]
    fn sum(&self) -> u64 {
        S::atomically(|tx| {
            let mut sum = 0;
            for number in &self.0 {
                sum += S::read(tx, number)?;
            }
            Ok(sum)
        })
    }
}

struct Snapshot<S: Stm>(Vec<S::Var<u64>>);

impl<S: Stm> Numbers for Snapshot<S> {
    fn new(numbers: Vec<u64>) -> Self {
        Self(numbers.into_iter().map(S::var).collect())
    }

    #[inline]
    fn sum(&self) -> u64 {
        S::snapshot(|view| {
            let mut sum = 0;
            for number in &self.0 {
                sum += S::look(view, number)?;
            }
            Ok(sum)
        })
    }
}

struct Locked<L: LockKind>(L::Of<Vec<u64>>);

impl<L: LockKind> Numbers for Locked<L> {
    fn new(numbers: Vec<u64>) -> Self {
        Self(Lock::new(numbers))
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.0.with(|numbers| numbers.iter().map(black_box).sum())
    }
}

struct Loads(Vec<AtomicU64>);

impl Numbers for Loads {
    fn new(numbers: Vec<u64>) -> Self {
        Self(numbers.into_iter().map(AtomicU64::new).collect())
    }

    #[inline]
    fn sum(&self) -> u64 {
        // Relaxed: the cheapest load there is. Other orderings cost the same on x86, and none makes the sum one moment's.
        self.0.iter().map(|number| number.load(Ordering::Relaxed)).sum()
    }
}

struct Swapped(ArcSwap<Vec<u64>>);

impl Numbers for Swapped {
    fn new(numbers: Vec<u64>) -> Self {
        Self(ArcSwap::new(Arc::new(numbers)))
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.0.load().iter().map(black_box).sum()
    }
}

impl Numbers for Actor<Vec<u64>> {
    fn new(numbers: Vec<u64>) -> Self {
        Self::new(numbers)
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.ask(0, 0, |numbers, _, _| numbers.iter().map(black_box).sum())
    }
}

/// Sums of `N` numbers.
struct Sums<S, const N: usize>(S);

impl<S: Numbers, const N: usize> Sums<S, N> {
    const SUM: u64 = N as u64 * BASE + (N as u64 * (N as u64 - 1)) / 2;

    fn new() -> Self {
        Self(S::new((0..N as u64).map(|number| BASE + number).collect()))
    }
}

impl<S: Numbers, const N: usize> Contender for Sums<S, N> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..operations {
            sum += black_box(&self.0).sum();
        }
        assert_eq!(sum, operations * Self::SUM, "a sum came out wrong");
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.0.sum(), Self::SUM);
    }
}

fn transactional<S: Stm, const N: usize>() -> Box<dyn Team> {
    Box::new(Sums::<Transactional<S>, N>::new())
}

fn snapshot<S: Stm, const N: usize>() -> Box<dyn Team> {
    Box::new(Sums::<Snapshot<S>, N>::new())
}

fn locked<L: LockKind, const N: usize>() -> Box<dyn Team> {
    Box::new(Sums::<Locked<L>, N>::new())
}

fn enter<const N: usize>(field: &mut Field<'_>) {
    use crate::systems::{Counted, Ours};
    let threads = &field.threads(1);
    every_stm!(field, threads, transactional, N);
    field.twins(who::OURS_SNAPSHOT, threads, snapshot::<Ours, N>, snapshot::<Counted<Ours>, N>);
    every_lock!(field, threads, locked, N);
    field.enter(who::ATOMICS, threads, || Box::new(Sums::<Loads, N>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Sums::<Swapped, N>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Sums::<Actor<Vec<u64>>, N>::new()));
}

fn contest(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "Every thread sums up the same numbers, which nobody writes, at one moment. Each sum is checked.",
        operation: "sum",
        baseline: who::PL_MUTEX,
        absent: "One lock per number would have to hold all of them at once; plain atomics are there as the floor, \
                 though their sum is of no one moment.",
        losses: "A transaction records each variable it reads and checks it against its moment: some 20 instructions a \
                 variable (`counts`: \"each further read\"), where a lock's holder adds plain numbers. `snapshot` keeps no \
                 record and is nearer.",
        enter,
    }
}

pub fn contests() -> Vec<Contest> {
    vec![
        contest("read-1", "Read 1", enter::<1>),
        contest("read-10", "Read 10", enter::<10>),
        contest("read-100", "Read 100", enter::<100>),
        contest("read-1000", "Read 1000", enter::<1000>),
    ]
}
