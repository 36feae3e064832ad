//! Running bodies: the one step that runs a body and commits it or rolls it back, and the loop that repeats it.

use std::convert::Infallible;

use crate::attempt::{Attempt, Tracking};
use crate::commit::{Conflict, Privilege};
use crate::config::Options;
use crate::context::{self, Context, Running};
use crate::contention::{Token, back_off};
use crate::error::{Cause, RunError, StmResult, TxError, TxResult};
use crate::tx::{ReadTransaction, Transaction};
use crate::wait::Registration;

/// Runs a transaction: everything `body` reads belongs to one moment, and everything it writes takes effect at once.
///
/// The body runs once or more, and takes effect once. It must not do what can not be undone; that belongs into
/// [`on_commit`](Transaction::on_commit).
///
/// # Retry and conflicts
///
/// After a conflict the body runs again; after a [`retry`](ReadTransaction::retry) it does so when something it has read
/// was written. A transaction that has been aborted [`PROMOTE_AFTER`](crate::PROMOTE_AFTER)` - 1` times in a row is run
/// while nobody else commits, and so commits in its next run. Waiting in a body for another thread's transaction may
/// therefore deadlock.
///
/// # Panics
///
/// Panics if called inside the body of another transaction on the same thread, and if the body retries without having
/// read anything. A panic in the body undoes everything it did and goes on; nothing is poisoned.
///
/// # Examples
///
/// ```
/// use stm::{TVar, atomically};
///
/// let (from, to) = (TVar::new(100_u64), TVar::new(0_u64));
/// let moved = atomically(|tx| {
///     let amount = from.read(tx)? / 2;
///     from.modify(tx, |balance| balance - amount)?;
///     to.modify(tx, |balance| balance + amount)?;
///     Ok(amount)
/// });
/// assert_eq!((moved, from.load(), to.load()), (50, 50, 50));
/// ```
#[inline]
#[track_caller]
pub fn atomically<'env, T>(mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>) -> T {
    let outcome = run(&Options::new(), Tracking::Logged, |attempt| {
        body(Transaction::of_attempt(attempt)).map_err(TxError::<Infallible>::Abort)
    });
    committed(outcome)
}

/// Runs a transaction whose body can cancel with an error of its own; the error leaves, and nothing else does.
///
/// # Errors
///
/// Returns what the body cancelled with.
///
/// # Panics
///
/// As [`atomically`].
///
/// # Examples
///
/// ```
/// use stm::{TVar, cancel, try_atomically};
///
/// let seats = TVar::new(0_u32);
/// let booked = try_atomically(|tx| match seats.read(tx)? {
///     0 => cancel("sold out"),
///     left => Ok(seats.write(tx, left - 1)?),
/// });
/// assert_eq!(booked, Err("sold out"));
/// ```
#[inline]
#[track_caller]
pub fn try_atomically<'env, T, E>(
    mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
) -> Result<T, E> {
    match run(&Options::new(), Tracking::Logged, |attempt| body(Transaction::of_attempt(attempt))) {
        Ok(value) => Ok(value),
        Err(RunError::Cancel(error)) => Err(error),
        Err(RunError::TooManyAttempts { .. }) => unbounded(),
    }
}

/// Reads one consistent moment of any number of variables.
///
/// The body can not write, which the compiler checks, and needs no log unless somebody interferes.
///
/// # Panics
///
/// As [`atomically`].
///
/// # Examples
///
/// ```
/// use stm::{TVar, snapshot};
///
/// let accounts: Vec<TVar<i64>> = (0..10).map(TVar::new).collect();
/// let total: i64 = snapshot(|tx| accounts.iter().map(|account| account.read(tx)).sum());
/// assert_eq!(total, 45);
/// ```
#[inline]
#[track_caller]
pub fn snapshot<'env, T>(mut body: impl for<'tx> FnMut(&ReadTransaction<'tx, 'env>) -> StmResult<T>) -> T {
    let outcome = run(&Options::new(), Tracking::Unlogged, |attempt| {
        body(ReadTransaction::of_attempt(attempt)).map_err(TxError::<Infallible>::Abort)
    });
    committed(outcome)
}

/// Starts to describe how to run a transaction: [`Options::run`] and [`Options::try_run`] end the sentence.
#[inline]
pub fn options() -> Options {
    Options::new()
}

impl Options {
    /// Runs a transaction as [`atomically`] does, within these options.
    ///
    /// # Errors
    ///
    /// Returns a [`RunError`] if the options gave out before it committed.
    ///
    /// # Panics
    ///
    /// As [`atomically`].
    #[track_caller]
    pub fn run<'env, T>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>,
    ) -> Result<T, RunError> {
        run(&self, Tracking::Logged, |attempt| body(Transaction::of_attempt(attempt)).map_err(TxError::Abort))
    }

    /// Runs a transaction as [`try_atomically`] does, within these options.
    ///
    /// # Errors
    ///
    /// Returns [`RunError::Cancel`] with what the body cancelled with, or another [`RunError`] if the options gave out
    /// before it committed.
    ///
    /// # Panics
    ///
    /// As [`atomically`].
    #[track_caller]
    pub fn try_run<'env, T, E>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> Result<T, RunError<E>> {
        run(&self, Tracking::Logged, |attempt| body(Transaction::of_attempt(attempt)))
    }
}

/// Unwraps the outcome of a run that can end only by committing.
#[inline]
fn committed<T>(outcome: Result<T, RunError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(RunError::Cancel(never)) => match never {},
        Err(RunError::TooManyAttempts { .. }) => unbounded(),
    }
}

#[cold]
fn unbounded() -> ! {
    unreachable!("a run without a bound on attempts ended by that bound")
}

/// How one run of a body ended.
enum Step<T, E> {
    Done(T),
    Cancelled(E),
    /// Run again, because of a conflict.
    Conflict,
    /// Run again at once.
    Again,
    /// Run again when the registration is notified.
    Wait(Registration),
}

/// Runs the body once and commits it or rolls it back.
#[inline]
#[track_caller]
fn attempt<T, E>(
    context: &Context,
    number: u32,
    privilege: Privilege,
    tracking: Tracking,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Step<T, E> {
    let running = context.begin(number, privilege, tracking);
    let result = body(running.attempt());
    if let Some(cause) = running.attempt().doom() {
        // Whatever the body made of it, an operation of this run has failed. `result` is dropped when the run is over.
        return give_up(running, cause);
    }
    match result {
        // SAFETY: the variables a run touches outlive it: handles' cells by the pin, borrowed cells by their lifetimes.
        Ok(value) => match unsafe { running.attempt().commit() } {
            Ok(()) => {
                running.finish();
                Step::Done(value)
            }
            Err(Conflict) => {
                running.roll_back();
                Step::Conflict
            }
        },
        Err(TxError::Cancel(error)) => {
            running.roll_back();
            Step::Cancelled(error)
        }
        Err(TxError::Abort(abort)) => give_up(running, abort.cause),
    }
}

/// Ends a run that can not commit.
#[cold]
#[track_caller]
fn give_up<T, E>(running: Running<'_>, cause: Cause) -> Step<T, E> {
    match cause {
        Cause::Conflict => {
            running.roll_back();
            Step::Conflict
        }
        Cause::Restart => {
            running.roll_back();
            Step::Again
        }
        // Without a log nobody knows what to wait for: the next run keeps one.
        Cause::Retry if !running.attempt().is_logged() => {
            running.roll_back();
            Step::Again
        }
        Cause::Retry => {
            let mut awaited = running.attempt().awaited();
            if awaited.is_empty() {
                running.roll_back();
                panic!(
                    "the transaction called `retry` without having read any variable, so nothing could ever wake it; \
                     read the variables it waits for before calling `retry` or `check`"
                );
            }
            // SAFETY: as in `attempt`: the run is not over yet.
            let registration = unsafe { Registration::arm(running.waker(), &mut awaited) };
            running.roll_back();
            registration.map_or(Step::Again, Step::Wait)
        }
    }
}

/// Runs the body until it commits, cancels, or the options give out.
#[inline]
#[track_caller]
fn run<T, E>(
    options: &Options,
    tracking: Tracking,
    mut body: impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, RunError<E>> {
    context::with(|context| {
        match attempt(context, 1, Privilege::Ordinary, tracking, &mut body) {
            Step::Done(value) => Ok(value),
            Step::Cancelled(error) => Err(RunError::Cancel(error)),
            step => repeat(context, options, step, &mut body),
        }
    })
}

/// Goes on after a first run that did not commit.
#[cold]
#[track_caller]
fn repeat<T, E>(
    context: &Context,
    options: &Options,
    mut step: Step<T, E>,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, RunError<E>> {
    let mut number: u32 = 1;
    let mut conflicts: u32 = 0;
    let mut token = None;
    loop {
        let exhausted = options.max_attempts.is_some_and(|most| number >= most);
        if exhausted && !matches!(step, Step::Done(_) | Step::Cancelled(_)) {
            let waiting = matches!(step, Step::Wait(_));
            return Err(RunError::TooManyAttempts { attempts: number, transaction: options.name, waiting });
        }
        match step {
            Step::Done(value) => return Ok(value),
            Step::Cancelled(error) => return Err(RunError::Cancel(error)),
            // The body wants others to get on, so it must not keep them from committing.
            Step::Again => token = None,
            Step::Conflict => {
                conflicts += 1;
                if conflicts + 1 < options.promote_after {
                    back_off(conflicts, &mut context.jitter.borrow_mut());
                } else if token.is_none() {
                    token = Some(Token::acquire());
                }
            }
            Step::Wait(registration) => {
                // Others have to commit for this wait to end.
                token = None;
                conflicts = 0;
                registration.block();
            }
        }
        number = number.saturating_add(1);
        let privilege = if token.is_some() { Privilege::Promoted } else { Privilege::Ordinary };
        step = attempt(context, number, privilege, Tracking::Logged, body);
    }
}
