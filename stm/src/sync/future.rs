//! `TFuture`: where a promised value is read.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::broken_promise::BrokenPromise;
use super::limit::within;
use crate::error::{RunError, StmResult};
use crate::run::atomically;
use crate::shared::Shared;
use crate::task::atomically_async;
use crate::tcell::TCell;
use crate::tlink::TLink;
use crate::tx::ReadTransaction;

/// What a promise and its futures share.
pub(super) struct State<T: 'static> {
    pub(super) value: TLink<T>,
    /// Nobody can set the value any more. Counts only if there is none.
    pub(super) is_broken: TCell<bool>,
}

impl<T: Send + Sync + 'static> State<T> {
    pub(super) fn new() -> Self {
        Self { value: TLink::new(None), is_broken: TCell::new(false) }
    }
}

/// The end of a [`TPromise`](super::TPromise) at which its value is read.
///
/// The value stays; any number of clones read it, any number of times. (It is not a [`Future`]:
/// [`get_async`](Self::get_async) makes one.)
///
/// # Complexity and conflicts
///
/// Everything is O(1). Who has found no value conflicts with who sets or breaks the promise; who has found one conflicts with
/// nobody. No reader conflicts with another.
///
/// # Examples
///
/// ```
/// use stm::{atomically, sync::{BrokenPromise, TPromise}};
///
/// let (kept, broken) = (TPromise::new(), TPromise::<i32>::new());
/// let (first, second) = (kept.future(), broken.future());
/// kept.set_now(1).unwrap();
/// drop(broken);
/// // Whichever is there first.
/// let either = atomically(|tx| tx.or_else(|tx| first.get(tx), |tx| second.get(tx)));
/// assert_eq!(either, Ok(1));
/// assert_eq!(second.get_blocking(), Err(BrokenPromise));
/// ```
pub struct TFuture<T: 'static> {
    state: Shared<State<T>>,
}

impl<T: 'static> Clone for TFuture<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<T: Send + Sync + 'static> TFuture<T> {
    pub(super) fn new(state: Shared<State<T>>) -> Self {
        Self { state }
    }

    /// Borrows the value for the rest of the run, or the error, if there is either. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who sets or breaks the promise.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error says that the promise is broken.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// promise.set_now(String::from("kept")).unwrap();
    /// let length = stm::snapshot(|tx| Ok(promise.future().try_get_ref(tx)?.map(|kept| kept.unwrap().len())));
    /// assert_eq!(length, Some(4));
    /// ```
    pub fn try_get_ref<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Result<&'tx T, BrokenPromise>>> {
        let state = Shared::get(&self.state, tx);
        if let Some(value) = state.value.read(tx)? {
            return Ok(Some(Ok(value.get())));
        }
        Ok(state.is_broken.read(tx)?.then_some(Err(BrokenPromise)))
    }

    /// Borrows the value for the rest of the run, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries until the promise is set or broken. Conflicts with who does that.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error says that the promise is broken.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// promise.set_now(String::from("kept")).unwrap();
    /// let future = promise.future();
    /// assert_eq!(stm::snapshot(|tx| Ok(future.get_ref(tx)?.map(|kept| kept.len()))), Ok(4));
    /// ```
    pub fn get_ref<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Result<&'tx T, BrokenPromise>> {
        match self.try_get_ref(tx)? {
            Some(outcome) => Ok(outcome),
            None => tx.retry(),
        }
    }

    /// Returns a clone of the value, and waits until there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries until the promise is set or broken. Conflicts with who does that.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error says that the promise is broken.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// promise.set_now(1).unwrap();
    /// assert_eq!(stm::snapshot(|tx| promise.future().get(tx)), Ok(1));
    /// ```
    #[doc(alias = "readTMVar")]
    pub fn get(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Result<T, BrokenPromise>>
    where
        T: Clone,
    {
        Ok(self.get_ref(tx)?.cloned())
    }

    /// Returns a clone of the value, or the error, if there is either. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who sets or breaks the promise.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error says that the promise is broken.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// let future = promise.future();
    /// assert_eq!(stm::snapshot(|tx| future.try_get(tx)), None);
    /// promise.set_now(1).unwrap();
    /// assert_eq!(stm::snapshot(|tx| future.try_get(tx)), Some(Ok(1)));
    /// ```
    pub fn try_get(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Result<T, BrokenPromise>>>
    where
        T: Clone,
    {
        Ok(self.try_get_ref(tx)?.map(|outcome| outcome.cloned()))
    }

    /// Blocks the thread until there is a value, and returns a clone of it.
    ///
    /// Complexity and conflicts: as [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`BrokenPromise`] if nobody can set it any more.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::<u32>::new();
    /// let future = promise.future();
    /// drop(promise);
    /// assert!(future.get_blocking().is_err());
    /// ```
    #[track_caller]
    pub fn get_blocking(&self) -> Result<T, BrokenPromise>
    where
        T: Clone,
    {
        atomically(|tx| self.get(tx))
    }

    /// Blocks the thread until there is a value or the time is over, and returns a clone of the value.
    ///
    /// Complexity and conflicts: as [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`RunError::TimedOut`] if there was no outcome in that time, and [`RunError::Cancel`] if the promise is
    /// broken.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::{RunError, sync::TPromise};
    ///
    /// let promise = TPromise::<u32>::new();
    /// assert_eq!(promise.future().get_timeout(Duration::from_millis(5)), Err(RunError::TimedOut));
    /// ```
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Result<T, RunError<BrokenPromise>>
    where
        T: Clone,
    {
        match within(timeout).run(|tx| self.get(tx)) {
            Ok(outcome) => outcome.map_err(RunError::Cancel),
            Err(_) => Err(RunError::TimedOut),
        }
    }

    /// Waits until there is a value, without a thread, and returns a clone of it.
    ///
    /// Complexity and conflicts: as [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// The output is [`BrokenPromise`] if nobody can set it any more.
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let promise = stm::sync::TPromise::new();
    /// promise.set_now(1).unwrap();
    /// assert_eq!(promise.future().get_async().await, Ok(1));
    /// # }) }
    /// ```
    pub fn get_async(&self) -> impl Future<Output = Result<T, BrokenPromise>> + Send + use<T>
    where
        T: Clone,
    {
        let future = self.clone();
        atomically_async(move |tx| future.get(tx))
    }
}

/// Shows the value, if there is one, without waiting for anybody.
impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for TFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TFuture").field("value", &self.state.value.load()).finish()
    }
}
