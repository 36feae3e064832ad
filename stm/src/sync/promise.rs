//! `TPromise`: a value that is set once.

use std::fmt;
use std::sync::Arc;

use super::future::{State, TFuture};
use crate::error::StmResult;
use crate::shared::Shared;
use crate::tx::Transaction;

/// The end at which a value is set once; [`future`](Self::future) gives the ends at which it is read.
///
/// If all clones of the promise are dropped before it is set, it is *broken*, and readers get an error instead of
/// waiting for ever. That is one atomic step; inside a body it acts at once and is not undone. (A body that has set the
/// promise and then drops the last clone of it lets others see it broken until the body commits.)
///
/// # Complexity and conflicts
///
/// Everything is O(1). The value conflicts once with those who have found it missing, and never again.
///
/// There is no `serde`: a copy of one end would have lost the other.
///
/// # Examples
///
/// ```
/// use stm::sync::TPromise;
///
/// let promise = TPromise::new();
/// let answer = promise.future();
/// std::thread::spawn(move || promise.set_now(42));
/// assert_eq!(answer.get_blocking(), Ok(42));
/// ```
pub struct TPromise<T: Send + Sync + 'static> {
    setter: Arc<Setter<T>>,
}

/// Breaks the promise when it is dropped: when nobody can keep it any more.
struct Setter<T: Send + Sync + 'static> {
    state: Shared<State<T>>,
}

impl<T: Send + Sync + 'static> Drop for Setter<T> {
    fn drop(&mut self) {
        if self.state.value.load().is_none() {
            self.state.is_broken.store(true);
        }
    }
}

impl<T: Send + Sync + 'static> Clone for TPromise<T> {
    fn clone(&self) -> Self {
        Self { setter: Arc::clone(&self.setter) }
    }
}

impl<T: Send + Sync + 'static> TPromise<T> {
    /// Creates a promise that is not set. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::<u32>::new();
    /// assert_eq!(stm::snapshot(|tx| promise.future().try_get(tx)), None);
    /// ```
    pub fn new() -> Self {
        Self { setter: Arc::new(Setter { state: Shared::new(State::new()) }) }
    }

    /// The end at which the value is read. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// let (one, other) = (promise.future(), promise.future());
    /// promise.set_now(1).unwrap();
    /// assert_eq!((one.get_blocking(), other.get_blocking()), (Ok(1), Ok(1)));
    /// ```
    pub fn future(&self) -> TFuture<T> {
        TFuture::new(self.setter.state.clone())
    }

    /// Sets the value, or gives it back if there is one already. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who else sets it, and with those who have found no value.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The inner error is the value, if the promise was set before.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TPromise};
    ///
    /// let promise = TPromise::new();
    /// assert_eq!(atomically(|tx| promise.set(tx, 1)), Ok(()));
    /// assert_eq!(atomically(|tx| promise.set(tx, 2)), Err(2));
    /// ```
    pub fn set(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<Result<(), T>> {
        let slot = &Shared::get(&self.setter.state, tx).value;
        match slot.read(tx) {
            Ok(Some(_)) => Ok(Err(value)),
            Ok(None) => slot.write(tx, Some(Shared::new(value))).map(Ok),
            Err(abort) => {
                // Retired and not dropped: destructors of values run outside of bodies.
                drop(Shared::new(value));
                Err(abort)
            }
        }
    }

    /// Sets the value, or gives it back if there is one already, at once: inside of a body, too, and then it is not
    /// undone.
    ///
    /// O(1). Conflicts with who else sets it, and with those who have found no value.
    ///
    /// # Errors
    ///
    /// Returns the value if the promise was set before.
    ///
    /// # Examples
    ///
    /// ```
    /// let promise = stm::sync::TPromise::new();
    /// assert_eq!(promise.set_now(1), Ok(()));
    /// assert_eq!(promise.set_now(2), Err(2));
    /// ```
    pub fn set_now(&self, value: T) -> Result<(), T> {
        self.setter.state.value.fill(value)
    }
}

impl<T: Send + Sync + 'static> Default for TPromise<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows the value, if there is one, without waiting for anybody.
impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for TPromise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TPromise").field("value", &self.setter.state.value.load()).finish()
    }
}
