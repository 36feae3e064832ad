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
use crate::wait::{Batons, Registration, Who};
use crate::waited::Waited;

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

/// Runs the body once and commits it: the only place where that is done.
#[inline(always)]
#[track_caller]
pub(crate) fn attempt<'c, T, E>(
    context: &'c Context,
    number: u32,
    token: Option<Token>,
    deadline: Option<Instant>,
    tracking: Tracking,
    body: &mut impl FnMut(&Attempt) -> TxResult<T, E>,
) -> Result<T, Unfinished<'c, T, E>> {
    let running = context.begin(number, token, deadline, tracking);
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
    let who = Who { name: options.name, site: options.site.unwrap_or(Location::caller()) };
    let line = running.attempt().line();
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
    /// After how many conflicts a body that has only read is run as a snapshot, which does not conflict.
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
        if self.conflicts + 1 >= options.promote_after {
            return Next::Promote;
        }
        if self.conflicts >= Self::PATIENCE && !self.writes {
            // If it writes after all, what it has read may have changed by then: from there on it is an ordinary one.
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
        Token::acquire_until(options.deadline).ok_or_else(|| {
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
        report::record(Report {
            gave_out,
            name: options.name,
            site: options.site.unwrap_or(Location::caller()),
            runs: self.number,
            ending: self.ending.clone(),
        });
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
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::cell::RawCell;
    use crate::clock::Version;
    use crate::clock::tests::alone;
    use crate::context::Lease;
    use crate::wait::WakeList;
    use crate::word::VersionedLock;
    use crate::{TVar, atomically, last_report, options, snapshot, try_atomically};

    type Outcome = Result<Next, RunError<()>>;

    fn conflict(wrote: bool) -> Step<()> {
        Step::Conflict { wrote }
    }

    fn text(outcome: &Outcome) -> String {
        match outcome {
            Ok(Next::Run) => "run".to_owned(),
            Ok(Next::BackOff(conflicts)) => format!("back off {conflicts}"),
            Ok(Next::Promote) => "promote".to_owned(),
            Ok(Next::Wait(_)) => "wait".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    /// What follows each of these conflicts of a transaction whose first run is over.
    fn after_conflicts(options: &Options, tracking: Tracking, wrote: &[bool]) -> (Vec<String>, Tracking) {
        let mut progress = Progress::new(1, tracking);
        let next = wrote.iter().map(|wrote| text(&progress.after(conflict(*wrote), options))).collect();
        (next, progress.tracking)
    }

    /// A wait for a cell that is alive as long as the test is.
    fn registration(cell: &RawCell) -> Registration {
        let mut awaited = vec![(ptr::from_ref(cell), VersionedLock::FREE)];
        let who = Who { name: None, site: Location::caller() };
        // SAFETY: the cell is borrowed.
        unsafe { Registration::arm(None, who, &mut awaited, None, &mut Batons::new()) }.expect("nothing has changed")
    }

    #[test]
    fn who_writes_backs_off_more_and_more_and_is_promoted_in_the_end() {
        let (next, tracking) = after_conflicts(&options().promote_after(5), Tracking::Logged, &[true; 5]);
        assert_eq!(next, ["back off 1", "back off 2", "back off 3", "promote", "promote"]);
        assert_eq!(tracking, Tracking::Logged);
        let (next, _) = after_conflicts(&options().promote_after(2), Tracking::Logged, &[true]);
        assert_eq!(next, ["promote"]);
        // It has been seen to write once.
        let (next, _) = after_conflicts(&options(), Tracking::Logged, &[true, false, false]);
        assert_eq!(next, ["back off 1", "back off 2", "back off 3"]);
    }

    #[test]
    fn who_has_only_read_goes_on_as_a_snapshot_with_a_log() {
        let (next, tracking) = after_conflicts(&options(), Tracking::Logged, &[false, false, false]);
        assert_eq!(
            (next, tracking),
            (["back off 1", "run", "run"].map(str::to_owned).into(), Tracking::LoggedSnapshot)
        );
        let (next, tracking) = after_conflicts(&options(), Tracking::Logged, &[false]);
        assert_eq!((next, tracking), (vec!["back off 1".to_owned()], Tracking::Logged));
        // Only for the next run.
        let context = Lease::new();
        let mut progress = Progress::new(1, Tracking::Logged);
        for _ in 0..2 {
            let _next = progress.after(conflict(false), &options());
        }
        let runs = [(); 2].map(|()| progress.begin(&context));
        assert_eq!(runs, [(2, Tracking::LoggedSnapshot), (3, Tracking::Logged)]);
    }

    #[test]
    fn a_snapshot_runs_again_at_once() {
        let (next, tracking) = after_conflicts(&options().promote_after(2), Tracking::Snapshot, &[false; 9]);
        assert_eq!((next, tracking), (vec!["run".to_owned(); 9], Tracking::LoggedSnapshot));
    }

    #[test]
    fn runs_are_numbered_and_those_of_a_snapshot_after_the_first_keep_a_log() {
        let context = Lease::new();
        let first_three = |number, tracking| {
            let mut progress = Progress::new(number, tracking);
            [(); 3].map(|()| progress.begin(&context))
        };
        let (logged, frozen, both) = (Tracking::Logged, Tracking::Snapshot, Tracking::LoggedSnapshot);
        assert_eq!(first_three(0, logged), [(1, logged), (2, logged), (3, logged)]);
        assert_eq!(first_three(0, frozen), [(1, frozen), (2, both), (3, both)]);
        assert_eq!(first_three(1, frozen), [(2, both), (3, both), (4, both)]);
        assert_eq!(first_three(u32::MAX, logged), [(u32::MAX, logged); 3]);
    }

    #[test]
    fn batons_go_with_the_run() {
        let cell = RawCell::new(VersionedLock::FREE, ptr::null_mut());
        let mut awaited = vec![(&raw const cell, VersionedLock::FREE)];
        let (site, context) = (Location::caller(), Lease::new());
        let who = Who { name: None, site };
        // SAFETY: the cell is borrowed.
        let registration = unsafe { Registration::arm(None, who, &mut awaited, Some(site), &mut Batons::new()) };
        cell.lock.publish(Version::from_raw(1));
        WakeList::new().add(&cell);
        let mut progress = Progress::new(1, Tracking::Logged);
        progress.batons = registration.expect("nothing had changed").end();
        assert!(!progress.batons.is_empty());
        progress.begin(&context);
        assert!(progress.batons.is_empty(), "whoever is next in line is woken as soon as the run is over");
        let running = context.begin(2, None, None, Tracking::Logged);
        running.attempt().keep(&mut progress.batons);
        running.roll_back();
        assert!(!progress.batons.is_empty());
    }

    #[test]
    fn a_wait_ends_the_row_of_conflicts() {
        let cell = RawCell::new(VersionedLock::FREE, ptr::null_mut());
        let mut progress = Progress::new(1, Tracking::Logged);
        let mut after = |step| text(&progress.after(step, &options().promote_after(4)));
        assert_eq!([true, true].map(|wrote| after(conflict(wrote))), ["back off 1", "back off 2"]);
        assert_eq!(after(Step::Wait(None, Waited::default())), "run", "something has changed already");
        assert_eq!(after(Step::Wait(Some(registration(&cell)), Waited::default())), "wait");
        assert_eq!([(); 3].map(|()| after(conflict(true))), ["back off 1", "back off 2", "promote"]);
        assert_eq!(after(Step::Again), "run");
        assert_eq!(after(Step::Cancelled(())), "Cancel(())");
    }

    #[test]
    fn a_report_says_how_the_last_run_ended() {
        let waited = Waited { variables: vec![], others: 3 };
        let ends: [(u32, Step<()>, Ending); 6] = [
            (0, Step::Again, Ending::Begun),
            (1, Step::Again, Ending::Restarted),
            (1, Step::Cancelled(()), Ending::Restarted),
            (2, conflict(true), Ending::Aborted(1)),
            (0, conflict(false), Ending::Aborted(1)),
            (1, Step::Wait(None, waited.clone()), Ending::Waited(waited)),
        ];
        for (number, mut step, ending) in ends {
            let mut progress = Progress::new(number, Tracking::Logged);
            progress.take_stock(&mut step);
            assert_eq!(progress.ending, ending);
        }
        let mut progress = Progress::new(1, Tracking::Logged);
        [true, false].into_iter().for_each(|wrote| progress.take_stock(&mut conflict(wrote)));
        assert_eq!((progress.ending, progress.writes), (Ending::Aborted(2), true));
    }

    /// The limit, and how many runs there were.
    fn last() -> (Limit, Option<&'static str>, u32, Ending) {
        let report = last_report().expect("one has given up");
        (report.gave_out, report.name, report.runs, report.ending)
    }

    #[test]
    fn the_body_runs_no_more_often_than_it_may() {
        let options = options().name("few").max_attempts(3);
        for (number, next) in [(1, "run"), (2, "run"), (3, "TooManyAttempts"), (4, "TooManyAttempts")] {
            let mut progress = Progress::new(number, Tracking::Logged);
            assert_eq!(text(&progress.after(Step::<()>::Again, &options)), next);
        }
        assert_eq!(last(), (Limit::Attempts, Some("few"), 4, Ending::Restarted));
    }

    #[test]
    fn nothing_is_begun_after_the_deadline_but_the_first_run() {
        let (late, early) =
            (options().deadline(Instant::now()), options().timeout(Duration::from_secs(1000)).starting());
        for (number, options, next) in
            [(0, &late, "run"), (1, &late, "TimedOut"), (1, &early, "run"), (2, &options(), "run")]
        {
            let mut progress = Progress::new(number, Tracking::Logged);
            assert_eq!(text(&progress.after(Step::<()>::Again, options)), next);
        }
        assert_eq!(last(), (Limit::Time, None, 1, Ending::Restarted));
    }

    #[test]
    fn who_is_not_promoted_in_time_gives_up() {
        let _alone = alone();
        let token = Token::acquire();
        let report = thread::scope(|scope| {
            let elsewhere = scope.spawn(|| {
                let mut progress = Progress::new(1, Tracking::Logged);
                assert!(progress.take_turn::<()>(&options().deadline(Instant::now())).is_err());
                last()
            });
            elsewhere.join().expect("it gives up")
        });
        assert_eq!(report, (Limit::Time, None, 1, Ending::Queued));
        drop(token);
        assert!(Progress::new(1, Tracking::Logged).take_turn::<()>(&options()).is_ok());
    }

    #[test]
    fn what_is_irrevocable_is_promoted_first_and_does_not_run_again() {
        let options = options().irrevocable();
        let after = |number, step| text(&Progress::new(number, Tracking::Logged).after(step, &options));
        assert_eq!(after(0, Step::Again), "promote");
        assert_eq!(after(1, Step::Again), "RetryInIrrevocable");
        assert_eq!(after(1, Step::Wait(None, Waited::default())), "RetryInIrrevocable");
        assert_eq!(after(1, Step::Cancelled(())), "Cancel(())");
        let panic = catch_unwind(AssertUnwindSafe(|| after(1, conflict(true)))).expect_err("it may not run again");
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("one-shot operation")));
    }

    #[test]
    fn each_variable_is_described_once() {
        let described = describe(vec![16, 32, 16, 48, 32], 9);
        assert_eq!((described.variables.len(), described.others), (3, 6));
    }

    /// Steps as runs come to them.
    #[test]
    fn a_run_ends_as_its_body_says() {
        let (x, y, runs) = (TVar::new(1), TVar::new(1), Cell::new(0));
        let outcome = try_atomically(|tx| {
            x.write(tx, 2)?;
            crate::cancel::<(), _>("enough")
        });
        assert_eq!((outcome, x.load()), (Err("enough"), 1));
        // In conflict at its commit, and then within its body.
        for is_found_early in [false, true] {
            runs.set(0);
            let seen = atomically(|tx| {
                let before = x.read(tx)?;
                runs.set(runs.get() + 1);
                if runs.get() == 1 {
                    x.store(10);
                    y.store(10);
                }
                let second = if is_found_early { y.read(tx)? } else { 10 };
                y.write(tx, 3)?;
                Ok((before, second))
            });
            assert_eq!((seen, runs.get(), y.load()), ((10, 10), 2, 3));
            x.store(1);
        }
        // It asks to run again; it asks that of an abort that it has caught.
        for is_caught in [false, true] {
            runs.set(0);
            let outcome = atomically(|tx| {
                runs.set(runs.get() + 1);
                x.write(tx, runs.get())?;
                match runs.get() {
                    1 if is_caught => Ok(tx.restart::<()>().is_err()),
                    1 => tx.restart(),
                    _ => Ok(false),
                }
            });
            assert_eq!((outcome, runs.get(), x.load()), (false, 2, 2));
        }
    }

    #[test]
    fn a_run_that_waits_is_woken_by_a_change() {
        let (x, runs) = (TVar::new(0), Cell::new(0));
        let (watcher, is_over) = (x.clone(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !crate::debug::waiting().waiters().iter().any(|waiter| waiter.name() == Some("step")) {
                    thread::yield_now();
                }
                // It sleeps by now, rather than spin.
                thread::sleep(Duration::from_millis(20));
                x.store(5);
                // The end of a scoped thread would wake the other, too.
                while !is_over.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            });
            let run = options().name("step").run(|tx| {
                runs.set(runs.get() + 1);
                match watcher.read(tx)? {
                    0 => tx.retry(),
                    n => Ok(n),
                }
            });
            is_over.store(true, Ordering::Relaxed);
            assert_eq!((run.ok(), runs.get()), (Some(5), 2));
        });
        // A snapshot needs a log for that, and so one run more.
        let outcome = options().max_attempts(1).run(|tx| tx.check(x.read(tx)? == 6));
        assert!(outcome.is_err());
        let Ending::Waited(waited) = last().3 else { panic!("it has waited") };
        assert_eq!((waited.variables.len(), waited.others), (1, 0));
        runs.set(0);
        let seen = snapshot(|tx| {
            runs.set(runs.get() + 1);
            if runs.get() == 2 {
                x.store(7);
            }
            let seen = x.read(tx)?;
            if runs.get() < 3 { tx.retry() } else { Ok(seen) }
        });
        assert_eq!((seen, runs.get()), (7, 3));
        // A run that has changed what it waits for goes on at once.
        runs.set(0);
        atomically(|tx| {
            let seen = x.read(tx)?;
            runs.set(runs.get() + 1);
            if runs.get() == 1 {
                x.store(seen + 1);
                return tx.retry();
            }
            Ok(())
        });
        assert_eq!(runs.get(), 2);
    }

    #[test]
    fn who_has_read_nothing_can_not_wait() {
        let panic = catch_unwind(|| atomically(|tx| tx.retry::<()>())).expect_err("nothing could wake it");
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("without having read")));
        let outcome = options().irrevocable().run(|tx| tx.retry::<()>());
        assert!(matches!(outcome, Err(RunError::RetryInIrrevocable)));
    }
}
