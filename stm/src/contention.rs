//! Who waits, for how long, and how a transaction that keeps losing gets through.
//!
//! A transaction that has been aborted often enough is *promoted*: it takes the token, of which there is one, and sets
//! the exclusive bit in the clock. A commit takes its locks before it looks at the clock. So whatever commit did not see
//! the bit had locked all it writes before the bit was set, and the promoted transaction, which starts after that, finds
//! those variables locked and waits for them. Every later commit sees the bit, lets its locks go and waits for the token.
//! Hence nobody else changes what the promoted transaction has read until it ends, and it commits in one run
//! (docs/design.md, "Progress"; edge E4). The token is given back before any user code that follows the run.

use std::collections::BTreeSet;
use std::time::Instant;

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
        self.rounds > Self::SPINS
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
    static QUEUE: Mutex<Queue> = Mutex::new(Queue { next: 0, serving: 0, holder: None, given_up: BTreeSet::new() })
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
    /// Tickets of those whose deadline has passed: nobody will come when they are called.
    given_up: BTreeSet<u64>,
}

impl Queue {
    /// Calls the next ticket that somebody still waits with.
    fn call_next(&mut self) {
        self.holder = None;
        self.serving += 1;
        while self.given_up.remove(&self.serving) {
            self.serving += 1;
        }
    }
}

/// The right to commit while nobody else does. Dropping it lets the others go on.
#[must_use = "the token is held until it is dropped"]
pub(crate) struct Token {
    /// Taken while this thread held the token already: the outer one gives it back.
    nested: bool,
}

impl Token {
    /// [`acquire_until`](Self::acquire_until) without a deadline.
    #[cfg(all(test, not(stm_shuttle)))]
    pub(crate) fn acquire() -> Self {
        Self::acquire_until(None).expect("without a deadline its turn comes")
    }

    /// Waits for its turn, first come, first served, and then keeps everybody else from committing. Gives up the place in
    /// the queue if the deadline passes first; where nobody is before it, it does not wait and so is in time.
    pub(crate) fn acquire_until(deadline: Option<Instant>) -> Option<Self> {
        sync::point(Point::Queue);
        let me = sync::thread_id();
        let mut queue = QUEUE.lock();
        if queue.holder == Some(me) {
            return Some(Self { nested: true });
        }
        let ticket = queue.next;
        queue.next += 1;
        let mut late = false;
        while queue.serving != ticket {
            if late {
                queue.given_up.insert(ticket);
                return None;
            }
            (queue, late) = CHANGED.wait_until(queue, deadline);
        }
        queue.holder = Some(me);
        clock::set_exclusive();
        Some(Self { nested: false })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.nested {
            return;
        }
        let mut queue = QUEUE.lock();
        queue.call_next();
        clock::clear_exclusive();
        drop(queue);
        CHANGED.notify_all();
    }
}

/// Waits until the promoted transaction that the clock announced is over. Returns at once on its own thread, whose
/// one-shot operations may go on; and when the deadline passes.
#[cold]
pub(crate) fn wait_for_token(deadline: Option<Instant>) -> Permission {
    let me = sync::thread_id();
    let mut queue = QUEUE.lock();
    let serving = queue.serving;
    let mut late = false;
    loop {
        match queue.holder {
            Some(holder) if holder == me => return Permission::Holder,
            // One turn is enough: the next holder is met, if at all, at the next look at the clock.
            Some(_) if queue.serving == serving => {
                if late {
                    return Permission::Late;
                }
                (queue, late) = CHANGED.wait_until(queue, deadline);
            }
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
    /// It is not, and the deadline has passed.
    Late,
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use std::thread;

    /// The token is the process's, and so are the tests'.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

    #[test]
    fn who_gives_up_leaves_no_hole_in_the_queue() {
        let _alone = ONE_AT_A_TIME.lock();
        let first = Token::acquire();
        thread::scope(|scope| {
            let before = QUEUE.lock().next;
            let in_queue = |count| {
                while QUEUE.lock().next < before + count {
                    thread::yield_now();
                }
            };
            let early = scope.spawn(|| drop(Token::acquire()));
            in_queue(1);
            for _ in 0..3 {
                scope.spawn(|| assert!(Token::acquire_until(Some(Instant::now())).is_none()));
            }
            in_queue(4);
            while QUEUE.lock().given_up.len() < 3 {
                thread::yield_now();
            }
            let late = scope.spawn(|| drop(Token::acquire()));
            in_queue(5);
            drop(first);
            early.join().expect("its turn has come");
            late.join().expect("and that of whoever came after those who gave up");
        });
        assert!(QUEUE.lock().given_up.is_empty(), "no trace of them");
    }

    #[test]
    fn whoever_is_first_is_in_time() {
        let _alone = ONE_AT_A_TIME.lock();
        let late = Instant::now();
        drop(Token::acquire_until(Some(late)).expect("nobody is before it"));
        let _token = Token::acquire();
        let elsewhere = thread::scope(|scope| scope.spawn(|| wait_for_token(Some(late))).join());
        assert_eq!(elsewhere.expect("it returns"), Permission::Late);
        assert_eq!(wait_for_token(Some(late)), Permission::Holder);
    }
}
