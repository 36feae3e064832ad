//! Hash maps of numbers: lookups alone, and lookups with a tenth of insertions and a tenth of removals.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;
use stm::collections::TMap;

use super::reading::Reading;
use super::streams::{Deed, Streams, shuffled};
use crate::workloads::Contender;

/// A hasher's builder as all maps want it.
pub trait Hash: BuildHasher + Clone + Default + Send + Sync + 'static {}

impl<H: BuildHasher + Clone + Default + Send + Sync + 'static> Hash for H {}

/// A map from numbers to numbers that threads share.
pub trait Map: Sync {
    fn new() -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    /// Returns what was there before.
    fn insert(&self, key: u64, value: u64) -> Option<u64>;
    fn remove(&self, key: u64) -> Option<u64>;
    fn len(&self) -> usize;
}

impl<H: Hash> Map for DashMap<u64, u64, H> {
    fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|entry| *entry)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> Option<u64> {
        self.insert(key, value)
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        self.remove(&key).map(|(_, value)| value)
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl<H: Hash> Map for papaya::HashMap<u64, u64, H> {
    fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> Option<u64> {
        self.pin().insert(key, value).copied()
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        self.pin().remove(&key).copied()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

impl<H: Hash> Map for Mutex<HashMap<u64, u64, H>> {
    fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.lock().get(&key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> Option<u64> {
        self.lock().insert(key, value)
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        self.lock().remove(&key)
    }

    fn len(&self) -> usize {
        self.lock().len()
    }
}

/// The library's, whose lookups are run one way or the other.
pub struct Transactional<H: 'static, R> {
    map: TMap<u64, u64, H>,
    reading: PhantomData<R>,
}

impl<H: Hash, R: Reading> Map for Transactional<H, R> {
    fn new() -> Self {
        Self { map: TMap::with_hasher(H::default()), reading: PhantomData }
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        R::run(|tx| self.map.get(tx, &key))
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) -> Option<u64> {
        stm::atomically(|tx| self.map.insert(tx, key, value))
    }

    #[inline]
    fn remove(&self, key: u64) -> Option<u64> {
        stm::atomically(|tx| self.map.remove(tx, &key))
    }

    fn len(&self) -> usize {
        stm::snapshot(|tx| self.map.len(tx))
    }
}

/// What a key's value is, so that each one that is found can be checked.
#[inline]
fn value_of(key: u64) -> u64 {
    3 * key + 1
}

/// Lookups of random keys, all of which are there.
pub struct Gets<M, const KEYS: u64> {
    map: M,
    streams: Streams,
}

impl<M: Map, const KEYS: u64> Gets<M, KEYS> {
    pub fn new() -> Self {
        let map = M::new();
        for key in shuffled(KEYS) {
            assert_eq!(map.insert(key, value_of(key)), None);
        }
        Self { map, streams: Streams::default() }
    }
}

impl<M: Map, const KEYS: u64> Contender for Gets<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        for _ in 0..operations {
            let key = keys.key(KEYS);
            assert_eq!(black_box(&self.map).get(key), Some(value_of(key)), "a lookup missed");
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.map.len() as u64, KEYS);
    }
}

/// Eight lookups to one insertion and one removal, of random keys of which about half are there.
pub struct Mix<M, const KEYS: u64> {
    map: M,
    streams: Streams,
    /// How many keys insertions and removals say there are.
    present: AtomicU64,
}

impl<M: Map, const KEYS: u64> Mix<M, KEYS> {
    pub fn new() -> Self {
        let map = M::new();
        for key in shuffled(KEYS).take(KEYS as usize / 2) {
            assert_eq!(map.insert(key, value_of(key)), None);
        }
        Self { map, streams: Streams::default(), present: AtomicU64::new(KEYS / 2) }
    }
}

impl<M: Map, const KEYS: u64> Contender for Mix<M, KEYS> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = self.streams.next(worker);
        // Modulo 2^64, as removals may outnumber insertions.
        let mut present = 0_u64;
        for _ in 0..operations {
            let (key, deed) = keys.errand(KEYS);
            let map = black_box(&self.map);
            let found = match deed {
                Deed::Get => map.get(key),
                Deed::Insert => {
                    let old = map.insert(key, value_of(key));
                    present = present.wrapping_add(u64::from(old.is_none()));
                    old
                }
                Deed::Remove => {
                    let old = map.remove(key);
                    present = present.wrapping_sub(u64::from(old.is_some()));
                    old
                }
            };
            assert!(found.is_none_or(|value| value == value_of(key)), "another key's value was found");
        }
        // Relaxed, here and below: a sum that is read when all threads have ended.
        self.present.fetch_add(present, Ordering::Relaxed);
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.map.len() as u64, self.present.load(Ordering::Relaxed), "insertions or removals were lost");
        let found = (0..KEYS).filter_map(|key| self.map.get(key)).count();
        assert_eq!(found, self.map.len(), "not everything that is there is found");
    }
}
