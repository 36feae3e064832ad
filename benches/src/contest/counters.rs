//! Counting: all threads in one counter, or each in its own.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::collections::Counting;
use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::{Actor, Lock, LockKind, Stm};
use crate::workloads::Contender;
use crate::workloads::counters::Counter;
use crate::workloads::progress::hot::Hot;
use crate::workloads::progress::{Padded, Team};

struct Transactional<S: Stm>(S::Var<u64>);

impl<S: Stm> Counter for Transactional<S> {
    fn zero() -> Self {
        Self(S::var(0))
    }

    #[inline]
    fn increment(&self) {
        S::atomically(|tx| S::modify(tx, &self.0, |count| count + 1));
    }

    fn count(&self) -> u64 {
        S::load(&self.0)
    }
}

struct Locked<L: LockKind>(L::Of<u64>);

impl<L: LockKind> Counter for Locked<L> {
    fn zero() -> Self {
        Self(Lock::new(0))
    }

    #[inline]
    fn increment(&self) {
        self.0.with_mut(|count| *count += 1);
    }

    fn count(&self) -> u64 {
        self.0.with(|count| *count)
    }
}

/// What one writes when `fetch_add` does not do: load, compute, compare and exchange.
struct CasLoop(AtomicU64);

impl Counter for CasLoop {
    fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    fn increment(&self) {
        // Relaxed: a count publishes nothing else.
        let mut count = self.0.load(Ordering::Relaxed);
        while let Err(now) = self.0.compare_exchange_weak(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
            count = now;
        }
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Swapped(ArcSwap<u64>);

impl Counter for Swapped {
    fn zero() -> Self {
        Self(ArcSwap::new(Arc::new(0)))
    }

    #[inline]
    fn increment(&self) {
        self.0.rcu(|count| **count + 1);
    }

    fn count(&self) -> u64 {
        **self.0.load()
    }
}

impl Counter for Actor<u64> {
    fn zero() -> Self {
        Self::new(0)
    }

    #[inline]
    fn increment(&self) {
        self.ask(0, 0, |count, _, _| {
            *count += 1;
            *count
        });
    }

    fn count(&self) -> u64 {
        self.ask(0, 0, |count, _, _| *count)
    }
}

/// Increments: each worker has a counter of its own.
struct Own<S>(Vec<Padded<S>>);

impl<S: Counter> Own<S> {
    const WORKERS: usize = 32;
    /// Variables that are handles come from the allocator one after the other: so far apart, no two workers' share a line.
    const STRIDE: usize = 8;

    fn new() -> Self {
        Self((0..Self::WORKERS * Self::STRIDE).map(|_| Padded(S::zero())).collect())
    }
}

impl<S: Counter + Send> Contender for Own<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let counter = &self.0[worker % Self::WORKERS * Self::STRIDE].0;
        for _ in 0..operations {
            black_box(counter).increment();
        }
        operations
    }

    fn verify(&self, operations: u64) {
        let counted: u64 = self.0.iter().map(|counter| counter.0.count()).sum();
        assert_eq!(counted, operations, "increments were lost or repeated");
    }
}

fn transactional_hot<S: Stm>() -> Box<dyn Team> {
    Box::new(Hot::<Transactional<S>>::new())
}

fn locked_hot<L: LockKind>() -> Box<dyn Team> {
    Box::new(Hot::<Locked<L>>::new())
}

fn transactional_own<S: Stm>() -> Box<dyn Team> {
    Box::new(Own::<Transactional<S>>::new())
}

fn locked_own<L: LockKind>() -> Box<dyn Team> {
    Box::new(Own::<Locked<L>>::new())
}

fn enter_shared(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, transactional_hot);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Hot::<Counting<false>>::new()),
        || Box::new(Hot::<Counting<true>>::new()),
    );
    every_lock!(field, threads, locked_hot);
    field.enter(who::FETCH_ADD, threads, || Box::new(Hot::<AtomicU64>::new()));
    field.enter(who::CAS, threads, || Box::new(Hot::<CasLoop>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Hot::<Swapped>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Hot::<Actor<u64>>::new()));
}

fn enter_own(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, transactional_own);
    every_lock!(field, threads, locked_own);
    field.enter(who::FETCH_ADD, threads, || Box::new(Own::<AtomicU64>::new()));
    field.enter(who::CAS, threads, || Box::new(Own::<CasLoop>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Own::<Swapped>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![
        Contest {
            name: "counter-shared",
            title: "One counter for all",
            what: "Every thread increments the same counter. The count is checked. Ours (collection) is `TCounter`.",
            operation: "increment",
            baseline: who::PL_MUTEX,
            absent: "",
            losses: "Nothing is to be composed here, so everything a transaction does beyond the addition is lost. Ours (TVar): \
                     entry, exit, one lock word and one version, some 180 instructions (`increment, TVar`) where a mutex takes \
                     11; with several threads it is aborted by the others besides. Ours (collection): `TCounter` does not \
                     conflict with itself, and takes some 220. This is the work of an atomic.",
            enter: enter_shared,
        },
        Contest {
            name: "counter-own",
            title: "A counter for each thread",
            what: "Every thread increments a counter of its own, on cache lines of its own. The sum is checked.",
            operation: "increment",
            baseline: who::PL_MUTEX,
            absent: "An actor for each thread would be as many threads again.",
            losses: "As with one counter: a lock and an unlock are two instructions that lock the bus, and a transaction adds \
                     its bookkeeping to as many. It scales as the lock does: nothing is shared.",
            enter: enter_own,
        },
    ]
}
