//! `TSemaphore`: a number of permits.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::acquisition::{Acquisition, alone};
use super::limit::within;
use super::line::{Line, Spot};
use super::permit::Permit;
use super::turn::Turn;
use crate::config::Options;
use crate::error::{RunError, StmResult};
use crate::run::{atomically, options};
use crate::shared::Shared;
use crate::task::atomically_async;
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

/// A number of permits, of which any number can be taken at once.
///
/// Inside of transactions permits are numbers: [`acquire`](Self::acquire) takes some, [`release`](Self::release) gives
/// some back, and nothing connects the two. Outside, [`acquire_blocking`](Self::acquire_blocking) and its kin give a
/// [`Permit`] that is given back when it is dropped.
///
/// # Fairness
///
/// The one-shot functions are served in the order in which they were called, however much each asks for: a request for
/// many permits is not overtaken by later requests for a few. So is a [`Turn`], which gives a transaction of yours a
/// place in the same line. A plain `acquire(tx, n)` has no place of its own, but respects the line: while somebody
/// stands in it, it waits, even if there are permits enough. (Otherwise whoever keeps acquiring inside transactions
/// could starve those who queue.) If the line is never empty it may wait for ever: use a [`Turn`] then.
///
/// # Large requests and none
///
/// A request for more permits than there are in all waits until others are added by [`release`](Self::release); the
/// line waits with it. A request for 0 permits is met at once, whoever stands in line.
///
/// # Complexity and conflicts
///
/// Everything but [`waiting`](Self::waiting) is O(1), and has all acquisitions and releases of one semaphore conflict with each
/// other, as they change one number. Who waits in line is woken when it is first, and then by each change of the number; the others
/// sleep. (Who looks whether somebody stands in line goes past those at its end who have given up, a step for each.)
///
/// There is no `serde`: who has taken permits could not be told.
///
/// # Examples
///
/// ```
/// use stm::sync::TSemaphore;
///
/// let connections = TSemaphore::new(2);
/// std::thread::scope(|threads| {
///     for _ in 0..5 {
///         threads.spawn(|| {
///             let permit = connections.acquire_blocking(1);
///             // At most two of the five are here at once.
///         });
///     }
/// });
/// assert_eq!(stm::snapshot(|tx| connections.available(tx)), 2);
/// ```
#[doc(alias = "TSem")]
pub struct TSemaphore {
    inner: Shared<Inner>,
}

struct Inner {
    available: TCell<u64>,
    line: Line,
}

impl Clone for TSemaphore {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl TSemaphore {
    /// Creates a semaphore with so many permits. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(3);
    /// assert_eq!(stm::snapshot(|tx| semaphore.available(tx)), 3);
    /// ```
    #[doc(alias = "newTSem")]
    pub fn new(permits: u64) -> Self {
        Self { inner: Shared::new(Inner { available: TCell::new(permits), line: Line::new() }) }
    }

    /// Takes `n` permits, and waits until it can: there must be as many, and nobody in line. O(1): see the
    /// [type](Self#complexity-and-conflicts).
    ///
    /// # Retry and conflicts
    ///
    /// Retries as said. Conflicts with every other acquisition and release, and with who comes to stand in line.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TSemaphore};
    ///
    /// let (slots, staff) = (TSemaphore::new(4), TSemaphore::new(1));
    /// // Both or neither.
    /// atomically(|tx| {
    ///     slots.acquire(tx, 3)?;
    ///     staff.acquire(tx, 1)
    /// });
    /// assert_eq!(stm::snapshot(|tx| Ok((slots.available(tx)?, staff.available(tx)?))), (1, 0));
    /// ```
    #[doc(alias = "waitTSem")]
    pub fn acquire(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<()> {
        if self.try_acquire(tx, n)? { Ok(()) } else { tx.retry() }
    }

    /// Takes `n` permits if it can without waiting, and says whether it has. O(1): see the [type](Self#complexity-and-conflicts).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries; conflicts as [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TSemaphore};
    ///
    /// let semaphore = TSemaphore::new(3);
    /// assert!(atomically(|tx| semaphore.try_acquire(tx, 2)));
    /// assert!(!atomically(|tx| semaphore.try_acquire(tx, 2)));
    /// ```
    pub fn try_acquire(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<bool> {
        let inner = Shared::get(&self.inner, tx);
        if n == 0 {
            return Ok(true);
        }
        let available = inner.available.read(tx)?;
        if available < n || !inner.line.is_vacant(tx)? {
            return Ok(false);
        }
        inner.available.write(tx, available - n)?;
        Ok(true)
    }

    /// Gives back `n` permits, or adds new ones. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with every acquisition and release.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there would be more than `u64::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TSemaphore};
    ///
    /// let semaphore = TSemaphore::new(0);
    /// atomically(|tx| semaphore.release(tx, 2));
    /// assert!(atomically(|tx| semaphore.try_acquire(tx, 2)));
    /// ```
    #[doc(alias = "signalTSem")]
    #[track_caller]
    pub fn release(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<()> {
        if n == 0 {
            return Ok(());
        }
        let available = &Shared::get(&self.inner, tx).available;
        let Some(sum) = available.read(tx)?.checked_add(n) else {
            panic!("a semaphore can not have more than u64::MAX permits")
        };
        available.write(tx, sum)
    }

    /// How many permits are left. While somebody stands in line they are for them. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with every acquisition and release.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(3);
    /// let permit = semaphore.acquire_blocking(2);
    /// assert_eq!(stm::snapshot(|tx| semaphore.available(tx)), 1);
    /// ```
    pub fn available(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Shared::get(&self.inner, tx).available.read(tx)
    }

    /// How many stand in line. O(n) in that number.
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with all who come, are served or leave.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(3);
    /// let turn = semaphore.line_up();
    /// assert_eq!(stm::snapshot(|tx| semaphore.waiting(tx)), 1);
    /// ```
    pub fn waiting(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Shared::get(&self.inner, tx).line.len(tx)
    }

    /// Takes a place in line, for a transaction that wants permits in its turn.
    ///
    /// Those who come later wait until the turn is used or dropped. Do not hold one for long without running that
    /// transaction.
    ///
    /// O(1): see the [type](Self#complexity-and-conflicts). Conflicts with whoever comes to stand in line, and with acquisitions
    /// that have found nobody there.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, sync::TSemaphore};
    ///
    /// let (semaphore, taken) = (TSemaphore::new(5), TVar::new(0_u64));
    /// let turn = semaphore.line_up();
    /// atomically(|tx| {
    ///     turn.acquire(tx, 5)?;
    ///     taken.modify(tx, |n| n + 5)
    /// });
    /// ```
    #[track_caller]
    pub fn line_up(&self) -> Turn {
        let turn = Turn::new(self.clone(), Spot::new());
        atomically(|tx| self.join(tx, turn.spot()));
        turn
    }

    /// Takes `n` permits in turn, and blocks the thread until it can.
    ///
    /// O(1), the wait apart: see the [type](Self#complexity-and-conflicts). Conflicts as [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(1);
    /// let permit = semaphore.acquire_blocking(1);
    /// assert!(semaphore.try_acquire_now(1).is_none());
    /// drop(permit);
    /// assert!(semaphore.try_acquire_now(1).is_some());
    /// ```
    #[track_caller]
    pub fn acquire_blocking(&self, n: u64) -> Permit {
        if let Some(permit) = alone(self, n) {
            return permit;
        }
        let permit = self.acquire_within(n, options());
        permit.unwrap_or_else(|_| unreachable!("there is no limit to give out"))
    }

    /// Takes `n` permits if it can without waiting.
    ///
    /// Complexity and conflicts: as [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = stm::sync::TSemaphore::new(1);
    /// assert!(semaphore.try_acquire_now(2).is_none());
    /// assert_eq!(semaphore.try_acquire_now(1).map(|permit| permit.permits()), Some(1));
    /// ```
    #[track_caller]
    pub fn try_acquire_now(&self, n: u64) -> Option<Permit> {
        if let Some(permit) = alone(self, n) {
            return Some(permit);
        }
        let acquisition = Acquisition::new(self, n);
        atomically(|tx| acquisition.attempt(tx)).then(|| acquisition.into_permit())
    }

    /// Takes `n` permits in turn, and blocks the thread until it can, or the time is over.
    ///
    /// O(1), the wait apart: see the [type](Self#complexity-and-conflicts). Conflicts as [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// Returns [`RunError::TimedOut`] if it could not in that time. It stands in line no more then.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::{RunError, sync::TSemaphore};
    ///
    /// let semaphore = TSemaphore::new(1);
    /// assert!(semaphore.acquire_timeout(1, Duration::from_millis(5)).is_ok());
    /// assert_eq!(semaphore.acquire_timeout(2, Duration::from_millis(5)).unwrap_err(), RunError::TimedOut);
    /// ```
    #[track_caller]
    pub fn acquire_timeout(&self, n: u64, timeout: Duration) -> Result<Permit, RunError> {
        self.acquire_within(n, within(timeout))
    }

    #[track_caller]
    fn acquire_within(&self, n: u64, options: Options) -> Result<Permit, RunError> {
        let mut acquisition = Acquisition::new(self, n);
        if !options.clone().run(|tx| acquisition.attempt(tx))? {
            acquisition.prepare();
            options.clone().run(|tx| acquisition.join(tx))?;
            options.run(|tx| acquisition.wait(tx))?;
        }
        Ok(acquisition.into_permit())
    }

    /// Takes `n` permits in turn. The turn is counted from the first poll.
    ///
    /// Dropping the future gives up what it has: its place in line, or the permits.
    ///
    /// O(1), the wait apart: see the [type](Self#complexity-and-conflicts). Conflicts as [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let semaphore = stm::sync::TSemaphore::new(1);
    /// let permit = semaphore.acquire_async(1).await;
    /// assert_eq!(permit.permits(), 1);
    /// # }) }
    /// ```
    pub fn acquire_async(&self, n: u64) -> impl Future<Output = Permit> + Send + use<> {
        let semaphore = self.clone();
        async move {
            if let Some(permit) = alone(&semaphore, n) {
                return permit;
            }
            let mut acquisition = Acquisition::new(&semaphore, n);
            if !atomically_async(|tx| acquisition.attempt(tx)).await {
                acquisition.prepare();
                atomically_async(|tx| acquisition.join(tx)).await;
                atomically_async(|tx| acquisition.wait(tx)).await;
            }
            acquisition.into_permit()
        }
    }

    pub(super) fn join(&self, tx: &Transaction<'_, '_>, spot: &Spot) -> StmResult<()> {
        spot.join(&Shared::get(&self.inner, tx).line, tx)
    }

    /// Takes `n` permits for whoever is first in line, and lets the next come forward.
    pub(super) fn take_in_turn(&self, tx: &Transaction<'_, '_>, spot: &Spot, n: u64) -> StmResult<()> {
        let available = &Shared::get(&self.inner, tx).available;
        if !spot.is_first(tx)? {
            return tx.retry();
        }
        let left = available.read(tx)?;
        tx.check(left >= n)?;
        available.write(tx, left - n)?;
        spot.serve(tx)
    }

    /// Takes `n` permits at once, if there are as many and nobody stands in line. (Who comes to stand there in the middle of this
    /// has come later.) `has` tells whether it has, also if this panics: then it was after that.
    #[inline]
    pub(super) fn take_now(&self, n: u64, has: &mut bool) {
        let Inner { available, line } = &*self.inner;
        if n == 0 {
            *has = true;
        } else if available.load() >= n && line.is_empty_now() {
            available.fetch_update(|available| {
                *has = *available >= n;
                *available -= if *has { n } else { 0 };
            });
        }
    }

    /// Gives permits back anywhere, at once. There are at most `u64::MAX` afterwards.
    pub(super) fn give_back(&self, n: u64) {
        if n > 0 {
            self.inner.available.fetch_update(|available| *available = available.saturating_add(n));
        }
    }
}

/// Shows how many permits are left, without waiting for anybody.
impl fmt::Debug for TSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TSemaphore").field("available", &self.inner.available.load()).finish_non_exhaustive()
    }
}
