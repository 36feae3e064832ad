//! `LockError`: why a lock was not had.

use std::error::Error;
use std::fmt;

use crate::error::RunError;

/// Why a [`TRwLock`](super::TRwLock) was not locked.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use stm::sync::{LockError, TRwLock};
///
/// let lock = TRwLock::new(1);
/// let reading = lock.read();
/// let other = lock.clone();
/// let outcome = std::thread::spawn(move || other.write_timeout(Duration::from_millis(5)).map(drop));
/// assert_eq!(outcome.join().unwrap(), Err(LockError::TimedOut));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockError {
    /// It could not be had in time.
    TimedOut,
    /// Waiting would be a deadlock: the owner holds the lock already and wants more of it, and another one who holds it, and would
    /// have to leave first, waits for this one to leave. ("Deadlocks" in [`TRwLock`](super::TRwLock) has the cases.) Release the
    /// lock and start again.
    Deadlock,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the lock could not be had in time",
            Self::Deadlock => {
                "waiting for the lock would be a deadlock: another owner who holds it waits already for this one, which holds it \
                 too, to leave; release it and start again, or hold it upgradable from the start"
            }
        })
    }
}

impl Error for LockError {}

impl LockError {
    /// For a run that has no limit but a deadline.
    pub(super) fn of_run(_error: RunError) -> Self {
        Self::TimedOut
    }
}
