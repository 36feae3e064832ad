//! `TMVar`: a slot for one value.

use std::fmt;

use crate::error::StmResult;
use crate::shared::Shared;
use crate::tlink::{Linkage, TLink};
use crate::tx::{ReadTransaction, Transaction};

/// A slot that is empty or holds one value: a queue of capacity one, a lock with what it protects, a hand-over.
///
/// Values are kept behind a [`Shared`], so a value that is taken can be had without a clone:
/// [`take_shared`](Self::take_shared), [`read_shared`](Self::read_shared), [`with`](Self::with).
///
/// # Complexity and conflicts
///
/// Everything is O(1), and is about one variable: an operation that reads conflicts with every one that changes the
/// slot, as said for each. Of those who wait to take, or to put, a change wakes one
/// ([`retry_in_line`](crate::ReadTransaction::retry_in_line)), unless their transactions have written something before;
/// all who wait to read are woken.
///
/// With `serde` it is an `Option`.
///
/// # Examples
///
/// ```
/// use stm::{atomically, sync::TMVar};
///
/// let slot = TMVar::new_empty();
/// let received = std::thread::scope(|threads| {
///     threads.spawn(|| atomically(|tx| slot.put(tx, 7)));
///     atomically(|tx| slot.take(tx))
/// });
/// assert_eq!(received, 7);
/// ```
pub struct TMVar<T: 'static> {
    slot: Shared<TLink<T>>,
}

impl<T: 'static> Clone for TMVar<T> {
    fn clone(&self) -> Self {
        Self { slot: self.slot.clone() }
    }
}

impl<T: Send + Sync + 'static> TMVar<T> {
    /// Creates a slot that holds a value. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// assert_eq!(stm::atomically(|tx| slot.take(tx)), 1);
    /// ```
    #[doc(alias = "newTMVar")]
    #[doc(alias = "newTMVarIO")]
    pub fn new(value: T) -> Self {
        Self { slot: Shared::new(TLink::new(Some(Shared::new(value)))) }
    }

    /// Creates an empty slot. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::<u32>::new_empty();
    /// assert!(stm::snapshot(|tx| slot.is_empty(tx)));
    /// ```
    #[doc(alias = "newEmptyTMVar")]
    #[doc(alias = "newEmptyTMVarIO")]
    pub fn new_empty() -> Self {
        Self { slot: Shared::new(TLink::new(None)) }
    }

    /// What the slot holds.
    fn held<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Linkage<'tx, T>>> {
        Shared::get(&self.slot, tx).read(tx)
    }

    fn hold(&self, tx: &Transaction<'_, '_>, value: Option<Shared<T>>) -> StmResult<()> {
        Shared::get(&self.slot, tx).write(tx, value)
    }

    /// The value for one who takes it, who waits in line if there is none.
    fn held_or_wait<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Linkage<'tx, T>> {
        let since = tx.reads();
        match self.held(tx)? {
            Some(value) => Ok(value),
            None => tx.wait_in_line(since),
        }
    }

    /// Takes the value out, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries while the slot is empty. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TMVar};
    ///
    /// let (urgent, normal) = (TMVar::new_empty(), TMVar::new("tea"));
    /// let order = atomically(|tx| tx.or_else(|tx| urgent.take(tx), |tx| normal.take(tx)));
    /// assert_eq!(order, "tea");
    /// assert!(stm::snapshot(|tx| normal.is_empty(tx)));
    /// ```
    #[doc(alias = "takeTMVar")]
    pub fn take(&self, tx: &Transaction<'_, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        let value = self.held_or_wait(tx)?.get().clone();
        self.hold(tx, None)?;
        Ok(value)
    }

    /// [`take`](Self::take), without a clone. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As `take`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// struct Job(&'static str); // can not be cloned
    ///
    /// let slot = stm::sync::TMVar::new(Job("sweep"));
    /// assert_eq!(stm::atomically(|tx| slot.take_shared(tx)).0, "sweep");
    /// ```
    pub fn take_shared(&self, tx: &Transaction<'_, '_>) -> StmResult<Shared<T>> {
        let value = self.held_or_wait(tx)?.to_shared();
        self.hold(tx, None)?;
        Ok(value)
    }

    /// Takes the value out, if there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// assert_eq!(stm::atomically(|tx| Ok((slot.try_take(tx)?, slot.try_take(tx)?))), (Some(1), None));
    /// ```
    #[doc(alias = "tryTakeTMVar")]
    pub fn try_take(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        let Some(value) = self.held(tx)? else { return Ok(None) };
        let value = value.get().clone();
        self.hold(tx, None)?;
        Ok(Some(value))
    }

    /// Puts a value in, and waits until there is room for it. A value that is not put because the run is over is
    /// dropped. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries while the slot is full. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TMVar};
    ///
    /// let slot = TMVar::new(1);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| slot.put(tx, 2)));
    ///     assert_eq!(atomically(|tx| slot.take(tx)), 1);
    /// });
    /// assert_eq!(atomically(|tx| slot.take(tx)), 2);
    /// ```
    #[doc(alias = "putTMVar")]
    pub fn put(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<()> {
        // From here on it is retired and not dropped, if it has to be: destructors of values run outside of bodies.
        let value = Shared::new(value);
        let since = tx.reads();
        if self.held(tx)?.is_some() {
            return tx.wait_in_line(since);
        }
        self.hold(tx, Some(value))
    }

    /// Puts a value in if there is room for it, and gives it back otherwise. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error is the value, if the slot is full.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new_empty();
    /// assert_eq!(stm::atomically(|tx| slot.try_put(tx, 1)), Ok(()));
    /// assert_eq!(stm::atomically(|tx| slot.try_put(tx, 2)), Err(2));
    /// ```
    #[doc(alias = "tryPutTMVar")]
    pub fn try_put(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<Result<(), T>> {
        match self.held(tx) {
            Ok(Some(_)) => return Ok(Err(value)),
            Ok(None) => {}
            Err(abort) => {
                drop(Shared::new(value));
                return Err(abort);
            }
        }
        self.hold(tx, Some(Shared::new(value))).map(Ok)
    }

    /// Puts a value in, whether there is one or not. One that was there is dropped. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries, and conflicts with nobody, as it only writes.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// stm::atomically(|tx| slot.write(tx, 2));
    /// assert_eq!(stm::atomically(|tx| slot.take(tx)), 2);
    /// ```
    #[doc(alias = "writeTMVar")]
    pub fn write(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<()> {
        self.hold(tx, Some(Shared::new(value)))
    }

    /// Returns a clone of the value, which stays, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries while the slot is empty. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// assert_eq!(stm::snapshot(|tx| Ok(slot.read(tx)? + slot.read(tx)?)), 2);
    /// ```
    #[doc(alias = "readTMVar")]
    pub fn read(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        self.with(tx, T::clone)
    }

    /// [`read`](Self::read), without a clone. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As `read`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(String::from("long"));
    /// assert_eq!(*stm::snapshot(|tx| slot.read_shared(tx)), "long");
    /// ```
    pub fn read_shared(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Shared<T>> {
        match self.held(tx)? {
            Some(value) => Ok(value.to_shared()),
            None => tx.retry(),
        }
    }

    /// Runs `f` on the value, which stays, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(String::from("long"));
    /// assert_eq!(stm::snapshot(|tx| slot.with(tx, |text| text.len())), 4);
    /// ```
    pub fn with<R>(&self, tx: &ReadTransaction<'_, '_>, f: impl FnOnce(&T) -> R) -> StmResult<R> {
        match self.held(tx)? {
            Some(value) => Ok(f(value.get())),
            None => tx.retry(),
        }
    }

    /// Returns a clone of the value, which stays, if there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::<u32>::new_empty();
    /// assert_eq!(stm::snapshot(|tx| slot.try_read(tx)), None);
    /// ```
    #[doc(alias = "tryReadTMVar")]
    pub fn try_read(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        Ok(self.held(tx)?.map(|value| value.get().clone()))
    }

    /// Replaces the value and returns the one it replaced, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries while the slot is empty. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// assert_eq!(stm::atomically(|tx| slot.swap(tx, 2)), 1);
    /// assert_eq!(stm::atomically(|tx| slot.take(tx)), 2);
    /// ```
    #[doc(alias = "swapTMVar")]
    pub fn swap(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<T>
    where
        T: Clone,
    {
        let value = Shared::new(value);
        let Some(current) = self.held(tx)? else { return tx.retry() };
        let current = current.get().clone();
        self.hold(tx, Some(value))?;
        Ok(current)
    }

    /// Changes a clone of the value in place, puts it in place of the value, and returns what `f` returned. Waits until
    /// there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries while the slot is empty. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(vec![1]);
    /// stm::atomically(|tx| slot.update(tx, |items| items.push(2)));
    /// assert_eq!(stm::atomically(|tx| slot.take(tx)), [1, 2]);
    /// ```
    pub fn update<R>(&self, tx: &Transaction<'_, '_>, f: impl FnOnce(&mut T) -> R) -> StmResult<R>
    where
        T: Clone,
    {
        let Some(current) = self.held(tx)? else { return tx.retry() };
        let mut value = current.get().clone();
        let result = f(&mut value);
        self.hold(tx, Some(Shared::new(value)))?;
        Ok(result)
    }

    /// Whether the slot is empty. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whatever changes the slot.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let slot = stm::sync::TMVar::new(1);
    /// assert!(!stm::snapshot(|tx| slot.is_empty(tx)));
    /// ```
    #[doc(alias = "isEmptyTMVar")]
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(self.held(tx)?.is_none())
    }

    /// What the slot holds now, outside of any transaction.
    pub(super) fn now(&self) -> Option<Shared<T>> {
        self.slot.load()
    }
}

/// An empty slot.
impl<T: Send + Sync + 'static> Default for TMVar<T> {
    fn default() -> Self {
        Self::new_empty()
    }
}

/// A slot that holds the value.
impl<T: Send + Sync + 'static> From<T> for TMVar<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows what the slot holds, without waiting for anybody.
impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for TMVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TMVar").field("value", &self.now()).finish()
    }
}
