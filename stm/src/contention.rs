//! Who waits, for how long, and how a transaction that keeps losing gets through.
//!
//! A transaction that has been aborted often enough is *promoted*: it takes the token, of which there is one, and sets
//! the exclusive bit in the clock. A commit takes its locks before it looks at the clock. So whatever commit did not see
//! the bit had locked all it writes before the bit was set, and the promoted transaction, which starts after that, finds
//! those variables locked and waits for them. Every later commit sees the bit, lets its locks go and waits for the token.
//! Hence nobody else changes what the promoted transaction has read until it ends, and it commits in one run
//! (docs/design.md, "Progress"; edge E4). The token is given back before any user code that follows the run.

use crate::clock;
use crate::sync::{self, Condvar, Mutex, Point, ThreadId, shared_static};

/// A wait for somebody who will be done in a moment: spins, then yields, then sleeps.
pub(crate) struct Spin {
    rounds: u32,
}

impl Spin {
    /// About a microsecond of spinning. Few schedules stop a holder for that long, so shuttle's threads lose patience sooner.
    const SPINS: u32 = if cfg!(stm_shuttle) { 1 } else { 6 };
    const YIELDS: u32 = 16;

    pub(crate) fn new() -> Self {
        Self { rounds: 0 }
    }

    /// Whether the other side seems to have been descheduled.
    pub(crate) fn is_long(&self) -> bool {
        self.rounds >= Self::SPINS
    }

    pub(crate) fn wait(&mut self) {
        let round = self.rounds;
        self.rounds = round.saturating_add(1);
        if round < Self::SPINS {
            for _ in 0..1 << round {
                sync::spin_loop();
            }
        } else if round < Self::SPINS + Self::YIELDS {
            sync::yield_now();
        } else {
            // 50 us doubling to 800 us.
            sync::sleep_micros(50 << (round - Self::SPINS - Self::YIELDS).min(4));
        }
    }
}

/// A generator for jitter (Marsaglia, "Xorshift RNGs", 2003).
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn below(&mut self, bound: u32) -> u32 {
        if cfg!(any(stm_loom, stm_shuttle)) {
            // A model decides for itself who waits, and has to find the same when it runs again.
            return 0;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % bound
    }
}

/// Lets others finish after `conflicts` lost attempts in a row: a random and growing number of spins, then yields.
#[cold]
pub(crate) fn back_off(conflicts: u32, jitter: &mut Jitter) {
    if conflicts <= 3 {
        for _ in 0..jitter.below(16 << conflicts) {
            sync::spin_loop();
        }
    } else {
        for _ in 0..=jitter.below(conflicts) {
            sync::yield_now();
        }
    }
}

shared_static! {
    static QUEUE: Mutex<Queue> = Mutex::new(Queue { next: 0, serving: 0, holder: None })
}

shared_static! {
    static CHANGED: Condvar = Condvar::new()
}

/// Tickets in order of arrival.
struct Queue {
    next: u64,
    serving: u64,
    /// The thread of the promoted transaction.
    holder: Option<ThreadId>,
}

/// The right to commit while nobody else does. Dropping it lets the others go on.
#[must_use = "the token is held until it is dropped"]
pub(crate) struct Token {
    /// Taken while this thread held the token already: the outer one gives it back.
    nested: bool,
}

impl Token {
    /// Waits for its turn, first come, first served, and then keeps everybody else from committing.
    pub(crate) fn acquire() -> Self {
        sync::point(Point::Queue);
        let me = sync::thread_id();
        let mut queue = QUEUE.lock();
        if queue.holder == Some(me) {
            return Self { nested: true };
        }
        let ticket = queue.next;
        queue.next += 1;
        while queue.serving != ticket {
            queue = CHANGED.wait(queue);
        }
        queue.holder = Some(me);
        clock::set_exclusive();
        Self { nested: false }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.nested {
            return;
        }
        let mut queue = QUEUE.lock();
        queue.serving += 1;
        queue.holder = None;
        clock::clear_exclusive();
        drop(queue);
        CHANGED.notify_all();
    }
}

/// Waits until the promoted transaction that the clock announced is over. Returns at once on its own thread, whose
/// one-shot operations may go on.
#[cold]
pub(crate) fn wait_for_token() -> Permission {
    let me = sync::thread_id();
    let mut queue = QUEUE.lock();
    let serving = queue.serving;
    loop {
        match queue.holder {
            Some(holder) if holder == me => return Permission::Holder,
            // One turn is enough: the next holder is met, if at all, at the next look at the clock.
            Some(_) if queue.serving == serving => queue = CHANGED.wait(queue),
            _ => return Permission::Waited,
        }
    }
}

/// What [`wait_for_token`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// The caller's thread holds the token.
    Holder,
    /// The promoted transaction is over.
    Waited,
}
