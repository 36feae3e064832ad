//! The targets of structures: which contender is held against which peer, and how far.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;

use crossbeam_queue::{ArrayQueue, SegQueue};
use crossbeam_skiplist::SkipMap;
use dashmap::DashMap;
use parking_lot::Mutex;
use stm::TCell;
use stm::channel::{TBQueue, TQueue};
use stm::collections::TCounter;

use stm_benches::measure::trial::Limit::{AtLeast, AtMost, Open};
use stm_benches::measure::trial::{Build, Limit, Trial};
use stm_benches::workloads::progress::hot::Hot;
use stm_benches::workloads::progress::queues::{self, Channel, Flow, UnboundedChannel};
use stm_benches::workloads::progress::waiters::Waiters;
use stm_benches::workloads::structures::hash_maps::{Gets, Hash, Mix, Transactional as Hashed};
use stm_benches::workloads::structures::moves::{self, Moves};
use stm_benches::workloads::structures::ordered_maps::{OrderedGets, OrderedMix, Scans, Transactional as Ordered};
use stm_benches::workloads::structures::quick_hash::QuickHash;
use stm_benches::workloads::structures::reading::{InSnapshot, InTransaction};
use stm_benches::workloads::structures::tallies::Bumped;

const T_MAP: &str = "TMap";
const T_MAP_SNAPSHOT: &str = "TMap, snapshot";
const DASHMAP: &str = "dashmap";
const PAPAYA: &str = "papaya";
const LOCKED_HASH: &str = "Mutex<HashMap>";
const T_ORD_MAP: &str = "TOrdMap";
const T_ORD_MAP_SNAPSHOT: &str = "TOrdMap, snapshot";
const SKIPLIST: &str = "crossbeam-skiplist";
const LOCKED_TREE: &str = "Mutex<BTreeMap>";
const T_B_QUEUE: &str = "TBQueue";
const T_QUEUE: &str = "TQueue";
const T_CELL: &str = "TCell";
const FAST: &str = "fast-stm";
const CHANNEL: &str = "crossbeam-channel";
const BOTH: &[usize] = &[1, 2];
/// One producer and one consumer, or four of each.
const FEW_AND_MANY: &[usize] = &[2, 8];
const SMALL: u64 = 1024;
/// Unoptimised, where nothing is measured, fewer show as well that everything runs.
const BIG: u64 = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };

/// All trials, in the order of the table. `--only structures:` selects them.
pub(crate) const TRIALS: &[(&str, Build)] = &[
    ("structures: map get, 1024 keys", map_get::<RandomState, SMALL>),
    ("structures: map get, 1024 keys, quick hash", map_get::<QuickHash, SMALL>),
    ("structures: map get, 1,000,000 keys", map_get::<RandomState, BIG>),
    ("structures: map get, 1,000,000 keys, quick hash", map_get::<QuickHash, BIG>),
    ("structures: map 80-10-10, 1024 keys", map_mix::<RandomState, SMALL>),
    ("structures: map 80-10-10, 1024 keys, quick hash", map_mix::<QuickHash, SMALL>),
    ("structures: map 80-10-10, 1,000,000 keys", map_mix::<RandomState, BIG>),
    ("structures: map 80-10-10, 1,000,000 keys, quick hash", map_mix::<QuickHash, BIG>),
    ("structures: move between two maps, 1024 keys", moves::<SMALL>),
    ("structures: move between two maps, 1,000,000 keys", moves::<BIG>),
    ("structures: ordered map get, 1024 keys", ordered_get::<SMALL>),
    ("structures: ordered map get, 1,000,000 keys", ordered_get::<BIG>),
    ("structures: ordered map 80-10-10, 1024 keys", ordered_mix::<SMALL>),
    ("structures: ordered map 80-10-10, 1,000,000 keys", ordered_mix::<BIG>),
    ("structures: ordered map scan of 100, 1024 keys", scan::<SMALL>),
    ("structures: ordered map scan of 100, 1,000,000 keys", scan::<BIG>),
    ("structures: counter add", counter),
    ("structures: bounded queue of 128, time per item", bounded_queue),
    ("structures: unbounded queue, time per item", unbounded_queue),
    ("structures: waiters at a queue, time per item", waiters),
];

fn map_get<H: Hash, const KEYS: u64>() -> Trial {
    let trial = Trial::new()
        .contender(T_MAP, Gets::<Hashed<H, InTransaction>, KEYS>::new(), BOTH)
        .contender(T_MAP_SNAPSHOT, Gets::<Hashed<H, InSnapshot>, KEYS>::new(), BOTH)
        .contender(DASHMAP, Gets::<DashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(PAPAYA, Gets::<papaya::HashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(LOCKED_HASH, Gets::<Mutex<HashMap<u64, u64, H>>, KEYS>::new(), BOTH);
    let trial = against_hash_maps(trial, T_MAP, 1.3);
    against_hash_maps(trial, T_MAP_SNAPSHOT, 1.3)
}

fn map_mix<H: Hash, const KEYS: u64>() -> Trial {
    let trial = Trial::new()
        .contender(T_MAP, Mix::<Hashed<H, InTransaction>, KEYS>::new(), BOTH)
        .contender(DASHMAP, Mix::<DashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(PAPAYA, Mix::<papaya::HashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(LOCKED_HASH, Mix::<Mutex<HashMap<u64, u64, H>>, KEYS>::new(), BOTH);
    against_hash_maps(trial, T_MAP, 1.5)
}

fn against_hash_maps(trial: Trial, ours: &'static str, alone: f64) -> Trial {
    trial
        .target((ours, 1), (DASHMAP, 1), AtMost(alone), Open)
        .target((ours, 2), (DASHMAP, 2), AtMost(1.0), AtMost(1.0))
        .target((ours, 1), (PAPAYA, 1), Open, Open)
        .target((ours, 2), (PAPAYA, 2), Open, AtMost(1.0))
}

fn moves<const KEYS: u64>() -> Trial {
    const ORDERED: &str = "two ordered pl-mutexes";
    Trial::new()
        .contender(T_MAP, Moves::<moves::Transactional, KEYS>::new(), BOTH)
        .contender(ORDERED, Moves::<moves::OrderedMutexes, KEYS>::new(), BOTH)
        .target((T_MAP, 1), (ORDERED, 1), Open, Open)
        .target((T_MAP, 2), (ORDERED, 2), AtLeast(1.0), AtLeast(1.5))
}

fn ordered_get<const KEYS: u64>() -> Trial {
    let trial = Trial::new()
        .contender(T_ORD_MAP, OrderedGets::<Ordered<InTransaction>, KEYS>::new(), BOTH)
        .contender(T_ORD_MAP_SNAPSHOT, OrderedGets::<Ordered<InSnapshot>, KEYS>::new(), BOTH)
        .contender(SKIPLIST, OrderedGets::<SkipMap<u64, u64>, KEYS>::new(), BOTH)
        .contender(LOCKED_TREE, OrderedGets::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(), BOTH);
    against(trial, &[T_ORD_MAP, T_ORD_MAP_SNAPSHOT], SKIPLIST, AtMost(1.3), AtMost(1.0))
}

fn ordered_mix<const KEYS: u64>() -> Trial {
    let trial = Trial::new()
        .contender(T_ORD_MAP, OrderedMix::<Ordered<InTransaction>, KEYS>::new(), BOTH)
        .contender(SKIPLIST, OrderedMix::<SkipMap<u64, u64>, KEYS>::new(), BOTH)
        .contender(LOCKED_TREE, OrderedMix::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(), BOTH);
    against(trial, &[T_ORD_MAP], SKIPLIST, AtMost(1.3), AtMost(1.0))
}

fn scan<const KEYS: u64>() -> Trial {
    let trial = Trial::new()
        .contender(T_ORD_MAP, Scans::<Ordered<InTransaction>, KEYS>::new(), BOTH)
        .contender(T_ORD_MAP_SNAPSHOT, Scans::<Ordered<InSnapshot>, KEYS>::new(), BOTH)
        .contender(SKIPLIST, Scans::<SkipMap<u64, u64>, KEYS>::new(), BOTH)
        .contender(LOCKED_TREE, Scans::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(), BOTH);
    let ours = &[T_ORD_MAP, T_ORD_MAP_SNAPSHOT];
    let trial = against(trial, ours, LOCKED_TREE, AtMost(3.0), AtMost(2.0));
    against(trial, ours, SKIPLIST, Open, Open)
}

/// Adds the same target for one and for two threads.
fn against(trial: Trial, ours: &[&'static str], peer: &'static str, reach: Limit, aim: Limit) -> Trial {
    let lanes = ours.iter().flat_map(|&name| BOTH.iter().map(move |&workers| (name, workers)));
    lanes.fold(trial, |trial, lane| trial.target(lane, (peer, lane.1), reach, aim))
}

/// Everybody adds to one counter.
fn counter() -> Trial {
    const T_COUNTER: &str = "TCounter";
    const BUMPED: &str = "TCounter, bump";
    const MUTEX: &str = "pl-mutex";
    const ATOMIC: &str = "atomic";
    let trial = Trial::new()
        .contender(T_COUNTER, Hot::<TCounter>::new(), BOTH)
        .contender(BUMPED, Hot::<Bumped>::new(), BOTH)
        .contender(T_CELL, Hot::<TCell<u64>>::new(), BOTH)
        .contender(MUTEX, Hot::<Mutex<u64>>::new(), BOTH)
        .contender(ATOMIC, Hot::<AtomicU64>::new(), BOTH)
        .target((T_COUNTER, 2), (T_COUNTER, 1), AtLeast(1.8), Open)
        .target((BUMPED, 2), (BUMPED, 1), AtLeast(1.8), Open);
    let trial = against(trial, &[T_COUNTER, BUMPED], MUTEX, Open, Open);
    against(trial, &[T_COUNTER, BUMPED], ATOMIC, Open, Open)
}

/// crossbeam's queue does not wait: its users spin and yield, and what that takes from others is not seen here.
fn bounded_queue() -> Trial {
    const RING: &str = "ring of TCells";
    const ARRAY: &str = "crossbeam's ArrayQueue";
    Trial::new()
        .stretched(4)
        .crowded()
        .contender(T_B_QUEUE, Flow::<TBQueue<u64>>::new(), FEW_AND_MANY)
        .contender(RING, Flow::<queues::Transactional<TCell<u64>>>::new(), FEW_AND_MANY)
        .contender(FAST, Flow::<queues::FastStm>::new(), FEW_AND_MANY)
        .contender(CHANNEL, Flow::<Channel>::new(), FEW_AND_MANY)
        .contender(ARRAY, Flow::<ArrayQueue<u64>>::new(), FEW_AND_MANY)
        .target((T_B_QUEUE, 2), (FAST, 2), AtLeast(4.5), Open)
        .target((T_B_QUEUE, 8), (FAST, 8), AtLeast(3.0), Open)
        .target((T_B_QUEUE, 2), (CHANNEL, 2), AtLeast(0.7), AtLeast(1.0))
        .target((T_B_QUEUE, 8), (CHANNEL, 8), AtLeast(0.2), AtLeast(0.4))
        .target((T_B_QUEUE, 2), (RING, 2), Open, Open)
        .target((T_B_QUEUE, 8), (RING, 8), Open, Open)
        .target((T_B_QUEUE, 2), (ARRAY, 2), Open, Open)
        .target((T_B_QUEUE, 8), (ARRAY, 8), Open, Open)
}

/// The items of a window may all lie in it at once.
fn unbounded_queue() -> Trial {
    const SEGMENTS: &str = "crossbeam's SegQueue";
    Trial::new()
        .stretched(4)
        .crowded()
        .contender(T_QUEUE, Flow::<TQueue<u64>>::new(), FEW_AND_MANY)
        .contender(CHANNEL, Flow::<UnboundedChannel>::new(), FEW_AND_MANY)
        .contender(SEGMENTS, Flow::<SegQueue<u64>>::new(), FEW_AND_MANY)
        .target((T_QUEUE, 2), (CHANNEL, 2), AtLeast(0.7), AtLeast(1.0))
        .target((T_QUEUE, 8), (CHANNEL, 8), AtLeast(0.2), AtLeast(0.4))
        .target((T_QUEUE, 2), (SEGMENTS, 2), Open, Open)
        .target((T_QUEUE, 8), (SEGMENTS, 8), Open, Open)
}

/// Threads that wait for the library's queue, into which one item comes at a time.
fn waiters() -> Trial {
    const FEW: &str = "10 threads at a TQueue";
    const MANY: &str = "10,000 threads at a TQueue";
    Trial::new()
        .stretched(20)
        .crowded()
        .contender(FEW, Waiters::<TQueue<u64>, 10>::new(), &[1])
        .contender(MANY, Waiters::<TQueue<u64>, 10_000>::new(), &[1])
        .target((MANY, 1), (FEW, 1), AtMost(3.0), AtMost(1.2))
}
