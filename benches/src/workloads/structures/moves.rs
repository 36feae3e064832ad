//! Moving entries between two maps, so that each is in one of them at any moment.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use stm::collections::TMap;

use super::quick_hash::QuickHash;
use super::streams::{Streams, shuffled};
use crate::workloads::Contender;

/// Two maps between which one entry at a time can be moved.
pub trait TwoMaps: Sync {
    fn new() -> Self;
    /// Adds an entry to the first map.
    fn add(&self, key: u64, value: u64);
    /// Moves a key's entry to the other map, whichever has it. Returns its value, and `None` if neither has it.
    fn relocate(&self, key: u64) -> Option<u64>;
    /// Returns a key's value in each map.
    fn both(&self, key: u64) -> [Option<u64>; 2];
}

/// A mutex a map, the first one locked first.
pub struct OrderedMutexes([Mutex<HashMap<u64, u64, QuickHash>>; 2]);

impl TwoMaps for OrderedMutexes {
    fn new() -> Self {
        Self(Default::default())
    }

    fn add(&self, key: u64, value: u64) {
        self.0[0].lock().insert(key, value);
    }

    #[inline]
    fn relocate(&self, key: u64) -> Option<u64> {
        let (mut first, mut second) = (self.0[0].lock(), self.0[1].lock());
        let (value, target) = match first.remove(&key) {
            Some(value) => (value, &mut second),
            None => (second.remove(&key)?, &mut first),
        };
        target.insert(key, value);
        Some(value)
    }

    fn both(&self, key: u64) -> [Option<u64>; 2] {
        self.0.each_ref().map(|map| map.lock().get(&key).copied())
    }
}

/// The library's maps: one operation after the other.
pub struct Transactional([TMap<u64, u64, QuickHash>; 2]);

impl TwoMaps for Transactional {
    fn new() -> Self {
        Self(std::array::from_fn(|_| TMap::with_hasher(QuickHash)))
    }

    fn add(&self, key: u64, value: u64) {
        stm::atomically(|tx| self.0[0].insert(tx, key, value));
    }

    #[inline]
    fn relocate(&self, key: u64) -> Option<u64> {
        stm::atomically(|tx| {
            let (value, target) = match self.0[0].remove(tx, &key)? {
                Some(value) => (value, &self.0[1]),
                None => match self.0[1].remove(tx, &key)? {
                    Some(value) => (value, &self.0[0]),
                    None => return Ok(None),
                },
            };
            target.insert(tx, key, value)?;
            Ok(Some(value))
        })
    }

    fn both(&self, key: u64) -> [Option<u64>; 2] {
        stm::snapshot(|tx| Ok([self.0[0].get(tx, &key)?, self.0[1].get(tx, &key)?]))
    }
}

/// What a key's value is: random bits, so that no two sets of keys have the same exclusive or.
#[inline]
fn value_of(key: u64) -> u64 {
    (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Moves of random keys to and fro.
pub struct Moves<M, const KEYS: u64> {
    maps: M,
    streams: Streams,
    /// The exclusive or of all values moved. Those moved twice are no longer in it, so it is that of the second map.
    moved: AtomicU64,
}

impl<M: TwoMaps, const KEYS: u64> Moves<M, KEYS> {
    pub fn new() -> Self {
        let maps = M::new();
        shuffled(KEYS).for_each(|key| maps.add(key, value_of(key)));
        Self { maps, streams: Streams::default(), moved: AtomicU64::new(0) }
    }
}

impl<M: TwoMaps, const KEYS: u64> Contender for Moves<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        let mut moved = 0;
        for _ in 0..operations {
            let key = keys.key(KEYS);
            let value = black_box(&self.maps).relocate(key);
            assert_eq!(value, Some(value_of(key)), "an entry was in neither map");
            moved ^= value_of(key);
        }
        // Relaxed, here and below: read when all threads have ended.
        self.moved.fetch_xor(moved, Ordering::Relaxed);
        operations
    }

    fn verify(&self, _operations: u64) {
        let mut second = 0;
        for key in 0..KEYS {
            match self.maps.both(key) {
                [Some(value), None] => assert_eq!(value, value_of(key)),
                [None, Some(value)] => second ^= value,
                neither_or_both => panic!("key {key} is in neither map or in both: {neither_or_both:?}"),
            }
        }
        assert_eq!(second, self.moved.load(Ordering::Relaxed), "moves were lost or repeated");
    }
}
