//! A value as a transaction sees it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::storage::{self, Bits};

/// A variable's value, borrowed from the transaction that read it.
///
/// It stays what it was for the whole transaction, also after the same transaction has written the variable: nothing is
/// cloned and nothing is locked.
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

impl<T: 'static> Deref for Ref<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: by the contract of `new`; inline bits stay in place while `self` is borrowed.
        unsafe { storage::borrow(&raw const self.bits) }
    }
}

impl<T> Clone for Ref<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<'_, T> {}

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
