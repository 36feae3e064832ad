//! Running bodies: the one step that runs a body and commits it or rolls it back, and the loop that repeats it.

use std::convert::Infallible;
use std::panic::Location;

use crate::attempt::{Attempt, Tracking};
use crate::commit::Conflict;
use crate::config::Options;
use crate::contention::{Token, back_off};
use crate::context::{self, Context, Lease, Running};
use crate::error::{Cause, RunError, StmResult, TxError, TxResult};
use crate::sync::{Point, point};
use crate::tx::{ReadTransaction, Transaction};
use crate::wait::{Batons, Registration, Who};

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

/// What is to follow a run, and the batons that the transaction has kept for it.
struct Next<E> {
    step: Step<E>,
    batons: Batons,
}

/// A run that could not commit and has not been undone yet.
///
/// Fields are dropped in order: the run is over before the result is, whose destructor is user code.
struct Unfinished<'c, T, E> {
    running: Running<'c>,
    /// What the body returned. It counts only if the run is neither doomed nor in conflict.
    result: TxResult<T, E>,
    /// The commit failed.
    conflict: bool,
}

/// Runs the body once and commits it: the only place where that is done.
#[inline(always)]
#[track_caller]
fn attempt<'c, T, E>(
    context: &'c Context,
    number: u32,
    token: Option<Token>,
    tracking: Tracking,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, Unfinished<'c, T, E>> {
    let running = context.begin(number, token, tracking);
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
                Err(Conflict) => Err(Unfinished { running, result: Ok(value), conflict: true }),
            }
        }
        result => Err(Unfinished { running, result, conflict: false }),
    }
}

impl<T, E> Unfinished<'_, T, E> {
    /// Undoes the run, and registers it as a waiter if it asked for that.
    #[cold]
    #[track_caller]
    fn end(self, options: &Options, mut batons: Batons) -> Next<E> {
        let Self { running, result, conflict } = self;
        let cause = match (running.attempt().doom(), &result) {
            (Some(cause), _) => cause,
            (None, Err(TxError::Abort(abort))) => abort.cause,
            (None, Err(TxError::Cancel(_))) => {
                running.roll_back();
                let Err(TxError::Cancel(error)) = result else { unreachable!("it was a cancel a moment ago") };
                return Next { step: Step::Cancelled(error), batons };
            }
            (None, Ok(_)) => {
                debug_assert!(conflict, "a run that is not doomed and returned a value was to be committed");
                Cause::Conflict
            }
        };
        // The transaction is not over yet.
        running.attempt().keep(&mut batons);
        let step = match cause {
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
            Cause::Retry => wait_for_change(running, options, &mut batons).map_or(Step::Again, Step::Wait),
        };
        // The run is over; this is where values that do not count are dropped.
        drop(result);
        Next { step, batons }
    }
}

/// Registers the thread with everything the run has read, and undoes the run. Returns `None` if something has changed
/// already.
#[track_caller]
fn wait_for_change(running: Running<'_>, options: &Options, batons: &mut Batons) -> Option<Registration> {
    let mut awaited = running.attempt().awaited();
    if awaited.is_empty() {
        running.roll_back();
        let name = options.name.map(|name| format!(" `{name}`")).unwrap_or_default();
        panic!(
            "the transaction{name} called `retry` without having read any variable, so nothing could ever wake it; read the \
             variables it waits for before calling `retry` or `check`"
        );
    }
    let who = Who { name: options.name, site: Location::caller() };
    // SAFETY: as in `attempt`: the run is not over yet.
    let registration =
        unsafe { Registration::arm(running.waker(), who, &mut awaited, running.attempt().line(), batons) };
    if registration.is_some() {
        // It does not speak for those: another wait, or for other variables.
        running.attempt().owe(batons);
    }
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
        None => repeat(&Lease::new(), options, 0, Next { step: Step::Again, batons: Batons::new() }, &mut body),
        Some(context) => match attempt(context, 1, None, tracking, &mut body) {
            Ok(value) => return done(value),
            Err(unfinished) => repeat(context, options, 1, unfinished.end(options, Batons::new()), &mut body),
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
    next: Next<E>,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, RunError<E>> {
    let Next { mut step, mut batons } = next;
    let mut conflicts: u32 = 0;
    loop {
        if options.max_attempts.is_some_and(|most| number >= most) && !matches!(step, Step::Cancelled(_)) {
            return Err(RunError::TooManyAttempts);
        }
        let mut token = None;
        match step {
            Step::Cancelled(error) => return Err(RunError::Cancel(error)),
            Step::Again => {}
            Step::Conflict => {
                conflicts += 1;
                if conflicts + 1 < options.promote_after {
                    back_off(conflicts, &mut context.jitter.borrow_mut());
                } else {
                    token = Some(Token::acquire());
                    point(Point::Promoted);
                }
            }
            Step::Wait(registration) => {
                conflicts = 0;
                batons = registration.block();
            }
        }
        number = number.saturating_add(1);
        context.owe(&mut batons);
        Next { step, batons } = match attempt(context, number, token, Tracking::Logged, body) {
            Ok(value) => return Ok(value),
            Err(unfinished) => unfinished.end(options, batons),
        };
    }
}
