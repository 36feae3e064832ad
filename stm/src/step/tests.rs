//! What follows a run.

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
    let (next, tracking) = after_conflicts(&options(), Tracking::Logged, &[false; 4]);
    let expected = ["back off 1", "run", "back off 3", "run"].map(str::to_owned);
    assert_eq!((next, tracking), (expected.into(), Tracking::LoggedSnapshot));
    let (_, tracking) = after_conflicts(&options(), Tracking::Logged, &[false; 3]);
    assert_eq!(tracking, Tracking::Logged, "it may make what it reads");
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
fn a_snapshot_runs_again_at_once_and_as_an_ordinary_one_in_the_end() {
    let (next, tracking) = after_conflicts(&options().promote_after(5), Tracking::Snapshot, &[false; 5]);
    assert_eq!(
        (next, tracking),
        (["run", "run", "back off 3", "promote", "promote"].map(str::to_owned).into(), Tracking::Logged)
    );
    let (next, _) = after_conflicts(&options().promote_after(2), Tracking::Snapshot, &[false; 3]);
    assert_eq!(next, ["run", "run", "promote"]);
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
    let registration = unsafe { Registration::arm(None, who, &mut awaited, Some(site.into()), &mut Batons::new()) };
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
    let (late, early) = (options().deadline(Instant::now()), options().timeout(Duration::from_secs(1000)).starting());
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
