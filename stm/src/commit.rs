//! What happens at commit: lock, stamp, validate, publish.
//!
//! All of it works on cells and logs; no user code runs here, and nothing waits for user code while a lock is held. The
//! serialisation point is the look at the clock in [`clock::stamp`], with every lock held and before validation
//! (docs/design.md, "Committing", has the proof; TL2, DISC 2006, section 2.1, is the ancestor).

use std::mem::{self, ManuallyDrop};
use std::time::Instant;

use crate::archive::{self, Replaced};
use crate::clock::{self, Version};
use crate::contention::{self, Permission, Spin, Token};
use crate::log::WriteEntry;
use crate::log::reads::ReadEntry;
use crate::reclaim::Local;
use crate::shim::{Point, decided, point};
use crate::wait::WakeList;
use crate::waited::Who;
use crate::word::{Limit, Summary, Word};

/// Somebody else changed what this transaction has read.
#[derive(Debug)]
pub(crate) struct Conflict;

/// Why a commit has come to nothing so far.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It is a [`Conflict`].
    Conflict,
    /// It has to stand aside for a promoted transaction, and was not told in whose name. It holds nothing.
    Aside,
}

impl From<Conflict> for Failed {
    fn from(_: Conflict) -> Self {
        Self::Conflict
    }
}

/// Whether this transaction holds the token and so need not yield to the one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Privilege {
    Ordinary,
    Promoted,
    /// Ordinary, and has a deadline: it does not wait beyond that for a promoted one.
    Hurried,
}

/// Makes the writes take effect in one step, if nothing in `reads` has changed.
///
/// On success the `value` of every boxed entry is the one it replaced, and the result says whether somebody waits for one of the
/// variables: then, and if there are boxed values, [`settle`] has something to do. On a conflict nothing has changed. While it
/// waits for others it does so in the name of `who`.
///
/// # Safety
///
/// The cells of both logs are alive, and each cell has one entry in `writes` at most, whose value fits it.
#[inline]
pub(crate) unsafe fn commit(
    writes: &mut [WriteEntry],
    reads: &[ReadEntry],
    privilege: Privilege,
    who: impl FnOnce() -> Who,
) -> Result<bool, Conflict> {
    // SAFETY: passed on to the caller.
    match unsafe { commit_plainly(writes, reads) } {
        Ok(()) => Ok(false),
        // SAFETY: passed on to the caller; this is how far the commit got.
        Err(Unfinished { position, decided: None }) => unsafe {
            complete_as(writes, reads, privilege, who(), position)
        },
        Err(Unfinished { position, decided: Some(version) }) => {
            // SAFETY: as above.
            unsafe { publish_rest(writes, position, version) };
            Ok(false)
        }
    }
}

/// Goes on with a commit that is decided. If somebody waited for one of the variables, it would not have got this far.
///
/// # Safety
///
/// As for [`commit`]; `position` and `version` came from [`commit_plainly`].
#[inline]
pub(crate) unsafe fn publish_rest(writes: &mut [WriteEntry], position: usize, version: Version) {
    // SAFETY: all are locked, and those before `position` published.
    unsafe { publish(&mut writes[position..], version) };
}

/// How far a commit got that is not the plain case.
#[derive(Clone, Copy)]
pub(crate) struct Unfinished {
    /// The first variable that is not locked, or, if the commit is decided, not published.
    pub(crate) position: usize,
    /// The commit is decided: all are locked, and this is its version.
    pub(crate) decided: Option<Version>,
}

/// The plain case of [`commit`]: nobody is in the way, nobody waits for one of the variables, what was read is written
/// too, and no value is boxed. It calls nothing, so that its callers need not save registers.
///
/// # Safety
///
/// As for [`commit`].
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "with iterators the compiler keeps more in registers than there are to use"
)]
pub(crate) unsafe fn commit_plainly(writes: &mut [WriteEntry], reads: &[ReadEntry]) -> Result<(), Unfinished> {
    let mut newest = Word::of_version(Version::INITIAL);
    let mut held = Held { writes, count: 0 };
    for position in 0..held.writes.len() {
        point(Point::Lock);
        let entry = &mut held.writes[position];
        // SAFETY: passed on to the caller.
        let lock = unsafe { &(*entry.cell).lock };
        let mut word = entry.expected;
        if word == Word::NONE {
            word = lock.load_again().without_waiters();
            if word.is_locked() {
                held.keep();
                return Err(Unfinished { position, decided: None });
            }
        }
        // Fails if somebody waits. Where the transaction has read the variable, this is its validation as well.
        if lock.try_lock(word, Word::owned_by(&raw const *entry)).is_err() {
            held.keep();
            return Err(Unfinished { position, decided: None });
        }
        entry.held = word;
        held.count = position + 1;
        newest = newest.max(word);
    }
    point(Point::Locked);
    let stamp = clock::stamp_plainly(newest.version());
    point(Point::Stamped);
    let writes = held.keep();
    let version = match stamp {
        Some(version) if reads.is_empty() => version,
        _ => return Err(Unfinished { position: writes.len(), decided: None }),
    };
    let mut rest = Unpublished { writes, next: 0, version };
    decided(version.raw());
    for position in 0..rest.writes.len() {
        let entry = &rest.writes[position];
        if entry.kind.is_some() {
            rest.keep();
            return Err(Unfinished { position, decided: Some(version) });
        }
        // SAFETY: passed on to the caller; it is locked, and nothing has been read that is not.
        let cell = unsafe { &*entry.cell };
        cell.set(entry.value);
        cell.lock.publish(version);
        rest.next = position + 1;
        point(Point::Published);
    }
    point(Point::Settle);
    rest.keep();
    Ok(())
}

/// [`complete`] in the name of `who`, and without a deadline.
///
/// # Safety
///
/// As for [`complete`].
#[inline(never)]
unsafe fn complete_as(
    writes: &mut [WriteEntry],
    reads: &[ReadEntry],
    privilege: Privilege,
    who: Who,
    position: usize,
) -> Result<bool, Conflict> {
    // SAFETY: passed on to the caller. Having a name, it waits where it has to.
    unsafe { complete(writes, reads, Turn::new(privilege, None, Some(who)), position) }.map_err(|_| Conflict)
}

/// Goes on with a commit that is not the plain case.
///
/// # Safety
///
/// As for [`commit`], and `position` came from [`commit_plainly`], which has not decided it, or is 0 and none is locked.
///
/// A commit that has to stand aside for a promoted transaction until the deadline has passed takes that for a conflict.
#[inline(never)]
pub(crate) unsafe fn complete(
    writes: &mut [WriteEntry],
    reads: &[ReadEntry],
    mut turn: Turn,
    position: usize,
) -> Result<bool, Failed> {
    let privilege = turn.privilege;
    // SAFETY: passed on to the caller; those before `position` are locked.
    let mut locked = unsafe { lock_patiently(writes, position, &mut turn)? };
    let mut held = Held { count: writes.len(), writes };
    point(Point::Locked);
    let (mut reading, mut version) = clock::stamp(locked.newest());
    while reading.is_exclusive() && !turn.is_ours() {
        let writes = held.release();
        turn.wait()?;
        // SAFETY: passed on to the caller; none is locked.
        locked = unsafe { lock_patiently(writes, 0, &mut turn)? };
        held = Held { count: writes.len(), writes };
        // Again, and with the locks held: what was read before they were given back means nothing.
        (reading, version) = clock::stamp(locked.newest());
    }
    point(Point::Stamped);
    // SAFETY: the cells are alive, and all of `writes` are locked.
    if unsafe { !reads_are_valid(held.writes, reads, privilege) } {
        held.release();
        return Err(Failed::Conflict);
    }
    if reading.is_keeping() {
        // SAFETY: the cells are alive, and locked by these entries.
        unsafe { keep_replaced(held.writes, version) };
    }
    let writes = held.keep();
    // SAFETY: all are locked and the reads are valid.
    unsafe { publish(writes, version) };
    if reading.is_keeping() {
        archive::committed();
    }
    Ok(locked.has_waiters())
}

/// Keeps what is about to be replaced, for snapshots. If the commit comes to nothing after all, nobody looks for it.
///
/// # Safety
///
/// The cells are alive and locked by these entries.
#[cold]
#[inline(never)]
unsafe fn keep_replaced(writes: &[WriteEntry], version: Version) {
    let replaced = writes.iter().map(|entry| {
        // SAFETY: passed on to the caller.
        let value = unsafe { (*entry.cell).value() };
        Replaced { cell: entry.cell.addr(), from: entry.held.version(), kind: entry.kind, value }
    });
    archive::keep(replaced, version);
}

/// Variables that a commit has locked and may yet give back. So it does if a panic drops this: nothing in a commit calls
/// anything that panics, and an inline commit counts the same instructions with this as without.
struct Held<'w> {
    writes: &'w mut [WriteEntry],
    /// How many of them, from the first.
    count: usize,
}

impl<'w> Held<'w> {
    /// They stay locked.
    #[inline(always)]
    fn keep(self) -> &'w mut [WriteEntry] {
        let mut held = ManuallyDrop::new(self);
        mem::take(&mut held.writes)
    }

    /// Gives them back.
    fn release(self) -> &'w mut [WriteEntry] {
        let count = self.count;
        let writes = self.keep();
        // SAFETY: these are locked, and their cells are alive.
        unsafe { unlock_all(&mut writes[..count]) };
        writes
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: as in `release`.
        unsafe { unlock_all(&mut self.writes[..self.count]) };
    }
}

/// What is left of a commit that is decided. If a panic drops this, the transaction takes effect as a whole all the same.
struct Unpublished<'w> {
    writes: &'w mut [WriteEntry],
    next: usize,
    version: Version,
}

impl Unpublished<'_> {
    #[inline(always)]
    fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Unpublished<'_> {
    fn drop(&mut self) {
        for entry in &mut self.writes[self.next..] {
            // SAFETY: it is locked, its cell is alive, and the value fits.
            unsafe { publish_one(entry, self.version) };
        }
        self.writes.iter_mut().for_each(|entry| entry.expected = Word::DONE);
    }
}

/// Whether this commit may go ahead while the clock says that a promoted transaction runs.
pub(crate) struct Turn {
    privilege: Privilege,
    ours: bool,
    waits: u32,
    deadline: Option<Instant>,
    /// In whose name it waits.
    who: Option<Who>,
    /// Taken after having stood aside often enough: a commit that reads nothing never conflicts, and so would never be
    /// promoted.
    token: Option<Token>,
}

impl Turn {
    /// How many promoted transactions a commit lets go first.
    const PATIENCE: u32 = 2;

    pub(crate) fn new(privilege: Privilege, deadline: Option<Instant>, who: Option<Who>) -> Self {
        Self { privilege, ours: privilege == Privilege::Promoted, waits: 0, deadline, who, token: None }
    }

    fn is_ours(&self) -> bool {
        self.ours
    }

    /// Waits until the promoted transaction is over, or finds that it is on this very thread: then this is a one-shot
    /// operation within its body or a transaction of one of its hooks, and takes effect before it. The caller holds no
    /// lock.
    #[cold]
    fn wait(&mut self) -> Result<(), Failed> {
        let who = self.who.ok_or(Failed::Aside)?;
        point(Point::StandAside);
        if self.waits == Self::PATIENCE {
            self.token = Some(Token::acquire_until(self.deadline, who).ok_or(Conflict)?);
            self.ours = true;
        } else {
            match contention::wait_for_token(self.deadline, who) {
                Permission::Holder => self.ours = true,
                Permission::Waited => {}
                Permission::Late => return Err(Failed::Conflict),
            }
        }
        self.waits += 1;
        Ok(())
    }
}

/// Locks every variable although somebody is in the way: first in order of the log with little patience, then in order
/// of address with any amount. Whoever waits for a lock without giving up does so in order of address, so such waits can
/// not form a cycle; whoever locks in another order gives up soon. A promoted transaction does not wait in this order, it
/// waits for variables it has read while it holds those it writes; so whoever is not promoted gives way to it.
///
/// # Safety
///
/// The cells are alive, and those before `locked` are locked.
unsafe fn lock_patiently(writes: &mut [WriteEntry], locked: usize, turn: &mut Turn) -> Result<Summary, Failed> {
    // SAFETY: passed on to the caller.
    match unsafe { lock_from(writes, locked, Patience::Short) } {
        Ok(locked) => return Ok(locked),
        Err(Failure::Changed) => return Err(Failed::Conflict),
        Err(Failure::Busy) => writes.sort_unstable_by_key(|entry| entry.cell.addr()),
    }
    loop {
        let patience = if turn.is_ours() { Patience::Endless } else { Patience::UnlessExclusive };
        // SAFETY: passed on to the caller; a failed round has let everything go.
        match unsafe { lock_from(writes, 0, patience) } {
            Ok(locked) => return Ok(locked),
            Err(Failure::Changed) => return Err(Failed::Conflict),
            Err(Failure::Busy) => turn.wait()?,
        }
    }
}

/// How long to wait for a variable that somebody else has locked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// As long as its owner may be running.
    Short,
    /// Until a promoted transaction runs.
    UnlessExclusive,
    Endless,
}

enum Failure {
    /// The variable is not as it was read.
    Changed,
    /// Somebody holds it, perhaps without running, and patience is at its end.
    Busy,
}

/// Locks the variables from `first` on. On a failure none is locked any more.
///
/// # Safety
///
/// The cells are alive, and those before `first` are locked.
unsafe fn lock_from(writes: &mut [WriteEntry], first: usize, patience: Patience) -> Result<Summary, Failure> {
    let mut held = Held { writes, count: first };
    for position in first..held.writes.len() {
        point(Point::Lock);
        // SAFETY: passed on to the caller.
        if let Err(failure) = unsafe { lock_one(&mut held.writes[position], patience) } {
            held.release();
            return Err(failure);
        }
        held.count = position + 1;
    }
    let mut locked = Summary::NONE;
    held.keep().iter().for_each(|entry| locked.add(entry.held));
    Ok(locked)
}

/// Locks one variable, waiting for whoever has it.
///
/// # Safety
///
/// The cell is alive.
unsafe fn lock_one(entry: &mut WriteEntry, patience: Patience) -> Result<(), Failure> {
    // SAFETY: passed on to the caller.
    let lock = unsafe { &(*entry.cell).lock };
    let owner = Word::owned_by(&raw const *entry);
    let mut spin = Spin::new();
    loop {
        let word = lock.load_again();
        if word.is_locked() {
            let give_up = match patience {
                Patience::Short => spin.is_long(),
                Patience::UnlessExclusive => clock::now().is_exclusive(),
                Patience::Endless => false,
            };
            if give_up {
                return Err(Failure::Busy);
            }
            spin.wait();
        } else if entry.expected != Word::NONE && word.without_waiters() != entry.expected {
            return Err(Failure::Changed);
        } else if lock.try_lock(word, owner).is_ok() {
            entry.held = word;
            return Ok(());
        }
    }
}

/// Gives the locks back; the variables are as they were.
///
/// # Safety
///
/// The cells are alive and locked by these entries.
#[cold]
#[inline(never)]
unsafe fn unlock_all(writes: &mut [WriteEntry]) {
    for entry in writes {
        // SAFETY: passed on to the caller.
        unsafe { (*entry.cell).lock.restore(entry.held) };
    }
}

/// Whether every variable read still has the word it had, or is locked by this very transaction since.
///
/// An ordinary transaction takes a variable that somebody else has locked for changed. For a promoted one only those can
/// hold it who are about to let it go unchanged (edge E4), so it waits for them: it can fail only by one-shot operations
/// of its own body.
///
/// # Safety
///
/// The cells of both logs are alive, and all of `writes` are locked.
#[inline(never)]
unsafe fn reads_are_valid(writes: &[WriteEntry], reads: &[ReadEntry], privilege: Privilege) -> bool {
    reads.iter().all(|read| {
        // SAFETY: passed on to the caller.
        let cell = unsafe { &*read.cell };
        let seen = read.seen.without_waiters();
        let mut word = cell.lock.load();
        if word.is_locked() {
            // The address alone is not enough: an owner long gone may have had its log where this one lies.
            if let Some(entry) = own_entry(writes, word).filter(|entry| entry.cell == read.cell) {
                return entry.held.without_waiters() == seen;
            }
            if privilege == Privilege::Promoted {
                word = cell.wait_until_free();
            }
        }
        word.without_waiters() == seen
    })
}

/// The entry that `word` names as the owner, if it is one of these.
fn own_entry(writes: &[WriteEntry], word: Word) -> Option<&WriteEntry> {
    let offset = word.owner_address().checked_sub(writes.as_ptr().addr())?;
    writes.get(offset / size_of::<WriteEntry>())
}

/// Stores every value and unlocks its variable. From here on the transaction has happened.
///
/// # Safety
///
/// The cells are alive, locked by these entries, and the values fit them.
#[inline(always)]
unsafe fn publish(writes: &mut [WriteEntry], version: Version) {
    let mut rest = Unpublished { writes, next: 0, version };
    decided(version.raw());
    while rest.next < rest.writes.len() {
        // SAFETY: passed on to the caller.
        unsafe { publish_one(&mut rest.writes[rest.next], version) };
        rest.next += 1;
        point(Point::Published);
    }
    point(Point::Settle);
    rest.keep();
}

/// Stores one value and unlocks its variable.
///
/// # Safety
///
/// As for [`publish`].
#[inline(always)]
unsafe fn publish_one(entry: &mut WriteEntry, version: Version) {
    // SAFETY: passed on to the caller.
    let cell = unsafe { &*entry.cell };
    let replaced = cell.value();
    cell.set(entry.value);
    cell.lock.publish(version);
    entry.value = replaced;
}

/// Retires the values that were replaced, and collects whoever waits for one of the variables.
///
/// # Safety
///
/// `commit` has succeeded with these entries, whose cells are still alive, and this is called once.
#[inline(never)]
pub(crate) unsafe fn settle(writes: &[WriteEntry], local: &Local, wake: &mut WakeList) {
    for entry in writes {
        if entry.held.has_waiters() {
            // SAFETY: passed on to the caller.
            wake.add(unsafe { &*entry.cell });
        }
        if let Some(kind) = entry.kind {
            // SAFETY: the value was in the cell, is there no longer, and `commit` has given it to this entry alone.
            unsafe { local.retire(entry.value, kind.destroy) };
        }
    }
}

/// Moves an attempt's view of the world to a later moment: brings the clock up to `version` and checks that nothing it
/// has read has changed until then (Riegel, Felber, Fetzer, "A lazy snapshot algorithm", DISC 2006).
///
/// Waits for commits that hold a variable it has read: they may yet give up.
///
/// # Safety
///
/// The cells of both logs are alive.
pub(crate) unsafe fn extend(writes: &[WriteEntry], reads: &[ReadEntry], version: Version) -> Result<Limit, Conflict> {
    point(Point::Extend);
    // Before validation: edge E3.
    let reading = clock::advance(version);
    let read = reads.iter().map(|read| (read.cell, read.seen.without_waiters()));
    let fused = writes.iter().map(|write| (write.cell, write.expected)).filter(|&(_, seen)| seen != Word::NONE);
    for (cell, seen) in read.chain(fused) {
        // SAFETY: passed on to the caller.
        let cell = unsafe { &*cell };
        let mut word = cell.lock.load();
        if word.is_locked() {
            word = cell.wait_until_free();
        }
        if word.without_waiters() != seen {
            return Err(Conflict);
        }
    }
    Ok(Limit::up_to(reading.version()))
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::clock::tests::alone;

    /// A commit that reads nothing never conflicts, and so would never be promoted: it stands aside so often and no more.
    #[test]
    fn a_commit_takes_its_turn_when_it_has_stood_aside_often_enough() {
        let _alone = alone();
        let nameless = Turn::new(Privilege::Ordinary, None, None).wait();
        assert!(matches!(nameless, Err(Failed::Aside)), "whoever has no name does not wait");
        let who = Who { name: None, site: std::panic::Location::caller() };
        let mut turn = Turn::new(Privilege::Ordinary, None, Some(who));
        for _ in 0..Turn::PATIENCE {
            assert!(turn.wait().is_ok() && !turn.is_ours() && !clock::now().is_exclusive());
        }
        assert!(turn.wait().is_ok() && turn.is_ours() && clock::now().is_exclusive());
        drop(turn);
        assert!(!clock::now().is_exclusive(), "the others go on");
    }
}
