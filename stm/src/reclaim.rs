//! Deferred reclamation: memory that a running transaction may still look at is freed when none can.
//!
//! A thread *pins* itself while it may hold pointers into shared cells. Whoever makes something unreachable *retires*
//! it. Retired memory is freed once every thread that was pinned at that time has let go since.
//!
//! The scheme is epoch-based reclamation (Fraser, "Practical lock-freedom", 2004, section 5.2.3) with two changes that
//! make pinning two plain stores. The epoch is a time stamp: a collection stamps what was retired before it with the
//! epoch it ends, and that is free as soon as every pinned thread pinned itself in a later epoch. And the fence between
//! a pin and the loads behind it is asymmetric ([`barrier`]): collections pay for it, transactions do not.
//!
//! Why it is safe (docs/memory-model.md, edges E7 and E8): let a collection stamp an object with `s`. A thread whose pin
//! carries an epoch beyond `s` read the clock after the collection moved it, hence after the object was unlinked. A
//! thread whose pin the collection did not see has its loads behind the collection's fence, hence after the unlinking
//! too. Any other pinned thread delays the object.
//!
//! Values' destructors are user code. They run in [`collect`] and [`keep_up`], which hold no lock and no borrow while
//! they do, and which are called where no transaction of this thread is under way. `keep_up` frees at the pace at which
//! the thread retires: a batch freed at once would overflow the allocator's per-thread caches, and the allocations after
//! it find them empty.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::iter;
use std::mem;
use std::ptr;

use crossbeam_utils::CachePadded;

use crate::shim::{
    AtomicPtr, AtomicU64, Mutex, MutexGuard, Ordering, barrier, get_pointer, set_pointer, shared_static, thread_owner,
    thread_pointer,
};
use crate::unwind::Panics;

/// Retired objects a thread gathers before it collects: one fence and one scan are shared by this many.
const BATCH: usize = if cfg!(any(stm_loom, stm_shuttle, stm_chaos)) { 2 } else { 128 };

/// How many dropped variables may each ask for a collection at once, per batch. A program that drops a few variables
/// sees them freed at once; one that drops a million pays for a quarter of the collections.
const PROMPT: u32 = 32;

/// The pin of a thread that is not pinned.
const UNPINNED: u64 = 0;
/// In a pin, beside the epoch: the thread has a snapshot open (see `archive`).
const SNAPSHOT: u64 = 1;
/// From one epoch to the next: the lowest bit of a pin has another meaning.
const NEXT: u64 = 2;

/// In [`Local::beyond`]: a batch has gathered.
const FULL: u32 = 1;
/// In [`Local::beyond`]: one pin within another.
const NESTED: u32 = 2;

shared_static! {
    static EPOCH: CachePadded<AtomicU64> = CachePadded::new(AtomicU64::new(NEXT))
}
shared_static! {
    /// The record that was made last, for those who look at all without the registry.
    static RECORDS: AtomicPtr<Local> = AtomicPtr::new(ptr::null_mut())
}

shared_static! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry { locals: Vec::new(), idle: Vec::new(), orphans: Vec::new() })
}

thread_pointer! { static LOCAL: Local }

thread_owner! { static OWNER: Owner = Owner::register() }

struct Registry {
    /// Every record ever made. Records are recycled and never freed, so a thread may keep a plain reference.
    locals: Vec<&'static Local>,
    /// Those without a thread.
    idle: Vec<&'static Local>,
    /// What ended threads had retired and not freed.
    orphans: Vec<Garbage>,
}

/// Shuttle drops statics at the end of each execution, and there are a great many: nothing may pile up.
#[cfg(stm_shuttle)]
impl Drop for Registry {
    fn drop(&mut self) {
        mem::take(&mut self.orphans).into_iter().for_each(Garbage::free);
        for local in mem::take(&mut self.locals) {
            // SAFETY: `register` leaked it, and the threads that had references to it are over.
            drop(unsafe { Box::from_raw((&raw const *local).cast_mut()) });
        }
    }
}

/// Frees one retired object, running the destructor of what it holds.
pub(crate) type Destroy = unsafe fn(*mut ());

/// An object that nobody can reach any more except threads that were pinned when it was retired.
struct Garbage {
    object: *mut (),
    destroy: Destroy,
}

impl Garbage {
    /// Only for what was found ripe.
    fn free(self) {
        // SAFETY: by the contract of `retire` nobody else frees it, and `ripen` found that nobody sees it.
        unsafe { (self.destroy)(self.object) };
    }
}

// SAFETY: `Local::retire` requires that the object may be destroyed on any thread.
unsafe impl Send for Garbage {}

#[derive(Default)]
struct Bag {
    /// Retired since the last collection.
    fresh: Vec<Garbage>,
    /// Stamped by earlier collections, oldest first.
    stamped: VecDeque<(u64, Vec<Garbage>)>,
    /// Out of everybody's sight.
    ripe: Vec<Garbage>,
}

impl Bag {
    /// Up to how many entries a list keeps its memory.
    const KEEP: usize = 16 * BATCH;

    /// Takes out what may be freed, as long as what is ripe and what is fresh exceed a batch.
    fn surplus(&mut self) -> Option<Garbage> {
        if self.fresh.len() + self.ripe.len() > BATCH { self.ripe.pop() } else { None }
    }

    /// Gives the memory of an unusually long list back.
    fn shrink(&mut self) {
        if self.ripe.capacity() > Self::KEEP && self.ripe.len() <= BATCH {
            self.ripe.shrink_to(BATCH);
        }
    }
}

/// One thread's part of the scheme. Only `pin` and `kept` are shared; the rest belongs to the thread that holds the record.
pub(crate) struct Local {
    /// The epoch in which the thread pinned itself, perhaps with [`SNAPSHOT`], or [`UNPINNED`]. Written by its thread, read
    /// by collections.
    pin: CachePadded<AtomicU64>,
    /// The thread's part of the archive.
    pub(crate) kept: CachePadded<Kept>,
    /// How many records were made before this one.
    pub(crate) number: usize,
    /// The last of them, or null.
    older: *const Local,
    /// What makes the end of a pin more than one store: [`FULL`], and [`NESTED`] for every pin within the first.
    beyond: Cell<u32>,
    /// Whether a pin needs a fence of its own: a copy of what [`barrier`] found, beside the other fields a pin needs.
    fenced: bool,
    /// How many [`Handle`]s the thread has.
    handles: Cell<u32>,
    /// A collection of this thread is running user code.
    collecting: Cell<bool>,
    /// The next collection is to be a whole one: destructors have retired something since the last, or something large was.
    cascading: Cell<bool>,
    /// How many more dropped variables may ask for a collection of their own.
    prompt: Cell<u32>,
    /// Borrowed for a few lines at a time, never while user code runs.
    bag: UnsafeCell<Bag>,
}

// SAFETY: other threads reach a `Local` only through the registry and use only `pin` and what is atomic in `kept`. The other
// fields are used by the one thread that took the record out of `Registry::idle` under its mutex, which also hands them over.
unsafe impl Sync for Local {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Local {}

/// What a thread has kept for snapshots: see `archive`, which owns the meaning of it all.
pub(crate) struct Kept {
    /// A chain of chunks.
    pub(crate) newest: AtomicPtr<()>,
    /// Not later than the moment of the snapshot that the thread has open, if it has one.
    pub(crate) moment: AtomicU64,
    /// After how many commits the thread looks whether there are still snapshots, and how many that was at first. Its own.
    pub(crate) patience: Cell<(u32, u32)>,
}

impl Kept {
    fn new() -> Self {
        Self { newest: AtomicPtr::new(ptr::null_mut()), moment: AtomicU64::new(0), patience: Cell::new((0, 0)) }
    }
}

/// A share of this thread's record. The record goes back to the registry with the last share.
pub(crate) struct Handle(&'static Local);

impl Handle {
    fn register() -> Self {
        let mut registry = REGISTRY.lock();
        if registry.locals.is_empty() {
            barrier::prepare();
        }
        let local = registry.idle.pop().unwrap_or_else(|| {
            let local: &'static Local = Box::leak(Box::new(Local {
                pin: CachePadded::new(AtomicU64::new(UNPINNED)),
                kept: CachePadded::new(Kept::new()),
                number: registry.locals.len(),
                // Relaxed: it is stored under the mutex only.
                older: RECORDS.load(Ordering::Relaxed),
                beyond: Cell::new(0),
                fenced: !barrier::is_asymmetric(),
                handles: Cell::new(0),
                collecting: Cell::new(false),
                cascading: Cell::new(false),
                prompt: Cell::new(PROMPT),
                bag: UnsafeCell::default(),
            }));
            registry.locals.push(local);
            // Release: pairs with `records`. The mutex is held.
            RECORDS.store(ptr::from_ref(local).cast_mut(), Ordering::Release);
            local
        });
        local.handles.set(1);
        Self(local)
    }

    /// This thread's record, or a temporary one when the thread's own is destroyed already.
    pub(crate) fn current() -> Self {
        let pointer = get_pointer(&LOCAL);
        // SAFETY: a non-null LOCAL is a record, never freed, whose share OWNER still holds; `clone` stays on the thread.
        if let Some(local) = unsafe { pointer.as_ref() } {
            local.handles.set(local.handles.get() + 1);
            return Self(local);
        }
        Self::current_slow()
    }

    #[cold]
    fn current_slow() -> Self {
        OWNER
            .try_with(|owner| {
                let local = owner.0.0;
                set_pointer(&LOCAL, local);
                local.handles.set(local.handles.get() + 1);
                Self(local)
            })
            .unwrap_or_else(|_destroyed| {
                // Whatever the thread still does uses this record, until the last share of it is gone.
                let temporary = Self::register();
                set_pointer(&LOCAL, temporary.0);
                temporary
            })
    }

    pub(crate) fn local(&self) -> &'static Local {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let remaining = self.0.handles.get() - 1;
        self.0.handles.set(remaining);
        if remaining == 0 {
            release(self.0);
        }
    }
}

/// The thread-local share. Its destructor makes later uses on the thread take temporary records.
struct Owner(Handle);

impl Owner {
    fn register() -> Self {
        Self(Handle::register())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        set_pointer(&LOCAL, ptr::null());
    }
}

/// Gives a record back. What it had retired is left to other threads: a destructor that panics while a thread ends
/// would take the process with it.
fn release(local: &'static Local) {
    if ptr::eq(get_pointer(&LOCAL), local) {
        set_pointer(&LOCAL, ptr::null());
    }
    if local.is_pinned() {
        // The process exits from within a body. What the body sees has to stay, so the record stays pinned.
        return;
    }
    let bag = mem::take(local.bag());
    let mut registry = REGISTRY.lock();
    let stamped = bag.stamped.into_iter().flat_map(|(_, garbage)| garbage);
    registry.orphans.extend(bag.ripe.into_iter().chain(stamped).chain(bag.fresh));
    registry.idle.push(local);
}

/// Runs `f` with this thread's record.
pub(crate) fn with_local<R>(f: impl FnOnce(&Local) -> R) -> R {
    // SAFETY: as in `Handle::current`.
    match unsafe { get_pointer(&LOCAL).as_ref() } {
        Some(local) => f(local),
        None => f(Handle::current_slow().local()),
    }
}

/// Keeps the thread pinned.
pub(crate) struct Pin<'l>(&'l Local);

impl Drop for Pin<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unpin();
    }
}

impl Local {
    #[inline]
    pub(crate) fn pin(&self) -> Pin<'_> {
        self.enter();
        Pin(self)
    }

    /// Pins without a guard; [`Local::unpin`] ends it.
    #[inline]
    pub(crate) fn enter(&self) {
        if self.is_pinned() {
            self.beyond.set(self.beyond.get() + NESTED);
            return;
        }
        // Acquire: edge E7, a thread that sees an epoch sees everything unlinked before it began.
        let epoch = EPOCH.load(Ordering::Acquire);
        // Release: edge E8, a collection that sees this pin knows that the previous one is over.
        self.pin.store(epoch, Ordering::Release);
        // Edge E7: the loads of this pin come after it, or the collection sees it.
        barrier::light(self.fenced);
    }

    #[inline]
    pub(crate) fn unpin(&self) {
        let beyond = self.beyond.get();
        if beyond >= NESTED {
            self.beyond.set(beyond - NESTED);
        } else {
            // Release: edge E8, pairs with the scan; what the thread looked at is looked at no more.
            self.pin.store(UNPINNED, Ordering::Release);
        }
    }

    /// Unpins, unless that would leave the thread pinned or with a batch to collect.
    #[inline(always)]
    #[must_use = "the thread may still be pinned"]
    pub(crate) fn unpin_plainly(&self) -> bool {
        let plain = self.beyond.get() == 0;
        if plain {
            self.unpin();
        }
        plain
    }

    #[inline(always)]
    pub(crate) fn is_pinned(&self) -> bool {
        // Relaxed: only this thread stores it.
        self.pin.load(Ordering::Relaxed) != UNPINNED
    }

    /// Says that the pinned thread has a snapshot open, until the pin ends. Returns whether that is news.
    #[inline(always)]
    pub(crate) fn announce(&self) -> bool {
        // Relaxed: only this thread stores it.
        let pin = self.pin.load(Ordering::Relaxed);
        debug_assert!(pin != UNPINNED);
        let news = pin & SNAPSHOT == 0;
        if news {
            // Release: edge E8, as for every pin.
            self.pin.store(pin | SNAPSHOT, Ordering::Release);
            // Edge E13: the look at the clock comes after it, or it is seen.
            barrier::light(self.fenced);
        }
        news
    }

    /// Takes [`announce`](Local::announce) back before the pin ends.
    pub(crate) fn withdraw(&self) {
        // Relaxed: only this thread stores it. Release: edge E8.
        let pin = self.pin.load(Ordering::Relaxed);
        self.pin.store(pin & !SNAPSHOT, Ordering::Release);
    }

    /// Asks for a whole collection when this thread is next between transactions: what was retired is large.
    pub(crate) fn wants_collection(&self) {
        self.beyond.set(self.beyond.get() | FULL);
        self.cascading.set(true);
    }

    /// Frees `object` by `destroy` once no pinned thread can reach it.
    ///
    /// # Safety
    ///
    /// `object` can not be reached by threads that pin themselves from now on, nobody else retires or frees it, and
    /// `destroy(object)` may run on any thread.
    #[inline]
    pub(crate) unsafe fn retire(&self, object: *mut (), destroy: Destroy) {
        let fresh = &mut self.bag().fresh;
        fresh.push(Garbage { object, destroy });
        if fresh.len() >= BATCH {
            self.beyond.set(self.beyond.get() | FULL);
        }
    }

    /// Whether enough was retired to make a collection worth its fence.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.beyond.get() & FULL != 0
    }

    /// Whether a variable just dropped should be freed now rather than with its batch.
    fn may_collect_promptly(&self) -> bool {
        match self.prompt.get() {
            0 => false,
            left => {
                self.prompt.set(left - 1);
                true
            }
        }
    }

    #[allow(clippy::mut_from_ref, reason = "the one place where the bag is borrowed; see the safety comment")]
    fn bag(&self) -> &mut Bag {
        // SAFETY: the record is this thread's, and no borrow is kept while user code runs, or anything else that could
        // get here again.
        unsafe { &mut *self.bag.get() }
    }

    /// Finds what may be freed now: stamps what is fresh, and compares stamps with every pinned thread.
    fn ripen(&self, mut registry: MutexGuard<'_, Registry>) {
        let bag = self.bag();
        self.beyond.set(self.beyond.get() & !FULL);
        bag.fresh.append(&mut mem::take(&mut registry.orphans));
        if bag.fresh.is_empty() && bag.stamped.is_empty() {
            return;
        }
        // AcqRel: edge E7. Release: who pins in the new epoch sees what was unlinked before it. Acquire: so do those who
        // pin after a later collection.
        let stamp = EPOCH.fetch_add(NEXT, Ordering::AcqRel);
        if !bag.fresh.is_empty() {
            bag.stamped.push_back((stamp, mem::take(&mut bag.fresh)));
        }
        // Edge E7: every pin is seen below, or its loads come after the unlinking.
        barrier::heavy();
        let oldest_pin = registry
            .locals
            .iter()
            // Acquire: edge E8, pairs with the stores of `enter` and `unpin`.
            .map(|local| local.pin.load(Ordering::Acquire) & !SNAPSHOT)
            .filter(|&epoch| epoch != UNPINNED)
            .min()
            .unwrap_or(u64::MAX);
        drop(registry);
        while bag.stamped.front().is_some_and(|&(stamp, _)| stamp < oldest_pin) {
            let Some((_, mut garbage)) = bag.stamped.pop_front() else { break };
            bag.ripe.append(&mut garbage);
        }
    }
}

/// All records there are. A thread that has a record has it here before it does anything else.
pub(crate) fn records() -> impl Iterator<Item = &'static Local> {
    // Acquire: pairs with `Handle::register`; the records are as they were made.
    let mut next = RECORDS.load(Ordering::Acquire).cast_const();
    iter::from_fn(move || {
        // SAFETY: records are never freed.
        let local: &'static Local = unsafe { next.as_ref()? };
        next = local.older;
        Some(local)
    })
}

/// The records of threads that have a snapshot open.
pub(crate) fn open_snapshots() -> impl Iterator<Item = &'static Local> {
    // Edge E13: every announcement is seen below, or its look at the clock comes after this.
    barrier::heavy();
    // Acquire: edge E8, pairs with `announce`.
    records().filter(|local| local.pin.load(Ordering::Acquire) & SNAPSHOT != 0)
}

/// Frees what this thread retired and nobody can see any more, and what its destructors retire in turn. Returns how many
/// objects that were. Does nothing within itself.
///
/// # Panics
///
/// Goes on with the first panic of a destructor, after all others have run.
pub(crate) fn collect(local: &Local) -> usize {
    collect_with(local, || Some(REGISTRY.lock()))
}

/// [`collect`], as long as `lock` gives the registry.
fn collect_with<'r>(local: &Local, lock: impl Fn() -> Option<MutexGuard<'r, Registry>>) -> usize {
    if local.is_pinned() || local.collecting.replace(true) {
        return 0;
    }
    let mut freed = 0;
    let mut panics = Panics::new();
    while let Some(registry) = lock() {
        local.ripen(registry);
        local.cascading.set(false);
        if local.bag().ripe.is_empty() {
            break;
        }
        panics.run_each(iter::from_fn(|| local.bag().ripe.pop()), |garbage| {
            freed += 1;
            garbage.free();
        });
    }
    local.bag().shrink();
    local.prompt.set(PROMPT);
    local.collecting.set(false);
    panics.resume();
    freed
}

/// Frees about as much as the thread has retired since the last time, if no transaction of it is under way.
#[inline]
pub(crate) fn keep_up(local: &Local) {
    let bag = local.bag();
    if local.is_full() || bag.fresh.len() + bag.ripe.len() > BATCH {
        free_surplus(local);
    }
}

/// Waits for nobody: if somebody else is at the registry, who may have been descheduled there, the next run's end will do.
/// And frees nothing while the thread unwinds: a destructor that panics then would end the process.
fn free_surplus(local: &Local) {
    if local.is_pinned() || local.collecting.get() || std::thread::panicking() {
        return;
    }
    if local.is_full() {
        if local.cascading.get() {
            // A chain would get one link shorter with every batch.
            collect_with(local, || REGISTRY.try_lock());
            return;
        }
        if let Some(registry) = REGISTRY.try_lock() {
            local.ripen(registry);
            local.prompt.set(PROMPT);
        }
    }
    local.collecting.set(true);
    let mut panics = Panics::new();
    let retired = local.bag().fresh.len();
    panics.run_each(iter::from_fn(|| local.bag().surplus()), Garbage::free);
    if local.bag().fresh.len() > retired {
        local.cascading.set(true);
    }
    local.bag().shrink();
    local.collecting.set(false);
    panics.resume();
}

/// Retires a variable whose last handle is gone, and frees it at once if that is cheap and possible.
///
/// # Safety
///
/// As for [`Local::retire`].
pub(crate) unsafe fn retire_dropped(object: *mut (), destroy: Destroy, promptly: bool) {
    with_local(|local| {
        // SAFETY: passed on to the caller.
        unsafe { local.retire(object, destroy) };
        if local.is_pinned() || std::thread::panicking() {
            return;
        }
        if local.is_full() || (promptly && !local.collecting.get() && local.may_collect_promptly()) {
            collect(local);
        }
    });
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
