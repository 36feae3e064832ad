//! `TLink`: a variable in place that refers to a node, or to none, by one word.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};

use crate::cell::RawCell;
use crate::direct;
use crate::error::StmResult;
use crate::reclaim;
use crate::shared::Shared;
use crate::storage::{Bits, Kind, Place};
use crate::tx::{ReadTransaction, Transaction};
use crate::word::VersionedLock;

/// A transactional variable in place that holds an optional [`Shared`]: what links the nodes of a structure.
///
/// It does what a `TCell<Option<Shared<T>>>` would do, and spares it the allocation of each value: the word of the cell is the
/// reference. A `TLink` is 16 bytes; following it takes one step. Like a [`TCell`](crate::TCell) it must live at least as long as
/// the run (`'tx`), and so do links in nodes that were reached from it.
///
/// # Examples
///
/// A stack:
///
/// ```
/// use stm::{Shared, StmResult, TLink, Transaction, atomically};
///
/// struct Node { item: u32, below: TLink<Node> }
///
/// static TOP: TLink<Node> = TLink::empty();
///
/// fn push(tx: &Transaction, item: u32) -> StmResult<()> {
///     let below = TOP.read(tx)?.map(|node| node.to_shared());
///     TOP.write(tx, Some(Shared::new(Node { item, below: TLink::new(below) })))
/// }
///
/// fn pop(tx: &Transaction) -> StmResult<Option<u32>> {
///     let Some(node) = TOP.read(tx)? else { return Ok(None) };
///     TOP.write(tx, node.get().below.read(tx)?.map(|below| below.to_shared()))?;
///     Ok(Some(node.item))
/// }
///
/// atomically(|tx| { push(tx, 1)?; push(tx, 2) });
/// assert_eq!(atomically(pop), Some(2));
/// assert_eq!(atomically(pop), Some(1));
/// assert_eq!(atomically(pop), None);
/// ```
#[repr(C, align(16))]
pub struct TLink<T: 'static> {
    cell: RawCell,
    marker: PhantomData<Place<Option<Shared<T>>>>,
}

// SAFETY: as for a `TCell<Option<Shared<T>>>`: threads share the node by reference (Sync), and may drop it (Send).
unsafe impl<T: Send + Sync + 'static> Send for TLink<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync + 'static> Sync for TLink<T> {}
impl<T: 'static> UnwindSafe for TLink<T> {}
impl<T: 'static> RefUnwindSafe for TLink<T> {}

/// Stands for the type of what a link holds: not the same as that of a boxed `Option<Shared<T>>`.
struct Linked<T>(PhantomData<T>);

impl<T: 'static> TLink<T> {
    const KIND: &'static Kind = &Kind::new::<Linked<T>>(Shared::<T>::drop_raw);

    /// Whether what some variable held was the reference of a `TLink<T>`.
    fn fits(kind: Option<&'static Kind>, _bits: Bits) -> bool {
        kind.is_some_and(Kind::is::<Linked<T>>)
    }

    /// Creates a link to nothing.
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    pub const fn empty() -> Self {
        Self { cell: RawCell::new(VersionedLock::FREE, ptr::null_mut()), marker: PhantomData }
    }

    /// Creates a link to nothing.
    #[cfg(any(stm_loom, stm_shuttle))]
    pub fn empty() -> Self {
        Self { cell: RawCell::new(VersionedLock::FREE, ptr::null_mut()), marker: PhantomData }
    }

    fn bits(node: Option<Shared<T>>) -> Bits {
        node.map_or(ptr::null_mut(), Shared::into_raw)
    }

    /// # Safety
    ///
    /// The bits were in the cell of a link at some moment of the run that `'tx` is, or after its pin.
    #[inline(always)]
    unsafe fn node<'tx>(bits: Bits) -> Option<Linkage<'tx, T>> {
        NonNull::new(bits).map(|raw| Linkage { raw, marker: PhantomData })
    }
}

impl<T: Send + Sync + 'static> TLink<T> {
    /// Creates a link to a node, or to none.
    pub fn new(node: Option<Shared<T>>) -> Self {
        Self { cell: RawCell::new(VersionedLock::FREE, Self::bits(node)), marker: PhantomData }
    }

    /// Follows the link.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Linkage<'tx, T>>> {
        // SAFETY: the cell is borrowed for the whole run. What was in it is retired after the run was pinned at the earliest.
        unsafe { Ok(Self::node(tx.attempt().read(&raw const self.cell, Self::fits, || ())?)) }
    }

    /// Makes the link lead elsewhere when the transaction commits; until then only the transaction sees it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, node: Option<Shared<T>>) -> StmResult<()> {
        // SAFETY: as in `read`; the bits are the stored form of a link's value, and given away here.
        unsafe { tx.attempt().write(&raw const self.cell, Self::bits(node), Some(Self::KIND)) }
    }

    /// Follows the link without keeping track of it: the latest node that was committed or that this transaction has written
    /// or, in a snapshot, the node of its moment. It need not belong to the moment of what else was read.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub(crate) fn peek<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Linkage<'tx, T>>> {
        // SAFETY: as in `read`.
        unsafe { Ok(Self::node(tx.attempt().peek(&raw const self.cell, Self::fits)?)) }
    }

    /// Returns a reference to the node that the link leads to now.
    pub fn load(&self) -> Option<Shared<T>> {
        reclaim::with_local(|local| {
            let _pin = local.pin();
            // SAFETY: the reference was in the cell after the thread was pinned, so it is dropped after the pin at the earliest.
            NonNull::new(self.cell.load()).map(|raw| unsafe { Shared::clone_raw(raw) })
        })
    }

    /// Makes the link lead elsewhere, in one atomic step of its own. See [`TVar::store`](crate::TVar::store).
    #[track_caller]
    pub fn store(&self, node: Option<Shared<T>>) {
        // SAFETY: the borrow keeps the cell alive; the bits are the stored form of a link's value, and given away here.
        unsafe { direct::store_bits(&self.cell, Self::bits(node), Some(Self::KIND)) }
    }

    /// Makes the link, if it leads nowhere, lead to a new node, in one atomic step of its own. Else gives the value back.
    #[track_caller]
    pub(crate) fn fill(&self, value: T) -> Result<(), T> {
        let node = Shared::into_raw(Shared::new(value));
        // SAFETY: the borrow keeps the cell alive; the bits are the stored form of a link's value.
        if unsafe { direct::fill_bits(&self.cell, node, Some(Self::KIND)) } {
            return Ok(());
        }
        // SAFETY: the reference was not given away.
        Err(unsafe { Shared::take_raw(node) })
    }
}

impl<T: 'static> Drop for TLink<T> {
    fn drop(&mut self) {
        // At once: a run that is at the node by way of the link has borrowed the link for as long as it lasts, so none is. (And
        // dropping a reference drops no node: see `Shared`.)
        // SAFETY: the cell was the way to the reference and is gone.
        unsafe { Shared::<T>::drop_raw(self.cell.value()) };
    }
}

impl<T: 'static> Default for TLink<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Send + Sync + 'static> From<Shared<T>> for TLink<T> {
    fn from(node: Shared<T>) -> Self {
        Self::new(Some(node))
    }
}

/// Shows whether there is a node, without waiting for anybody. (Not the node: there may be a million behind it.)
impl<T: 'static> fmt::Debug for TLink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cell.value().is_null() { "TLink(empty)" } else { "TLink(..)" })
    }
}

/// A node as a transaction has found it by a [`TLink`]: borrowed for as long as the run lasts, without a count.
pub struct Linkage<'tx, T: 'static> {
    raw: NonNull<()>,
    marker: PhantomData<&'tx T>,
}

impl<'tx, T: 'static> Linkage<'tx, T> {
    /// What a link of another form than [`TLink`] leads to.
    ///
    /// # Safety
    ///
    /// `raw` came from `Shared::<T>::into_raw`, and the reference it stands for was in a link at some moment of the run that `'tx`
    /// is, or after its pin.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self { raw, marker: PhantomData }
    }

    /// The node. (It lives longer than a borrow of `self`, which is what `Deref` gives.)
    #[inline(always)]
    pub fn get(self) -> &'tx T {
        // SAFETY: the reference it stands for was in a link after the run was pinned, so it is dropped when `'tx` is over at the
        // earliest.
        unsafe { Shared::borrow_raw(self.raw) }
    }

    /// A reference of one's own.
    #[inline]
    pub fn to_shared(self) -> Shared<T> {
        // SAFETY: as in `get`.
        unsafe { Shared::clone_raw(self.raw) }
    }
}

impl<T: 'static> Clone for Linkage<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for Linkage<'_, T> {}

impl<T: 'static> Deref for Linkage<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.get()
    }
}

/// By which node it is, not by what is in it.
impl<T: 'static> PartialEq for Linkage<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<T: 'static> Eq for Linkage<'_, T> {}

impl<T: fmt::Debug + 'static> fmt::Debug for Linkage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
