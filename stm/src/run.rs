//! Running bodies: the one step that runs a body and commits it or rolls it back, and the loop that repeats it.

use std::convert::Infallible;

use crate::attempt::{Attempt, Tracking};
use crate::commit::{Conflict, Privilege};
use crate::config::Options;
use crate::contention::{Token, back_off};
use crate::context::{self, Context, Running};
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
    run(
        &DEFAULT,
        Tracking::Logged,
        |attempt| body(Transaction::of_attempt(attempt)).map_err(TxError::<Infallible>::Abort),
        |value| value,
        |error| unbounded(error),
    )
}

/// Runs a transaction whose body can cancel with an error of its own; the error leaves, and nothing else does.
///
/// # Errors
///
/// Returns what the body cancelled with.
///
/// # Panics
///
/// As [`atomically`](atomically()).
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
    run(
        &DEFAULT,
        Tracking::Logged,
        |attempt| body(Transaction::of_attempt(attempt)),
        Ok,
        |error| match error {
            RunError::Cancel(error) => Err(error),
            other => unbounded(other),
        },
    )
}

/// Reads one consistent moment of any number of variables.
///
/// The body can not write, which the compiler checks, and needs no log unless somebody interferes.
///
/// # Panics
///
/// As [`atomically`](atomically()).
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
    run(
        &DEFAULT,
        Tracking::Unlogged,
        |attempt| body(ReadTransaction::of_attempt(attempt)).map_err(TxError::<Infallible>::Abort),
        |value| value,
        |error| unbounded(error),
    )
}

static DEFAULT: Options = Options::new();

/// Starts to describe how to run a transaction: [`Options::run`] and [`Options::try_run`] end the sentence.
#[inline]
pub fn options() -> Options {
    Options::new()
}

impl Options {
    /// Runs a transaction as [`atomically`](atomically()) does, within these options.
    ///
    /// # Errors
    ///
    /// Returns a [`RunError`] if the options gave out before it committed.
    ///
    /// # Panics
    ///
    /// As [`atomically`](atomically()).
    #[track_caller]
    pub fn run<'env, T>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>,
    ) -> Result<T, RunError> {
        let body = |attempt: &Attempt| body(Transaction::of_attempt(attempt)).map_err(TxError::Abort);
        run(&self, Tracking::Logged, body, Ok, Err)
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
    /// As [`atomically`](atomically()).
    #[track_caller]
    pub fn try_run<'env, T, E>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> Result<T, RunError<E>> {
        run(&self, Tracking::Logged, |attempt| body(Transaction::of_attempt(attempt)), Ok, Err)
    }
}

/// A run without options ended by one of them.
#[cold]
fn unbounded<E>(_error: RunError<E>) -> ! {
    unreachable!("a run without a bound on attempts ended by that bound")
}

/// How one run of a body that did not commit ended, and what is to be done about it.
enum Step<E> {
    Cancelled(E),
    /// Run again, because of a conflict.
    Conflict,
    /// Run again at once.
    Again,
    /// Run again when the registration is notified.
    Wait(Registration),
}

/// A run that could not commit and has not been undone yet.
struct Unfinished<'c, T, E> {
    running: Running<'c>,
    /// What the body returned, which counts only if the run is not doomed; `None` after a failed commit.
    result: Option<TxResult<T, E>>,
}

/// Runs the body once and commits it: the only place where that is done.
#[inline(always)]
#[track_caller]
fn attempt<'c, T, E>(
    context: &'c Context,
    number: u32,
    privilege: Privilege,
    tracking: Tracking,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, Unfinished<'c, T, E>> {
    let running = context.begin(number, privilege, tracking);
    let result = body(running.attempt());
    match result {
        // Whatever the body made of it: if an operation of this run has failed, it can not commit.
        Ok(value) if !running.attempt().is_doomed() => {
            // SAFETY: the variables a run touches outlive it: handles' cells by the pin, borrowed cells by lifetimes.
            match unsafe { running.attempt().commit() } {
                Ok(()) => {
                    running.finish();
                    Ok(value)
                }
                // The value is dropped when the run is over: its destructor is user code.
                Err(Conflict) => Err(Unfinished { running, result: None }),
            }
        }
        result => Err(Unfinished { running, result: Some(result) }),
    }
}

impl<T, E> Unfinished<'_, T, E> {
    /// Undoes the run, and registers it as a waiter if it asked for that.
    #[cold]
    #[track_caller]
    fn end(self) -> Step<E> {
        let Self { running, result } = self;
        let cause = match (running.attempt().doom(), result) {
            (Some(cause), _) => cause,
            (None, None) => Cause::Conflict,
            (None, Some(Err(TxError::Abort(abort)))) => abort.cause,
            (None, Some(Err(TxError::Cancel(error)))) => {
                running.roll_back();
                return Step::Cancelled(error);
            }
            (None, Some(Ok(_))) => unreachable!("a run that is not doomed and returned a value was to be committed"),
        };
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
            Cause::Retry => wait_for_change(running).map_or(Step::Again, Step::Wait),
        }
    }
}

/// Registers the thread with everything the run has read, and undoes the run. Returns `None` if something has changed
/// already.
#[track_caller]
fn wait_for_change(running: Running<'_>) -> Option<Registration> {
    let mut awaited = running.attempt().awaited();
    if awaited.is_empty() {
        running.roll_back();
        panic!(
            "the transaction called `retry` without having read any variable, so nothing could ever wake it; read the \
             variables it waits for before calling `retry` or `check`"
        );
    }
    // SAFETY: as in `attempt`: the run is not over yet.
    let registration = unsafe { Registration::arm(running.waker(), &mut awaited) };
    running.roll_back();
    registration
}

/// Runs the body until it commits, cancels, or the options give out, and passes on what came of it.
///
/// The first run is inlined into the caller: most transactions need no other, and their results stay in registers.
#[inline(always)]
#[track_caller]
fn run<T, E, R>(
    options: &Options,
    tracking: Tracking,
    mut body: impl FnMut(&Attempt) -> TxResult<T, E>,
    done: impl Fn(T) -> R,
    failed: impl Fn(RunError<E>) -> R,
) -> R {
    let outcome = match context::current() {
        None => context::with_slow(|context| repeat(context, options, 0, Step::Again, &mut body)),
        Some(context) => match attempt(context, 1, Privilege::Ordinary, tracking, &mut body) {
            Ok(value) => return done(value),
            Err(unfinished) => repeat(context, options, 1, unfinished.end(), &mut body),
        },
    };
    outcome.map_or_else(failed, done)
}

/// Goes on after `number` runs, of which the last ended with `step`.
#[cold]
#[inline(never)]
#[track_caller]
fn repeat<T, E>(
    context: &Context,
    options: &Options,
    mut number: u32,
    mut step: Step<E>,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, RunError<E>> {
    let mut conflicts: u32 = 0;
    let mut token = None;
    loop {
        let exhausted = options.max_attempts.is_some_and(|most| number >= most);
        if exhausted && !matches!(step, Step::Cancelled(_)) {
            let waiting = matches!(step, Step::Wait(_));
            return Err(RunError::TooManyAttempts { attempts: number, transaction: options.name, waiting });
        }
        match step {
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
        step = match attempt(context, number, privilege, Tracking::Logged, body) {
            Ok(value) => return Ok(value),
            Err(unfinished) => unfinished.end(),
        };
    }
}
