//! Who takes part.

use serde::{Deserialize, Serialize};

/// What kind of answer a competitor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Ours,
    Mutex,
    RwLock,
    Atomic,
    LockFree,
    Copy,
    Channel,
    OtherStm,
    /// The same program for one thread.
    Sequential,
}

/// One competitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Competitor {
    pub name: &'static str,
    pub family: Family,
}

const fn competitor(name: &'static str, family: Family) -> Competitor {
    Competitor { name, family }
}

pub const OURS: Competitor = competitor("ours (TVar)", Family::Ours);
pub const OURS_SNAPSHOT: Competitor = competitor("ours (snapshot)", Family::Ours);
pub const OURS_LINKS: Competitor = competitor("ours (TLink)", Family::Ours);
pub const OURS_STRUCTURE: Competitor = competitor("ours (collection)", Family::Ours);
pub const OURS_IN_PLACE: Competitor = competitor("ours (TCell)", Family::Ours);
pub const OURS_ORDERED: Competitor = competitor("ours (TOrdMap)", Family::Ours);
pub const OURS_HASHED: Competitor = competitor("ours (TMap)", Family::Ours);
pub const FAST_STM: Competitor = competitor("fast-stm", Family::OtherStm);
pub const ASYNC_STM: Competitor = competitor("async-stm", Family::OtherStm);
pub const ASYNC_TBQUEUE: Competitor = competitor("async-stm TBQueue", Family::OtherStm);
pub const ASYNC_TQUEUE: Competitor = competitor("async-stm TQueue", Family::OtherStm);
pub const ASYNC_TCHAN: Competitor = competitor("async-stm TChan", Family::OtherStm);
pub const CRATES_IO_STM: Competitor = competitor("stm 0.4", Family::OtherStm);
pub const STD_MUTEX: Competitor = competitor("std Mutex", Family::Mutex);
pub const PL_MUTEX: Competitor = competitor("parking_lot Mutex", Family::Mutex);
pub const STD_RWLOCK: Competitor = competitor("std RwLock", Family::RwLock);
pub const PL_RWLOCK: Competitor = competitor("parking_lot RwLock", Family::RwLock);
pub const STD_MUTEX_EACH: Competitor = competitor("std Mutex each", Family::Mutex);
pub const PL_MUTEX_EACH: Competitor = competitor("parking_lot Mutex each", Family::Mutex);
pub const PL_RWLOCK_EACH: Competitor = competitor("parking_lot RwLock each", Family::RwLock);
pub const STD_RWLOCK_EACH: Competitor = competitor("std RwLock each", Family::RwLock);
pub const ATOMICS: Competitor = competitor("atomic loads (torn)", Family::Atomic);
pub const FETCH_ADD: Competitor = competitor("atomic fetch_add", Family::Atomic);
pub const CAS: Competitor = competitor("atomic CAS loop", Family::Atomic);
pub const ATOMIC_TURN: Competitor = competitor("atomic and park", Family::Atomic);
pub const ARC_SWAP: Competitor = competitor("arc-swap", Family::Copy);
pub const DASHMAP: Competitor = competitor("dashmap", Family::LockFree);
pub const PAPAYA: Competitor = competitor("papaya", Family::LockFree);
pub const SKIPLIST: Competitor = competitor("crossbeam-skiplist", Family::LockFree);
pub const SEG_QUEUE: Competitor = competitor("crossbeam SegQueue", Family::LockFree);
pub const ARRAY_QUEUE: Competitor = competitor("crossbeam ArrayQueue", Family::LockFree);
pub const MICHAEL_SCOTT: Competitor = competitor("Michael-Scott queue", Family::LockFree);
pub const CROSSBEAM_CHANNEL: Competitor = competitor("crossbeam-channel", Family::Channel);
pub const STD_CHANNEL: Competitor = competitor("std channel", Family::Channel);
pub const ACTOR: Competitor = competitor("actor", Family::Channel);
pub const SEQUENTIAL: Competitor = competitor("sequential", Family::Sequential);

/// Everybody.
pub const ALL: &[Competitor] = &[
    OURS,
    OURS_SNAPSHOT,
    OURS_LINKS,
    OURS_STRUCTURE,
    OURS_IN_PLACE,
    OURS_ORDERED,
    OURS_HASHED,
    FAST_STM,
    ASYNC_STM,
    ASYNC_TBQUEUE,
    ASYNC_TQUEUE,
    ASYNC_TCHAN,
    CRATES_IO_STM,
    STD_MUTEX,
    PL_MUTEX,
    STD_RWLOCK,
    PL_RWLOCK,
    STD_MUTEX_EACH,
    PL_MUTEX_EACH,
    PL_RWLOCK_EACH,
    STD_RWLOCK_EACH,
    ATOMICS,
    FETCH_ADD,
    CAS,
    ATOMIC_TURN,
    ARC_SWAP,
    DASHMAP,
    PAPAYA,
    SKIPLIST,
    SEG_QUEUE,
    ARRAY_QUEUE,
    MICHAEL_SCOTT,
    CROSSBEAM_CHANNEL,
    STD_CHANNEL,
    ACTOR,
    SEQUENTIAL,
];

/// A line on each competitor whose name does not say it all.
pub const NOTES: &[(Competitor, &str)] = &[
    (OURS, "this library, every shared value in a `TVar`"),
    (OURS_SNAPSHOT, "this library, bodies that only read run by `snapshot`"),
    (OURS_LINKS, "this library, a structure of `Shared` nodes and `TLink`s in place of handles"),
    (OURS_STRUCTURE, "this library's own collection"),
    (
        OURS_IN_PLACE,
        "this library in the applications: every shared value in a `TCell`, every link a `TLink`, both in place",
    ),
    (
        OURS_ORDERED,
        "the same, with the library's own ordered maps and queues where the application has maps and queues",
    ),
    (OURS_HASHED, "the same with its hash maps"),
    (CRATES_IO_STM, "the crate stm 0.4.0 of crates.io, by stm-core 0.4.0, which is all that it consists of"),
    (ASYNC_STM, "its transactions are futures; each is run by pollster's block_on"),
    (ASYNC_TBQUEUE, "async-stm's own queue, as are TQueue and TChan; async-stm alone means its variables"),
    (STD_MUTEX, "one lock around everything, as are the next three; with a Condvar where threads wait"),
    (PL_MUTEX_EACH, "one lock per object; whoever needs several locks them in order of their index"),
    (ATOMICS, "plain loads: no common moment, which is less than everybody else promises"),
    (ARC_SWAP, "an Arc of the whole state, replaced by a changed copy"),
    (MICHAEL_SCOTT, "written for this comparison, with crossbeam-epoch"),
    (ACTOR, "a thread that owns the state, asked through a crossbeam channel; whoever asks waits for the answer"),
    (SEQUENTIAL, "an application without anything that keeps threads apart: the baseline there, with one thread"),
    (ARRAY_QUEUE, "whoever finds it full or empty spins, then yields: it has no way to wait"),
];
