//! `TLatch`: a gate that opens once.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::limit::within;
use crate::error::{RunError, StmResult};
use crate::run::atomically;
use crate::shared::Shared;
use crate::task::atomically_async;
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

/// A gate that opens when it has been counted down to 0, and stays open.
///
/// # Complexity and conflicts
///
/// Everything is O(1). Those who count down conflict with each other. Those who wait do so for another variable, which
/// changes once.
///
/// With `serde` it is what is left to count.
///
/// # Examples
///
/// ```
/// use stm::sync::TLatch;
///
/// let ready = TLatch::new(2);
/// std::thread::scope(|threads| {
///     for _ in 0..2 {
///         threads.spawn(|| ready.count_down_now());
///     }
///     ready.wait_blocking();
/// });
/// assert!(stm::snapshot(|tx| ready.is_open(tx)));
/// ```
pub struct TLatch {
    inner: Shared<Inner>,
}

struct Inner {
    remaining: TCell<u64>,
    is_open: TCell<bool>,
}

impl Clone for TLatch {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl TLatch {
    /// Creates a latch that is to be counted down so often. With 0 it is open from the start. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(stm::snapshot(|tx| stm::sync::TLatch::new(0).is_open(tx)));
    /// ```
    pub fn new(count: u64) -> Self {
        Self { inner: Shared::new(Inner { remaining: TCell::new(count), is_open: TCell::new(count == 0) }) }
    }

    /// Counts down by one, and opens the latch if that was the last. An open latch stays as it is. Returns whether it
    /// is open now. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who else counts down.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = stm::sync::TLatch::new(2);
    /// assert!(!stm::atomically(|tx| latch.count_down(tx)));
    /// assert!(stm::atomically(|tx| latch.count_down(tx)));
    /// ```
    pub fn count_down(&self, tx: &Transaction<'_, '_>) -> StmResult<bool> {
        let Inner { remaining, is_open } = Shared::get(&self.inner, tx);
        match remaining.read(tx)? {
            0 => Ok(true),
            1 => {
                remaining.write(tx, 0)?;
                is_open.write(tx, true)?;
                Ok(true)
            }
            left => {
                remaining.write(tx, left - 1)?;
                Ok(false)
            }
        }
    }

    /// [`count_down`](Self::count_down) in a transaction of its own.
    ///
    /// Complexity and conflicts: as [`count_down`](Self::count_down).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(stm::sync::TLatch::new(1).count_down_now());
    /// ```
    #[track_caller]
    pub fn count_down_now(&self) -> bool {
        atomically(|tx| self.count_down(tx))
    }

    /// Waits until the latch is open. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries as said. Conflicts only with who opens it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, sync::TLatch};
    ///
    /// let (ready, settings) = (TLatch::new(1), TVar::new(0));
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| {
    ///         settings.write(tx, 7)?;
    ///         ready.count_down(tx)
    ///     }));
    ///     let seen = atomically(|tx| {
    ///         ready.wait(tx)?;
    ///         settings.read(tx)
    ///     });
    ///     assert_eq!(seen, 7);
    /// });
    /// ```
    pub fn wait(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<()> {
        tx.check(self.is_open(tx)?)
    }

    /// Whether the latch is open. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts only with who opens it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!stm::snapshot(|tx| stm::sync::TLatch::new(1).is_open(tx)));
    /// ```
    pub fn is_open(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Shared::get(&self.inner, tx).is_open.read(tx)
    }

    /// How often it is still to be counted down. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who counts down.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::snapshot(|tx| stm::sync::TLatch::new(3).remaining(tx)), 3);
    /// ```
    pub fn remaining(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Shared::get(&self.inner, tx).remaining.read(tx)
    }

    /// Blocks the thread until the latch is open.
    ///
    /// Complexity and conflicts: as [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = stm::sync::TLatch::new(1);
    /// latch.count_down_now();
    /// latch.wait_blocking();
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) {
        atomically(|tx| self.wait(tx));
    }

    /// Blocks the thread until the latch is open or the time is over.
    ///
    /// Complexity and conflicts: as [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// Returns [`RunError::TimedOut`] if it was not opened in that time.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let latch = stm::sync::TLatch::new(1);
    /// assert_eq!(latch.wait_timeout(Duration::from_millis(5)), Err(stm::RunError::TimedOut));
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), RunError> {
        within(timeout).run(|tx| self.wait(tx))
    }

    /// Waits until the latch is open, without a thread.
    ///
    /// Complexity and conflicts: as [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let latch = stm::sync::TLatch::new(1);
    /// latch.count_down_now();
    /// latch.wait_async().await;
    /// # }) }
    /// ```
    pub fn wait_async(&self) -> impl Future<Output = ()> + Send + use<> {
        let latch = self.clone();
        atomically_async(move |tx| latch.wait(tx))
    }

    /// What is left to count, outside of any transaction.
    pub(super) fn now(&self) -> u64 {
        self.inner.remaining.load()
    }
}

/// Shows what is left to count, without waiting for anybody.
impl fmt::Debug for TLatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TLatch").field("remaining", &self.now()).finish()
    }
}
