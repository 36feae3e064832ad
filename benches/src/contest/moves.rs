//! Moves of an entry from one map to another: two operations that are to be one.

use std::collections::HashMap;
use std::hint::black_box;

use super::collections::TwoMaps;
use super::hash::HashTable;
use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::lock::with_both;
use crate::systems::{Actor, Lock, LockKind, PlMutex, StdMutex, Stm};
use crate::workloads::Contender;
use crate::workloads::keys::XorShift;
use crate::workloads::progress::Team;

/// How many entries there are.
const KEYS: u64 = 1024;

pub type Plain = HashMap<u64, u64>;

/// Two maps.
pub trait Maps: Sync {
    /// The first map gets these entries.
    fn new(entries: Plain) -> Self;
    /// Moves an entry, if it is in map `from`, to the other, and returns whether it did.
    fn shift(&self, key: u64, from: usize) -> bool;
    /// Returns how many of the keys are in both maps together.
    fn count(&self, key: u64) -> usize;
}

fn shift(from: &mut Plain, to: &mut Plain, key: u64) -> bool {
    let Some(value) = from.remove(&key) else { return false };
    to.insert(key, value);
    true
}

struct Transactional<S: Stm>([HashTable<S>; 2]);

impl<S: Stm> Maps for Transactional<S> {
    fn new(entries: Plain) -> Self {
        let maps = [KEYS as usize; 2].map(HashTable::with_buckets);
        for (key, value) in entries {
            S::atomically(|tx| maps[0].insert(tx, key, value));
        }
        Self(maps)
    }

    #[inline]
    fn shift(&self, key: u64, from: usize) -> bool {
        S::atomically(|tx| {
            let Some(value) = self.0[from].remove(tx, key)? else { return Ok(false) };
            self.0[1 - from].insert(tx, key, value)
        })
    }

    fn count(&self, key: u64) -> usize {
        S::atomically(|tx| {
            let [first, second] = [self.0[0].get(tx, key)?, self.0[1].get(tx, key)?];
            Ok(first.iter().chain(&second).count())
        })
    }
}

/// A lock a map: whoever moves holds both, the first one first.
struct Each<L: LockKind>([L::Of<Plain>; 2]);

impl<L: LockKind> Maps for Each<L> {
    fn new(entries: Plain) -> Self {
        Self([Lock::new(entries), Lock::new(Plain::new())])
    }

    #[inline]
    fn shift(&self, key: u64, from: usize) -> bool {
        with_both(&self.0, from, 1 - from, |from: &mut Plain, to: &mut Plain| shift(from, to, key))
    }

    fn count(&self, key: u64) -> usize {
        self.0.iter().filter(|map| map.with(|map| map.contains_key(&key))).count()
    }
}

/// One lock around both.
struct Coarse<L: LockKind>(L::Of<[Plain; 2]>);

fn shift_between(maps: &mut [Plain; 2], key: u64, from: usize) -> bool {
    let [first, second] = maps;
    if from == 0 { shift(first, second, key) } else { shift(second, first, key) }
}

fn count_in(maps: &[Plain; 2], key: u64) -> usize {
    maps.iter().filter(|map| map.contains_key(&key)).count()
}

impl<L: LockKind> Maps for Coarse<L> {
    fn new(entries: Plain) -> Self {
        Self(Lock::new([entries, Plain::new()]))
    }

    #[inline]
    fn shift(&self, key: u64, from: usize) -> bool {
        self.0.with_mut(|maps| shift_between(maps, key, from))
    }

    fn count(&self, key: u64) -> usize {
        self.0.with(|maps| count_in(maps, key))
    }
}

impl Maps for Actor<[Plain; 2]> {
    fn new(entries: Plain) -> Self {
        Self::new([entries, Plain::new()])
    }

    fn shift(&self, key: u64, from: usize) -> bool {
        self.ask(key, from as u64, |maps, key, from| u64::from(shift_between(maps, key, from as usize))) == 1
    }

    fn count(&self, key: u64) -> usize {
        self.ask(key, 0, |maps, key, _| count_in(maps, key) as u64) as usize
    }
}

/// Moves of random entries, and looks that must find each in one of the maps.
struct Moves<S>(S);

impl<S: Maps> Moves<S> {
    fn new() -> Self {
        Self(S::new((0..KEYS).map(|key| (key, key + 1)).collect()))
    }
}

impl<S: Maps> Contender for Moves<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        let mut moved = 0_u64;
        for _ in 0..operations {
            let random = keys.next_number();
            moved += u64::from(black_box(&self.0).shift(random % KEYS, (random >> 63) as usize));
        }
        black_box(moved);
        operations
    }

    fn verify(&self, _operations: u64) {
        assert!((0..KEYS).all(|key| self.0.count(key) == 1), "an entry is in both maps, or in none");
    }
}

fn transactional<S: Stm>() -> Box<dyn Team> {
    Box::new(Moves::<Transactional<S>>::new())
}

fn coarse<L: LockKind>() -> Box<dyn Team> {
    Box::new(Moves::<Coarse<L>>::new())
}

fn enter(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, transactional);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Moves::<TwoMaps<false>>::new()),
        || Box::new(Moves::<TwoMaps<true>>::new()),
    );
    every_lock!(field, threads, coarse);
    field.enter(who::STD_MUTEX_EACH, threads, || Box::new(Moves::<Each<StdMutex>>::new()));
    field.enter(who::PL_MUTEX_EACH, threads, || Box::new(Moves::<Each<PlMutex>>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Moves::<Actor<[Plain; 2]>>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![Contest {
        name: "composed-move",
        title: "Move between two maps",
        what: "Each operation takes an entry out of one hash map of 1024 entries and puts it into another, in one step, if it \
               is there. That each entry is in exactly one map is checked. Ours (collection) are two `TMap`s, ours (TVar) \
               two tables of buckets.",
        operation: "move",
        baseline: who::PL_MUTEX_EACH,
        absent: "dashmap, papaya, atomics, arc-swap: two operations on two of their maps can not be made one, so an entry \
                 would be in both or in none for a moment.",
        losses: "A lock's holder changes both maps in place, but all moves take turns, whatever their keys. Ours (TVar) replaces \
                 two buckets, which allocates two lists and retires two: some 630 instructions each (`boxed write`). Ours \
                 (collection): a `TMap` is a trie, in which a removal and an insertion follow and record a few links each, and \
                 link an entry out of one chain and into another: some 2900 instructions together, with 1.2 allocations (`TMap \
                 of 1024: insert anew, remove`).",
        enter,
    }]
}
