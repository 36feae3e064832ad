//! How an attempt ends other than by committing: the control signal inside a body, and the errors outside of it.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use crate::report::{self, Limit};

/// The signal that this run of the body is over: pass it on with `?`.
///
/// Every operation on a transaction returns it when the body has to be run again (a conflict with another transaction)
/// or has asked to wait ([`retry`](crate::ReadTransaction::retry)). It is opaque, and swallowing it is harmless: an
/// attempt that has returned an `Abort` can no longer commit, nor return a value or an error of its own.
#[must_use = "an `Abort` must be passed on with `?`: the attempt it ends can not commit anyway"]
pub struct Abort {
    pub(crate) cause: Cause,
}

/// Why an attempt can not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cause {
    /// Another transaction changed something this one has read.
    Conflict,
    /// The body called `retry`: wait until something it has read changes.
    Retry,
    /// The body called `restart`: run again at once.
    Restart,
}

impl fmt::Debug for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abort").finish_non_exhaustive()
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this run of the transaction is over and will be repeated")
    }
}

impl Error for Abort {}

/// Never happens: it lets the compiler say of an error that does not belong here that it is not an `Abort`.
impl From<Infallible> for Abort {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What an operation inside a transaction returns.
pub type StmResult<T> = Result<T, Abort>;

/// What ends the body of [`try_atomically`](crate::try_atomically) early: the library's signal, or an error of yours.
///
/// `?` turns an [`Abort`] into it; [`cancel`] and [`ResultExt::or_cancel`] make the other variant.
#[derive(Debug)]
pub enum TxError<E> {
    /// The attempt is over and will be repeated.
    Abort(Abort),
    /// Undo everything and hand this error to the caller.
    Cancel(E),
}

impl<E> From<Abort> for TxError<E> {
    #[inline]
    fn from(abort: Abort) -> Self {
        Self::Abort(abort)
    }
}

impl<E: fmt::Display> fmt::Display for TxError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abort(abort) => abort.fmt(f),
            Self::Cancel(error) => write!(f, "transaction cancelled: {error}"),
        }
    }
}

impl<E: Error + 'static> Error for TxError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Abort(_) => None,
            Self::Cancel(error) => Some(error),
        }
    }
}

/// What the body of [`try_atomically`](crate::try_atomically) returns.
pub type TxResult<T, E> = Result<T, TxError<E>>;

/// Ends the transaction with an error: nothing it wrote takes effect, and the caller gets `Err(error)`.
///
/// # Errors
///
/// Always returns [`TxError::Cancel`]; pass it on with `?` or return it.
///
/// # Examples
///
/// ```
/// use stm::{TVar, cancel, try_atomically};
///
/// let balance = TVar::new(10_u64);
/// let outcome: Result<(), &str> = try_atomically(|tx| {
///     let available = balance.read(tx)?;
///     balance.write(tx, 0)?;
///     if available < 50 {
///         return cancel("not enough money");
///     }
///     Ok(())
/// });
/// assert_eq!(outcome, Err("not enough money"));
/// assert_eq!(balance.load(), 10);
/// ```
#[doc(alias = "throwSTM")]
pub fn cancel<T, E>(error: E) -> TxResult<T, E> {
    Err(TxError::Cancel(error))
}

mod sealed {
    pub trait Sealed {}
    impl<T, E> Sealed for Result<T, E> {}
}

/// Turns an ordinary `Result` into one that `?` understands inside [`try_atomically`](crate::try_atomically).
///
/// Sealed: implemented for every `Result`, and only for it.
pub trait ResultExt<T, E>: sealed::Sealed {
    /// Makes an error cancel the transaction: `text.parse().or_cancel()?`.
    ///
    /// # Errors
    ///
    /// Returns [`TxError::Cancel`] where `self` was an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{ResultExt, TVar, try_atomically};
    ///
    /// let total = TVar::new(0_i64);
    /// let outcome = try_atomically(|tx| {
    ///     let amount: i64 = "12x".parse().or_cancel()?;
    ///     total.modify(tx, |sum| sum + amount)?;
    ///     Ok(())
    /// });
    /// assert!(outcome.is_err());
    /// ```
    fn or_cancel(self) -> TxResult<T, E>;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    #[inline]
    fn or_cancel(self) -> TxResult<T, E> {
        self.map_err(TxError::Cancel)
    }
}

/// Why a transaction run with [`options`](crate::options) ended without committing.
///
/// `Display` says of `TimedOut` and `TooManyAttempts` what the transaction waited for, and where it was started. These
/// variants have no room for that, so it is taken from [`last_report`](crate::last_report()) of the thread that formats the
/// error, if that is about the same limit: right as long as nothing else on that thread has given up in between, and the
/// error was not moved to another thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError<E = Infallible> {
    /// The body cancelled with this error; nothing it wrote took effect.
    Cancel(E),
    /// The transaction had not committed when its [`timeout`](crate::Options::timeout) or
    /// [`deadline`](crate::Options::deadline) passed; nothing it wrote took effect.
    TimedOut,
    /// The body ran as often as [`max_attempts`](crate::Options::max_attempts) allows.
    TooManyAttempts,
    /// The body of an [`irrevocable`](crate::Options::irrevocable) transaction called `retry` or `restart`.
    RetryInIrrevocable,
}

impl<E> RunError<E> {
    /// Returns the error the body cancelled with, if that is what happened.
    pub fn into_cancel(self) -> Option<E> {
        match self {
            Self::Cancel(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel(error) => write!(f, "transaction cancelled: {error}"),
            Self::TimedOut => {
                f.write_str("transaction timed out")?;
                report::append(f, Limit::Time)
            }
            Self::TooManyAttempts => {
                f.write_str("transaction gave up, its body having run as often as `max_attempts` allows")?;
                report::append(f, Limit::Attempts)
            }
            Self::RetryInIrrevocable => f.write_str(
                "an irrevocable transaction called `retry` or `restart`, but its body can not run again; wait for the \
                 condition in a transaction before it, or catch the retry with `or_else`",
            ),
        }
    }
}

impl<E: Error + 'static> Error for RunError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancel(error) => Some(error),
            _ => None,
        }
    }
}
