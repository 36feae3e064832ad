//! Scans of an ordered map beside changes of it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arc_swap::ArcSwap;
use stm::collections::TOrdMap;

use super::tree::Tree;
use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::ours::run;
use crate::systems::{Lock, LockKind, Stm};
use crate::workloads::Contender;
use crate::workloads::keys::XorShift;
use crate::workloads::progress::Team;

/// How many pairs of keys there are. Of keys 2n and 2n + 1 there is always one.
const PAIRS: u64 = 1024;
/// How many pairs a scan sees.
const SEEN: u64 = 100;
/// How many operations of hundred are flips.
const FLIPS: u64 = 20;

/// An ordered map of pairs of keys.
trait Scanned: Sync {
    /// Creates a map that has the even keys, which come in no order.
    fn new(keys: impl Iterator<Item = u64>) -> Self;
    /// Returns how many keys of the range there are, at one moment.
    fn count(&self, keys: Range<u64>) -> u64;
    /// Takes the key of this pair that is there, and puts the other one there, in one step.
    fn flip(&self, pair: u64);
}

fn flip(map: &mut BTreeMap<u64, u64>, pair: u64) {
    let (even, odd) = (2 * pair, 2 * pair + 1);
    let other = if map.remove(&even).is_some() { odd } else { even };
    map.insert(other, pair);
    if other == even {
        map.remove(&odd);
    }
}

impl<S: Stm> Scanned for Tree<S> {
    fn new(keys: impl Iterator<Item = u64>) -> Self {
        let tree = Self::default();
        keys.for_each(|key| assert!(S::atomically(|tx| tree.insert(tx, key, key / 2))));
        tree
    }

    fn count(&self, keys: Range<u64>) -> u64 {
        S::atomically(|tx| self.count(tx, &keys))
    }

    fn flip(&self, pair: u64) {
        let (even, odd) = (2 * pair, 2 * pair + 1);
        S::atomically(|tx| {
            let other = if self.remove(tx, even)?.is_some() { odd } else { even };
            self.insert(tx, other, pair)?;
            if other == even {
                self.remove(tx, odd)?;
            }
            Ok(())
        });
    }
}

/// The library's map. Scans are run by `snapshot`, or as a part of what might write too. `COUNTED` counts runs.
struct Ordered<const SNAPSHOT: bool, const COUNTED: bool>(TOrdMap<u64, u64>);

impl<const SNAPSHOT: bool, const COUNTED: bool> Scanned for Ordered<SNAPSHOT, COUNTED> {
    fn new(keys: impl Iterator<Item = u64>) -> Self {
        Self(keys.map(|key| (key, key / 2)).collect())
    }

    fn count(&self, keys: Range<u64>) -> u64 {
        let count = |tx: &stm::ReadTransaction<'_, '_>| {
            let mut count = 0;
            let _ = self.0.for_range(tx, keys.clone(), |_, _| {
                count += 1;
                ControlFlow::<()>::Continue(())
            })?;
            Ok(count)
        };
        if SNAPSHOT { stm::snapshot(|tx| count(tx)) } else { run::<COUNTED, _>(|tx| count(tx)) }
    }

    fn flip(&self, pair: u64) {
        let (even, odd) = (2 * pair, 2 * pair + 1);
        run::<COUNTED, _>(|tx| {
            let other = if self.0.remove(tx, &even)?.is_some() { odd } else { even };
            self.0.insert(tx, other, pair)?;
            if other == even {
                self.0.remove(tx, &odd)?;
            }
            Ok(())
        });
    }
}

/// An ordinary map under one lock.
struct Locked<L: LockKind>(L::Of<BTreeMap<u64, u64>>);

impl<L: LockKind> Scanned for Locked<L> {
    fn new(keys: impl Iterator<Item = u64>) -> Self {
        Self(Lock::new(keys.map(|key| (key, key / 2)).collect()))
    }

    fn count(&self, keys: Range<u64>) -> u64 {
        self.0.with(|map| map.range(keys).count() as u64)
    }

    fn flip(&self, pair: u64) {
        self.0.with_mut(|map| flip(map, pair));
    }
}

/// An ordinary map that is copied for each change.
struct Swapped(ArcSwap<BTreeMap<u64, u64>>);

impl Scanned for Swapped {
    fn new(keys: impl Iterator<Item = u64>) -> Self {
        Self(ArcSwap::from_pointee(keys.map(|key| (key, key / 2)).collect()))
    }

    fn count(&self, keys: Range<u64>) -> u64 {
        self.0.load().range(keys).count() as u64
    }

    fn flip(&self, pair: u64) {
        self.0.rcu(|map| {
            let mut map = BTreeMap::clone(map);
            flip(&mut map, pair);
            Arc::new(map)
        });
    }
}

/// Scans of 100 pairs from a random one on; one operation in five flips a pair.
struct Scans<M>(M);

impl<M: Scanned> Scans<M> {
    fn new() -> Self {
        // In no order, so that nobody's tree degenerates.
        Self(M::new((0..PAIRS).map(|number| 2 * (number.wrapping_mul(611_953) % PAIRS))))
    }
}

impl<M: Scanned> Contender for Scans<M> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            let random = keys.next_number();
            let map = black_box(&self.0);
            if (random >> 32) % 100 < FLIPS {
                map.flip(random % PAIRS);
            } else {
                let first = 2 * (random % (PAIRS - SEEN));
                assert_eq!(map.count(first..first + 2 * SEEN), SEEN, "a scan saw keys of different moments");
            }
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.0.count(0..2 * PAIRS), PAIRS, "keys were lost or doubled");
    }
}

fn trees<S: Stm>() -> Box<dyn Team> {
    Box::new(Scans::<Tree<S>>::new())
}

fn locked<L: LockKind>() -> Box<dyn Team> {
    Box::new(Scans::<Locked<L>>::new())
}

fn ordered<const SNAPSHOT: bool, const COUNTED: bool>() -> Box<dyn Team> {
    Box::new(Scans::<Ordered<SNAPSHOT, COUNTED>>::new())
}

fn enter(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, trees);
    field.twins(who::OURS_STRUCTURE, threads, ordered::<false, false>, ordered::<false, true>);
    field.twins(who::OURS_SNAPSHOT, threads, ordered::<true, false>, ordered::<true, true>);
    every_lock!(field, threads, locked);
    field.enter(who::ARC_SWAP, threads, || Box::new(Scans::<Swapped>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![Contest {
        name: "ordered-scan",
        title: "Ordered map, scans of 100 keys",
        what: "One operation in five replaces a random key of 1024 by its neighbour; the others count the keys of a range, \
               which are 100 at any one moment. Each count is checked. The transactions use a binary tree whose links are \
               variables; ours (collection) is `TOrdMap`, and ours (snapshot) the same with scans run by `snapshot`.",
        operation: "operation",
        baseline: who::PL_RWLOCK,
        absent: "crossbeam-skiplist: what its iterators see is of no one moment.",
        losses: "A B-tree's scan passes eleven keys in a few cache lines. Ours (TVar): each key passed is a recorded read or two \
                 of some 22 instructions, on the way down and up a binary tree. Ours (collection): in `TOrdMap` each key is a link \
                 to follow and record, some 50 instructions (`TOrdMap of 1024: scan of 100`). A flip in the range makes both run \
                 again; ours (snapshot) records nothing and runs once.",
        enter,
    }]
}
