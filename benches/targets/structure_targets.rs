//! The targets of structures: which contender is held against which peer, and how far.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;

use crossbeam_queue::{ArrayQueue, SegQueue};
use crossbeam_skiplist::SkipMap;
use dashmap::DashMap;
use parking_lot::Mutex;
use stm::TCell;

use super::trial::{Build, Trial};
use crate::progress::hot::Hot;
use crate::progress::queues::{self, Channel, Flow, UnboundedChannel};
use crate::structures::hash_maps::{Gets, Hash, Mix};
use crate::structures::moves::{self, Moves};
use crate::structures::ordered_maps::{OrderedGets, OrderedMix, Scans};
use crate::structures::quick_hash::QuickHash;

const DASHMAP: &str = "dashmap";
const PAPAYA: &str = "papaya";
const LOCKED_HASH: &str = "Mutex<HashMap>";
const SKIPLIST: &str = "crossbeam-skiplist";
const LOCKED_TREE: &str = "Mutex<BTreeMap>";
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
];

fn map_get<H: Hash, const KEYS: u64>() -> Trial {
    Trial::new()
        .contender(DASHMAP, Gets::<DashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(PAPAYA, Gets::<papaya::HashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(LOCKED_HASH, Gets::<Mutex<HashMap<u64, u64, H>>, KEYS>::new(), BOTH)
}

fn map_mix<H: Hash, const KEYS: u64>() -> Trial {
    Trial::new()
        .contender(DASHMAP, Mix::<DashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(PAPAYA, Mix::<papaya::HashMap<u64, u64, H>, KEYS>::new(), BOTH)
        .contender(LOCKED_HASH, Mix::<Mutex<HashMap<u64, u64, H>>, KEYS>::new(), BOTH)
}

fn moves<const KEYS: u64>() -> Trial {
    const ORDERED: &str = "two ordered pl-mutexes";
    Trial::new().contender(ORDERED, Moves::<moves::OrderedMutexes, KEYS>::new(), BOTH)
}

fn ordered_get<const KEYS: u64>() -> Trial {
    Trial::new().contender(SKIPLIST, OrderedGets::<SkipMap<u64, u64>, KEYS>::new(), BOTH).contender(
        LOCKED_TREE,
        OrderedGets::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(),
        BOTH,
    )
}

fn ordered_mix<const KEYS: u64>() -> Trial {
    Trial::new().contender(SKIPLIST, OrderedMix::<SkipMap<u64, u64>, KEYS>::new(), BOTH).contender(
        LOCKED_TREE,
        OrderedMix::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(),
        BOTH,
    )
}

fn scan<const KEYS: u64>() -> Trial {
    Trial::new().contender(SKIPLIST, Scans::<SkipMap<u64, u64>, KEYS>::new(), BOTH).contender(
        LOCKED_TREE,
        Scans::<Mutex<BTreeMap<u64, u64>>, KEYS>::new(),
        BOTH,
    )
}

/// Everybody adds to one counter.
fn counter() -> Trial {
    Trial::new()
        .contender(T_CELL, Hot::<TCell<u64>>::new(), BOTH)
        .contender("pl-mutex", Hot::<Mutex<u64>>::new(), BOTH)
        .contender("atomic", Hot::<AtomicU64>::new(), BOTH)
}

/// crossbeam's queue does not wait: its users spin and yield, and what that takes from others is not seen here.
fn bounded_queue() -> Trial {
    const RING: &str = "ring of TCells";
    Trial::new()
        .stretched(4)
        .crowded()
        .contender(RING, Flow::<queues::Transactional<TCell<u64>>>::new(), FEW_AND_MANY)
        .contender(FAST, Flow::<queues::FastStm>::new(), FEW_AND_MANY)
        .contender(CHANNEL, Flow::<Channel>::new(), FEW_AND_MANY)
        .contender("crossbeam's ArrayQueue", Flow::<ArrayQueue<u64>>::new(), FEW_AND_MANY)
}

/// The window's items may all lie in it at once.
fn unbounded_queue() -> Trial {
    Trial::new().stretched(4).crowded().contender(CHANNEL, Flow::<UnboundedChannel>::new(), FEW_AND_MANY).contender(
        "crossbeam's SegQueue",
        Flow::<SegQueue<u64>>::new(),
        FEW_AND_MANY,
    )
}
