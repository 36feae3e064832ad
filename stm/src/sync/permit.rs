//! `Permit`: permits that are given back when they are dropped.

use std::fmt;
use std::mem;

use super::line::Spot;
use super::semaphore::TSemaphore;
use crate::error::StmResult;
use crate::tcell::TCell;
use crate::tx::Transaction;

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
    /// How many permits these are.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::sync::TSemaphore::new(3).acquire_blocking(2).permits(), 2);
    /// ```
    pub fn permits(&self) -> u64 {
        self.permits
    }

    /// Keeps the permits: [`TSemaphore::release`] can give them back, or nobody does.
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

/// A request on its way to become a [`Permit`]. Dropped before, it gives up what it has got.
///
/// The transaction that takes the permits notes that here: a panic that comes after its commit (old values are dropped
/// there, somebody's destructor may fail) must not lose them.
pub(super) struct Acquisition {
    semaphore: TSemaphore,
    n: u64,
    taken: TCell<bool>,
    spot: Option<Spot>,
}

impl Acquisition {
    pub(super) fn new(semaphore: &TSemaphore, n: u64) -> Self {
        Self { semaphore: semaphore.clone(), n, taken: TCell::new(false), spot: None }
    }

    /// Takes the permits if that is possible without waiting.
    pub(super) fn attempt<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<bool> {
        let taken = self.semaphore.try_acquire(tx, self.n)?;
        if taken {
            self.taken.write(tx, true)?;
        }
        Ok(taken)
    }

    /// Gets something to stand in line with.
    pub(super) fn prepare(&mut self) {
        self.spot = Some(Spot::new());
    }

    fn spot(&self) -> &Spot {
        self.spot.as_ref().expect("it was prepared")
    }

    pub(super) fn join(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.semaphore.join(tx, self.spot())
    }

    /// Waits in line for the permits.
    pub(super) fn wait<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.semaphore.take_in_turn(tx, self.spot(), self.n)?;
        self.taken.write(tx, true)
    }

    pub(super) fn into_permit(mut self) -> Permit {
        Permit { semaphore: self.semaphore.clone(), permits: mem::take(&mut self.n) }
    }
}

impl Drop for Acquisition {
    fn drop(&mut self) {
        if self.taken.load() {
            self.semaphore.give_back(self.n);
        }
    }
}
