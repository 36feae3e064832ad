//! Strings, which live behind a pointer: read, and swapped.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::lock::with_both;
use crate::systems::{Lock, LockKind, PlMutex, StdMutex, Stm};
use crate::workloads::progress::Team;
use crate::workloads::texts::{ReadTen, SwapAny, Texts, last_byte, text};

struct Transactional<S: Stm>(Vec<S::Var<String>>);

impl<S: Stm> Texts for Transactional<S> {
    fn new(count: usize) -> Self {
        Self((0..count).map(|number| S::var(text(number))).collect())
    }

    #[inline]
    fn read_all(&self) -> u64 {
        S::atomically(|tx| {
            let mut sum = 0;
            for variable in &self.0 {
                sum += S::with(tx, variable, |text| last_byte(text))?;
            }
            Ok(sum)
        })
    }

    #[inline]
    fn swap(&self, first: usize, second: usize) {
        S::atomically(|tx| {
            let left = S::read(tx, &self.0[first])?;
            let right = S::read(tx, &self.0[second])?;
            S::write(tx, &self.0[first], right)?;
            S::write(tx, &self.0[second], left)
        });
    }

    fn contents(&self) -> Vec<String> {
        self.0.iter().map(S::load).collect()
    }
}

struct Locked<L: LockKind>(L::Of<Vec<String>>);

impl<L: LockKind> Texts for Locked<L> {
    fn new(count: usize) -> Self {
        Self(Lock::new((0..count).map(text).collect()))
    }

    #[inline]
    fn read_all(&self) -> u64 {
        self.0.with(|texts| texts.iter().map(|text| last_byte(text)).sum())
    }

    #[inline]
    fn swap(&self, first: usize, second: usize) {
        self.0.with_mut(|texts| texts.swap(first, second));
    }

    fn contents(&self) -> Vec<String> {
        self.0.with(Vec::clone)
    }
}

/// A lock a String; whoever needs several takes them in order of their index.
struct Each<L: LockKind>(Vec<L::Of<String>>);

impl<L: LockKind> Each<L> {
    /// Sums up with all locks from here on held: inside of one is the next.
    fn sum_held(texts: &[L::Of<String>]) -> u64 {
        match texts {
            [] => 0,
            [first, rest @ ..] => first.with(|text| last_byte(text) + Self::sum_held(rest)),
        }
    }
}

impl<L: LockKind> Texts for Each<L> {
    fn new(count: usize) -> Self {
        Self((0..count).map(|number| Lock::new(text(number))).collect())
    }

    #[inline]
    fn read_all(&self) -> u64 {
        Self::sum_held(&self.0)
    }

    #[inline]
    fn swap(&self, first: usize, second: usize) {
        with_both(&self.0, first, second, std::mem::swap);
    }

    fn contents(&self) -> Vec<String> {
        self.0.iter().map(|text| text.with(String::clone)).collect()
    }
}

/// All Strings behind one pointer, and copied for each change.
struct Swapped(ArcSwap<Vec<String>>);

impl Texts for Swapped {
    fn new(count: usize) -> Self {
        Self(ArcSwap::new(Arc::new((0..count).map(text).collect())))
    }

    #[inline]
    fn read_all(&self) -> u64 {
        self.0.load().iter().map(|text| last_byte(text)).sum()
    }

    fn swap(&self, first: usize, second: usize) {
        self.0.rcu(|texts| {
            let mut texts = Vec::clone(texts);
            texts.swap(first, second);
            texts
        });
    }

    fn contents(&self) -> Vec<String> {
        Vec::clone(&self.0.load())
    }
}

fn reads<S: Stm>() -> Box<dyn Team> {
    Box::new(ReadTen::<Transactional<S>>::new())
}

fn locked_reads<L: LockKind>() -> Box<dyn Team> {
    Box::new(ReadTen::<Locked<L>>::new())
}

fn swaps<S: Stm>() -> Box<dyn Team> {
    Box::new(SwapAny::<Transactional<S>>::new())
}

fn locked_swaps<L: LockKind>() -> Box<dyn Team> {
    Box::new(SwapAny::<Locked<L>>::new())
}

fn enter_reads(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, reads);
    every_lock!(field, threads, locked_reads);
    field.enter(who::ARC_SWAP, threads, || Box::new(ReadTen::<Swapped>::new()));
}

fn enter_swaps(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, swaps);
    every_lock!(field, threads, locked_swaps);
    field.enter(who::STD_MUTEX_EACH, threads, || Box::new(SwapAny::<Each<StdMutex>>::new()));
    field.enter(who::PL_MUTEX_EACH, threads, || Box::new(SwapAny::<Each<PlMutex>>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![
        Contest {
            name: "string-read",
            title: "Read 10 Strings",
            what: "Every thread reads ten Strings at one moment, in the cheapest way the system has: by reference, or else by \
                   cloning. What is read is checked.",
            operation: "ten Strings",
            baseline: who::PL_MUTEX,
            absent: "A lock per String: ten locks held at once are ten times the one. An actor: its message costs more than \
                     the reading, see `read-10`.",
            losses: "Each String is a recorded read.",
            enter: enter_reads,
        },
        Contest {
            name: "string-swap",
            title: "Swap 2 of 1024 Strings",
            what: "Every thread swaps two random Strings of 1024. That none is lost or doubled is checked.",
            operation: "swap",
            baseline: who::PL_MUTEX,
            absent: "arc-swap would clone 1024 Strings for each swap. An actor: a message there and back, see `transfer-1024`. \
                     Atomics hold no Strings.",
            losses: "A value that others may still be reading can not be moved, so a transaction clones both Strings and boxes \
                     the clones: four allocations, and what they replace is retired. A lock's holder swaps two pointers.",
            enter: enter_swaps,
        },
    ]
}
