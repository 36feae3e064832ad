//! `UpgradeError`: an upgrade that failed.

use std::error::Error;
use std::fmt;

use super::lock_error::LockError;

/// An upgrade that failed, with the guard as it was.
///
/// # Examples
///
/// ```
/// use stm::sync::{LockError, Owner, TRwLock};
///
/// # fn main() { pollster::block_on(async {
/// let lock = TRwLock::new(1);
/// let (mine, theirs) = (lock.read(), lock.read_async(Owner::new()).await);
/// let mut upgrading = Box::pin(theirs.upgrade_async());
/// # let waker = std::task::Waker::noop();
/// assert!(upgrading.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
/// // Each would wait for the other.
/// let failed = mine.upgrade().unwrap_err();
/// assert_eq!(failed.reason(), LockError::Deadlock);
/// drop(failed.into_guard());
/// upgrading.await.unwrap().set(2);
/// # }) }
/// ```
pub struct UpgradeError<G> {
    guard: G,
    reason: LockError,
}

impl<G> UpgradeError<G> {
    pub(super) fn new(guard: G, reason: LockError) -> Self {
        Self { guard, reason }
    }

    /// Why it failed. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::sync::{LockError, Owner, TRwLock};
    ///
    /// let lock = TRwLock::new(1);
    /// let other = pollster::block_on(lock.read_async(Owner::new()));
    /// let failed = lock.read().upgrade_timeout(Duration::from_millis(5)).unwrap_err();
    /// assert_eq!(failed.reason(), LockError::TimedOut);
    /// ```
    pub fn reason(&self) -> LockError {
        self.reason
    }

    /// The guard that was to be upgraded. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// let lock = TRwLock::new(1);
    /// let other = pollster::block_on(lock.read_async(Owner::new()));
    /// let failed = lock.read().upgrade_timeout(Duration::from_millis(5)).unwrap_err();
    /// assert_eq!(*failed.into_guard(), 1);
    /// ```
    pub fn into_guard(self) -> G {
        self.guard
    }
}

impl<G> fmt::Debug for UpgradeError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<G> fmt::Display for UpgradeError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<G> Error for UpgradeError<G> {}
