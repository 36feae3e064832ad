//! This library's own structures in the contests. `COUNTED` counts runs.

use stm::channel::{TBQueue, TQueue};
use stm::collections::{TCounter, TMap, TOrdMap};

use super::maps::Map;
use super::moves::{Maps, Plain};
use super::pairs::Fifo;
use super::waiting::TwoQueues;
use crate::systems::ours::run;
use crate::workloads::counters::Counter;
use crate::workloads::progress::queues::{CAPACITY, Queue};

macro_rules! map {
    ($(#[$about:meta])* $name:ident, $map:ident) => {
        $(#[$about])*
        pub struct $name<const COUNTED: bool>($map<u64, u64>);

        impl<const COUNTED: bool> Map for $name<COUNTED> {
            fn new() -> Self {
                Self($map::new())
            }

            #[inline]
            fn get(&self, key: u64) -> Option<u64> {
                run::<COUNTED, _>(|tx| self.0.get(tx, &key))
            }

            #[inline]
            fn insert(&self, key: u64, value: u64) -> bool {
                run::<COUNTED, _>(|tx| self.0.insert(tx, key, value)).is_none()
            }

            #[inline]
            fn remove(&self, key: u64) -> bool {
                run::<COUNTED, _>(|tx| self.0.remove(tx, &key)).is_some()
            }
        }
    };
}

map!(
    /// A hash map.
    Hashed,
    TMap
);
map!(
    /// An ordered map.
    Ordered,
    TOrdMap
);

/// Two hash maps.
pub struct TwoMaps<const COUNTED: bool>([TMap<u64, u64>; 2]);

impl<const COUNTED: bool> Maps for TwoMaps<COUNTED> {
    fn new(entries: Plain) -> Self {
        Self([entries.into_iter().collect(), TMap::new()])
    }

    #[inline]
    fn shift(&self, key: u64, from: usize) -> bool {
        run::<COUNTED, _>(|tx| {
            let Some(value) = self.0[from].remove(tx, &key)? else { return Ok(false) };
            self.0[1 - from].insert(tx, key, value)?;
            Ok(true)
        })
    }

    fn count(&self, key: u64) -> usize {
        run::<COUNTED, _>(|tx| {
            let [first, second] = [self.0[0].contains_key(tx, &key)?, self.0[1].contains_key(tx, &key)?];
            Ok(usize::from(first) + usize::from(second))
        })
    }
}

/// A bounded queue.
pub struct Bounded<const COUNTED: bool>(TBQueue<u64>);

impl<const COUNTED: bool> Queue for Bounded<COUNTED> {
    fn new() -> Self {
        Self(TBQueue::new(CAPACITY))
    }

    #[inline]
    fn push(&self, item: u64) {
        run::<COUNTED, _>(|tx| self.0.push(tx, item)).expect("nobody closes it");
    }

    #[inline]
    fn pop(&self) -> u64 {
        run::<COUNTED, _>(|tx| self.0.pop(tx)).expect("nobody closes it")
    }
}

/// Two bounded queues.
pub struct TwoBounded<const COUNTED: bool>([Bounded<COUNTED>; 2]);

impl<const COUNTED: bool> TwoQueues for TwoBounded<COUNTED> {
    fn new() -> Self {
        Self([(); 2].map(|()| Bounded::new()))
    }

    fn push(&self, queue: usize, item: u64) {
        self.0[queue].push(item);
    }

    fn pop_any(&self) -> u64 {
        let [Bounded(first), Bounded(second)] = &self.0;
        run::<COUNTED, _>(|tx| tx.or_else(|tx| first.pop(tx), |tx| second.pop(tx))).expect("nobody closes them")
    }
}

/// A queue without bound.
pub struct Unbounded<const COUNTED: bool>(TQueue<u64>);

impl<const COUNTED: bool> Fifo for Unbounded<COUNTED> {
    fn new() -> Self {
        Self(TQueue::new())
    }

    #[inline]
    fn push(&self, item: u64) {
        run::<COUNTED, _>(|tx| self.0.push(tx, item));
    }

    #[inline]
    fn pop(&self) -> Option<u64> {
        run::<COUNTED, _>(|tx| self.0.try_pop(tx))
    }
}

/// A counter that does not conflict with itself.
pub struct Counting<const COUNTED: bool>(TCounter);

impl<const COUNTED: bool> Counter for Counting<COUNTED> {
    fn zero() -> Self {
        Self(TCounter::new(0))
    }

    #[inline]
    fn increment(&self) {
        run::<COUNTED, _>(|tx| self.0.add(tx, 1));
    }

    fn count(&self) -> u64 {
        self.0.load()
    }
}
