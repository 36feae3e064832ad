//! Running bodies in tasks: the loop of `run` as a future, which waits without a thread.
//!
//! The step is the same, and so is what follows it. Only waiting differs: the registration is kept in the future, with the
//! task's waker. Whatever has to be done without a pause, from taking the token to giving it back, is done in one poll: a
//! task that is not polled holds nothing that others need.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{self, Poll};

use crate::alarm::Alarm;
use crate::attempt::{Attempt, Tracking};
use crate::config::Options;
use crate::contention::spin_a_while;
use crate::context::{self, Context, Lease};
use crate::error::{RunError, StmResult, TxError, TxResult};
use crate::shim::{Point, point};
use crate::step::{Next, Progress, Step, Waiting, attempt};
use crate::tx::Transaction;
use crate::wait::Registration;

/// Runs a transaction as [`atomically`](crate::atomically()) does, in a task: waiting costs no thread.
///
/// The body is the same. It runs when the future is polled, from start to end, and does not pause. Tasks and threads wait
/// for the same variables and wake each other. Any executor will do.
///
/// The future is `Send` if the body is. Dropping it at any time is harmless: a transaction that has not committed has done
/// nothing, and leaves no trace of its wait.
///
/// # Waiting
///
/// After a [`retry`](crate::ReadTransaction::retry) the future is pending until something that was read is written; polls in
/// between do not run the body. After a few conflicts it lets other tasks run before it goes on. Like every
/// commit, it blocks its thread while a promoted or irrevocable transaction runs elsewhere, and while it waits for its turn to be
/// promoted itself: those who take turns hold theirs within one poll, so that is as long as one body.
///
/// # Panics
///
/// Polling panics where `atomically` does, and if a poll before it has panicked or returned the result.
///
/// # Examples
///
/// ```
/// use stm::{TVar, atomically_async};
///
/// # fn main() { pollster::block_on(async {
/// let slot = TVar::new(None);
/// std::thread::spawn({
///     let slot = slot.clone();
///     move || slot.store(Some(7))
/// });
/// let item = atomically_async(|tx| match slot.replace(tx, None)? {
///     Some(item) => Ok(item),
///     None => tx.retry(),
/// })
/// .await;
/// assert_eq!(item, 7);
/// # }) }
/// ```
#[track_caller]
pub fn atomically_async<'env, T>(
    mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>,
) -> impl Future<Output = T> {
    let body = move |attempt: &Attempt| body(Transaction::of_attempt(attempt)).map_err(TxError::Abort);
    Task::new(Options::new(), body, |outcome: Result<T, RunError>| outcome.unwrap_or_else(|_| unbounded()))
}

/// Runs a transaction as [`try_atomically`](crate::try_atomically) does, in a task: see [`atomically_async`].
///
/// # Errors
///
/// The future's output is what the body cancelled with.
///
/// # Panics
///
/// As [`atomically_async`].
///
/// # Examples
///
/// ```
/// use stm::{TVar, cancel, try_atomically_async};
///
/// # fn main() { pollster::block_on(async {
/// let seats = TVar::new(0_u32);
/// let booked = try_atomically_async(|tx| match seats.read(tx)? {
///     0 => cancel("sold out"),
///     left => Ok(seats.write(tx, left - 1)?),
/// });
/// assert_eq!(booked.await, Err("sold out"));
/// # }) }
/// ```
#[track_caller]
pub fn try_atomically_async<'env, T, E>(
    mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
) -> impl Future<Output = Result<T, E>> {
    let body = move |attempt: &Attempt| body(Transaction::of_attempt(attempt));
    Task::new(Options::new(), body, |outcome: Result<T, RunError<E>>| {
        outcome.map_err(|error| error.into_cancel().unwrap_or_else(|| unbounded()))
    })
}

/// A run without options ended by one of them.
#[cold]
fn unbounded() -> ! {
    unreachable!("a run without a bound on attempts ended by that bound")
}

impl Options {
    /// Runs a transaction as [`atomically_async`] does, within these options. A [`timeout`](Self::timeout) counts from this
    /// call. An [`irrevocable`](Self::irrevocable) body runs within one poll.
    ///
    /// # Errors
    ///
    /// The future's output is a [`RunError`] if the options gave out before it committed.
    ///
    /// # Panics
    ///
    /// As [`atomically_async`], and if the thread that serves deadlines can not be started.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::{RunError, TVar, options};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let ready = TVar::new(false);
    /// let outcome = options().timeout(Duration::from_millis(10)).run_async(|tx| tx.check(ready.read(tx)?)).await;
    /// assert_eq!(outcome, Err(RunError::TimedOut));
    /// # }) }
    /// ```
    #[track_caller]
    pub fn run_async<'env, T>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>,
    ) -> impl Future<Output = Result<T, RunError>> {
        let body = move |attempt: &Attempt| body(Transaction::of_attempt(attempt)).map_err(TxError::Abort);
        Task::new(self, body, |outcome| outcome)
    }

    /// Runs a transaction as [`try_atomically_async`] does, within these options: see [`run_async`](Self::run_async).
    ///
    /// # Errors
    ///
    /// The future's output is [`RunError::Cancel`] with what the body cancelled with, or another [`RunError`] if the options
    /// gave out before it committed.
    ///
    /// # Panics
    ///
    /// As [`run_async`](Self::run_async).
    #[track_caller]
    pub fn try_run_async<'env, T, E>(
        self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> impl Future<Output = Result<T, RunError<E>>> {
        let body = move |attempt: &Attempt| body(Transaction::of_attempt(attempt));
        Task::new(self, body, |outcome| outcome)
    }
}

/// How often a body runs within one poll before other tasks get a turn.
const RUNS_PER_POLL: u32 = 4;

/// A transaction as a future.
struct Task<B, T, E, R> {
    options: Options,
    progress: Progress,
    stage: Stage,
    body: B,
    /// Makes the output of the outcome.
    output: fn(Result<T, RunError<E>>) -> R,
}

/// Where a task stands between two polls.
enum Stage {
    /// It has not been polled.
    Begun,
    /// It has let others run, and is to go on.
    Rested,
    /// It waits for a change.
    Waiting(Wait),
    /// It is being polled; or a poll has panicked.
    Polled,
    /// It has returned its output.
    Over,
}

struct Wait {
    registration: Registration,
    /// Set for the deadline, if there is one.
    _alarm: Option<Alarm>,
}

/// Nothing in it is pinned: the body is called, never polled.
impl<B, T, E, R> Unpin for Task<B, T, E, R> {}

impl<B, T, E, R> Task<B, T, E, R>
where
    B: FnMut(&Attempt) -> TxResult<T, E>,
{
    #[track_caller]
    fn new(options: Options, body: B, output: fn(Result<T, RunError<E>>) -> R) -> Self {
        let mut options = options.starting();
        options.site = Some(Location::caller());
        Self { options, progress: Progress::new(0, Tracking::Logged), stage: Stage::Begun, body, output }
    }

    /// Runs the body until it commits, cancels, the options give out, or it has to wait.
    #[track_caller]
    fn advance(&mut self, context: &Context, cx: &mut task::Context<'_>) -> Poll<Result<T, RunError<E>>> {
        // Before anything is changed: whoever polls at the wrong place may do so again at the right one.
        context.refuse_nesting();
        let (options, progress) = (&self.options, &mut self.progress);
        let mut next = match std::mem::replace(&mut self.stage, Stage::Polled) {
            Stage::Begun => progress.after(Step::Again, options)?,
            Stage::Rested => Next::Run,
            Stage::Waiting(wait) => {
                // First the waker, then the clock: if the alarm has woken the waker before, the deadline has passed.
                let is_notified = wait.registration.entrust(cx.waker());
                progress.in_time(options)?;
                if !is_notified {
                    self.stage = Stage::Waiting(wait);
                    return Poll::Pending;
                }
                progress.batons = wait.registration.end();
                Next::Run
            }
            Stage::Polled => panic!("the transaction{} was polled again after a poll had panicked", options.title()),
            Stage::Over => panic!("the transaction{} was polled again after it had ended", options.title()),
        };
        let mut runs = 0;
        loop {
            let mut token = None;
            match next {
                Next::Run | Next::BackOff(_) if runs == RUNS_PER_POLL => {
                    self.stage = Stage::Rested;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Run => {}
                Next::BackOff(conflicts) => spin_a_while(conflicts, &mut context.jitter.borrow_mut()),
                Next::Promote => {
                    token = Some(progress.take_turn(options)?);
                    point(Point::Promoted);
                }
                Next::Wait(registration) => {
                    if !registration.entrust(cx.waker()) {
                        let alarm = options.deadline.map(|time| Alarm::set(time, registration.rouser()));
                        self.stage = Stage::Waiting(Wait { registration, _alarm: alarm });
                        return Poll::Pending;
                    }
                    progress.batons = registration.end();
                }
            }
            progress.in_time(options)?;
            let (number, tracking) = progress.begin(context);
            let run = attempt(context, number, token, options.deadline, options, tracking, &mut self.body);
            let step = match run {
                Ok(value) => return Poll::Ready(Ok(value)),
                Err(unfinished) => unfinished.end(options, Waiting::Task, &mut progress.batons),
            };
            runs += 1;
            next = progress.after(step, options)?;
        }
    }
}

impl<B, T, E, R> Future for Task<B, T, E, R>
where
    B: FnMut(&Attempt) -> TxResult<T, E>,
{
    type Output = R;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<R> {
        /// Passes on what the transaction owes those in line behind it, if the poll ends it, by a panic or otherwise: the
        /// future may be kept for long.
        struct Polling<'t, B, T, E, R>(&'t mut Task<B, T, E, R>);

        impl<B, T, E, R> Drop for Polling<'_, B, T, E, R> {
            fn drop(&mut self) {
                if matches!(self.0.stage, Stage::Polled | Stage::Over) {
                    drop(std::mem::take(&mut self.0.progress.batons));
                }
            }
        }

        let polling = Polling(self.get_mut());
        let poll = match context::current() {
            Some(context) => polling.0.advance(context, cx),
            None => polling.0.advance(&Lease::new(), cx),
        };
        poll.map(|outcome| {
            polling.0.stage = Stage::Over;
            let output = polling.0.output;
            drop(polling);
            output(outcome)
        })
    }
}
