//! Reading and writing variables inside a transaction: the same operations for handles and for cells in place.
//!
//! The functions at the top are the operations. What follows gives them to [`TVar`] and [`TCell`], which differ in why
//! the cell outlives the run: a handle's cell is retired through `reclaim` and the run is pinned, a cell in place is
//! borrowed for `'tx`.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use crate::attempt::Attempt;
use crate::cell::RawCell;
use crate::error::StmResult;
use crate::log::writes::Displaced;
use crate::reference::Ref;
use crate::run::atomically;
use crate::shim::{Point, point};
use crate::storage::{self, Bits};
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};
use crate::var::TVar;

/// # Safety
///
/// The cell holds a `T` and stays allocated until the run is over; `'t` ends by then.
#[inline(always)]
unsafe fn read_ref<'t, T: 'static>(
    tx: &ReadTransaction<'_, '_>,
    cell: &RawCell,
    make_ready: impl FnOnce(),
) -> StmResult<Ref<'t, T>> {
    // SAFETY: passed on to the caller.
    let bits = unsafe { tx.attempt().read(cell, storage::fits::<T>, make_ready)? };
    // SAFETY: the bits are a `T`. A committed node is retired after this run was pinned at the earliest; a pending one
    // is retired too, never freed, when it is displaced.
    Ok(unsafe { Ref::new(bits) })
}

/// # Safety
///
/// The cell holds a `T` and stays allocated until the run is over.
#[inline(always)]
unsafe fn read<T: Clone + 'static>(
    tx: &ReadTransaction<'_, '_>,
    cell: &RawCell,
    make_ready: impl FnOnce(),
) -> StmResult<T> {
    // SAFETY: passed on to the caller; the reference ends here.
    Ok((*unsafe { read_ref::<T>(tx, cell, make_ready)? }).clone())
}

/// # Safety
///
/// As for [`read`].
#[inline(always)]
unsafe fn write<T: 'static>(tx: &Transaction<'_, '_>, cell: &RawCell, value: T) -> StmResult<()> {
    point(Point::Write);
    // SAFETY: passed on to the caller; the bits are a stored `T`.
    unsafe { tx.attempt().write(cell, storage::store(value), storage::kind::<T>()) }
}

/// A value on its way into a variable. Where it does not get there, because a run is over or user code panics, it is
/// retired and not dropped: destructors of values run outside of bodies.
struct Unwritten<'a, T: 'static> {
    attempt: &'a Attempt,
    bits: Bits,
    marker: PhantomData<T>,
}

impl<'a, T: 'static> Unwritten<'a, T> {
    #[inline(always)]
    fn new(tx: &'a Transaction<'_, '_>, value: T) -> Self {
        Self { attempt: tx.attempt(), bits: storage::store(value), marker: PhantomData }
    }

    #[inline(always)]
    fn get(&mut self) -> &mut T {
        // SAFETY: the value is this one's own until it is written.
        unsafe { storage::borrow_mut(&raw mut self.bits) }
    }

    /// # Safety
    ///
    /// As for [`read`].
    #[inline(always)]
    unsafe fn write(self, cell: &RawCell) -> StmResult<()> {
        point(Point::Write);
        let this = ManuallyDrop::new(self);
        // SAFETY: passed on to the caller; the bits are a stored `T`, given away here.
        unsafe { this.attempt.write(cell, this.bits, storage::kind::<T>()) }
    }
}

impl<T: 'static> Drop for Unwritten<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(kind) = storage::kind::<T>() {
            self.attempt.discard(Displaced { value: self.bits, kind });
        }
    }
}

/// # Safety
///
/// As for [`read`].
#[inline(always)]
unsafe fn update<T: Clone + 'static, R>(
    tx: &Transaction<'_, '_>,
    cell: &RawCell,
    f: impl FnOnce(&mut T) -> R,
) -> StmResult<R> {
    // SAFETY: passed on to the caller.
    let mut value = Unwritten::new(tx, unsafe { read::<T>(tx, cell, || ())? });
    let result = f(value.get());
    // SAFETY: passed on to the caller.
    unsafe { value.write(cell)? };
    Ok(result)
}

/// # Safety
///
/// As for [`read`].
unsafe fn replace<T: Clone + 'static>(tx: &Transaction<'_, '_>, cell: &RawCell, value: T) -> StmResult<T> {
    let value = Unwritten::new(tx, value);
    // SAFETY: passed on to the caller.
    let current = unsafe { read::<T>(tx, cell, || ())? };
    // SAFETY: passed on to the caller.
    unsafe { value.write(cell)? };
    Ok(current)
}

/// # Safety
///
/// As for [`read`].
unsafe fn write_if_changed<T: PartialEq + 'static>(
    tx: &Transaction<'_, '_>,
    cell: &RawCell,
    value: T,
) -> StmResult<bool> {
    let mut value = Unwritten::new(tx, value);
    // SAFETY: passed on to the caller; the reference ends in this function.
    let current = unsafe { read_ref::<T>(tx, cell, || ())? };
    let changed = *current != *value.get();
    if changed {
        // SAFETY: passed on to the caller.
        unsafe { value.write(cell)? };
    }
    Ok(changed)
}

impl<T: Send + Sync + 'static> TVar<T> {
    /// Returns a clone of the value.
    ///
    /// # Retry and conflicts
    ///
    /// From here on a change of the variable by another transaction makes this one run again, if it writes anything or
    /// reads more.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[doc(alias = "readTVar")]
    pub fn read(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        // SAFETY: the handle is alive now, the run is pinned, and its cell is retired no earlier than its last handle.
        unsafe { read(tx, self.cell(), || ()) }
    }

    /// Borrows the value from the transaction: no clone, no reference count.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn read_ref<'t>(&self, tx: &'t ReadTransaction<'_, '_>) -> StmResult<Ref<'t, T>> {
        // SAFETY: as in `read`; `tx` is not borrowed beyond the run.
        unsafe { read_ref(tx, self.cell(), || ()) }
    }

    /// Runs `f` on the value, without cloning it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn with<R>(&self, tx: &ReadTransaction<'_, '_>, f: impl FnOnce(&T) -> R) -> StmResult<R> {
        Ok(f(&*self.read_ref(tx)?))
    }

    /// Gives the variable a new value when the transaction commits; until then only the transaction sees it.
    ///
    /// # Retry and conflicts
    ///
    /// A variable that is only written conflicts with nobody, and `retry` does not wait for it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[doc(alias = "writeTVar")]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn write(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<()> {
        // SAFETY: as in `read`.
        unsafe { write(tx, self.cell(), value) }
    }

    /// Writes a value and returns the one before it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline]
    #[doc(alias = "swapTVar")]
    pub fn replace(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<T>
    where
        T: Clone,
    {
        // SAFETY: as in `read`.
        unsafe { replace(tx, self.cell(), value) }
    }

    /// Writes what `f` makes of the value.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[doc(alias = "modifyTVar")]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn modify(&self, tx: &Transaction<'_, '_>, f: impl FnOnce(T) -> T) -> StmResult<()>
    where
        T: Clone,
    {
        let value = f(self.read(tx)?);
        self.write(tx, value)
    }

    /// Changes a clone of the value in place, writes it, and returns what `f` returned.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[doc(alias = "stateTVar")]
    pub fn update<R>(&self, tx: &Transaction<'_, '_>, f: impl FnOnce(&mut T) -> R) -> StmResult<R>
    where
        T: Clone,
    {
        // SAFETY: as in `read`.
        unsafe { update(tx, self.cell(), f) }
    }

    /// Writes a value unless the variable has it already, and says whether it did. An equal value wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline]
    pub fn write_if_changed(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<bool>
    where
        T: PartialEq,
    {
        // SAFETY: as in `read`.
        unsafe { write_if_changed(tx, self.cell(), value) }
    }

    /// Blocks the thread until the committed value meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let level = stm::TVar::new(0);
    /// let seen = std::thread::scope(|threads| {
    ///     threads.spawn(|| level.store(5));
    ///     level.wait_until(|level| *level >= 5)
    /// });
    /// assert_eq!(seen, 5);
    /// ```
    #[track_caller]
    pub fn wait_until(&self, mut f: impl FnMut(&T) -> bool) -> T
    where
        T: Clone,
    {
        atomically(|tx| {
            let value = self.read_ref(tx)?;
            if f(&value) { Ok((*value).clone()) } else { tx.retry() }
        })
    }
}

impl<T: Send + Sync + 'static> TCell<T> {
    /// Returns a clone of the value. See [`TVar::read`].
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        // SAFETY: the cell is borrowed for the whole run.
        unsafe { read(tx, self.raw(), || self.make_ready()) }
    }

    /// Borrows the value from the transaction, for as long as the run lasts: cells inside of the value can be used too.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn read_ref<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Ref<'tx, T>> {
        // SAFETY: as in `read`; `'tx` is the run.
        unsafe { read_ref(tx, self.raw(), || self.make_ready()) }
    }

    /// Looks at the value without keeping track of it: the latest that was committed or that this transaction has written or, in a
    /// snapshot, that of its moment. It need not belong to the moment of what else was read.
    #[inline(always)]
    pub(crate) fn peek<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Ref<'tx, T>> {
        // SAFETY: the cell is borrowed for the whole run; what was in it since the pin is retired after it at the earliest.
        unsafe { Ok(Ref::new(tx.attempt().peek(self.cell(), storage::fits::<T>)?)) }
    }

    /// Runs `f` on the value, without cloning it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn with<'tx, R>(&'tx self, tx: &ReadTransaction<'tx, '_>, f: impl FnOnce(&T) -> R) -> StmResult<R> {
        Ok(f(&*self.read_ref(tx)?))
    }

    /// Gives the variable a new value when the transaction commits. See [`TVar::write`].
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: T) -> StmResult<()> {
        // SAFETY: as in `read`.
        unsafe { write(tx, self.cell(), value) }
    }

    /// Writes a value and returns the one before it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline]
    pub fn replace<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: T) -> StmResult<T>
    where
        T: Clone,
    {
        // SAFETY: as in `read`.
        unsafe { replace(tx, self.cell(), value) }
    }

    /// Writes what `f` makes of the value.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, f: impl FnOnce(T) -> T) -> StmResult<()>
    where
        T: Clone,
    {
        let value = f(self.read(tx)?);
        self.write(tx, value)
    }

    /// Changes a clone of the value in place, writes it, and returns what `f` returned.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline(always)]
    pub fn update<'tx, R>(&'tx self, tx: &Transaction<'tx, '_>, f: impl FnOnce(&mut T) -> R) -> StmResult<R>
    where
        T: Clone,
    {
        // SAFETY: as in `read`.
        unsafe { update(tx, self.cell(), f) }
    }

    /// Writes a value unless the variable has it already, and says whether it did. An equal value wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    #[inline]
    pub fn write_if_changed<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: T) -> StmResult<bool>
    where
        T: PartialEq,
    {
        // SAFETY: as in `read`.
        unsafe { write_if_changed(tx, self.cell(), value) }
    }

    /// Blocks the thread until the committed value meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    #[track_caller]
    pub fn wait_until(&self, mut f: impl FnMut(&T) -> bool) -> T
    where
        T: Clone,
    {
        atomically(|tx| {
            let value = self.read_ref(tx)?;
            if f(&value) { Ok((*value).clone()) } else { tx.retry() }
        })
    }
}
