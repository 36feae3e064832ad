//! What happens at commit: lock, stamp, validate, publish.
//!
//! All of it works on cells and logs; no user code runs here, and nothing waits for user code while a lock is held. The
//! serialisation point is the look at the clock in [`clock::stamp`], with every lock held and before validation
//! (docs/design.md, "Committing", has the proof; TL2, DISC 2006, section 2.1, is the ancestor).

use crate::clock::{self, Version};
use crate::contention::{self, Permission, Spin};
use crate::log::reads::ReadEntry;
use crate::log::WriteEntry;
use crate::reclaim::Local;
use crate::wait::WakeList;
use crate::word::{Limit, Word};

/// Somebody else changed what this transaction has read.
#[derive(Debug)]
pub(crate) struct Conflict;

/// Whether this transaction holds the token and so need not yield to the one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    Ordinary,
    Promoted,
}

/// Makes the writes take effect in one step, if nothing in `reads` has changed.
///
/// On success every entry's `value` is the one it replaced, to be given to [`settle`]. On a conflict nothing has changed.
///
/// # Safety
///
/// The cells of both logs are alive, and each cell has one entry in `writes` at most, whose value fits it.
#[inline]
pub(crate) unsafe fn commit(
    writes: &mut [WriteEntry],
    reads: &[ReadEntry],
    mut privilege: Privilege,
) -> Result<(), Conflict> {
    loop {
        // SAFETY: passed on to the caller.
        let newest_replaced = unsafe { lock_all(writes)? };
        let (reading, version) = clock::stamp(newest_replaced);
        if reading.is_exclusive() && privilege == Privilege::Ordinary {
            // SAFETY: `lock_all` has locked all of them.
            unsafe { unlock_all(writes) };
            // On the thread of the promoted transaction itself this is a one-shot operation within its body, or a
            // transaction of a hook: it takes its turn before the outer one ends.
            if contention::wait_for_token() == Permission::Holder {
                privilege = Privilege::Promoted;
            }
            continue;
        }
        // What a promoted transaction has read can not change before it ends (edge E4), and need not be looked at: a
        // variable may be locked by a commit that is about to let it go.
        // SAFETY: the cells are alive, and all of `writes` are locked.
        if privilege == Privilege::Ordinary && !reads.is_empty() && unsafe { !reads_are_valid(writes, reads) } {
            // SAFETY: all are locked.
            unsafe { unlock_all(writes) };
            return Err(Conflict);
        }
        // SAFETY: all are locked and the reads are valid.
        unsafe { publish(writes, version) };
        return Ok(());
    }
}

/// Locks every variable, in order of the log and, when somebody is in the way for long, in order of address.
///
/// # Safety
///
/// The cells are alive.
#[inline]
unsafe fn lock_all(writes: &mut [WriteEntry]) -> Result<Version, Conflict> {
    let mut newest = Version::INITIAL;
    for position in 0..writes.len() {
        // SAFETY: passed on to the caller.
        match unsafe { lock_one(&mut writes[position], Patience::Short) } {
            Ok(version) => newest = newest.max(version),
            Err(failure) => {
                // SAFETY: those before `position` are locked.
                unsafe { unlock_all(&mut writes[..position]) };
                return match failure {
                    Failure::Changed => Err(Conflict),
                    // SAFETY: passed on to the caller.
                    Failure::Busy => unsafe { lock_all_in_order(writes) },
                };
            }
        }
    }
    Ok(newest)
}

/// Locks every variable in order of address. Whoever waits for a lock without giving up does so in this order, so such
/// waits can not form a cycle; whoever locks in another order gives up soon.
///
/// # Safety
///
/// The cells are alive.
#[cold]
unsafe fn lock_all_in_order(writes: &mut [WriteEntry]) -> Result<Version, Conflict> {
    writes.sort_unstable_by_key(|entry| entry.cell.addr());
    let mut newest = Version::INITIAL;
    for position in 0..writes.len() {
        // SAFETY: passed on to the caller.
        match unsafe { lock_one(&mut writes[position], Patience::Endless) } {
            Ok(version) => newest = newest.max(version),
            Err(_) => {
                // SAFETY: those before `position` are locked.
                unsafe { unlock_all(&mut writes[..position]) };
                return Err(Conflict);
            }
        }
    }
    Ok(newest)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Short,
    Endless,
}

enum Failure {
    /// The variable is not as it was read.
    Changed,
    /// Somebody holds it, perhaps without running.
    Busy,
}

/// Locks one variable. Where the transaction has read it, the exchange is its validation as well.
///
/// # Safety
///
/// The cell is alive.
#[inline(always)]
unsafe fn lock_one(entry: &mut WriteEntry, patience: Patience) -> Result<Version, Failure> {
    // SAFETY: passed on to the caller.
    let lock = unsafe { &(*entry.cell).lock };
    let owner = Word::owned_by(&raw const *entry);
    let mut word = if entry.expected == Word::NONE { lock.load_again() } else { entry.expected };
    let mut spin = Spin::new();
    loop {
        if word.is_locked() {
            if patience == Patience::Short && spin.is_long() {
                return Err(Failure::Busy);
            }
            spin.wait();
            word = lock.load_again();
            continue;
        }
        if entry.expected != Word::NONE && word.without_waiters() != entry.expected {
            return Err(Failure::Changed);
        }
        match lock.try_lock(word, owner) {
            Ok(()) => {
                entry.held = word;
                return Ok(word.version());
            }
            Err(current) => word = current,
        }
    }
}

/// Gives the locks back; the variables are as they were.
///
/// # Safety
///
/// The cells are alive and locked by these entries.
#[cold]
unsafe fn unlock_all(writes: &mut [WriteEntry]) {
    for entry in writes {
        // SAFETY: passed on to the caller.
        unsafe { (*entry.cell).lock.restore(entry.held) };
    }
}

/// Whether every variable read still has the word it had, or is locked by this very transaction since.
///
/// # Safety
///
/// The cells of both logs are alive, and all of `writes` are locked.
unsafe fn reads_are_valid(writes: &[WriteEntry], reads: &[ReadEntry]) -> bool {
    reads.iter().all(|read| {
        // SAFETY: passed on to the caller.
        let word = unsafe { (*read.cell).lock.load() };
        word.without_waiters() == read.seen
            || (word.is_locked()
                && own_entry(writes, word).is_some_and(|entry| entry.held.without_waiters() == read.seen))
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
    for entry in writes {
        // SAFETY: passed on to the caller.
        let cell = unsafe { &*entry.cell };
        let replaced = cell.value();
        cell.set(entry.value);
        cell.lock.publish(version);
        entry.value = replaced;
    }
}

/// Retires the values that were replaced, and collects whoever waits for one of the variables.
///
/// # Safety
///
/// `commit` has succeeded with these entries, and this is called once.
#[inline]
pub(crate) unsafe fn settle(writes: &[WriteEntry], local: &Local, wake: &mut WakeList) {
    for entry in writes {
        if entry.held.has_waiters() {
            wake.add(entry.cell);
        }
        if let Some(destroy) = entry.destroy {
            // SAFETY: the value was in the cell, is there no longer, and `commit` has given it to this entry alone.
            unsafe { local.retire(entry.value, destroy) };
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
pub(crate) unsafe fn extend(
    writes: &[WriteEntry],
    reads: &[ReadEntry],
    version: Version,
) -> Result<Limit, Conflict> {
    // Before validation: edge E3.
    let reading = clock::advance(version);
    let read = reads.iter().map(|read| (read.cell, read.seen));
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
