//! Waiting for variables to change: a table from addresses to waiters.
//!
//! A waiter first registers itself under the address of every variable it has read, and then arms each: it sets the
//! waiter bit in the variable's word, if the variable still is as it was. A commit that finds the bit in a word it locks
//! wakes that address when it has unlocked. So either the waiter finds the variable changed while arming it, or the
//! commit finds the bit, and behind it the registration (docs/memory-model.md, edge E6).
//!
//! A waiter is a [`Waker`]: threads and tasks wait in the same table. Nothing here looks at a variable once it is armed,
//! so a waiter keeps no memory alive. A wake-up that comes for an address used anew is merely needless.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use crossbeam_utils::CachePadded;

use crate::cell::RawCell;
use crate::sync::{self, AtomicBool, Mutex, Ordering, Point, Thread, shared_static};
use crate::unwind::Panics;
use crate::word::Word;

/// A variable to wait for, and the word it had when it was read.
pub(crate) type Awaited = (*const RawCell, Word);

const BUCKETS: usize = if cfg!(any(stm_loom, stm_shuttle)) { 1 } else { 256 };

type Bucket = BTreeMap<usize, Vec<Arc<Waiter>>>;

struct Table([CachePadded<Mutex<Bucket>>; BUCKETS]);

impl Table {
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    const fn new() -> Self {
        Self([const { CachePadded::new(Mutex::new(BTreeMap::new())) }; BUCKETS])
    }
    #[cfg(any(stm_loom, stm_shuttle))]
    fn new() -> Self {
        Self(std::array::from_fn(|_| CachePadded::new(Mutex::new(BTreeMap::new()))))
    }

    fn bucket(&self, address: usize) -> &Mutex<Bucket> {
        // Fibonacci hashing; cells are 16-byte aligned.
        let hash = ((address >> 4) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.0[(hash >> 32) as usize % BUCKETS]
    }
}

shared_static! {
    static TABLE: Table = Table::new()
}

/// One wait of one thread or task.
#[derive(Debug)]
pub(crate) struct Waiter {
    notified: AtomicBool,
    /// Whom to wake. A task may come with another waker each time it is polled; none is called or dropped under the lock.
    waker: Mutex<Option<Waker>>,
}

impl Waiter {
    fn notify(&self) {
        // Release: edge E10, what the commit has published is there when the waiter runs again.
        if !self.notified.swap(true, Ordering::Release) {
            self.rouse();
        }
    }

    /// Wakes whoever waits, without a notice that something has changed.
    fn rouse(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_notified(&self) -> bool {
        // Acquire: edge E10, pairs with `notify`.
        self.notified.load(Ordering::Acquire)
    }
}

/// An alarm wakes a waiter so.
impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.rouse();
    }
}

/// Wakes a blocked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A waker for the calling thread.
pub(crate) fn thread_waker() -> Waker {
    Waker::from(Arc::new(Unpark(sync::current())))
}

/// A waiter that is in the table. Dropping it takes it out.
#[derive(Debug)]
pub(crate) struct Registration {
    waiter: Arc<Waiter>,
    addresses: Vec<usize>,
}

impl Registration {
    /// Registers and arms a waiter for all of `awaited`. Returns `None` if one of them has changed already. A waiter without
    /// a waker gets one by [`entrust`](Self::entrust).
    ///
    /// # Safety
    ///
    /// The cells are alive until this returns.
    pub(crate) unsafe fn arm(waker: impl Into<Option<Waker>>, awaited: &mut Vec<Awaited>) -> Option<Self> {
        awaited.sort_unstable_by_key(|&(cell, _)| cell.addr());
        awaited.dedup_by_key(|&mut (cell, _)| cell.addr());
        let waiter = Arc::new(Waiter { notified: AtomicBool::new(false), waker: Mutex::new(waker.into()) });
        let registration = Self { waiter, addresses: awaited.iter().map(|&(cell, _)| cell.addr()).collect() };
        sync::point(Point::Register);
        // Register first, arm second: a commit that sees the bit must find the waiter.
        for &address in &registration.addresses {
            TABLE.bucket(address).lock().entry(address).or_default().push(Arc::clone(&registration.waiter));
        }
        let armed = awaited.iter().all(|&(cell, seen)| {
            sync::point(Point::Arm);
            // SAFETY: passed on to the caller.
            unsafe { arm_one(&*cell, seen) }
        });
        armed.then_some(registration)
    }

    /// Blocks the calling thread, whose waker this was made with, until somebody has changed one of the variables.
    #[cfg(all(test, not(stm_shuttle)))]
    pub(crate) fn block(self) {
        self.block_until(None);
    }

    /// Blocks the calling thread, whose waker this was made with, until somebody has changed one of the variables or the
    /// deadline has passed. Says whether somebody has.
    pub(crate) fn block_until(self, deadline: Option<Instant>) -> bool {
        sync::point(Point::Block);
        // A partner that answers at once is cheaper to meet awake than asleep.
        for _ in 0..SPINS_BEFORE_PARKING {
            if self.waiter.is_notified() {
                return true;
            }
            sync::spin_loop();
        }
        while !self.waiter.is_notified() {
            let Some(deadline) = deadline else {
                sync::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.waiter.is_notified();
            }
            sync::park_timeout(left);
        }
        true
    }

    /// Lets `waker` be woken from now on, if nobody has changed one of the variables yet. Says whether somebody has; then
    /// nobody need be woken any more.
    ///
    /// The notice is given before the waker is taken, and looked for after it was put in place, each under the lock: so
    /// either the one who notifies takes the new waker, or the notice is found here.
    pub(crate) fn entrust(&self, waker: &Waker) -> bool {
        let is_the_same = self.waiter.waker.lock().as_ref().is_some_and(|present| present.will_wake(waker));
        if !is_the_same && !self.waiter.is_notified() {
            let waker = waker.clone();
            let replaced = self.waiter.waker.lock().replace(waker);
            drop(replaced);
        }
        self.waiter.is_notified()
    }

    /// Wakes the one who waits, at a deadline.
    pub(crate) fn rouser(&self) -> Waker {
        Waker::from(Arc::clone(&self.waiter))
    }
}

/// A few microseconds. A model has nothing to gain from it.
const SPINS_BEFORE_PARKING: u32 = if cfg!(any(stm_loom, stm_shuttle)) { 0 } else { 200 };

impl Drop for Registration {
    fn drop(&mut self) {
        for &address in &self.addresses {
            let mut bucket = TABLE.bucket(address).lock();
            if let Some(waiters) = bucket.get_mut(&address) {
                waiters.retain(|waiter| !Arc::ptr_eq(waiter, &self.waiter));
                if waiters.is_empty() {
                    bucket.remove(&address);
                }
            }
        }
    }
}

/// Marks the cell as waited for, unless it has changed or is about to.
fn arm_one(cell: &RawCell, seen: Word) -> bool {
    let mut word = cell.lock.load_again();
    loop {
        if word.without_waiters() != seen {
            return false;
        }
        // Also where the bit is set already: only a read-modify-write is sure to meet the latest word.
        match cell.lock.try_arm(word) {
            Ok(()) => return true,
            Err(current) => word = current,
        }
    }
}

/// Waiters to be woken once the caller holds nothing any more: wakers are user code.
#[derive(Debug, Default)]
pub(crate) struct WakeList(Vec<Arc<Waiter>>);

impl WakeList {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes everybody who waits for `cell` out of the table. Only its address is used.
    #[cold]
    pub(crate) fn add(&mut self, cell: *const RawCell) {
        let address = cell.addr();
        let waiters = TABLE.bucket(address).lock().remove(&address);
        self.0.extend(waiters.into_iter().flatten());
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wakes them all, putting off panics of wakers.
    #[cold]
    pub(crate) fn wake(&mut self, panics: &mut Panics) {
        panics.run_each(mem::take(&mut self.0), |waiter| waiter.notify());
    }
}

/// How many waiters are registered: a model ends with none.
#[cfg(all(test, stm_loom))]
pub(crate) fn registered() -> usize {
    TABLE.0.iter().map(|bucket| bucket.lock().values().map(Vec::len).sum::<usize>()).sum()
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::clock::Version;
    use crate::word::VersionedLock;
    use std::sync::atomic::{AtomicU32, Ordering as Std};

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Std::Relaxed);
        }
    }

    fn cell() -> Box<RawCell> {
        Box::new(RawCell::new(VersionedLock::FREE, std::ptr::null_mut()))
    }

    fn arm(count: &Arc<Count>, cells: &[&RawCell]) -> Option<Registration> {
        let mut awaited = cells.iter().map(|cell| (&raw const **cell, VersionedLock::FREE)).collect();
        // SAFETY: the cells are borrowed.
        unsafe { Registration::arm(Waker::from(Arc::clone(count)), &mut awaited) }
    }

    fn wake(cell: &RawCell) {
        let (mut list, mut panics) = (WakeList::new(), Panics::new());
        list.add(cell);
        list.wake(&mut panics);
        panics.resume();
    }

    fn waiting_at(cell: &RawCell) -> usize {
        let address = (&raw const *cell).addr();
        TABLE.bucket(address).lock().get(&address).map_or(0, Vec::len)
    }

    #[test]
    fn a_waiter_is_woken_once_by_the_first_of_its_variables() {
        let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
        let registration = arm(&count, &[&a, &b, &a]).expect("nothing has changed");
        assert!(a.lock.load().has_waiters() && b.lock.load().has_waiters());
        assert_eq!((waiting_at(&a), waiting_at(&b)), (1, 1), "a variable read twice is waited for once");
        wake(&a);
        wake(&b);
        wake(&a);
        assert_eq!(count.0.load(Std::Relaxed), 1);
        registration.block();
        assert_eq!((waiting_at(&a), waiting_at(&b)), (0, 0));
    }

    #[test]
    fn a_waiter_that_comes_too_late_is_not_left_behind() {
        let (a, b, count) = (cell(), cell(), Arc::new(Count::default()));
        b.lock.publish(Version::from_raw(1));
        assert!(arm(&count, &[&a, &b]).is_none());
        assert_eq!((waiting_at(&a), waiting_at(&b)), (0, 0));
    }

    #[test]
    fn dropping_a_registration_takes_only_its_own_waiter_out() {
        let (a, count) = (cell(), Arc::new(Count::default()));
        let first = arm(&count, &[&a]).expect("nothing has changed");
        let second = arm(&count, &[&a]).expect("a second waiter changes nothing");
        drop(first);
        assert_eq!(waiting_at(&a), 1);
        wake(&a);
        assert_eq!(count.0.load(Std::Relaxed), 1);
        drop(second);
    }

    #[test]
    fn a_waker_that_panics_keeps_nobody_asleep() {
        struct Bomb;
        impl Wake for Bomb {
            fn wake(self: Arc<Self>) {
                panic!("a waker panics");
            }
        }
        let (a, count) = (cell(), Arc::new(Count::default()));
        let mut awaited = vec![(&raw const *a, VersionedLock::FREE)];
        // SAFETY: the cell is alive.
        let _bomb = unsafe { Registration::arm(Waker::from(Arc::new(Bomb)), &mut awaited) };
        let _good = arm(&count, &[&a]);
        assert!(std::panic::catch_unwind(|| wake(&a)).is_err(), "the panic goes on");
        assert_eq!(count.0.load(Std::Relaxed), 1);
    }
}
