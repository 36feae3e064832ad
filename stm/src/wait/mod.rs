//! Waiting for variables to change: a table from addresses to waiters.
//!
//! A waiter first registers itself under the address of every variable it has read, and then arms each: it sets the
//! waiter bit in the variable's word, if the variable still is as it was. A commit that finds the bit in a word it locks
//! wakes that address when it has unlocked. So either the waiter finds the variable changed while arming it, or the
//! commit finds the bit, and behind it the registration (docs/memory-model.md, edge E6).
//!
//! A write wakes all who wait for the variable, or, of those who wait *in line*, one: see [`line`].
//!
//! A waiter is a [`Waker`]: threads and tasks wait in the same table. A waiter does not look at a variable once it is armed,
//! so it keeps no memory alive. A wake-up that comes for an address used anew is merely needless.

mod line;
mod table;

use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::cell::RawCell;
use crate::names;
use crate::shim::cores::cores;
use crate::shim::{self, AtomicBool, AtomicU64, Mutex, Ordering, Point, Thread, shared_static};
use crate::unwind::Panics;
use crate::waited::{Site, Who};
use crate::word::Word;

pub(crate) use line::{Batons, Call};
use table::Ticket;

/// A variable to wait for, and the word it had when it was read.
pub(crate) type Awaited = (*const RawCell, Word);

shared_static! {
    static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0)
}

/// One wait of one thread or task.
#[derive(Debug)]
pub(crate) struct Waiter {
    notified: AtomicBool,
    /// Whom to wake. A task may come with another waker each time it is polled; none is called or dropped under the lock.
    waker: Mutex<Option<Waker>>,
    who: Who,
    since: Instant,
    number: u64,
    line: Option<Line>,
    /// Of the variables. Sorted.
    addresses: Box<[usize]>,
}

/// How a waiter waits in line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) call: Call,
    /// The addresses of the variables for which it does, sorted, if not for all. For the others it waits like everybody.
    pub(crate) own: Option<Vec<usize>>,
}

/// For all variables.
impl From<Call> for Line {
    fn from(call: Call) -> Self {
        Self { call, own: None }
    }
}

impl Waiter {
    /// How it waits for one of the variables.
    fn ticket(&self, address: usize) -> Ticket {
        let is_in = |line: &&Line| line.own.as_ref().is_none_or(|own| own.binary_search(&address).is_ok());
        Ticket { call: self.line.as_ref().filter(is_in).map(|line| line.call), number: self.number }
    }

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
    Waker::from(Arc::new(Unpark(shim::current())))
}

/// A waiter that is in the table. Dropping it takes it out, and passes on what batons it holds.
#[derive(Debug)]
pub(crate) struct Registration {
    waiter: Arc<Waiter>,
    /// Those of the addresses whose line it speaks for. Sorted.
    owed: Vec<usize>,
    is_out: bool,
}

impl Registration {
    /// Registers and arms a waiter for all of `awaited`: in `line`, if there is one. Returns `None` if one of them has
    /// changed already. The batons are those that the transaction has; those it still has afterwards are to be passed
    /// on before it blocks. A waiter without a waker gets one by [`entrust`](Self::entrust).
    ///
    /// # Safety
    ///
    /// The cells are alive until this returns.
    pub(crate) unsafe fn arm(
        waker: impl Into<Option<Waker>>,
        who: Who,
        awaited: &mut Vec<Awaited>,
        line: Option<Line>,
        batons: &mut Batons,
    ) -> Option<Self> {
        awaited.sort_unstable_by_key(|&(cell, _)| cell.addr());
        awaited.dedup_by_key(|&mut (cell, _)| cell.addr());
        let call = line.as_ref().map(|line| line.call);
        let own = call.and_then(|call| batons.number_at(call));
        // Relaxed: the number is only to differ from the others; the order in line is one of arrival, more or less.
        let number = own.unwrap_or_else(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed));
        let waiter = Arc::new(Waiter {
            notified: AtomicBool::new(false),
            waker: Mutex::new(waker.into()),
            who,
            since: Instant::now(),
            number,
            line,
            addresses: awaited.iter().map(|&(cell, _)| cell.addr()).collect(),
        });
        let mut registration = Self { waiter, owed: Vec::new(), is_out: false };
        shim::point(Point::Register);
        // Register first, arm second: a commit that sees the bit must find the waiter.
        for &(cell, seen) in awaited.iter() {
            table::enter(cell.addr(), seen, &registration.waiter);
        }
        let armed = awaited.iter().all(|&(cell, seen)| {
            shim::point(Point::Arm);
            // SAFETY: passed on to the caller.
            unsafe { arm_one(&*cell, seen) }
        });
        if !armed {
            registration.take_out(batons);
            return None;
        }
        if let Some(call) = call {
            // Only now: all of it was of no use as it is.
            let waiter = &registration.waiter;
            registration.owed = batons.put_down(call, |address| {
                waiter.addresses.binary_search(&address).is_ok() && waiter.ticket(address).call.is_some()
            });
        }
        Some(registration)
    }

    /// Blocks the calling thread, whose waker this was made with, until somebody has changed one of the variables.
    #[cfg(all(test, not(stm_shuttle)))]
    pub(crate) fn block(self) -> Batons {
        self.block_until(None)
    }

    /// Blocks the calling thread, whose waker this was made with, until somebody has changed one of the variables or the
    /// deadline has passed.
    pub(crate) fn block_until(self, deadline: Option<Instant>) -> Batons {
        shim::point(Point::Block);
        // A partner that answers at once is cheaper to meet awake than asleep.
        for _ in 0..SPINS_BEFORE_PARKING {
            if self.waiter.is_notified() {
                return self.end();
            }
            shim::spin_loop();
        }
        while !self.waiter.is_notified() {
            let Some(deadline) = deadline else {
                shim::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            shim::park_timeout(left);
        }
        self.end()
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

    /// Ends the wait. The transaction goes on with the batons.
    pub(crate) fn end(mut self) -> Batons {
        let mut batons = Batons::new();
        self.take_out(&mut batons);
        batons
    }

    /// Takes the waiter out of the table, once.
    fn take_out(&mut self, batons: &mut Batons) {
        if mem::replace(&mut self.is_out, true) {
            return;
        }
        let waiter = &*self.waiter;
        let holds = |address: &&usize| {
            table::leave(**address, waiter.ticket(**address), self.owed.binary_search(address).is_ok())
        };
        let held: Vec<_> = waiter.addresses.iter().filter(holds).copied().collect();
        if let Some(line) = &waiter.line {
            batons.take_up(line.call, waiter.number, held);
        }
    }
}

/// A few microseconds. A model has nothing to gain from it.
const SPINS_BEFORE_PARKING: u32 = if cfg!(any(stm_loom, stm_shuttle)) { 0 } else { 100 };

shared_static! {
    /// How many threads look at this moment, as in [`is_written_at_once`].
    static LOOKING: AtomicU64 = AtomicU64::new(0)
}

/// Looks for a few microseconds whether one of the variables is written, before anything is done to be woken by that. A partner
/// that answers at once then finds nobody to wake, and its commits stay plain ones. Whoever looks stands in no line, so few may do
/// it at a time: no more than can while one core is left for the one who writes.
///
/// # Safety
///
/// The cells are alive.
pub(crate) unsafe fn is_written_at_once(awaited: &[Awaited]) -> bool {
    const SPINS: u32 = 100;
    /// More variables take too long to look at again and again.
    const FEW: usize = 16;
    if cfg!(any(stm_loom, stm_shuttle)) || awaited.len() > FEW {
        return false;
    }
    // Relaxed: a count.
    let looking = LOOKING.fetch_add(1, Ordering::Relaxed);
    let is_written = looking + 1 < cores() as u64
        && (0..SPINS).any(|_| {
            shim::spin_loop();
            awaited.iter().any(|&(cell, seen)| {
                // SAFETY: passed on to the caller.
                let word = unsafe { (*cell).lock.load_again() };
                // One that is locked is as it was, or is to be written: that is seen later.
                !word.is_locked() && word.without_waiters() != seen
            })
        });
    LOOKING.fetch_sub(1, Ordering::Relaxed);
    is_written
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut batons = Batons::new();
        self.take_out(&mut batons);
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

/// Marks the cell as waited for by those who were in line behind whoever is woken now, so that the next write finds them.
/// Somebody who has locked it stops this: then they depend on the baton alone.
fn arm_again(cell: &RawCell) {
    for _ in 0..TRIES_TO_ARM {
        let word = cell.lock.load_again();
        if word.is_locked() {
            shim::spin_loop();
        } else if cell.lock.try_arm(word).is_ok() {
            return;
        }
    }
}

/// A microsecond or so: longer than a commit holds a lock, unless its thread has been descheduled.
const TRIES_TO_ARM: u32 = if cfg!(any(stm_loom, stm_shuttle)) { 1 } else { 64 };

/// Somebody to be woken.
#[derive(Debug)]
enum Wakeup {
    Waiter(Arc<Waiter>),
    /// A baton is to be passed on.
    NextInLine(usize, Call),
}

/// Waiters to be woken once the caller holds nothing any more: wakers are user code.
#[derive(Debug, Default)]
pub(crate) struct WakeList {
    wakes: Vec<Wakeup>,
    /// The variables somebody waited for, if that is [recorded](names::is_recording).
    written: Vec<usize>,
}

impl WakeList {
    pub(crate) const fn new() -> Self {
        Self { wakes: Vec::new(), written: Vec::new() }
    }

    /// Takes out of the table whom a write of the cell, which has been published, is to wake.
    #[cold]
    pub(crate) fn add(&mut self, cell: &RawCell) {
        // Whoever has registered since the write and has seen it is not meant. A locked word is what nobody has seen.
        let now = cell.lock.load_again().without_waiters();
        let address = (&raw const *cell).addr();
        let before = self.wakes.len();
        let is_left = table::take(address, now, |waiter| self.wakes.push(Wakeup::Waiter(waiter)));
        if is_left {
            arm_again(cell);
        }
        if self.wakes.len() > before && names::is_recording() {
            self.written.push(address);
        }
    }

    /// Takes over batons, to be passed on with the list.
    pub(crate) fn owe(&mut self, batons: &mut Batons) {
        self.wakes.extend(batons.give_up().map(|(address, call)| Wakeup::NextInLine(address, call)));
    }

    /// Gives them back.
    pub(crate) fn keep(&mut self, batons: &mut Batons) {
        self.wakes.retain(|wake| match *wake {
            Wakeup::NextInLine(address, call) => {
                batons.take_over(address, call);
                false
            }
            Wakeup::Waiter(_) => true,
        });
    }

    /// Notes, for people, who has written what these waited for.
    #[cold]
    pub(crate) fn sign(&mut self, site: Site) {
        mem::take(&mut self.written).into_iter().for_each(|address| names::set_written(address, site));
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.wakes.is_empty()
    }

    /// Wakes them all, putting off panics of wakers.
    #[cold]
    pub(crate) fn wake(&mut self, panics: &mut Panics) {
        panics.run_each(mem::take(&mut self.wakes), |wake| match wake {
            Wakeup::Waiter(waiter) => waiter.notify(),
            Wakeup::NextInLine(address, call) => {
                if let Some(next) = table::pass(address, call) {
                    next.notify();
                }
            }
        });
    }
}

/// A waiter as it was at one moment.
pub(crate) struct Seen {
    pub(crate) name: Option<&'static str>,
    pub(crate) site: Site,
    /// Where it is in line.
    pub(crate) line: Option<Call>,
    pub(crate) waited: Duration,
    pub(crate) addresses: Box<[usize]>,
}

/// All who are in the table, one bucket after the other.
pub(crate) fn everybody() -> Vec<Seen> {
    let waiters = table::everybody();
    let see = |waiter: &Arc<Waiter>| Seen {
        name: waiter.who.name,
        site: waiter.who.site,
        line: waiter.line.as_ref().map(|line| line.call),
        waited: waiter.since.elapsed(),
        addresses: waiter.addresses.clone(),
    };
    waiters.iter().map(see).collect()
}

/// How many waiters are registered, and how many batons are out: a model ends with none.
#[cfg(all(test, stm_loom))]
pub(crate) fn registered() -> usize {
    table::count(|_| true)
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
