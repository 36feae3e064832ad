//! A value as a transaction sees it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::reclaim;
use crate::storage::{self, Bits};

/// A variable's value, borrowed from the transaction that read it.
///
/// It stays what it was for the whole transaction, also after the same transaction has written the variable: nothing is
/// cloned and nothing is locked. It is not `Clone` itself, so that `reference.clone()` clones the value.
///
/// # Examples
///
/// ```
/// use stm::{TVar, atomically};
///
/// let name = TVar::new(String::from("Ada"));
/// let length = atomically(|tx| {
///     let before = name.read_ref(tx)?;
///     name.write(tx, String::from("Grace"))?;
///     Ok(before.len())
/// });
/// assert_eq!(length, 3);
/// ```
pub struct Ref<'t, T> {
    /// The value itself, or the address of its node, which the pinned thread keeps alive during `'t`.
    bits: Bits,
    marker: PhantomData<&'t T>,
}

impl<T: 'static> Ref<'_, T> {
    /// # Safety
    ///
    /// `bits` came from `storage::store::<T>`, and its node, if any, is not freed during `'t`.
    #[inline(always)]
    pub(crate) unsafe fn new(bits: Bits) -> Self {
        Self { bits, marker: PhantomData }
    }
}

impl<'t, T: Send + Sync + 'static> Ref<'t, T> {
    /// Returns a plain reference that lives as long as the run. With a [`TCell`](crate::TCell) read by
    /// [`read_ref`](crate::TCell::read_ref) that is `'tx`, so cells inside of the value can be used in turn. (An
    /// associated function, so as not to hide a method of the value.)
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use stm::{Ref, ReadTransaction, StmResult, TCell, snapshot};
    ///
    /// struct Node { item: u32, next: TCell<Option<Arc<Node>>> }
    ///
    /// fn sum<'tx>(tx: &ReadTransaction<'tx, '_>, mut link: &'tx TCell<Option<Arc<Node>>>) -> StmResult<u32> {
    ///     let mut sum = 0;
    ///     while let Some(node) = Ref::into_ref(link.read_ref(tx)?) {
    ///         sum += node.item;
    ///         link = &node.next;
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let last = Arc::new(Node { item: 2, next: TCell::new(None) });
    /// let list = TCell::new(Some(Arc::new(Node { item: 1, next: TCell::new(Some(last)) })));
    /// assert_eq!(snapshot(|tx| sum(tx, &list)), 3);
    /// ```
    pub fn into_ref(this: Self) -> &'t T {
        let bits = if storage::is_inline::<T>() {
            // The value has no place of its own, so it gets one, which is garbage from the start: the run is pinned.
            // SAFETY: as in `deref`. Inline types are plain data, so their bits may be copied.
            let value = unsafe { (&raw const this.bits).cast::<T>().read() };
            let (bits, destroy) = storage::boxed(value);
            // SAFETY: nobody else knows the node, and the run, during which `'t` ends, is pinned.
            reclaim::with_local(|local| unsafe { local.retire(bits, destroy) });
            bits
        } else {
            this.bits
        };
        // SAFETY: the node is not freed during `'t`, by the contract of `new` or because it was retired just now.
        unsafe { storage::borrow_as(&raw const bits, false) }
    }
}

impl<T: 'static> Deref for Ref<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: by the contract of `new`; inline bits stay in place while `self` is borrowed.
        unsafe { storage::borrow(&raw const self.bits) }
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display + 'static> fmt::Display for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
