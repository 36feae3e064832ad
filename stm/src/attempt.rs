//! One run of a body: what it has read and written so far, and the rules by which it goes on.
//!
//! **Opacity.** At every moment all that the attempt has read was the committed state at one moment, not before the
//! attempt began. A read is accepted if its version is not beyond the attempt's limit, a version the clock had reached
//! when this thread last looked; or if it is the first; else the view is moved forward by [`commit::extend`].
//!
//! **Dooming.** Once an operation has returned `Abort`, every later one does, and the attempt can not commit.
//!
//! Nothing here runs user code, so the state is borrowed as a whole, for a few lines at a time.

use std::cell::UnsafeCell;

use crate::cell::RawCell;
use crate::clock::Version;
use crate::commit::{self, Conflict, Privilege};
use crate::error::{Abort, Cause};
use crate::hooks::{self, Due, Hooks};
use crate::log::reads::ReadEntry;
use crate::log::writes::{self, Displaced};
use crate::log::{ReadLog, WriteEntry, WriteLog};
use crate::reclaim::{Destroy, Local};
use crate::storage::Bits;
use crate::wait::{Awaited, WakeList};
use crate::word::{Limit, Word};

/// How an attempt keeps track of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// Every read is logged: the attempt can extend its view, write, and wait.
    Logged,
    /// Only reads up to the limit are possible. For bodies that can not write.
    Unlogged,
}

/// An operation has returned `Abort`.
const DOOMED: u8 = 1;
/// There are writes, which reads have to look through.
const WRITTEN: u8 = 2;
/// [`Tracking::Unlogged`].
const UNLOGGED: u8 = 4;

struct State {
    /// Zero in the plain case, so that a read needs one test.
    flags: u8,
    /// Something was read. Kept only for unlogged attempts; see [`State::has_observed`].
    observed: bool,
    privilege: Privilege,
    doom: Cause,
    /// How often the body ran, this time included.
    number: u32,
    /// Reads up to here belong to the attempt's view. Survives the attempt: an old limit only accepts less.
    limit: Limit,
    /// The limit to go back to after a promoted attempt, which accepts everything.
    ordinary_limit: Limit,
    reads: ReadLog,
    writes: WriteLog,
    hooks: Hooks,
    wake: WakeList,
}

/// The state of this thread's transaction.
pub(crate) struct Attempt {
    state: UnsafeCell<State>,
    local: &'static Local,
}

/// A place in the attempt to roll back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Savepoint {
    writes: writes::Mark,
    hooks: hooks::Mark,
}

/// What is left to do for the world outside once an attempt is over and its thread is free again.
#[must_use = "waiters have to be woken and hooks run"]
pub(crate) struct Aftermath {
    pub(crate) wake: WakeList,
    pub(crate) due: Due,
}

impl Attempt {
    pub(crate) fn new(local: &'static Local) -> Self {
        let limit = Limit::up_to(Version::INITIAL);
        let state = State {
            flags: 0,
            observed: false,
            privilege: Privilege::Ordinary,
            doom: Cause::Conflict,
            number: 0,
            limit,
            ordinary_limit: limit,
            reads: ReadLog::new(),
            writes: WriteLog::new(),
            hooks: Hooks::new(),
            wake: WakeList::new(),
        };
        Self { state: UnsafeCell::new(state), local }
    }

    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the one place where the state is borrowed; see the safety comment")]
    fn state(&self) -> &mut State {
        // SAFETY: an `Attempt` stays on its thread, and no method of it keeps this borrow while it calls anything that
        // could reach the attempt again: user code is never called from here.
        unsafe { &mut *self.state.get() }
    }

    #[inline]
    pub(crate) fn local(&self) -> &'static Local {
        self.local
    }

    /// Starts a run. The caller has pinned the thread, and the attempt is clean.
    #[inline]
    pub(crate) fn begin(&self, number: u32, privilege: Privilege, tracking: Tracking) {
        let state = self.state();
        debug_assert!(state.reads.is_empty() && state.writes.is_empty() && state.hooks.is_empty());
        state.number = number;
        state.flags = if tracking == Tracking::Unlogged { UNLOGGED } else { 0 };
        state.observed = false;
        state.privilege = privilege;
        if privilege == Privilege::Promoted {
            // Nothing can change while the token is held (edge E4), so every version belongs to the view.
            state.ordinary_limit = state.limit;
            state.limit = Limit::ANY;
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.state().number
    }

    /// Why the attempt is over, if it is.
    #[inline]
    pub(crate) fn doom(&self) -> Option<Cause> {
        let state = self.state();
        (state.flags & DOOMED != 0).then_some(state.doom)
    }

    /// Ends the attempt: from now on every operation fails.
    #[cold]
    pub(crate) fn abort(&self, cause: Cause) -> Abort {
        self.state().abort(cause)
    }

    /// Takes a retry back, for the other branch of an `or_else`.
    pub(crate) fn absolve(&self) {
        self.state().flags &= !DOOMED;
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.state().flags & UNLOGGED == 0
    }

    /// Reads a variable: its own pending value, or the committed one as of the attempt's view.
    ///
    /// # Safety
    ///
    /// The cell stays allocated until the attempt is over.
    #[inline(always)]
    pub(crate) unsafe fn read(&self, cell: *const RawCell) -> Result<Bits, Abort> {
        let state = self.state();
        if state.flags & (DOOMED | WRITTEN) == 0 {
            // SAFETY: passed on to the caller.
            let shared = unsafe { &*cell };
            let word = shared.lock.load();
            if state.limit.accepts(word)
                && let Some(value) = shared.read(word)
            {
                if state.flags & UNLOGGED != 0 {
                    state.observed = true;
                    return Ok(value);
                }
                if state.reads.has_room() {
                    // SAFETY: there is room.
                    unsafe { state.reads.push_within_capacity(ReadEntry { cell, seen: word.without_waiters() }) };
                    return Ok(value);
                }
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { state.read_slow(cell) }
    }

    /// Notes that the attempt will store `value`. On an error the value is retired.
    ///
    /// # Safety
    ///
    /// The cell stays allocated until the attempt is over; `value` is a stored form of the cell's type, `destroy` frees
    /// it, and the caller gives it away.
    #[inline(always)]
    pub(crate) unsafe fn write(
        &self,
        cell: *const RawCell,
        value: Bits,
        destroy: Option<Destroy>,
    ) -> Result<(), Abort> {
        let state = self.state();
        if state.flags & DOOMED != 0 {
            if let Some(destroy) = destroy {
                self.discard(Displaced { value, destroy });
            }
            return Err(Abort { cause: state.doom });
        }
        if state.flags & WRITTEN != 0
            && let Some(position) = state.writes.find(cell)
        {
            if let Some(displaced) = state.writes.replace(position, value) {
                self.discard(displaced);
            }
            return Ok(());
        }
        state.flags |= WRITTEN;
        // A variable that was read just now is validated by its lock; one entry serves for both.
        let expected = state.reads.take_recent(cell).unwrap_or(Word::NONE);
        state.writes.push(WriteEntry { cell, value, expected, held: Word::NONE, destroy });
        Ok(())
    }

    /// Frees a value that was never stored, once no reference into this attempt can point to it.
    #[inline]
    pub(crate) fn discard(&self, displaced: Displaced) {
        // SAFETY: the value belongs to this attempt alone, whose thread is pinned, and `Displaced` is its owner.
        unsafe { self.local.retire(displaced.value, displaced.destroy) };
    }

    pub(crate) fn on_commit(&self, hook: Box<dyn FnOnce() + Send>) {
        self.state().hooks.on_commit(hook);
    }

    pub(crate) fn on_rollback(&self, hook: Box<dyn FnOnce() + Send>) {
        self.state().hooks.on_rollback(hook);
    }

    /// Opens a scope that can be undone.
    pub(crate) fn open(&self) -> Savepoint {
        let state = self.state();
        Savepoint { writes: state.writes.mark(), hooks: state.hooks.mark() }
    }

    /// Closes a scope and keeps what it did.
    pub(crate) fn merge(&self, savepoint: Savepoint) {
        self.state().writes.merge(savepoint.writes, |displaced| self.discard(displaced));
    }

    /// Closes a scope and undoes what it did; what it has read stays read.
    pub(crate) fn undo(&self, savepoint: Savepoint) -> Due {
        let State { writes, reads, hooks, flags, .. } = self.state();
        writes.roll_back(
            savepoint.writes,
            |displaced| self.discard(displaced),
            |cell, seen| reads.push(ReadEntry { cell, seen }),
        );
        if writes.is_empty() {
            *flags &= !WRITTEN;
        }
        hooks.rolled_back(savepoint.hooks)
    }

    /// Tries to make the writes take effect. On a conflict the attempt still has to be rolled back.
    ///
    /// # Safety
    ///
    /// All cells it has touched are allocated.
    #[inline]
    pub(crate) unsafe fn commit(&self) -> Result<(), Conflict> {
        let state = self.state();
        if state.writes.is_empty() {
            // What it has read was true at one moment: that is all a reader has to offer.
            return Ok(());
        }
        // SAFETY: passed on to the caller; the log has one entry a cell.
        unsafe { commit::commit(state.writes.entries_mut(), state.reads.entries(), state.privilege)? };
        // SAFETY: the commit has just succeeded.
        unsafe { commit::settle(state.writes.entries(), self.local, &mut state.wake) };
        Ok(())
    }

    /// Cleans up after a commit. Returns what is left to do, if anything.
    #[inline]
    pub(crate) fn finish(&self) -> Option<Aftermath> {
        let state = self.state();
        state.reads.clear();
        if state.flags & WRITTEN != 0 {
            state.writes.clear();
        }
        if state.privilege == Privilege::Promoted {
            state.limit = state.ordinary_limit;
        }
        if state.wake.is_empty() && state.hooks.is_empty() {
            return None;
        }
        Some(state.aftermath())
    }

    /// Undoes everything and cleans up.
    #[cold]
    pub(crate) fn roll_back(&self) -> Option<Aftermath> {
        let savepoint = Savepoint { writes: writes::Mark::default(), hooks: hooks::Mark::default() };
        let due = self.undo(savepoint);
        let aftermath = self.finish();
        debug_assert!(aftermath.is_none(), "an attempt that is undone wakes nobody");
        (!due.is_empty()).then(|| Aftermath { wake: WakeList::new(), due })
    }

    /// Everything the attempt has read, to wait for.
    pub(crate) fn awaited(&self) -> Vec<Awaited> {
        let state = self.state();
        let read = state.reads.entries().iter().map(|read| (read.cell, read.seen));
        let fused = state.writes.entries().iter().map(|write| (write.cell, write.expected));
        read.chain(fused).filter(|&(_, seen)| seen != Word::NONE).collect()
    }
}

impl State {
    #[cold]
    fn abort(&mut self, cause: Cause) -> Abort {
        if self.flags & DOOMED == 0 {
            self.flags |= DOOMED;
            self.doom = cause;
        }
        Abort { cause: self.doom }
    }

    /// Whether the view is tied to a moment already.
    fn has_observed(&self) -> bool {
        self.observed || !self.reads.is_empty() || self.writes.expects_any()
    }

    /// Everything but the plain case. Not cold: a hot counter is beyond the limit every time.
    ///
    /// # Safety
    ///
    /// As for [`Attempt::read`].
    #[inline(never)]
    unsafe fn read_slow(&mut self, cell: *const RawCell) -> Result<Bits, Abort> {
        if self.flags & DOOMED != 0 {
            return Err(Abort { cause: self.doom });
        }
        if self.flags & WRITTEN != 0
            && let Some(value) = self.writes.pending(cell)
        {
            return Ok(value);
        }
        // SAFETY: passed on to the caller.
        let shared = unsafe { &*cell };
        loop {
            let mut word = shared.lock.load();
            if word.is_locked() {
                word = shared.wait_until_free();
            }
            // The first read defines the moment that the attempt sees, so any version will do.
            if !self.limit.accepts(word) && self.has_observed() {
                self.extend(word.version())?;
                continue;
            }
            if let Some(value) = shared.read(word) {
                if self.flags & UNLOGGED != 0 {
                    self.observed = true;
                } else {
                    self.reads.push(ReadEntry { cell, seen: word.without_waiters() });
                }
                return Ok(value);
            }
        }
    }

    /// Moves the view forward to a moment that includes `version`.
    #[cold]
    fn extend(&mut self, version: Version) -> Result<(), Abort> {
        if self.flags & UNLOGGED != 0 {
            // Nothing to check again: the next attempt will keep a log.
            return Err(self.abort(Cause::Conflict));
        }
        // SAFETY: every cell in the logs is alive until the attempt is over, by the contracts of `read` and `write`.
        match unsafe { commit::extend(self.writes.entries(), self.reads.entries(), version) } {
            Ok(limit) => {
                self.limit = limit;
                Ok(())
            }
            Err(Conflict) => Err(self.abort(Cause::Conflict)),
        }
    }

    #[cold]
    fn aftermath(&mut self) -> Aftermath {
        Aftermath { wake: std::mem::take(&mut self.wake), due: self.hooks.committed() }
    }
}
