//! Writers of the same two numbers in opposite orders, and how long the slowest take.

use super::{Contest, Field, competitor as who, every_stm};
use crate::systems::lock::with_both;
use crate::systems::{Actor, Lock, LockKind, PlMutex, StdMutex, Stm};
use crate::workloads::progress::Team;
use crate::workloads::progress::opposite::{Opposite, Pair};

struct Transactional<S: Stm>([S::Var<u64>; 2]);

impl<S: Stm> Transactional<S> {
    #[inline]
    fn increment(&self, first: usize, second: usize) {
        S::atomically(|tx| {
            S::modify(tx, &self.0[first], |count| count + 1)?;
            S::modify(tx, &self.0[second], |count| count + 1)
        });
    }
}

impl<S: Stm> Pair for Transactional<S> {
    fn zero() -> Self {
        Self([(); 2].map(|()| S::var(0)))
    }

    fn forth(&self) {
        self.increment(0, 1);
    }

    fn back(&self) {
        self.increment(1, 0);
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some([S::load(&self.0[0]), S::load(&self.0[1])])
    }
}

/// Two locks. Everybody takes the first one first: in opposite orders they would deadlock.
struct Each<L: LockKind>([L::Of<u64>; 2]);

impl<L: LockKind> Each<L> {
    #[inline]
    fn increment(&self, first: usize, second: usize) {
        with_both(&self.0, first, second, |first: &mut u64, second: &mut u64| {
            *first += 1;
            *second += 1;
        });
    }
}

impl<L: LockKind> Pair for Each<L> {
    fn zero() -> Self {
        Self([(); 2].map(|()| Lock::new(0)))
    }

    fn forth(&self) {
        self.increment(0, 1);
    }

    fn back(&self) {
        self.increment(1, 0);
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some([self.0[0].with(|count| *count), self.0[1].with(|count| *count)])
    }
}

/// One lock around both.
struct Coarse<L: LockKind>(L::Of<[u64; 2]>);

impl<L: LockKind> Pair for Coarse<L> {
    fn zero() -> Self {
        Self(Lock::new([0; 2]))
    }

    fn forth(&self) {
        self.0.with_mut(|counts| counts.iter_mut().for_each(|count| *count += 1));
    }

    fn back(&self) {
        self.0.with_mut(|counts| counts.iter_mut().rev().for_each(|count| *count += 1));
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some(self.0.with(|counts| *counts))
    }
}

impl Pair for Actor<[u64; 2]> {
    fn zero() -> Self {
        Self::new([0; 2])
    }

    fn forth(&self) {
        self.ask(0, 0, |counts, _, _| {
            counts.iter_mut().for_each(|count| *count += 1);
            0
        });
    }

    fn back(&self) {
        self.forth();
    }

    fn both(&self) -> Option<[u64; 2]> {
        Some([0, 1].map(|side| self.ask(side, 0, |counts, side, _| counts[side as usize])))
    }
}

fn transactional<S: Stm, const N: u64>() -> Box<dyn Team> {
    Box::new(Opposite::<Transactional<S>, N>::new())
}

fn enter<const N: u64>(field: &mut Field<'_>) {
    let threads = &[N as usize];
    every_stm!(field, threads, transactional, N);
    field.enter(who::STD_MUTEX, threads, || Box::new(Opposite::<Coarse<StdMutex>, N>::new()));
    field.enter(who::PL_MUTEX, threads, || Box::new(Opposite::<Coarse<PlMutex>, N>::new()));
    field.enter(who::STD_MUTEX_EACH, threads, || Box::new(Opposite::<Each<StdMutex>, N>::new()));
    field.enter(who::PL_MUTEX_EACH, threads, || Box::new(Opposite::<Each<PlMutex>, N>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Opposite::<Actor<[u64; 2]>, N>::new()));
}

fn contest(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "All threads increment the same two numbers together, every other thread in the opposite order. Each operation is \
               timed; a time during which the operating system runs another thread counts. Both numbers are checked.",
        operation: "increment of both",
        baseline: who::PL_MUTEX_EACH,
        absent: "Locks in opposite orders: they deadlock. Read-write locks: nobody only reads.",
        losses: "Every transaction meets every other. They commit one at a time, as under a lock, and pay for finding it out.",
        enter,
    }
}

pub fn contests() -> Vec<Contest> {
    vec![
        contest("opposite-2", "Opposite orders, 2 threads", enter::<2>),
        contest("opposite-4", "Opposite orders, 4 threads", enter::<4>),
        contest("opposite-8", "Opposite orders, 8 threads", enter::<8>),
        contest("opposite-32", "Opposite orders, 32 threads", enter::<32>),
    ]
}
