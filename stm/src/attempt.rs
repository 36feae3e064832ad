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
use std::hint::assert_unchecked;
use std::time::Instant;

use crate::archive::{self, Past};
use crate::clock::Version;
use crate::commit::{self, Conflict, Failed, Privilege, Turn, Unfinished};
use crate::error::{Abort, Cause};
use crate::hooks::{self, Due, Hooks};
use crate::log::reads::ReadEntry;
use crate::log::writes::{self, Displaced};
use crate::log::{ReadLog, WriteEntry, WriteLog};
use crate::reclaim::Local;
use crate::wait::{Awaited, Batons, Call, WakeList};
use crate::waited::{Site, Who};
use crate::word::{Limit, Word};

mod access;

/// Which moment an attempt sees, and how it keeps track of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// A moment that moves on as long as nothing changes that was read. Every read is logged for that: the attempt can write,
    /// and wait.
    Logged,
    /// A snapshot of one moment: whatever others commit, no read fails. For bodies that can not write.
    Snapshot,
    /// A snapshot with a log, which lets it wait. With the first write it goes over to `Logged`, if it can.
    LoggedSnapshot,
}

/// An operation has returned `Abort`.
const DOOMED: u16 = 1;
/// Reads are not logged.
const UNLOGGED: u16 = 2;
/// There is more to clean up than the read log: hooks, waiters, an outlier's memory, the token.
const UNTIDY: u16 = 4;
/// The attempt sees one moment, and looks for older values in the archive.
const SNAPSHOT: u16 = 8;
/// The attempt began as a snapshot and has come to a write.
const THAWED: u16 = 16;
/// A retry of this run, perhaps one that an `or_else` has caught, was to wait like everybody.
const RETRIED: u16 = 32;
/// A retry of this run was to wait in line, at [`State::call`].
const RETRIED_IN_LINE: u16 = 64;

#[repr(C)]
struct State {
    /// How often the body ran, this time included; 0 while none runs. First, so that beginning a run writes it and its
    /// neighbours at once.
    number: u32,
    /// Without [`DOOMED`], [`UNLOGGED`] and writes, which reads have to look through, and only then, the read log is open.
    /// The write log is open without [`DOOMED`] and, if reads are logged, [`SNAPSHOT`].
    flags: u16,
    privilege: Privilege,
    doom: Cause,
    /// Which words a read accepts. [`Limit::ANY`] before the first read, which defines the moment that the attempt sees.
    limit: Limit,
    /// Words up to here belong to the attempt's view. Survives the attempt: an old limit only accepts less.
    view: Limit,
    reads: ReadLog,
    writes: WriteLog,
    hooks: Hooks,
    wake: WakeList,
    /// Of an attempt that is or was a snapshot: it has said that the thread has one open.
    announced: bool,
    past: Past,
    /// Of the attempt under way, if it is a hurried one.
    deadline: Option<Instant>,
    /// Valid with [`RETRIED_IN_LINE`].
    call: Option<Call>,
    /// With it: the variables for which the attempt waits in line, or all.
    lined: Option<Lined>,
}

/// The state of this thread's transaction.
pub(crate) struct Attempt {
    state: UnsafeCell<State>,
    local: &'static Local,
}

/// What was read by calls that wait in line, and what was read apart from them, which the body may judge as it likes.
#[derive(Debug, Default)]
struct Lined {
    own: Vec<usize>,
    others: Vec<usize>,
    /// How many reads are among them.
    noted: usize,
}

impl Lined {
    /// Adds a call that has begun when so many reads were in the log.
    #[cold]
    fn add(&mut self, reads: &ReadLog, since: usize) {
        let addresses = |reads: &[ReadEntry]| reads.iter().map(|read| read.cell.addr()).collect::<Vec<_>>();
        let reads = reads.entries();
        // A long log loses duplicates, so it may be shorter than it was; then the call's reads count as others, too.
        self.others.extend(addresses(reads.get(self.noted..since).unwrap_or(reads)));
        self.own.extend(addresses(reads.get(since..).unwrap_or_default()));
        self.noted = reads.len();
    }

    /// What was read by the calls alone. In order.
    fn into_own(self) -> Vec<usize> {
        let Self { mut own, mut others, .. } = self;
        others.sort_unstable();
        own.retain(|address| others.binary_search(address).is_err());
        own.sort_unstable();
        own.dedup();
        own
    }
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
        let view = Limit::up_to(Version::INITIAL);
        let state = State {
            flags: 0,
            privilege: Privilege::Ordinary,
            doom: Cause::Conflict,
            number: 0,
            limit: Limit::ANY,
            view,
            reads: ReadLog::new(),
            writes: WriteLog::new(),
            hooks: Hooks::new(),
            wake: WakeList::new(),
            announced: false,
            past: Past::default(),
            deadline: None,
            call: None,
            lined: None,
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
        state.flags = match tracking {
            Tracking::Logged => 0,
            Tracking::Snapshot => SNAPSHOT | UNLOGGED,
            Tracking::LoggedSnapshot => SNAPSHOT | UNTIDY,
        };
        // The first run has not waited yet, and so owes nothing.
        if privilege == Privilege::Promoted || number > 1 && !state.wake.is_empty() {
            state.flags |= UNTIDY;
        }
        state.privilege = privilege;
        state.doom = Cause::Conflict;
        state.limit = Limit::ANY;
        state.reads.set_open(tracking != Tracking::Snapshot);
        if tracking != Tracking::Logged {
            let (moment, announced) = archive::open(self.local);
            state.announced = announced;
            // The clock has reached the moment, so it is a view for later attempts, too.
            state.view = Limit::up_to(moment);
            state.limit = state.view;
            state.writes.set_open(tracking != Tracking::LoggedSnapshot);
        }
    }

    /// For the hurried run that is about to begin.
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        self.state().deadline = Some(deadline);
    }

    /// Whether a run is under way.
    #[inline(always)]
    pub(crate) fn is_running(&self) -> bool {
        self.state().number != 0
    }

    /// Ends a run that has been cleaned up after.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.state().number = 0;
    }

    /// Whether the thread has a snapshot open no longer than this attempt, which is over.
    #[inline(always)]
    pub(crate) fn closes_snapshot(&self) -> bool {
        let state = self.state();
        state.flags & (SNAPSHOT | THAWED) != 0 && state.announced
    }

    /// Whether the body has written something, or tried to.
    pub(crate) fn has_written(&self) -> bool {
        self.state().flags & THAWED != 0 || !self.state().writes.is_empty()
    }

    /// Has the batons passed on when the run is over, the one under way or the next.
    pub(crate) fn owe(&self, batons: &mut Batons) {
        let state = self.state();
        state.wake.owe(batons);
        state.flags |= UNTIDY;
    }

    /// Takes them back, for another run.
    pub(crate) fn keep(&self, batons: &mut Batons) {
        self.state().wake.keep(batons);
    }

    pub(crate) fn number(&self) -> u32 {
        self.state().number
    }

    #[inline(always)]
    pub(crate) fn is_doomed(&self) -> bool {
        self.state().flags & DOOMED != 0
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

    /// How many reads are in the log.
    #[inline]
    pub(crate) fn reads(&self) -> usize {
        self.state().reads.len()
    }

    /// Ends the attempt, to wait in line at `call`, for all it has read, or for what it has read `since`; with a plain retry
    /// before it, or one at another call, to wait plainly.
    #[cold]
    pub(crate) fn retry_in_line(&self, call: Call, since: Option<usize>) -> Abort {
        let state = self.state();
        let before = state.flags;
        if before & RETRIED_IN_LINE == 0 {
            state.lined = Some(Lined::default());
        }
        match (&mut state.lined, since) {
            (Some(lined), Some(since)) => lined.add(&state.reads, since),
            (lined, _) => *lined = None,
        }
        let abort = state.abort(Cause::Retry);
        if before & (DOOMED | RETRIED) == 0 && (before & RETRIED_IN_LINE == 0 || state.call == Some(call)) {
            state.flags = state.flags & !RETRIED | RETRIED_IN_LINE;
            state.call = Some(call);
        }
        abort
    }

    /// Where the attempt, which has ended by a retry, is to wait in line: if all its retries were at one call.
    pub(crate) fn line(&self) -> Option<Call> {
        let state = self.state();
        state.call.filter(|_| state.flags & (DOOMED | RETRIED | RETRIED_IN_LINE) == DOOMED | RETRIED_IN_LINE)
    }

    /// The variables for which it waits so, if not for all. In order.
    pub(crate) fn take_lined(&self) -> Option<Vec<usize>> {
        Some(self.state().lined.take()?.into_own())
    }

    /// Takes a retry back, for the other branch of an `or_else`.
    pub(crate) fn absolve(&self) {
        let state = self.state();
        state.flags &= !DOOMED;
        state.writes.set_open(state.flags & (SNAPSHOT | UNLOGGED) != SNAPSHOT);
        state.reopen();
    }

    /// Whether nobody else commits as long as the run lasts.
    pub(crate) fn is_promoted(&self) -> bool {
        self.state().privilege == Privilege::Promoted
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.state().flags & UNLOGGED == 0
    }

    /// Frees a value that was never stored, once no reference into this attempt can point to it.
    #[cold]
    pub(crate) fn discard(&self, displaced: Displaced) {
        // SAFETY: the value belongs to this attempt alone, whose thread is pinned, and `Displaced` is its owner.
        unsafe { self.local.retire(displaced.value, displaced.kind.destroy) };
    }

    pub(crate) fn on_commit(&self, hook: Box<dyn FnOnce() + Send>) {
        let state = self.state();
        state.flags |= UNTIDY;
        state.hooks.on_commit(hook);
    }

    pub(crate) fn on_rollback(&self, hook: Box<dyn FnOnce() + Send>) {
        let state = self.state();
        state.flags |= UNTIDY;
        state.hooks.on_rollback(hook);
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
        let state = self.state();
        let State { writes, reads, .. } = &mut *state;
        writes.roll_back(
            savepoint.writes,
            |displaced| self.discard(displaced),
            |cell, seen| reads.push(ReadEntry { cell, seen }),
        );
        if state.writes.is_empty() {
            state.reopen();
        }
        if state.writes.is_outsized() || state.reads.is_outsized() {
            state.flags |= UNTIDY;
        }
        state.hooks.rolled_back(savepoint.hooks)
    }

    /// Tries to make the writes take effect. On a conflict the attempt still has to be rolled back. If it has to stand aside for
    /// others, it does so in the name of `who`.
    ///
    /// # Safety
    ///
    /// All cells it has touched are allocated.
    #[inline(always)]
    pub(crate) unsafe fn commit(&self, who: impl FnOnce() -> Who) -> Result<(), Conflict> {
        if self.state().writes.is_empty() {
            // What it has read was true at one moment: that is all a reader has to offer.
            return Ok(());
        }
        // SAFETY: passed on to the caller; there are writes.
        match unsafe { self.commit_writes() } {
            Ok(()) => Ok(()),
            Err(failed) => {
                let Who { name, site } = who();
                // SAFETY: passed on to the caller; none is locked.
                unsafe { self.commit_later(failed, name, site) }
            }
        }
    }

    /// Goes on with a commit that has to wait for others, in this name. It comes in registers, and what has failed is looked at
    /// here: whoever commits without that needs no room for the one, and no look at the other.
    ///
    /// # Safety
    ///
    /// As for [`Attempt::commit`]; no variable is locked.
    #[cold]
    #[inline(never)]
    unsafe fn commit_later(&self, failed: Failed, name: Option<&'static str>, site: Site) -> Result<(), Conflict> {
        match failed {
            Failed::Conflict => Err(Conflict),
            // SAFETY: passed on to the caller. Having a name, it waits where it has to.
            Failed::Aside => unsafe { self.complete_as(Some(Who { name, site }), 0) }.map_err(|_| Conflict),
        }
    }

    /// # Safety
    ///
    /// As for [`Attempt::commit`], and there are writes.
    #[inline(never)]
    unsafe fn commit_writes(&self) -> Result<(), Failed> {
        let state = self.state();
        let writes = state.writes.entries_mut();
        // SAFETY: passed on to the caller. It saves two loops the question whether they end before they begin.
        unsafe { assert_unchecked(!writes.is_empty()) };
        // SAFETY: passed on to the caller; the log has one entry a cell.
        match unsafe { commit::commit_plainly(writes, state.reads.entries()) } {
            Ok(()) => {
                state.writes.clear();
                Ok(())
            }
            // SAFETY: passed on to the caller; this is how far the commit got.
            Err(Unfinished { position, decided }) => unsafe { self.complete(position, decided) },
        }
    }

    /// Goes on with a commit that is not the plain case.
    ///
    /// # Safety
    ///
    /// `position` and `decided` came from [`commit::commit_plainly`].
    #[inline(never)]
    unsafe fn complete(&self, position: usize, decided: Option<Version>) -> Result<(), Failed> {
        let Some(version) = decided else {
            // SAFETY: passed on to the caller.
            return unsafe { self.complete_as(None, position) };
        };
        // SAFETY: passed on to the caller.
        unsafe { commit::publish_rest(self.state().writes.entries_mut(), position, version) };
        self.settle();
        Ok(())
    }

    /// Goes on with a commit that is not decided. If it has to wait for others, it does so in the name of `who`.
    ///
    /// # Safety
    ///
    /// As for [`commit::complete`].
    #[inline(never)]
    unsafe fn complete_as(&self, who: Option<Who>, position: usize) -> Result<(), Failed> {
        let state = self.state();
        let (writes, reads) = (state.writes.entries_mut(), state.reads.entries());
        let deadline = if state.privilege == Privilege::Hurried { state.deadline } else { None };
        // SAFETY: passed on to the caller.
        unsafe { commit::complete(writes, reads, Turn::new(state.privilege, deadline, who), position) }?;
        self.settle();
        Ok(())
    }

    /// Comes behind a commit that replaced boxed values, or found waiters, or may have.
    fn settle(&self) {
        let state = self.state();
        state.flags |= UNTIDY;
        // SAFETY: the commit has succeeded, the attempt is not over, and the log is cleared.
        unsafe { commit::settle(state.writes.entries(), self.local, &mut state.wake) };
        state.writes.clear();
    }

    /// Cleans up. Returns whether there is more to be done by [`Attempt::tidy`].
    #[inline(always)]
    #[must_use = "an untidy attempt can not be used again"]
    pub(crate) fn finish(&self) -> bool {
        let state = self.state();
        state.reads.clear();
        let special = state.flags & (UNTIDY | SNAPSHOT);
        special != 0 && (special & UNTIDY != 0 || archive::is_large())
    }

    /// Does the rest of the cleaning up. Returns what is left to do for the world outside, if anything.
    #[cold]
    pub(crate) fn tidy(&self) -> Option<Aftermath> {
        let state = self.state();
        if state.flags & (SNAPSHOT | THAWED) != 0 {
            state.writes.set_open(true);
            state.past.clear();
        }
        if state.reads.is_outsized() {
            state.reads.shrink();
        }
        if state.writes.is_outsized() {
            state.writes.shrink();
        }
        if state.wake.is_empty() && state.hooks.is_empty() {
            return None;
        }
        Some(Aftermath { wake: std::mem::take(&mut state.wake), due: state.hooks.committed() })
    }

    /// Undoes everything and cleans up.
    #[cold]
    pub(crate) fn roll_back(&self) -> Option<Aftermath> {
        // A panic has cut the commit short after it was decided. The last entry says so: those that `commit_plainly` had
        // published before it handed over bear no mark.
        if self.state().writes.entries().last().is_some_and(WriteEntry::is_done) {
            self.settle();
            return if self.finish() { self.tidy() } else { None };
        }
        let savepoint = Savepoint { writes: writes::Mark::default(), hooks: hooks::Mark::default() };
        let due = self.undo(savepoint);
        self.state().writes.clear();
        self.state().writes.set_open(true);
        // Of an attempt that is undone only those in line behind it are woken.
        let aftermath = if self.finish() { self.tidy() } else { None };
        let wake = aftermath.map(|aftermath| aftermath.wake).unwrap_or_default();
        (!due.is_empty() || !wake.is_empty()).then_some(Aftermath { wake, due })
    }

    /// Everything the attempt has read, to wait for.
    pub(crate) fn awaited(&self) -> Vec<Awaited> {
        let state = self.state();
        let read = state.reads.entries().iter().map(|read| (read.cell, read.seen.without_waiters()));
        let fused = state.writes.entries().iter().map(|write| (write.cell, write.expected));
        read.chain(fused).filter(|&(_, seen)| seen != Word::NONE).collect()
    }
}

impl State {
    /// What every operation of a doomed attempt returns.
    fn aborted(&self) -> Abort {
        Abort { cause: self.doom }
    }

    #[cold]
    fn abort(&mut self, cause: Cause) -> Abort {
        if self.flags & DOOMED == 0 {
            self.flags |= DOOMED;
            if cause == Cause::Retry {
                self.flags |= RETRIED;
            }
            self.reads.set_open(false);
            self.writes.set_open(false);
            self.doom = cause;
        }
        self.aborted()
    }

    /// Opens the read log again if this is the plain case.
    fn reopen(&mut self) {
        self.reads.set_open(self.flags & (DOOMED | UNLOGGED) == 0 && self.writes.is_empty());
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
