//! What commits replace while snapshots are open: so a snapshot sees one moment, however long it takes and whatever is
//! committed meanwhile, and its body runs once.
//!
//! A snapshot has a *moment*: a version such that every commit up to then has that version or an older one, and every later
//! commit a newer one ([`clock::new_moment`]). Of a variable whose version is not beyond the moment it reads the value as it
//! is. Of any other the commit that replaced the value has kept it here, before it published the new one: it has seen, when
//! it looked at the clock, that a snapshot may be open. Commits look at the clock anyway, so nobody pays while none is open.
//! (Values kept for readers that announce themselves: "mode" and version lists as in Multiverse, PPoPP 2026.)
//!
//! *Keeping.* Every thread appends to a chain of chunks of its own, without an exchange. A commit keeps what it replaces if a
//! snapshot may want it: if the replaced version is not beyond the newest moment. So each variable is kept once for every
//! moment, however often it is written. Boxed values are kept by address: the snapshot is pinned, and they are retired later.
//!
//! *Finding.* A snapshot that misses a value goes through what it has not seen of all chains, and puts what concerns it into
//! a map of its own. Variables are known here by address. An address may be used again while a snapshot is open, though only
//! for a variable that is younger than the snapshot, and of which it has learned on a way around it: so births of handles are
//! noted while snapshots are open, and what is found must at least be a value of the right type ([`storage::fits`]).
//!
//! *Opening and closing* store to no shared location in the common case. A snapshot announces itself beside the thread's pin
//! and looks at the clock; if nothing has been committed since the newest moment, it has that moment. Closing is the end of
//! the pin. That no snapshot is open any more is found out by [`tidy`], which commits call now and then while they keep, and
//! a snapshot that ends if much has been kept (docs/memory-model.md, edges E12 to E14).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;

use crate::clock::{self, Version};
use crate::reclaim::{self, Local};
use crate::shim::{self, AtomicBool, AtomicPtr, AtomicU64, Mutex, Ordering, Point, point, shared_static};
use crate::storage::{Bits, Kind};

/// Values per chunk: four kilobytes with what is in front of them.
const CHUNK: usize = if cfg!(any(stm_loom, stm_shuttle, stm_chaos)) { 2 } else { 63 };

/// Up to how many chunks a snapshot that ends leaves to the next commits.
const FEW_CHUNKS: u64 = if cfg!(any(stm_loom, stm_shuttle, stm_chaos)) { 0 } else { 8 };

/// After how many commits a thread first looks whether it still has to keep anything, and the most it comes to.
const PATIENCE: (u32, u32) = if cfg!(any(stm_loom, stm_shuttle, stm_chaos)) { (1, 2) } else { (64, 1024) };

shared_static! {
    /// Somebody is at [`tidy`]. Nobody waits for it.
    static TIDYING: AtomicBool = AtomicBool::new(false)
}
shared_static! {
    /// The newest moment of a snapshot, or a later one.
    static NEWEST: AtomicU64 = AtomicU64::new(0)
}
shared_static! {
    /// How many chunks there are in all chains, not counting the first of each, which stays with its thread.
    static CHUNKS: AtomicU64 = AtomicU64::new(0)
}
shared_static! {
    /// Above this many a snapshot that ends looks after them, however young it is: twice as many as the last search left.
    static MANY_CHUNKS: AtomicU64 = AtomicU64::new(FEW_CHUNKS)
}
shared_static! {
    /// The oldest moment that the last search found, or a late one. A hint.
    static OLDEST: AtomicU64 = AtomicU64::new(u64::MAX)
}
shared_static! {
    /// When variables with these addresses were born, of those born while a snapshot may have been open.
    static BIRTHS: Mutex<Map<u64>> = Mutex::new(HashMap::with_hasher(BuildHasherDefault::new()))
}
shared_static! {
    /// How many of them there are: nearly always none.
    static BORN: AtomicU64 = AtomicU64::new(0)
}

shared_static! {
    /// At how many they are looked through: twice as many as the last time has left.
    static MANY_BORN: AtomicU64 = AtomicU64::new(FEW_BORN)
}

/// So many births are not worth looking through.
const FEW_BORN: u64 = if cfg!(any(stm_loom, stm_shuttle, stm_chaos)) { 4 } else { 1024 };

/// A map from addresses of cells.
type Map<V> = HashMap<usize, V, BuildHasherDefault<AddressHasher>>;

/// Fibonacci hashing of one address. The standard hasher costs more than everything else here, and nobody chooses addresses.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A value that a commit has replaced, or is about to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replaced {
    /// The address of the variable's cell.
    pub(crate) cell: usize,
    /// The version it belonged to.
    pub(crate) from: Version,
    pub(crate) kind: Option<&'static Kind>,
    pub(crate) value: Bits,
}

/// One place in a chunk. Atomic so that nobody need prove that it is written before it is read; the chunk's length says so.
/// On a cache line of its own: a snapshot that looks at the latest is not in the way of the next.
#[repr(align(64))]
struct Slot {
    cell: AtomicU64,
    from: AtomicU64,
    /// The version of the commit that replaced it.
    until: AtomicU64,
    kind: AtomicPtr<Kind>,
    value: AtomicPtr<()>,
}

/// Replaced values of one thread, in the order of its commits.
#[repr(C, align(64))]
struct Chunk {
    /// How many slots are in use. Release by the thread, acquire by snapshots: edge E14.
    length: AtomicU64,
    /// The greatest `until` of them.
    newest: AtomicU64,
    /// The chunk before this one. Cut off once no snapshot wants it.
    older: AtomicPtr<Chunk>,
    slots: [Slot; CHUNK],
}

impl Chunk {
    fn new(older: *mut Self) -> Box<Self> {
        let slot = || Slot {
            cell: AtomicU64::new(0),
            from: AtomicU64::new(0),
            until: AtomicU64::new(0),
            kind: AtomicPtr::new(ptr::null_mut()),
            value: AtomicPtr::new(ptr::null_mut()),
        };
        Box::new(Self {
            length: AtomicU64::new(0),
            newest: AtomicU64::new(0),
            older: AtomicPtr::new(older),
            slots: std::array::from_fn(|_| slot()),
        })
    }

    /// Appends a value if there is room. Only the chain's thread does.
    fn push(&self, replaced: Replaced, until: Version) -> bool {
        // Relaxed: only this thread stores it, as it does everything below but `older`.
        let length = self.length.load(Ordering::Relaxed);
        let Some(slot) = self.slots.get(length as usize) else { return false };
        let kind = replaced.kind.map_or(ptr::null(), ptr::from_ref).cast_mut();
        slot.cell.store(replaced.cell as u64, Ordering::Relaxed);
        slot.from.store(replaced.from.raw(), Ordering::Relaxed);
        slot.until.store(until.raw(), Ordering::Relaxed);
        slot.kind.store(kind, Ordering::Relaxed);
        slot.value.store(replaced.value, Ordering::Relaxed);
        if until.raw() > self.newest.load(Ordering::Relaxed) {
            self.newest.store(until.raw(), Ordering::Relaxed);
        }
        // Release: edge E14, pairs with `Past::gather`.
        self.length.store(length + 1, Ordering::Release);
        true
    }
}

/// Frees a chain from some chunk on.
///
/// # Safety
///
/// `chunk` was cut off, and nobody can reach it any more.
unsafe fn free_chain(chunk: *mut ()) {
    let mut next = chunk.cast::<Chunk>();
    while !next.is_null() {
        // SAFETY: by the contract; `keep` made it with `Box::into_raw`.
        let chunk = unsafe { Box::from_raw(next) };
        // Relaxed: nobody else has it any more.
        next = chunk.older.load(Ordering::Relaxed);
    }
}

/// Opens a snapshot on a thread that is pinned, until its pin ends. Returns its moment, and whether the thread has announced
/// it only now: one within another has a moment of its own, but the outer one is what others know of.
#[inline(always)]
pub(crate) fn open(local: &Local) -> (Version, bool) {
    let announced = local.announce();
    // SeqCst: edges E12 and E13.
    let reading = clock::now();
    let moment = if reading.is_a_moment() { reading.version() } else { make_moment() };
    // Relaxed: whoever reads an older moment keeps more than need be.
    if announced && local.kept.moment.load(Ordering::Relaxed) != moment.raw() {
        local.kept.moment.store(moment.raw(), Ordering::Relaxed);
    }
    (moment, announced)
}

#[cold]
fn make_moment() -> Version {
    // Relaxed: edge E14, the exchange that begins the moment releases it. Never less: a later moment may have begun meanwhile.
    clock::new_moment(|moment| {
        NEWEST.fetch_max(moment.raw(), Ordering::Relaxed);
    })
}

/// Keeps what a commit is about to replace, as far as a snapshot may want it. The commit has looked at the clock and seen that
/// it has to, holds all its locks, and has published nothing yet.
#[cold]
pub(crate) fn keep(replaced: impl Iterator<Item = Replaced>, until: Version) {
    // Relaxed: edge E14, the look at the clock has acquired it.
    let newest = NEWEST.load(Ordering::Relaxed);
    reclaim::with_local(|local| {
        // A chunk that is cut off meanwhile stays allocated.
        let _pin = local.pin();
        for replaced in replaced.filter(|replaced| replaced.from.raw() <= newest) {
            point(Point::Keep);
            append(local, replaced, until);
        }
    });
}

fn append(local: &Local, replaced: Replaced, until: Version) {
    let chain = &local.kept.newest;
    // Relaxed: only this thread stores it.
    let newest = chain.load(Ordering::Relaxed).cast::<Chunk>();
    // SAFETY: the newest chunk is never cut off.
    if unsafe { newest.as_ref() }.is_some_and(|chunk| chunk.push(replaced, until)) {
        return;
    }
    let chunk = Chunk::new(newest);
    chunk.push(replaced, until);
    // Before anybody can cut it off, and so subtract it. Relaxed: a count.
    CHUNKS.fetch_add(u64::from(!newest.is_null()), Ordering::Relaxed);
    // Release: edge E14, a snapshot finds the chunk as it was made.
    chain.store(Box::into_raw(chunk).cast(), Ordering::Release);
}

/// Comes behind a commit that has kept something, or would have: looks now and then whether it still has to.
#[cold]
pub(crate) fn committed() {
    reclaim::with_local(|local| {
        let (left, most) = local.kept.patience.get();
        let patience = match left {
            0 => (PATIENCE.0, PATIENCE.0),
            1 if tidy() => (PATIENCE.0, PATIENCE.0),
            1 => {
                let most = (most * 2).min(PATIENCE.1);
                (most, most)
            }
            _ => (left - 1, most),
        };
        local.kept.patience.set(patience);
    });
}

/// Whether so much has been kept that a snapshot that ends may have to look after it. Relaxed, here and below: counts and hints.
#[inline]
pub(crate) fn is_large() -> bool {
    CHUNKS.load(Ordering::Relaxed) > FEW_CHUNKS
}

/// Comes behind the end of a snapshot: sees to it that what was kept for it is given back, by the collection that follows.
#[cold]
pub(crate) fn closed(local: &Local) {
    // A younger one than others that are open has nothing to give back.
    let is_oldest = local.kept.moment.load(Ordering::Relaxed) <= OLDEST.load(Ordering::Relaxed);
    // Somebody who is at it may have seen this snapshot open.
    for _ in 0..16 {
        let chunks = CHUNKS.load(Ordering::Relaxed);
        let is_worth_it = chunks > FEW_CHUNKS && (is_oldest || chunks > MANY_CHUNKS.load(Ordering::Relaxed));
        if !is_worth_it || try_tidy().is_some() {
            return;
        }
        shim::yield_now();
    }
}

/// Stops keeping if no snapshot is open, and gives back what none can want any more. Returns whether none is open.
pub(crate) fn tidy() -> bool {
    try_tidy().unwrap_or(false)
}

/// [`tidy`], unless somebody else is at it.
#[cold]
fn try_tidy() -> Option<bool> {
    // Acquire: what the last one has cut off is off.
    if TIDYING.swap(true, Ordering::Acquire) {
        return None;
    }
    // Edge E13: from here on no snapshot takes the newest moment. One that is not seen below makes another.
    let (ended, next) = clock::end_moment();
    // Relaxed: an older moment keeps more than need be.
    let oldest = reclaim::open_snapshots().map(|local| local.kept.moment.load(Ordering::Relaxed)).min();
    let idle = oldest.is_none() && clock::stop_keeping(ended);
    // What is seen may have been opened since then, and later than another that is not seen. So no moment counts that was made
    // since: whoever has one wants nothing that those do not want who were there before, or will be there next.
    OLDEST.store(oldest.unwrap_or(u64::MAX), Ordering::Relaxed);
    let oldest = oldest.map_or(next.raw(), |oldest| oldest.min(ended.version().raw()));
    forget_births(oldest, idle);
    reclaim::with_local(|own| reclaim::records().for_each(|local| cut(local, oldest, own)));
    MANY_CHUNKS.store((2 * CHUNKS.load(Ordering::Relaxed)).max(FEW_CHUNKS), Ordering::Relaxed);
    // Release: pairs with the exchange above.
    TIDYING.store(false, Ordering::Release);
    Some(idle)
}

/// Cuts off what no snapshot wants that has the oldest moment or a later one.
fn cut(local: &Local, oldest: u64, own: &Local) {
    let _pin = own.pin();
    // Acquire: edge E14, the chunks are as they were made.
    let mut newest = local.kept.newest.load(Ordering::Acquire).cast::<Chunk>();
    // The first one is in use.
    // SAFETY: the thread is pinned; chunks are cut off only here, one thread at a time, and retired then.
    while let Some(chunk) = unsafe { newest.as_ref() } {
        // Relaxed: only this function stores it, and `TIDYING` orders that; those that are made point to what is known.
        let older = chunk.older.load(Ordering::Relaxed);
        // SAFETY: as above.
        let Some(next) = (unsafe { older.as_ref() }) else { return };
        // Relaxed: the chunk is full, and whoever made the next one has published that.
        if next.newest.load(Ordering::Relaxed) > oldest {
            newest = older;
            continue;
        }
        // Relaxed: whoever reads it sees a chunk or none, and wants none of them.
        chunk.older.store(ptr::null_mut(), Ordering::Relaxed);
        CHUNKS.fetch_sub(length(next), Ordering::Relaxed);
        // SAFETY: it is cut off: who pins itself from now on can not reach it.
        unsafe { own.retire(older.cast(), free_chain) };
        own.wants_collection();
        return;
    }
}

/// How many chunks a chain has from some chunk on.
fn length(chunk: &Chunk) -> u64 {
    let (mut length, mut chunk) = (1, chunk);
    // Relaxed: as in `cut`, which has just cut it off.
    // SAFETY: likewise.
    while let Some(older) = unsafe { chunk.older.load(Ordering::Relaxed).as_ref() } {
        (length, chunk) = (length + 1, older);
    }
    length
}

/// Notes that a variable begins to exist at this address, if a snapshot may be open.
#[inline(always)]
pub(crate) fn born(cell: usize) {
    if let Some(moment) = clock::birth() {
        note_birth(cell, moment);
    }
}

#[cold]
fn note_birth(cell: usize, moment: Version) {
    let mut births = BIRTHS.lock();
    let is_new = births.insert(cell, moment.raw()).is_none();
    // Under the lock: who forgets births subtracts those that are there. Relaxed, here and below: a count.
    let are_many = is_new && BORN.fetch_add(1, Ordering::Relaxed) >= MANY_BORN.load(Ordering::Relaxed);
    drop(births);
    if are_many {
        // A program that makes variables and commits nothing would go on like this for ever.
        tidy();
    }
}

/// Forgets births before the oldest moment that a snapshot has.
fn forget_births(oldest: u64, all: bool) {
    // Relaxed: there are some if this thread has seen any; if not, somebody will forget them later.
    let born = BORN.load(Ordering::Relaxed);
    if born == 0 || (!all && born < MANY_BORN.load(Ordering::Relaxed)) {
        return;
    }
    let mut births = BIRTHS.lock();
    let before = births.len();
    births.retain(|_, birth| *birth >= oldest);
    if births.capacity() > 4 * births.len() {
        births.shrink_to_fit();
    }
    let left = births.len();
    BORN.fetch_sub((before - left) as u64, Ordering::Relaxed);
    MANY_BORN.store((2 * left as u64).max(FEW_BORN), Ordering::Relaxed);
}

/// Whether the variable at this address is younger than a snapshot of this moment.
fn is_younger(cell: usize, moment: Version) -> bool {
    // Relaxed: whoever has the variable has synchronised with its maker.
    BORN.load(Ordering::Relaxed) > 0 && BIRTHS.lock().get(&cell).is_some_and(|&birth| birth >= moment.raw())
}

/// What one snapshot has found so far.
#[derive(Default)]
pub(crate) struct Past {
    found: Map<Replaced>,
    /// For each record, by its number, the chunk that was its newest, and how many of its slots have been looked at.
    seen: Vec<(*const Chunk, u64)>,
}

impl Past {
    /// Up to how many values the map's memory is kept for the next snapshot.
    const KEEP: usize = 1 << 12;

    /// The value that the variable had at `moment`. It has a newer one since.
    ///
    /// `None` if the variable is younger than the snapshot.
    pub(crate) fn find(&mut self, cell: usize, moment: Version) -> Option<Replaced> {
        if !self.found.contains_key(&cell) {
            self.gather(moment);
        }
        self.found.get(&cell).copied().filter(|_| !is_younger(cell, moment))
    }

    /// Takes in what has been kept since the last time.
    fn gather(&mut self, moment: Version) {
        for local in reclaim::records() {
            if self.seen.len() <= local.number {
                self.seen.resize(local.number + 1, (ptr::null(), 0));
            }
            let seen = &mut self.seen[local.number];
            // Acquire: edge E14, pairs with the store of `append`.
            let newest = local.kept.newest.load(Ordering::Acquire).cast::<Chunk>().cast_const();
            let (mut chunk, mut length) = (newest, 0);
            // SAFETY: the snapshot is pinned, and chunks are retired when they are cut off.
            while let Some(current) = unsafe { chunk.as_ref() } {
                // Acquire: edge E14, pairs with `Chunk::push`.
                let filled = current.length.load(Ordering::Acquire);
                if ptr::eq(chunk, newest) {
                    length = filled;
                }
                let start = if ptr::eq(chunk, seen.0) { seen.1 } else { 0 };
                let slots = &current.slots[start as usize..filled as usize];
                slots.iter().filter_map(|slot| slot.at(moment)).for_each(|value| {
                    self.found.insert(value.cell, value);
                });
                // Behind what was seen before, or was committed before the moment, there is nothing new.
                // Relaxed: `length` has published it.
                let first = current.slots[0].until.load(Ordering::Relaxed);
                if ptr::eq(chunk, seen.0) || (filled > 0 && first <= moment.raw()) {
                    break;
                }
                // Relaxed: whoever made the chunk knew the older one, and nobody wants one that was cut off.
                chunk = current.older.load(Ordering::Relaxed);
            }
            *seen = (newest, length);
        }
    }

    /// Forgets everything: the snapshot is over.
    #[cold]
    pub(crate) fn clear(&mut self) {
        if self.seen.is_empty() {
            return;
        }
        if self.found.capacity() > Self::KEEP {
            self.found = Map::default();
        }
        self.found.clear();
        self.seen.clear();
    }
}

impl Slot {
    /// What the slot holds, if it was current at `moment`.
    fn at(&self, moment: Version) -> Option<Replaced> {
        // Relaxed: `Chunk::length` has published all of it.
        let (from, until) = (self.from.load(Ordering::Relaxed), self.until.load(Ordering::Relaxed));
        (from <= moment.raw() && moment.raw() < until).then(|| Replaced {
            cell: self.cell.load(Ordering::Relaxed) as usize,
            from: Version::from_raw(from),
            // SAFETY: null, or made from a reference to a static.
            kind: unsafe { self.kind.load(Ordering::Relaxed).cast_const().as_ref() },
            value: self.value.load(Ordering::Relaxed),
        })
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
