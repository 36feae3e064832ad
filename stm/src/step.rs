//! One run of a body, and what is to be done after it: the step that every way of running a transaction repeats.
//!
//! [`attempt`] runs a body once and commits it. If that fails, [`Unfinished::end`] undoes the run and says how it ended, and
//! [`Progress`] says what comes next. Whoever repeats this (`run`, for threads) decides only how to wait.

use std::panic::Location;
use std::time::Instant;

use crate::attempt::{Attempt, Tracking};
use crate::commit::Conflict;
use crate::config::Options;
use crate::contention::Token;
use crate::context::{Context, Running};
use crate::error::{Cause, RunError, TxError, TxResult};
use crate::names;
use crate::report::{self, Ending, Limit, Report};
use crate::wait::{Batons, Line, Registration, is_written_at_once};
use crate::waited::{Site, Waited, Who};

/// How one run of a body that did not commit ended, and what is to be done about it.
pub(crate) enum Step<E> {
    Cancelled(E),
    /// Run again, because of a conflict. The body may have written nothing up to there.
    Conflict {
        wrote: bool,
    },
    /// Run again at once.
    Again,
    /// Run again when the registration is notified, or at once if something has changed already. What is awaited is told
    /// only where the transaction may give up.
    Wait(Option<Registration>, Waited),
}

/// A run that could not commit and has not been undone yet.
///
/// Fields are dropped in order: the run is over before the result is, whose destructor is user code.
pub(crate) struct Unfinished<'c, T, E> {
    running: Running<'c>,
    /// What the body returned. It counts only if the run is neither doomed nor in conflict.
    result: TxResult<T, E>,
    /// The commit failed.
    conflict: bool,
}

/// Who waits when a run asks for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The thread that ran the body.
    Thread,
    /// A task, which gives the registration a waker of its own.
    Task,
}

/// Which transaction runs with these options, for people. It was started at `caller` if they do not know better.
fn who(options: &Options, caller: Site) -> Who {
    Who { name: options.name, site: options.site.unwrap_or(caller) }
}

/// Runs the body once and commits it: the only place where that is done.
#[inline(always)]
#[track_caller]
pub(crate) fn attempt<'c, T, E>(
    context: &'c Context,
    number: u32,
    token: Option<Token>,
    deadline: Option<Instant>,
    options: &Options,
    tracking: Tracking,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, Unfinished<'c, T, E>> {
    let caller = Location::caller();
    let running = context.begin(number, token, deadline, tracking);
    let result = body(running.attempt());
    match result {
        // Whatever the body made of it: if an operation of this run has failed, it can not commit.
        Ok(value) if !running.attempt().is_doomed() => {
            // SAFETY: the variables a run touches outlive it: handles' cells by the pin, borrowed cells by lifetimes.
            match unsafe { running.attempt().commit(|| who(options, caller)) } {
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
    /// Undoes the run, and registers it as a waiter if it asked for that. The batons that the transaction has kept for its next
    /// run are in `batons` then.
    #[cold]
    #[track_caller]
    pub(crate) fn end(self, options: &Options, waiting: Waiting, batons: &mut Batons) -> Step<E> {
        let Self { running, result, conflict } = self;
        let cause = match (running.attempt().doom(), &result) {
            (Some(cause), _) => cause,
            (None, Err(TxError::Abort(abort))) => abort.cause,
            (None, Err(TxError::Cancel(_))) => {
                running.roll_back();
                let Err(TxError::Cancel(error)) = result else { unreachable!("it was a cancel a moment ago") };
                return Step::Cancelled(error);
            }
            (None, Ok(_)) => {
                debug_assert!(conflict, "a run that is not doomed and returned a value was to be committed");
                Cause::Conflict
            }
        };
        // The transaction is not over yet.
        running.attempt().keep(batons);
        let step = match cause {
            Cause::Conflict => {
                let wrote = running.attempt().has_written();
                running.roll_back();
                Step::Conflict { wrote }
            }
            Cause::Restart => {
                running.roll_back();
                Step::Again
            }
            // There is no next run that a change could wake. And without a log nobody knows what to wait for: the next run
            // keeps one.
            Cause::Retry if options.irrevocable || !running.attempt().is_logged() => {
                running.roll_back();
                Step::Again
            }
            Cause::Retry => {
                let (registration, awaited) = wait_for_change(running, options, waiting, batons);
                Step::Wait(registration, awaited)
            }
        };
        // The run is over; this is where values that do not count are dropped.
        drop(result);
        step
    }
}

/// Registers the thread or task with everything the run has read, and undoes the run. There is no registration if something
/// has changed already.
#[track_caller]
fn wait_for_change(
    running: Running<'_>,
    options: &Options,
    waiting: Waiting,
    batons: &mut Batons,
) -> (Option<Registration>, Waited) {
    let mut awaited = running.attempt().awaited();
    if awaited.is_empty() {
        running.roll_back();
        let name = options.title();
        panic!(
            "the transaction{name} called `retry` without having read any variable, so nothing could ever wake it; read the \
             variables it waits for before calling `retry` or `check`"
        );
    }
    // SAFETY: as in `attempt`: the run is not over yet.
    if waiting == Waiting::Thread && !running.attempt().is_promoted() && unsafe { is_written_at_once(&awaited) } {
        running.roll_back();
        return (None, Waited::default());
    }
    let who = who(options, Location::caller());
    let line = running.attempt().line().map(|call| Line { call, own: running.attempt().take_lined() });
    let waker = (waiting == Waiting::Thread).then(|| running.waker());
    // In the order in which the body has read them, as far as anybody will read about them.
    let first: Vec<usize> = awaited.iter().take(Waited::SHOWN).map(|(cell, _)| cell.addr()).collect();
    // SAFETY: as in `attempt`: the run is not over yet.
    let registration = unsafe { Registration::arm(waker, who, &mut awaited, line, batons) };
    let waited = if options.is_bounded() { describe(first, awaited.len()) } else { Waited::default() };
    if registration.is_some() {
        // It does not speak for those: another wait, or for other variables.
        running.attempt().owe(batons);
    }
    running.roll_back();
    (registration, waited)
}

/// Describes the first few of so many variables.
fn describe(mut first: Vec<usize>, count: usize) -> Waited {
    let mut seen = Vec::new();
    first.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    Waited { others: count - first.len(), variables: first.into_iter().map(names::describe).collect() }
}

/// Where a transaction stands between two runs of its body.
pub(crate) struct Progress {
    /// How often the body has run.
    number: u32,
    /// How often it has been aborted in a row, since it began or last waited.
    conflicts: u32,
    /// How the next run keeps track of what it reads.
    tracking: Tracking,
    /// The body can not write: nothing that others do makes it run again.
    snapshot: bool,
    /// It has been seen to write.
    writes: bool,
    /// How the last run ended, for a transaction that may give up.
    ending: Ending,
    /// What it owes to those who wait in line behind it. Whoever gives up passes them on.
    pub(crate) batons: Batons,
}

/// What a transaction does before its body runs again.
pub(crate) enum Next {
    /// Nothing.
    Run,
    /// It lets others finish, having been aborted so many times in a row.
    BackOff(u32),
    /// It waits for the token, and runs promoted.
    Promote,
    /// It waits for a change.
    Wait(Registration),
}

impl Progress {
    /// Every so many conflicts a body that has only read is run as a snapshot, which hardly ever conflicts.
    const PATIENCE: u32 = 2;

    /// `number` runs were made, the first with this tracking.
    pub(crate) fn new(number: u32, tracking: Tracking) -> Self {
        let snapshot = tracking != Tracking::Logged;
        let mut progress = Self {
            number,
            conflicts: 0,
            tracking,
            snapshot,
            writes: false,
            ending: Ending::Begun,
            batons: Batons::new(),
        };
        if number > 0 {
            progress.keep_log();
        }
        progress
    }

    /// A snapshot that runs again does so because it waits, and that takes a log.
    fn keep_log(&mut self) {
        self.tracking = if self.snapshot { Tracking::LoggedSnapshot } else { Tracking::Logged };
    }

    /// The number of the run that begins now in `context`, and how it keeps track of what it reads. The batons go with the run.
    pub(crate) fn begin(&mut self, context: &Context) -> (u32, Tracking) {
        if !self.batons.is_empty() {
            context.owe(&mut self.batons);
        }
        self.number = self.number.saturating_add(1);
        let tracking = self.tracking;
        self.keep_log();
        (self.number, tracking)
    }

    /// What follows the run that ended with `step`.
    ///
    /// # Errors
    ///
    /// Returns why the transaction is over without having committed.
    #[track_caller]
    pub(crate) fn after<E>(&mut self, mut step: Step<E>, options: &Options) -> Result<Next, RunError<E>> {
        if let Step::Cancelled(error) = step {
            return Err(RunError::Cancel(error));
        }
        if options.irrevocable && self.number > 0 {
            return match step {
                Step::Conflict { .. } => changed_by_itself(options),
                _ => Err(RunError::RetryInIrrevocable),
            };
        }
        self.take_stock(&mut step);
        if options.max_attempts.is_some_and(|most| self.number >= most) {
            self.report(options, Limit::Attempts);
            return Err(RunError::TooManyAttempts);
        }
        self.in_time(options)?;
        Ok(match step {
            Step::Conflict { .. } => self.after_conflict(options),
            Step::Wait(Some(registration), _) => {
                self.conflicts = 0;
                Next::Wait(registration)
            }
            _ if options.irrevocable => Next::Promote,
            _ => Next::Run,
        })
    }

    fn after_conflict(&mut self, options: &Options) -> Next {
        if self.snapshot && self.conflicts <= Self::PATIENCE {
            // It has met a variable that is younger than its moment; the next moment is later.
            return Next::Run;
        }
        // One that meets such a variable in every run, because it makes it, gets through as an ordinary attempt.
        self.snapshot = false;
        self.keep_log();
        if self.conflicts + 1 >= options.promote_after {
            return Next::Promote;
        }
        if self.conflicts.is_multiple_of(Self::PATIENCE) && !self.writes {
            // If it writes after all, what it has read may have changed by then: from there on it is an ordinary one. And if it
            // can not be a snapshot, because it makes what it reads, it is an ordinary one the next time.
            self.tracking = Tracking::LoggedSnapshot;
            return Next::Run;
        }
        Next::BackOff(self.conflicts)
    }

    /// Remembers how the last run ended.
    fn take_stock<E>(&mut self, step: &mut Step<E>) {
        if let Step::Conflict { wrote } = *step {
            self.conflicts += 1;
            self.writes |= wrote;
        }
        self.ending = match step {
            Step::Conflict { .. } => Ending::Aborted(self.conflicts),
            Step::Wait(_, awaited) => Ending::Waited(std::mem::take(awaited)),
            _ if self.number == 0 => Ending::Begun,
            _ => Ending::Restarted,
        };
    }

    /// Whether the body may run again, or the transaction go on waiting. The first run always takes place.
    ///
    /// # Errors
    ///
    /// Returns an error if the deadline has passed.
    #[track_caller]
    pub(crate) fn in_time<E>(&self, options: &Options) -> Result<(), RunError<E>> {
        if self.number > 0 && options.is_over() { Err(self.time_out(options)) } else { Ok(()) }
    }

    /// The token, once it is the transaction's turn.
    ///
    /// # Errors
    ///
    /// Returns an error if the deadline has passed.
    #[track_caller]
    pub(crate) fn take_turn<E>(&mut self, options: &Options) -> Result<Token, RunError<E>> {
        Token::acquire_until(options.deadline, who(options, Location::caller())).ok_or_else(|| {
            self.ending = Ending::Queued;
            self.time_out(options)
        })
    }

    #[cold]
    #[track_caller]
    fn time_out<E>(&self, options: &Options) -> RunError<E> {
        self.report(options, Limit::Time);
        RunError::TimedOut
    }

    #[cold]
    #[track_caller]
    fn report(&self, options: &Options, gave_out: Limit) {
        let Who { name, site } = who(options, Location::caller());
        report::record(Report { gave_out, name, site, runs: self.number, ending: self.ending.clone() });
    }
}

/// Nobody else commits during an irrevocable run, so this was its own doing.
#[cold]
fn changed_by_itself(options: &Options) -> ! {
    panic!(
        "the irrevocable transaction{} has read a variable and then changed it by a one-shot operation such as `store`, \
         which acts outside of the transaction, so it can not commit, and may not run again; use `write(tx, ..)` and its like",
        options.title()
    );
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;
