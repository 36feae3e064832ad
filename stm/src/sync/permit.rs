//! `Permit`: permits that are given back when they are dropped.

use std::fmt;

use super::semaphore::TSemaphore;

/// Permits of a [`TSemaphore`], given back when this is dropped.
///
/// That is one atomic step, possible anywhere; inside a body it acts at once and is not undone. If transactions have
/// added permits meanwhile, so that there would be more than `u64::MAX`, the surplus is lost.
///
/// # Examples
///
/// ```
/// let semaphore = stm::sync::TSemaphore::new(1);
/// {
///     let permit = semaphore.acquire_blocking(1);
///     assert_eq!(stm::snapshot(|tx| semaphore.available(tx)), 0);
/// }
/// assert_eq!(stm::snapshot(|tx| semaphore.available(tx)), 1);
/// ```
#[must_use = "the permits are given back when this is dropped"]
pub struct Permit {
    semaphore: TSemaphore,
    permits: u64,
}

impl Permit {
    /// The permits have been taken already.
    pub(super) fn new(semaphore: TSemaphore, permits: u64) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits these are. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::sync::TSemaphore::new(3).acquire_blocking(2).permits(), 2);
    /// ```
    pub fn permits(&self) -> u64 {
        self.permits
    }

    /// Keeps the permits: [`TSemaphore::release`] can give them back, or nobody does. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, sync::TSemaphore};
    ///
    /// let (semaphore, done) = (TSemaphore::new(1), TVar::new(0));
    /// semaphore.acquire_blocking(1).forget();
    /// // Given back in one step with something else.
    /// atomically(|tx| {
    ///     done.modify(tx, |n| n + 1)?;
    ///     semaphore.release(tx, 1)
    /// });
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.semaphore.give_back(self.permits);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.permits).finish_non_exhaustive()
    }
}
