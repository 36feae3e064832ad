//! `Slot`: a variable in place that holds an item or nothing, by one word.
//!
//! A queue of numbers would be an array of `TCell<Option<u64>>`, whose values do not fit into a word: each push and each pop
//! would allocate. A slot is the cell of a `TCell<T>` in which one word stands for "nothing". Where that is the null
//! pointer, because items are boxed, taking an item out allocates nothing and frees the item soon. Where items are
//! words of their own, two words that hardly any item is are taken for it, and an item that *is* one of them is told by a
//! variable aside. That can not be had from the public API; everything that reaches below it for the queues is in this file.

use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::OnceLock;

use crate::cell::RawCell;
use crate::clock;
use crate::error::StmResult;
use crate::reclaim;
use crate::reference::Ref;
use crate::storage::{self, Bits, Kind, Place};
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};
use crate::word::VersionedLock;

/// An inline item is stored as itself, except for these two. (Items of less than a word leave its upper bytes zero.)
pub(crate) const NOTHING: usize = 0x9D3C_51F2_7A86_E4B1_u64 as usize;
/// Stands for [`NOTHING`] or for itself, as [`Aside`] tells.
pub(crate) const ESCAPED: usize = 0x9D3C_51F2_7A86_E4B5_u64 as usize;

#[repr(C, align(16))]
pub(super) struct Slot<T: 'static> {
    cell: RawCell,
    marker: PhantomData<Place<Option<T>>>,
}

// SAFETY: as for a `TCell<Option<T>>`: threads share the item by reference (Sync), and may drop it (Send).
unsafe impl<T: Send + Sync + 'static> Send for Slot<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync + 'static> Sync for Slot<T> {}
impl<T: 'static> UnwindSafe for Slot<T> {}
impl<T: 'static> RefUnwindSafe for Slot<T> {}

/// Which slots of an array hold the item [`NOTHING`], among those that are [`ESCAPED`]. Allocated when one does.
#[derive(Default)]
pub(super) struct Aside(OnceLock<Box<[TCell<bool>]>>);

impl Aside {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    #[cold]
    fn at(&self, place: usize, places: usize) -> &TCell<bool> {
        &self.0.get_or_init(|| (0..places).map(|_| TCell::new(false)).collect())[place]
    }
}

/// Slots that share what is kept aside.
pub(super) struct Slots<'tx, T: 'static> {
    slots: &'tx [Slot<T>],
    aside: &'tx Aside,
}

impl<T: 'static> Clone for Slots<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for Slots<'_, T> {}

/// Stands for the type of what a slot holds: not the same as that of a boxed `Option<T>`.
struct Slotted<T>(PhantomData<T>);

/// # Safety
///
/// `bits` is null, or a boxed `T` that nobody reaches any more.
unsafe fn destroy<T: 'static>(bits: Bits) {
    if let Some(kind) = storage::kind::<T>()
        && !bits.is_null()
    {
        // SAFETY: passed on to the caller.
        unsafe { (kind.destroy)(bits) };
    }
}

impl<T: 'static> Slot<T> {
    const KIND: &'static Kind = &Kind::new::<Slotted<T>>(destroy::<T>);

    pub(super) fn empty() -> Self {
        Self { cell: RawCell::new(VersionedLock::FREE, Self::nothing()), marker: PhantomData }
    }

    #[inline(always)]
    fn nothing() -> Bits {
        if storage::is_inline::<T>() { ptr::without_provenance_mut(NOTHING) } else { ptr::null_mut() }
    }

    #[inline(always)]
    fn kind() -> Option<&'static Kind> {
        if storage::is_inline::<T>() { None } else { Some(Self::KIND) }
    }

    /// Whether what some variable held can be what a slot for a `T` holds.
    fn fits(kind: Option<&'static Kind>, bits: Bits) -> bool {
        match kind {
            None => storage::is_inline::<T>() && (Self::is_special(bits) || storage::fits::<T>(None, bits)),
            Some(kind) => !storage::is_inline::<T>() && kind.is::<Slotted<T>>(),
        }
    }

    /// Whether the bits are not the item itself, or may be not.
    #[inline(always)]
    fn is_special(bits: Bits) -> bool {
        storage::is_inline::<T>() && bits.addr() & !(NOTHING ^ ESCAPED) == NOTHING & ESCAPED
    }
}

impl<'tx, T: Send + Sync + 'static> Slots<'tx, T> {
    #[inline(always)]
    pub(super) fn new(slots: &'tx [Slot<T>], aside: &'tx Aside) -> Self {
        Self { slots, aside }
    }

    /// Whether it is likely that [`read`](Self::read) finds an item: by what has been committed last, which the transaction need
    /// not see.
    #[inline(always)]
    pub(super) fn is_likely(self, place: usize) -> bool {
        self.slots[place].cell.value() != Slot::<T>::nothing()
    }

    /// Whether the slot was written later than the clock says: to read it moves the clock up to that, and no further. See
    /// [`catch_up`].
    #[inline(always)]
    pub(super) fn is_ahead(self, place: usize) -> bool {
        // One that is locked is, too.
        self.slots[place].cell.lock.load_again().version() > clock::now().version()
    }

    /// The item, if there is one.
    #[inline(always)]
    pub(super) fn read(self, tx: &ReadTransaction<'tx, '_>, place: usize) -> StmResult<Option<Ref<'tx, T>>> {
        let cell = &raw const self.slots[place].cell;
        // SAFETY: the cell is borrowed for the whole run.
        let mut bits = unsafe { tx.attempt().read(cell, Slot::<T>::fits, || ())? };
        if bits == Slot::<T>::nothing() {
            return Ok(None);
        }
        if Slot::<T>::is_special(bits) && self.aside.at(place, self.slots.len()).read(tx)? {
            bits = ptr::without_provenance_mut(NOTHING);
        }
        // SAFETY: the bits are those of an item: of a special one, too, which has the bits that `ESCAPED` stands for. A node
        // in the cell, committed or pending, is retired after the run was pinned at the earliest.
        Ok(Some(unsafe { Ref::new(bits) }))
    }

    /// Puts an item in. What was there is gone.
    #[inline(always)]
    pub(super) fn fill(self, tx: &Transaction<'tx, '_>, place: usize, item: T) -> StmResult<()> {
        let mut bits = storage::store(item);
        if Slot::<T>::is_special(bits) {
            self.aside.at(place, self.slots.len()).write(tx, bits.addr() == NOTHING)?;
            bits = ptr::without_provenance_mut(ESCAPED);
        }
        let cell = &raw const self.slots[place].cell;
        // SAFETY: as in `read`; the bits are what a slot holds, and given away here.
        unsafe { tx.attempt().write(cell, bits, Slot::<T>::kind()) }
    }

    /// Leaves nothing there.
    #[inline(always)]
    pub(super) fn clear(self, tx: &Transaction<'tx, '_>, place: usize) -> StmResult<()> {
        let cell = &raw const self.slots[place].cell;
        // SAFETY: as in `fill`.
        unsafe { tx.attempt().write(cell, Slot::<T>::nothing(), Slot::<T>::kind()) }
    }
}

/// Brings the clock up to the last commit of those at the other end of a queue, before a slot is read that they have written.
///
/// Who goes along behind others finds each slot newer than the view. To extend the view to the one slot alone would move the
/// clock for each item; and as each commit looks at the clock, its cache line would go to and fro for each item. The position of
/// the other end is as new as all the slots, so with it they all get into the view at once. Nothing but time depends on it.
#[cold]
#[inline(never)]
pub(super) fn catch_up(end: &TCell<u64>) {
    // As a read would: SeqCst and acquire (edges E2 and E3), so the clock is moved after the commit that the version is of.
    let word = end.raw().lock.load();
    if !word.is_locked() {
        clock::advance(word.version());
    }
}

impl<T: 'static> Drop for Slot<T> {
    fn drop(&mut self) {
        let bits = self.cell.value();
        if !storage::is_inline::<T>() && !bits.is_null() {
            // No run is at it: the slots are destroyed behind all that were in the queue. It goes by the garbage all the same, so
            // that items which lead to further ones are dropped one after the other, and not one within the other.
            // SAFETY: the cell was the way to the item and is gone; any thread may drop it, as all items were put in under the
            // bounds of `Slots`.
            unsafe { reclaim::retire_dropped(bits, destroy::<T>, true) };
        }
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::run::{atomically, snapshot};
    use crate::shared::Shared;

    struct Array<T: 'static>([Slot<T>; 2], Aside);

    fn goes_through<T: Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static>(
        items: impl IntoIterator<Item = T>,
    ) {
        let array = Shared::new(Array([Slot::empty(), Slot::empty()], Aside::new()));
        for item in items {
            atomically(|tx| {
                let slots = Slots::new(&Shared::get(&array, tx).0, &Shared::get(&array, tx).1);
                assert!(slots.read(tx, 1)?.is_none() && !slots.is_likely(1));
                slots.fill(tx, 1, item.clone())
            });
            let read = snapshot(|tx| {
                let slots = Slots::new(&Shared::get(&array, tx).0, &Shared::get(&array, tx).1);
                assert!(slots.is_likely(1) && slots.read(tx, 0)?.is_none());
                Ok(slots.read(tx, 1)?.map(|item| (*item).clone()))
            });
            assert_eq!(read, Some(item));
            atomically(|tx| Slots::new(&Shared::get(&array, tx).0, &Shared::get(&array, tx).1).clear(tx, 1));
        }
    }

    #[test]
    fn every_item_comes_out_as_it_went_in() {
        let special = [NOTHING as u64, ESCAPED as u64];
        goes_through([0, 1, u64::MAX, special[0], special[1], special[1], special[0], NOTHING as u64 ^ 1, 7]);
        goes_through(special.map(f64::from_bits));
        goes_through([(), ()]);
        goes_through([true, false]);
        goes_through([String::new(), "text".to_owned()]);
        goes_through([Some(1_u64), None]);
    }
}
