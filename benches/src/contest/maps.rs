//! Hash maps and ordered maps of numbers.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use crossbeam_skiplist::SkipMap;
use dashmap::DashMap;

use super::collections::{Hashed, Ordered};
use super::hash::HashTable;
use super::tree::Tree;
use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::{Lock, LockKind, Stm};
use crate::workloads::Contender;
use crate::workloads::keys::XorShift;
use crate::workloads::progress::Team;

/// How many different keys there are; half of them are in the map.
pub const KEYS: u64 = 2048;

/// A map of numbers.
pub trait Map: Sync {
    /// Whether what insertions and removals return adds up to the number of entries.
    const ADDS_UP: bool = true;

    fn new() -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    /// Returns true if the key is new.
    fn insert(&self, key: u64, value: u64) -> bool;
    /// Returns true if the key was there.
    fn remove(&self, key: u64) -> bool;
}

/// What the standard library's maps have in common.
trait Plain: Default + Clone + Send + Sync + 'static {
    fn get(&self, key: u64) -> Option<u64>;
    fn insert(&mut self, key: u64, value: u64) -> bool;
    fn remove(&mut self, key: u64) -> bool;
}

macro_rules! plain {
    ($map:ident) => {
        impl Plain for $map<u64, u64> {
            fn get(&self, key: u64) -> Option<u64> {
                self.get(&key).copied()
            }

            fn insert(&mut self, key: u64, value: u64) -> bool {
                self.insert(key, value).is_none()
            }

            fn remove(&mut self, key: u64) -> bool {
                self.remove(&key).is_some()
            }
        }
    };
}

plain!(HashMap);
plain!(BTreeMap);

/// A map of the standard library under one lock.
struct Locked<L: LockKind, M: Plain>(L::Of<M>);

impl<L: LockKind, M: Plain> Map for Locked<L, M> {
    fn new() -> Self {
        Self(Lock::new(M::default()))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.with(|map| map.get(key))
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.0.with_mut(|map| map.insert(key, value))
    }

    fn remove(&self, key: u64) -> bool {
        self.0.with_mut(|map| map.remove(key))
    }
}

/// A map of the standard library that is copied for each change.
struct Swapped<M: Plain>(ArcSwap<M>);

impl<M: Plain> Swapped<M> {
    fn change(&self, change: impl Fn(&mut M) -> bool) -> bool {
        let mut changed = false;
        self.0.rcu(|map| {
            let mut map = M::clone(map);
            changed = change(&mut map);
            map
        });
        changed
    }
}

impl<M: Plain> Map for Swapped<M> {
    fn new() -> Self {
        Self(ArcSwap::new(Arc::new(M::default())))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.load().get(key)
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.change(|map| map.insert(key, value))
    }

    fn remove(&self, key: u64) -> bool {
        self.change(|map| map.remove(key))
    }
}

impl Map for DashMap<u64, u64> {
    fn new() -> Self {
        Self::new()
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|entry| *entry)
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.insert(key, value).is_none()
    }

    fn remove(&self, key: u64) -> bool {
        self.remove(&key).is_some()
    }
}

impl Map for papaya::HashMap<u64, u64> {
    fn new() -> Self {
        Self::new()
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.pin().insert(key, value).is_none()
    }

    fn remove(&self, key: u64) -> bool {
        self.pin().remove(&key).is_some()
    }
}

/// Its `insert` does not say whether the key is new, and where threads race what its operations return does not add up to what
/// is in it (0.1.3: stamped values show one insertion in some hundred thousand that is lost in the count).
struct Skips(SkipMap<u64, u64>);

impl Map for Skips {
    const ADDS_UP: bool = false;

    fn new() -> Self {
        Self(SkipMap::new())
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key).map(|entry| *entry.value())
    }

    fn insert(&self, key: u64, value: u64) -> bool {
        self.0.insert(key, value);
        true
    }

    fn remove(&self, key: u64) -> bool {
        self.0.remove(&key).is_some()
    }
}

/// One operation of a map of variables is a transaction.
macro_rules! transactional {
    ($map:ident, $new:expr) => {
        impl<S: Stm> Map for $map<S> {
            fn new() -> Self {
                $new
            }

            #[inline]
            fn get(&self, key: u64) -> Option<u64> {
                S::atomically(|tx| self.get(tx, key))
            }

            #[inline]
            fn insert(&self, key: u64, value: u64) -> bool {
                S::atomically(|tx| self.insert(tx, key, value))
            }

            #[inline]
            fn remove(&self, key: u64) -> bool {
                S::atomically(|tx| self.remove(tx, key)).is_some()
            }
        }
    };
}

transactional!(HashTable, Self::with_buckets(KEYS as usize));
transactional!(Tree, Self::default());

/// Looks up random keys; of hundred operations `UPDATES` insert or remove one instead.
pub struct Mix<M, const UPDATES: u64, const KEYS: u64> {
    map: M,
    length: AtomicI64,
}

/// The value of a key.
fn value(key: u64) -> u64 {
    key.wrapping_mul(3) + 1
}

impl<M: Map, const UPDATES: u64, const KEYS: u64> Mix<M, UPDATES, KEYS> {
    pub fn new() -> Self {
        let map = M::new();
        // In no order: nobody's structure is to degenerate.
        for number in 0..KEYS {
            let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS;
            if key.is_multiple_of(2) {
                map.insert(key, value(key));
            }
        }
        let length = (0..KEYS).filter(|&key| map.get(key).is_some()).count();
        Self { map, length: AtomicI64::new(length as i64) }
    }
}

impl<M: Map, const UPDATES: u64, const KEYS: u64> Contender for Mix<M, UPDATES, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        let mut grown = 0;
        for _ in 0..operations {
            let random = keys.next_number();
            let key = random % KEYS;
            let map = black_box(&self.map);
            if (random >> 32) % 100 >= UPDATES {
                let found = map.get(key);
                assert!(found.is_none_or(|found| found == value(key)), "a value of another key");
            } else if random >> 63 == 0 {
                grown += i64::from(map.insert(key, value(key)));
            } else {
                grown -= i64::from(map.remove(key));
            }
        }
        // Relaxed: read when all threads have ended.
        self.length.fetch_add(grown, Ordering::Relaxed);
        operations
    }

    fn verify(&self, _operations: u64) {
        let length = (0..KEYS).filter(|&key| self.map.get(key).is_some()).count() as i64;
        let counted = self.length.load(Ordering::Relaxed);
        assert!(!M::ADDS_UP || length == counted, "a key was lost or doubled: {length} keys, {counted} by the count");
    }
}

fn hash_tables<S: Stm, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<HashTable<S>, UPDATES, KEYS>::new())
}

fn locked_hash<L: LockKind, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<Locked<L, HashMap<u64, u64>>, UPDATES, KEYS>::new())
}

fn trees<S: Stm, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<Tree<S>, UPDATES, KEYS>::new())
}

fn locked_ordered<L: LockKind, const UPDATES: u64>() -> Box<dyn Team> {
    Box::new(Mix::<Locked<L, BTreeMap<u64, u64>>, UPDATES, KEYS>::new())
}

fn enter_hash<const UPDATES: u64>(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, hash_tables, UPDATES);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Mix::<Hashed<false>, UPDATES, KEYS>::new()),
        || Box::new(Mix::<Hashed<true>, UPDATES, KEYS>::new()),
    );
    every_lock!(field, threads, locked_hash, UPDATES);
    field.enter(who::DASHMAP, threads, || Box::new(Mix::<DashMap<u64, u64>, UPDATES, KEYS>::new()));
    field.enter(who::PAPAYA, threads, || Box::new(Mix::<papaya::HashMap<u64, u64>, UPDATES, KEYS>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Mix::<Swapped<HashMap<u64, u64>>, UPDATES, KEYS>::new()));
}

fn enter_ordered<const UPDATES: u64>(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, trees, UPDATES);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Mix::<Ordered<false>, UPDATES, KEYS>::new()),
        || Box::new(Mix::<Ordered<true>, UPDATES, KEYS>::new()),
    );
    every_lock!(field, threads, locked_ordered, UPDATES);
    field.enter(who::SKIPLIST, threads, || Box::new(Mix::<Skips, UPDATES, KEYS>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Mix::<Swapped<BTreeMap<u64, u64>>, UPDATES, KEYS>::new()));
}

fn hash(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "Operations on random keys of 2048, half of which are present: the share of updates inserts and removes, the \
               rest looks up. The number of entries is checked. The transactions use a table of 2048 buckets, each a \
               variable that holds a short list; ours (collection) is `TMap`.",
        operation: "operation",
        baseline: who::DASHMAP,
        absent: "",
        losses: "Maps made for this alone change their entry in place. Ours (TVar): a bucket is a variable that is replaced as a \
                 whole, so an update allocates a list and retires one, some 630 instructions (`boxed write`); a look-up is one \
                 recorded read of some 60. Ours (collection): `TMap` is a trie, a few links to follow and record for each key, \
                 some 210 instructions a look-up; an insertion anew and a removal link an entry into a chain and out again, \
                 some 2900 with 1.2 allocations (`TMap of 1024`).",
        enter,
    }
}

fn ordered(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "The same on ordered maps. The transactions use a binary tree whose links are variables: a look-up reads some \
               twenty of them; ours (collection) is `TOrdMap`.",
        operation: "operation",
        baseline: who::SKIPLIST,
        absent: "The number of crossbeam-skiplist's entries is not checked: under races what its 0.1.3 returns does not add up.",
        losses: "A B-tree's node holds eleven keys in a few cache lines, and a lock's holder records nothing. Ours (TVar): the \
                 tree is binary, and each of some twenty steps down is a recorded read of some 22 instructions (`each further \
                 read`) and a cache line of its own; an update replaces a link, which allocates. Ours (collection): `TOrdMap` is a \
                 skip list whose links are recorded as well: a look-up takes some 760 instructions (`TOrdMap of 1024: get`); an \
                 insertion and a removal lock, write and stamp a link a level on both sides, some 4500 with 1.4 allocations.",
        enter,
    }
}

pub fn contests() -> Vec<Contest> {
    vec![
        hash("hash-map-0", "Hash map, look-ups alone", enter_hash::<0>),
        hash("hash-map-20", "Hash map, 20 % updates", enter_hash::<20>),
        hash("hash-map-100", "Hash map, updates alone", enter_hash::<100>),
        ordered("ordered-map-0", "Ordered map, look-ups alone", enter_ordered::<0>),
        ordered("ordered-map-20", "Ordered map, 20 % updates", enter_ordered::<20>),
        ordered("ordered-map-100", "Ordered map, updates alone", enter_ordered::<100>),
    ]
}
