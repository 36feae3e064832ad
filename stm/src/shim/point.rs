//! Numbered steps of an attempt and its commit, at which a test can look, wait, or panic.
//!
//! In an ordinary build [`point`] is nothing. With `--cfg stm_probe` it calls what the test has set for its thread by
//! [`set`], and the version of each commit is kept for [`last_commit`].

/// A step that an attempt, or its commit, is about to take or has taken.
///
/// Where the text does not say otherwise, a panic at a step before [`Decided`](Point::Decided) undoes the attempt, and at a
/// later one leaves the transaction in effect as a whole.
#[allow(unreachable_pub, reason = "reachable in a build with `stm_probe`")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// A run has begun and has read nothing yet.
    Begun,
    /// An operation is about to read.
    Read,
    /// The attempt is about to move its view of the world to a later moment.
    Extend,
    /// An operation is about to note a write, and owns the value.
    Write,
    /// The commit is about to lock a variable.
    Lock,
    /// All variables are locked.
    Locked,
    /// The commit has looked at the clock.
    Stamped,
    /// The commit has given its locks back, and is about to let a promoted transaction go first.
    StandAside,
    /// The commit is about to keep a value that it replaces, for snapshots.
    Keep,
    /// Nothing can stop the commit any more.
    Decided,
    /// A variable has its new value and is unlocked.
    Published,
    /// All are; those who wait for them have not been looked up.
    Settle,
    /// The attempt has been undone, its hooks have run, and the thread is free.
    Undone,
    /// A waiter is about to be registered.
    Register,
    /// It is in the table, and the next of its variables is about to be armed.
    Arm,
    /// It is armed, and the thread is about to block.
    Block,
    /// The thread is about to queue for the token.
    Queue,
    /// The thread has the token and is about to run the body once more.
    Promoted,
}

#[cfg(stm_probe)]
mod probed {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::Point;

    type Probe = Rc<dyn Fn(Point)>;

    std::thread_local! {
        static PROBE: RefCell<Option<Probe>> = const { RefCell::new(None) };
        static LAST_COMMIT: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn point(point: Point) {
        // The probe is called without a borrow: it may set another.
        let probe = PROBE.try_with(|probe| probe.borrow().clone()).ok().flatten();
        if let Some(probe) = probe {
            probe(point);
        }
    }

    pub(crate) fn decided(version: u64) {
        // A thread that is ending has nobody left to ask.
        let _ = LAST_COMMIT.try_with(|last| last.set(version));
        point(Point::Decided);
    }

    /// Calls `probe` at every step of this thread from now on, until [`clear`]. It must not use a transaction.
    pub fn set(probe: impl Fn(Point) + 'static) {
        let previous = PROBE.replace(Some(Rc::new(probe)));
        drop(previous);
    }

    /// Takes back [`set`].
    pub fn clear() {
        let previous = PROBE.take();
        drop(previous);
    }

    /// The version of this thread's last commit that wrote something, one-shot operations included. Of two commits that
    /// wrote one variable, the later has the greater.
    pub fn last_commit() -> u64 {
        LAST_COMMIT.get()
    }
}

#[cfg(stm_probe)]
pub use probed::{clear, last_commit, set};
#[cfg(stm_probe)]
pub(crate) use probed::{decided, point};

#[cfg(not(stm_probe))]
#[inline(always)]
pub(crate) fn point(_: Point) {}

/// A commit is decided, and this is its version.
#[cfg(not(stm_probe))]
#[inline(always)]
pub(crate) fn decided(_version: u64) {
    point(Point::Decided);
}
