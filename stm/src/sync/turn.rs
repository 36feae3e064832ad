//! `Turn`: a place in the line of a semaphore, for a transaction.

use std::fmt;

use super::line::Spot;
use super::semaphore::TSemaphore;
use crate::error::StmResult;
use crate::tx::{ReadTransaction, Transaction};

/// A place in the line of a [`TSemaphore`], made by [`line_up`](TSemaphore::line_up). Dropping it gives the place up,
/// in one atomic step that is possible anywhere.
///
/// # Examples
///
/// ```
/// use stm::{TVar, atomically, sync::TSemaphore};
///
/// let (semaphore, log) = (TSemaphore::new(2), TVar::new(vec![]));
/// let turn = semaphore.line_up();
/// assert!(semaphore.try_acquire_now(1).is_none(), "nobody gets past it");
/// atomically(|tx| {
///     turn.acquire(tx, 2)?;
///     log.update(tx, |log| log.push("started"))
/// });
/// ```
#[must_use = "the place in line is given up when this is dropped"]
pub struct Turn {
    semaphore: TSemaphore,
    spot: Spot,
}

impl Turn {
    pub(super) fn new(semaphore: TSemaphore, spot: Spot) -> Self {
        Self { semaphore, spot }
    }

    pub(super) fn spot(&self) -> &Spot {
        &self.spot
    }

    /// Takes `n` permits of the semaphore when it is this one's turn and there are as many. With that the turn is used:
    /// from then on this does what [`TSemaphore::acquire`] does. O(1), and a step for each just ahead who has given up.
    ///
    /// The permits are given back by [`TSemaphore::release`].
    ///
    /// # Retry and conflicts
    ///
    /// Retries until all who were ahead have been served or have left, and there are permits enough. Conflicts with
    /// every acquisition and release.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, options, sync::TSemaphore};
    ///
    /// let semaphore = TSemaphore::new(2);
    /// let (first, second) = (semaphore.line_up(), semaphore.line_up());
    /// assert!(options().max_attempts(1).run(|tx| second.acquire(tx, 1)).is_err());
    /// atomically(|tx| first.acquire(tx, 1));
    /// atomically(|tx| second.acquire(tx, 1));
    /// ```
    pub fn acquire(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<()> {
        if self.spot.is_waiting(tx)? {
            self.semaphore.take_in_turn(tx, &self.spot, n)
        } else {
            self.semaphore.acquire(tx, n)
        }
    }

    /// Whether nobody is ahead any more; also once the turn is used. O(1), and a step for each just ahead who has given up.
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who is ahead and leaves.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(1);
    /// let (first, second) = (semaphore.line_up(), semaphore.line_up());
    /// assert!(stm::atomically(|tx| first.has_come(tx)));
    /// assert!(!stm::atomically(|tx| second.has_come(tx)));
    /// drop(first);
    /// assert!(stm::atomically(|tx| second.has_come(tx)));
    /// ```
    pub fn has_come(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        self.spot.is_first(tx)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("semaphore", &self.semaphore).finish_non_exhaustive()
    }
}
