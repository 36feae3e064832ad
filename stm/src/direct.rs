//! One-shot operations: one atomic step on one variable, outside of any transaction and without a log.
//!
//! A write here is a commit with one entry. Inside a body it acts on the committed state at once and is not undone.

use std::mem::ManuallyDrop;
use std::panic::Location;

use crate::cell::RawCell;
use crate::commit::{self, Conflict, Privilege};
use crate::log::WriteEntry;
use crate::reclaim::{self, Local};
use crate::storage::{self, Bits, Kind};
use crate::unwind::Panics;
use crate::wait::WakeList;
use crate::waited::{Site, Who};
use crate::word::Word;

/// Clones the committed value.
///
/// # Safety
///
/// The cell is alive and holds a `T`.
#[inline]
pub(crate) unsafe fn load<T: Clone + 'static>(cell: &RawCell) -> T {
    if storage::is_inline::<T>() {
        let bits = cell.load();
        // SAFETY: inline bits are the value, and `bits` is a local.
        return unsafe { storage::borrow::<T>(&raw const bits) }.clone();
    }
    reclaim::with_local(|local| {
        let _pin = local.pin();
        let bits = cell.load();
        // SAFETY: the node was in the cell after the thread was pinned, so it is freed after the pin at the earliest.
        unsafe { storage::borrow::<T>(&raw const bits) }.clone()
    })
}

/// The word of the variable, as a reader finds it.
pub(crate) fn version(cell: &RawCell) -> Word {
    read(cell).0
}

/// The word of the variable, and a clone of the value if the word is not the one that was seen.
///
/// # Safety
///
/// As for [`load`].
pub(crate) unsafe fn load_newer<T: Clone + 'static>(cell: &RawCell, seen: Word) -> (Word, Option<T>) {
    reclaim::with_local(|local| {
        let _pin = local.pin();
        let (word, bits) = read(cell);
        // SAFETY: as in `load`.
        (word, (word != seen).then(|| unsafe { storage::borrow::<T>(&raw const bits) }.clone()))
    })
}

/// Shows the latest value without waiting for anybody.
///
/// # Safety
///
/// As for [`load`]; `inline` says whether `T` is stored inline, and a `TCell` is ready for use.
pub(crate) unsafe fn peek<T, R>(cell: &RawCell, inline: bool, f: impl FnOnce(&T) -> R) -> R {
    reclaim::with_local(|local| {
        let _pin = local.pin();
        // A value gets into the cell only when its commit is decided, so no look at the word is needed.
        let bits = cell.value();
        // SAFETY: as in `load`.
        f(unsafe { storage::borrow_as::<T>(&raw const bits, inline) })
    })
}

/// Replaces the value, whatever it is.
///
/// # Safety
///
/// As for [`load`].
#[inline]
#[track_caller]
pub(crate) unsafe fn store<T: 'static>(cell: &RawCell, value: T) {
    // SAFETY: passed on to the caller; the bits are a stored `T`.
    unsafe { store_bits(cell, storage::store(value), storage::kind::<T>()) }
}

/// Replaces the stored value, whatever it is.
///
/// # Safety
///
/// The cell is alive; `new` is a stored form of its type, which `kind` tells, and the caller gives it away.
#[inline]
#[track_caller]
pub(crate) unsafe fn store_bits(cell: &RawCell, new: Bits, kind: Option<&'static Kind>) {
    let site = Location::caller();
    reclaim::with_local(|local| {
        // SAFETY: passed on to the caller.
        let stored = unsafe { exchange(cell, new, kind, Word::NONE, local, site) };
        debug_assert!(stored.is_ok(), "a blind write can not conflict");
        reclaim::keep_up(local);
    });
}

/// Stores a value if there is none, which is what null bits stand for. Says whether it has.
///
/// # Safety
///
/// As for [`store_bits`], but if it has not, the caller keeps `new`.
#[track_caller]
pub(crate) unsafe fn fill_bits(cell: &RawCell, new: Bits, kind: Option<&'static Kind>) -> bool {
    let site = Location::caller();
    reclaim::with_local(|local| {
        loop {
            let (word, bits) = read(cell);
            if !bits.is_null() {
                return false;
            }
            // SAFETY: passed on to the caller; `new` is given away only once, by the exchange that succeeds.
            if unsafe { exchange(cell, new, kind, word, local, site) }.is_ok() {
                reclaim::keep_up(local);
                return true;
            }
        }
    })
}

/// Replaces the value and returns the one it replaced.
///
/// # Safety
///
/// As for [`load`].
#[track_caller]
pub(crate) unsafe fn swap<T: Clone + 'static>(cell: &RawCell, value: T) -> T {
    let site = Location::caller();
    reclaim::with_local(|local| {
        let new = storage::store(value);
        let pin = local.pin();
        let replaced = loop {
            let (word, bits) = read(cell);
            // SAFETY: passed on to the caller; `new` is given away only once, by the exchange that succeeds.
            if unsafe { exchange(cell, new, storage::kind::<T>(), word, local, site) }.is_ok() {
                break bits;
            }
        };
        // SAFETY: the node is retired but not freed, since the thread was pinned before.
        let value = unsafe { storage::borrow::<T>(&raw const replaced) }.clone();
        drop(pin);
        reclaim::keep_up(local);
        value
    })
}

/// Replaces the value by what `f` makes of it, in one step.
///
/// # Safety
///
/// As for [`load`].
#[track_caller]
pub(crate) unsafe fn fetch_update<T: Clone + 'static, R>(cell: &RawCell, mut f: impl FnMut(&mut T) -> R) -> R {
    let site = Location::caller();
    reclaim::with_local(|local| {
        loop {
            let pin = local.pin();
            let (word, bits) = read(cell);
            // SAFETY: as in `load`.
            let mut value = unsafe { storage::borrow::<T>(&raw const bits) }.clone();
            drop(pin);
            let result = f(&mut value);
            let new = storage::store(value);
            // SAFETY: passed on to the caller; `new` is a stored `T` and given away here.
            if unsafe { exchange(cell, new, storage::kind::<T>(), word, local, site) }.is_ok() {
                reclaim::keep_up(local);
                return result;
            }
            if let Some(kind) = storage::kind::<T>() {
                // SAFETY: the value never got into the cell. Its destructor is user code, and a body may be running.
                unsafe { local.retire(new, kind.destroy) };
            }
        }
    })
}

/// Word and value as of one moment, waiting for a commit in between.
fn read(cell: &RawCell) -> (Word, Bits) {
    loop {
        let mut word = cell.lock.load();
        if word.is_locked() {
            word = cell.wait_until_free();
        }
        if let Some(bits) = cell.read(word) {
            return (word.without_waiters(), bits);
        }
    }
}

/// Commits one write, if the cell's word is still `expected`. Wakes waiters, in the name of `site`.
///
/// # Safety
///
/// The cell is alive; `new` is a stored form of its type, which `kind` tells, and which the cell owns after a success.
#[inline]
unsafe fn exchange(
    cell: &RawCell,
    new: Bits,
    kind: Option<&'static Kind>,
    expected: Word,
    local: &Local,
    site: Site,
) -> Result<(), Conflict> {
    let entry = WriteEntry { cell, value: new, expected, held: Word::NONE, kind };
    let mut exchange = Exchange { entry: [entry], local, site };
    // SAFETY: passed on to the caller; one entry, no reads.
    let outcome = unsafe { commit::commit(&mut exchange.entry, &[], Privilege::Ordinary, || Who { name: None, site }) };
    let Exchange { entry, .. } = &*ManuallyDrop::new(exchange);
    if outcome? || kind.is_some() {
        // SAFETY: the commit has just succeeded; passed on to the caller.
        unsafe { settle(entry, local, site) };
    }
    Ok(())
}

/// A commit of one write that is under way. A panic drops it.
struct Exchange<'l> {
    entry: [WriteEntry; 1],
    local: &'l Local,
    site: Site,
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let [entry] = &self.entry;
        if entry.is_done() {
            // SAFETY: the commit has taken effect; whoever made the exchange has the cell.
            unsafe { settle(&self.entry, self.local, self.site) };
        } else if let Some(kind) = entry.kind {
            // SAFETY: the value did not get into the cell, and nobody tries again.
            unsafe { self.local.retire(entry.value, kind.destroy) };
        }
    }
}

/// Does what is left to do after the commit of a boxed value, or of one that somebody waits for.
///
/// # Safety
///
/// As for [`commit::settle`].
unsafe fn settle(entry: &[WriteEntry; 1], local: &Local, site: Site) {
    let mut wake = WakeList::new();
    // SAFETY: passed on to the caller.
    unsafe { commit::settle(entry, local, &mut wake) };
    if !wake.is_empty() {
        wake.sign(site);
        let mut panics = Panics::new();
        wake.wake(&mut panics);
        panics.resume();
    }
}
