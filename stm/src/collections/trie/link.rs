//! A link to a branch or to an entry, by one word.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::cell::RawCell;
use crate::error::StmResult;
use crate::reclaim;
use crate::shared::Shared;
use crate::storage::{Bits, Kind, Place};
use crate::tlink::Linkage;
use crate::tx::{ReadTransaction, Transaction};
use crate::word::VersionedLock;

use super::branch::Branch;
use super::entry::Entry;

/// What a [`TLink`](crate::TLink) is, but for two types of nodes, told apart by the lowest bit of the word.
///
/// (A `TLink` of an enum would do, if a node that is an entry did not take the room of a branch then. Of the structures only
/// this one needs it, so it is here.)
#[repr(C, align(16))]
pub(crate) struct Link<K: 'static, V: 'static> {
    cell: RawCell,
    marker: PhantomData<Place<(K, V)>>,
}

// SAFETY: threads share the nodes by reference (Sync), and may drop them (Send).
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Link<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Link<K, V> {}

/// What a link leads to, as a transaction has found it.
pub(crate) enum Target<'tx, K: 'static, V: 'static> {
    Nothing,
    Branch(Linkage<'tx, Branch<K, V>>),
    Entry(Linkage<'tx, Entry<K, V>>),
}

/// What a link is made to lead to.
pub(crate) enum Node<K: 'static, V: 'static> {
    Nothing,
    Branch(Shared<Branch<K, V>>),
    Entry(Shared<Entry<K, V>>),
}

/// What a link that does not change any more leads to.
pub(crate) enum Frozen<'a, K: 'static, V: 'static> {
    Nothing,
    Branch(&'a Branch<K, V>),
    Entry(&'a Entry<K, V>),
}

/// Stands for the type of what a link holds.
struct Linked<K, V>(PhantomData<(K, V)>);

/// Set in the word of a link to an entry. Nodes are aligned to more.
const ENTRY: usize = 1;

impl<'tx, K: 'static, V: 'static> Target<'tx, K, V> {
    pub(crate) fn to_node(&self) -> Node<K, V> {
        match self {
            Target::Nothing => Node::Nothing,
            Target::Branch(branch) => Node::Branch(branch.to_shared()),
            Target::Entry(entry) => Node::Entry(entry.to_shared()),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Target::Nothing)
    }

    /// The entry, of a link that leads to no branch.
    pub(crate) fn entry(self) -> Option<Linkage<'tx, Entry<K, V>>> {
        match self {
            Target::Entry(entry) => Some(entry),
            _ => None,
        }
    }
}

/// The node's address, and whether the node is an entry.
#[inline(always)]
fn parts(bits: Bits) -> Option<(NonNull<()>, bool)> {
    NonNull::new(bits.map_addr(|address| address & !ENTRY)).map(|raw| (raw, bits.addr() & ENTRY != 0))
}

impl<K: 'static, V: 'static> Link<K, V> {
    const KIND: &'static Kind = &Kind::new::<Linked<K, V>>(Self::drop_raw);

    fn fits(kind: Option<&'static Kind>, _bits: Bits) -> bool {
        kind.is_some_and(Kind::is::<Linked<K, V>>)
    }

    pub(crate) fn new(node: Node<K, V>) -> Self {
        Self { cell: RawCell::new(VersionedLock::FREE, Self::bits(node)), marker: PhantomData }
    }

    fn bits(node: Node<K, V>) -> Bits {
        match node {
            Node::Nothing => ptr::null_mut(),
            Node::Branch(branch) => Shared::into_raw(branch),
            Node::Entry(entry) => Shared::into_raw(entry).map_addr(|address| address | ENTRY),
        }
    }

    /// # Safety
    ///
    /// `bits` came from [`bits`](Self::bits), and is not used again.
    unsafe fn drop_raw(bits: Bits) {
        match parts(bits) {
            None => {}
            // SAFETY: the word says which type of reference it stands for; passed on to the caller.
            Some((raw, true)) => unsafe { Shared::<Entry<K, V>>::drop_raw(raw.as_ptr()) },
            // SAFETY: as above.
            Some((raw, false)) => unsafe { Shared::<Branch<K, V>>::drop_raw(raw.as_ptr()) },
        }
    }

    /// # Safety
    ///
    /// The bits were in the cell of a link at some moment of the run that `'tx` is, or after its pin.
    #[inline(always)]
    unsafe fn target<'tx>(bits: Bits) -> Target<'tx, K, V> {
        match parts(bits) {
            None => Target::Nothing,
            // SAFETY: the word says which type of reference it stands for; passed on to the caller.
            Some((raw, true)) => Target::Entry(unsafe { Linkage::from_raw(raw) }),
            // SAFETY: as above.
            Some((raw, false)) => Target::Branch(unsafe { Linkage::from_raw(raw) }),
        }
    }

    /// Follows the link.
    #[inline(always)]
    pub(crate) fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Target<'tx, K, V>> {
        // SAFETY: the cell is borrowed for the whole run. What was in it is retired after the run was pinned at the earliest.
        unsafe { Ok(Self::target(tx.attempt().read(&raw const self.cell, Self::fits, || ())?)) }
    }

    /// Makes the link lead elsewhere when the transaction commits.
    #[inline(always)]
    pub(crate) fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, node: Node<K, V>) -> StmResult<()> {
        // SAFETY: as in `read`; the bits are the stored form of a link's value, and given away here.
        unsafe { tx.attempt().write(&raw const self.cell, Self::bits(node), Some(Self::KIND)) }
    }

    /// Whether the link leads to nothing, without keeping track of it: a hint.
    pub(crate) fn seems_empty<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        // SAFETY: as in `read`.
        unsafe { Ok(tx.attempt().peek(&raw const self.cell, Self::fits)?.is_null()) }
    }

    /// The node that the link leads to, for as long as the link is borrowed. Waits for a commit that is just storing it.
    ///
    /// # Safety
    ///
    /// Nobody makes it lead elsewhere any more but commits that have been decided before the caller learned of that.
    pub(crate) unsafe fn frozen(&self) -> Frozen<'_, K, V> {
        match parts(self.cell.load()) {
            None => Frozen::Nothing,
            // SAFETY: the word says which type of reference it stands for, which stays in the cell as long as the link does.
            Some((raw, true)) => Frozen::Entry(unsafe { Shared::borrow_raw(raw) }),
            // SAFETY: as above.
            Some((raw, false)) => Frozen::Branch(unsafe { Shared::borrow_raw(raw) }),
        }
    }
}

impl<K: 'static, V: 'static> Drop for Link<K, V> {
    fn drop(&mut self) {
        let bits = self.cell.value();
        if !bits.is_null() {
            // No run is at it: the link is destroyed behind all that were in its node. It goes by the garbage all the same, so that
            // a chain is dropped one node after the other, and not one within the other.
            // SAFETY: the cell was the way to the reference and is gone; any thread may drop it by the bounds of nodes.
            unsafe { reclaim::retire_dropped(bits, Self::drop_raw, true) };
        }
    }
}
