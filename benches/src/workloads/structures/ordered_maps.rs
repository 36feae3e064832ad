//! Ordered maps of numbers: lookups, lookups with changes, and scans.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_skiplist::SkipMap;
use parking_lot::Mutex;
use stm::collections::TOrdMap;

use super::reading::Reading;
use super::streams::{Deed, Streams, shuffled};
use crate::workloads::Contender;

/// An ordered map from numbers to numbers that threads share.
pub trait OrderedMap: Sync {
    /// Whether one removal of a key, and no other, says that it has removed it.
    const COUNTS_REMOVALS: bool = true;

    fn new() -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    /// Adds a key unless it is there; returns whether it was not. No two values are the same.
    fn add(&self, key: u64, value: u64) -> bool;
    fn remove(&self, key: u64) -> Option<u64>;
    /// Folds the first `count` keys, which is above 0, from `from` on, in order, and their values.
    fn scan<A: Copy>(&self, from: u64, count: usize, start: A, fold: impl FnMut(A, u64, u64) -> A) -> A;
}

impl OrderedMap for SkipMap<u64, u64> {
    /// crossbeam-skiplist 0.1.3 returns the entry also to a removal that has found it and then lost the race for it.
    const COUNTS_REMOVALS: bool = false;

    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|entry| *entry.value())
    }

    #[inline]
    fn add(&self, key: u64, value: u64) -> bool {
        *self.get_or_insert(key, value).value() == value
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        self.remove(&key).map(|entry| *entry.value())
    }

    #[inline]
    fn scan<A: Copy>(&self, from: u64, count: usize, start: A, mut fold: impl FnMut(A, u64, u64) -> A) -> A {
        self.range(from..).take(count).fold(start, |all, entry| fold(all, *entry.key(), *entry.value()))
    }
}

impl OrderedMap for Mutex<BTreeMap<u64, u64>> {
    fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.lock().get(&key).copied()
    }

    #[inline]
    fn add(&self, key: u64, value: u64) -> bool {
        *self.lock().entry(key).or_insert(value) == value
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        self.lock().remove(&key)
    }

    #[inline]
    fn scan<A: Copy>(&self, from: u64, count: usize, start: A, mut fold: impl FnMut(A, u64, u64) -> A) -> A {
        self.lock().range(from..).take(count).fold(start, |all, (&key, &value)| fold(all, key, value))
    }
}

/// The library's, read one way or the other.
pub struct Transactional<R> {
    map: TOrdMap<u64, u64>,
    reading: PhantomData<R>,
}

impl<R: Reading> OrderedMap for Transactional<R> {
    fn new() -> Self {
        Self { map: TOrdMap::new(), reading: PhantomData }
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        R::run(|tx| self.map.get(tx, &key))
    }

    #[inline]
    fn add(&self, key: u64, value: u64) -> bool {
        stm::atomically(|tx| match self.map.contains_key(tx, &key)? {
            true => Ok(false),
            false => self.map.insert(tx, key, value).map(|_| true),
        })
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        stm::atomically(|tx| self.map.remove(tx, &key))
    }

    #[inline]
    fn scan<A: Copy>(&self, from: u64, count: usize, start: A, mut fold: impl FnMut(A, u64, u64) -> A) -> A {
        R::run(|tx| {
            let (mut all, mut left) = (start, count);
            let _ = self.map.for_range(tx, from.., |&key, &value| {
                all = fold(all, key, value);
                left -= 1;
                if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            Ok(all)
        })
    }
}

/// How many low bits of a value number it; above is its key.
const NUMBER_BITS: u32 = 40;

#[inline]
fn value(key: u64, number: u64) -> u64 {
    (key << NUMBER_BITS) | number
}

#[inline]
fn key_of(value: u64) -> u64 {
    value >> NUMBER_BITS
}

fn filled<M: OrderedMap>(keys: u64, of_them: u64) -> M {
    let map = M::new();
    for (number, key) in (0..of_them).zip(shuffled(keys)) {
        assert!(map.add(key, value(key, number)));
    }
    map
}

/// Lookups of random keys, all of which are there.
pub struct OrderedGets<M, const KEYS: u64> {
    map: M,
    streams: Streams,
}

impl<M: OrderedMap, const KEYS: u64> OrderedGets<M, KEYS> {
    pub fn new() -> Self {
        Self { map: filled(KEYS, KEYS), streams: Streams::default() }
    }
}

impl<M: OrderedMap, const KEYS: u64> Contender for OrderedGets<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        for _ in 0..operations {
            let key = keys.key(KEYS);
            let found = black_box(&self.map).get(key);
            assert_eq!(found.map(key_of), Some(key), "a lookup missed");
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        let seen = self.map.scan(0, usize::MAX, 0, |next, key, value| {
            assert_eq!((key, key_of(value)), (next, next), "a key is missing, or another's value was found");
            next + 1
        });
        assert_eq!(seen, KEYS);
    }
}

/// Eight lookups to one addition and one removal, of random keys of which about half are there.
pub struct OrderedMix<M, const KEYS: u64> {
    map: M,
    streams: Streams,
    /// How many keys additions and removals say there are.
    present: AtomicU64,
    /// The next value's number.
    number: AtomicU64,
}

impl<M: OrderedMap, const KEYS: u64> OrderedMix<M, KEYS> {
    pub fn new() -> Self {
        let half = KEYS / 2;
        Self {
            map: filled(KEYS, half),
            streams: Streams::default(),
            present: AtomicU64::new(half),
            number: AtomicU64::new(half),
        }
    }
}

impl<M: OrderedMap, const KEYS: u64> Contender for OrderedMix<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        // Relaxed, here and below: counts that publish nothing else.
        let numbers = self.number.fetch_add(operations, Ordering::Relaxed)..;
        // Modulo 2^64, as removals may outnumber additions.
        let mut present = 0_u64;
        for (number, _) in numbers.zip(0..operations) {
            let (key, deed) = keys.errand(KEYS);
            let map = black_box(&self.map);
            let found = match deed {
                Deed::Get => map.get(key),
                Deed::Insert => {
                    present = present.wrapping_add(u64::from(map.add(key, value(key, number))));
                    None
                }
                Deed::Remove => {
                    let old = map.remove(key);
                    present = present.wrapping_sub(u64::from(old.is_some()));
                    old
                }
            };
            assert!(found.is_none_or(|value| key_of(value) == key), "another key's value was found");
        }
        self.present.fetch_add(present, Ordering::Relaxed);
        operations
    }

    fn verify(&self, _operations: u64) {
        let (count, _) = self.map.scan(0, usize::MAX, (0, 0), |(count, lowest), key, value| {
            assert!(key >= lowest && key_of(value) == key, "out of order, or another key's value");
            (count + 1, key + 1)
        });
        let present = self.present.load(Ordering::Relaxed);
        let is_right = if M::COUNTS_REMOVALS { count == present } else { count >= present };
        assert!(is_right, "additions or removals were lost: {present} are to be there, {count} are");
    }
}

/// How many keys a scan sees.
const LENGTH: u64 = 100;

/// Scans of [`LENGTH`] keys from a random one on, in a map that has all keys.
pub struct Scans<M, const KEYS: u64> {
    map: M,
    streams: Streams,
}

impl<M: OrderedMap, const KEYS: u64> Scans<M, KEYS> {
    pub fn new() -> Self {
        Self { map: filled(KEYS, KEYS), streams: Streams::default() }
    }
}

impl<M: OrderedMap, const KEYS: u64> Contender for Scans<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        for _ in 0..operations {
            let from = keys.key(KEYS - LENGTH);
            let seen = black_box(&self.map).scan(from, LENGTH as usize, (0, 0), |(keys, of_values), key, value| {
                (keys + key, of_values + key_of(value))
            });
            let expected = LENGTH * from + LENGTH * (LENGTH - 1) / 2;
            assert_eq!(seen, (expected, expected), "a scan missed keys, or saw others");
        }
        operations
    }

    fn verify(&self, _operations: u64) {}
}
