//! Running bodies: the ways to run one, and the loop that repeats its step for a thread.

use std::convert::Infallible;

use crate::attempt::{Attempt, Tracking};
use crate::config::Options;
use crate::contention::back_off;
use crate::context::{self, Context, Lease};
use crate::error::{RunError, StmResult, TxError, TxResult};
use crate::shim::{Point, point};
use crate::step::{Next, Progress, Step, Waiting, attempt};
use crate::tx::{ReadTransaction, Transaction};

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
/// The body can not write, which the compiler checks, and runs once, whatever others commit meanwhile: they keep what they
/// replace for as long as it runs (multi-version reading; docs/design.md, "Snapshots"). They do not wait for it, nor it for
/// them, but for a commit that is storing just then.
///
/// # Retry and conflicts
///
/// Only a `retry` makes the body run again, when something it has read was written; and one other thing: it reads a variable
/// that was made after the snapshot began, of which it has learned on a way around the transaction (say, a
/// [`load`](crate::TVar::load)), and which was written since. While a snapshot is open, each variable that is written keeps 64
/// bytes, and boxed values that are replaced stay.
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
        Tracking::Snapshot,
        |attempt| body(ReadTransaction::of_attempt(attempt)).map_err(TxError::<Infallible>::Abort),
        |value| value,
        |error| unbounded(error),
    )
}

static DEFAULT: Options = Options::new();

/// Starts to describe how to run a transaction: [`Options::run`], [`Options::try_run`] and their asynchronous twins end the
/// sentence.
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
        run(&self.starting(), Tracking::Logged, body, Ok, Err)
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
        run(&self.starting(), Tracking::Logged, |attempt| body(Transaction::of_attempt(attempt)), Ok, Err)
    }
}

/// A run without options ended by one of them.
#[cold]
fn unbounded<E>(_error: RunError<E>) -> ! {
    unreachable!("a run without a bound on attempts ended by that bound")
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
        Some(context) if options.at_once => match attempt(context, 1, None, None, options, tracking, &mut body) {
            Ok(value) => return done(value),
            Err(unfinished) => {
                let mut progress = Progress::new(1, tracking);
                let step = unfinished.end(options, Waiting::Thread, &mut progress.batons);
                repeat(context, options, progress, step, &mut body)
            }
        },
        Some(context) => repeat(context, options, Progress::new(0, tracking), Step::Again, &mut body),
        None => repeat(&Lease::new(), options, Progress::new(0, tracking), Step::Again, &mut body),
    };
    outcome.map_or_else(failed, done)
}

/// Goes on after the runs so far, of which the last ended with `step`.
#[cold]
#[inline(never)]
#[track_caller]
fn repeat<T, E>(
    context: &Context,
    options: &Options,
    mut progress: Progress,
    mut step: Step<E>,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, RunError<E>> {
    loop {
        let mut token = None;
        match progress.after(step, options)? {
            Next::Run => {}
            Next::BackOff(conflicts) => back_off(conflicts, &mut context.jitter.borrow_mut()),
            Next::Promote => {
                context.refuse_nesting();
                token = Some(progress.take_turn(options)?);
                point(Point::Promoted);
            }
            Next::Wait(registration) => {
                progress.batons = registration.block_until(options.deadline);
                progress.in_time(options)?;
            }
        }
        let (number, tracking) = progress.begin(context);
        step = match attempt(context, number, token, options.deadline, options, tracking, body) {
            Ok(value) => return Ok(value),
            Err(unfinished) => unfinished.end(options, Waiting::Thread, &mut progress.batons),
        };
    }
}
