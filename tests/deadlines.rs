//! Deadlines: they end every wait and every row of conflicts, and nothing that is under way. Timers: variables that change
//! by themselves.

#[path = "deadlines/reports.rs"]
mod reports;
#[path = "deadlines/timers.rs"]
mod timers;
#[path = "deadlines/turns.rs"]
mod turns;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Clash, Ends, Runs, runs_until, watchdog};
use stm::{Options, RunError, TVar, cancel, options};

const SHORT: Duration = Duration::from_millis(30);
const AGES: Duration = Duration::from_secs(24 * 3600);

/// Runs a body that waits for ever, and checks that it timed out, no earlier than after `SHORT`.
#[track_caller]
fn assert_short(options: Options, start: Instant) {
    let (x, runs) = (TVar::new(1), Runs::default());
    let outcome = options.run(|tx| {
        runs.count();
        tx.check(x.read(tx)? == 1)?;
        x.write(tx, 2)?;
        tx.retry::<()>()
    });
    assert_eq!(outcome, Err(RunError::TimedOut));
    assert!(start.elapsed() >= SHORT, "not before its time");
    assert_eq!((x.load(), runs.get()), (1, 1), "what it wrote is undone, and it did not run again");
}

#[test]
fn a_wait_ends_when_the_earlier_limit_has_passed() {
    let _watchdog = watchdog();
    let now = Instant::now;
    for build in [
        |start: Instant| options().timeout(SHORT).deadline(start + AGES),
        |start| options().deadline(start + SHORT),
        |start| options().deadline(start + SHORT).timeout(AGES),
        |start| options().deadline(start + AGES).deadline(start + SHORT),
        |_| options().timeout(AGES).timeout(SHORT),
        |_| options().timeout(SHORT).timeout(Duration::MAX),
    ] {
        let start = now();
        assert_short(build(start), start);
    }
    // A timeout counts from the call of `run`, each time.
    let described = options().timeout(SHORT);
    thread::sleep(SHORT);
    for _ in 0..2 {
        assert_short(described.clone(), now());
    }
}

/// Waits for a variable that nobody writes.
fn never(tx: &stm::Transaction) -> stm::StmResult<()> {
    let nothing = TVar::new(0);
    nothing.read(tx)?;
    tx.retry()
}

#[test]
fn the_first_run_always_takes_place() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let past = Instant::now();
    for options in
        [options().timeout(Duration::ZERO), options().deadline(past), options().timeout(SHORT).deadline(past)]
    {
        x.store(0);
        assert_eq!(options.clone().run(|tx| x.replace(tx, 5)), Ok(0));
        assert_eq!(x.load(), 5);
        let runs = Cell::new(0);
        let outcome = options.clone().run(|tx| {
            runs.set(runs.get() + 1);
            x.write(tx, 6)?;
            never(tx)
        });
        assert_eq!((outcome, runs.get(), x.load()), (Err(RunError::TimedOut), 1, 5));
        let outcome: Result<(), _> = options.clone().try_run(|_| cancel("no"));
        assert_eq!(outcome, Err(RunError::Cancel("no")));
        // Nobody is in its way.
        assert_eq!(options.irrevocable().run(|tx| x.replace(tx, 7)), Ok(5));
    }
}

#[test]
fn a_run_that_ends_late_still_commits() {
    let x = TVar::new(String::new());
    let deadline = Instant::now() + SHORT;
    let outcome = options().deadline(deadline).run(|tx| {
        while Instant::now() < deadline {
            thread::yield_now();
        }
        x.write(tx, String::from("late"))
    });
    assert_eq!((outcome, x.load().as_str()), (Ok(()), "late"));
}

#[test]
fn a_timeout_that_the_clock_can_not_express_is_none() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let wait = |runs: &Runs| {
        options().timeout(Duration::MAX).run(|tx| {
            runs.count();
            tx.check(x.read(tx)? == 1)
        })
    };
    assert_eq!(runs_until(wait, |_| x.store(1)), (Ok(()), 2));
}

#[test]
fn a_body_that_only_conflicts_ends() {
    let _watchdog = watchdog();
    for at_read in [false, true] {
        let (clash, runs) = (Clash::new(), Cell::new(0));
        let conflict = |tx: &stm::Transaction| {
            runs.set(runs.get() + 1);
            if at_read { clash.at_read(tx).map(drop) } else { clash.at_commit(tx) }
        };
        // It is never promoted: the deadline alone ends it.
        let outcome = options().timeout(SHORT).promote_after(u32::MAX).run(|tx| conflict(tx));
        assert_eq!(outcome, Err(RunError::TimedOut));
        // And as long as there is time, it goes on.
        runs.set(0);
        let outcome = options()
            .timeout(AGES)
            .promote_after(u32::MAX)
            .run(|tx| if runs.get() < 20 { conflict(tx) } else { Ok(()) });
        assert_eq!((outcome, runs.get()), (Ok(()), 20));
    }
}

#[test]
fn a_body_that_restarts_for_ever_ends() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let outcome = options().timeout(SHORT).run(|tx| {
        x.write(tx, 1)?;
        tx.restart::<()>()
    });
    assert_eq!((outcome, x.load()), (Err(RunError::TimedOut), 0));
}

#[test]
fn being_woken_again_and_again_ends() {
    let _watchdog = watchdog();
    let (x, done, runs) = (TVar::new(0_u64), AtomicBool::new(false), Runs::default());
    thread::scope(|scope| {
        let _ends = Ends(&done);
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                x.fetch_update(|n| *n += 1);
            }
        });
        let outcome = options().timeout(SHORT).run(|tx| {
            runs.count();
            x.read(tx)?;
            tx.retry::<()>()
        });
        assert_eq!(outcome, Err(RunError::TimedOut));
    });
}

#[test]
fn a_wait_that_is_answered_in_time_goes_on() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let wait = |runs: &Runs| {
        options().timeout(AGES).run(|tx| {
            runs.count();
            let seen = x.read(tx)?;
            tx.check(seen > 1)?;
            Ok(seen)
        })
    };
    let wake = |runs: &Runs| {
        x.store(1);
        runs.let_it_sleep(2);
        x.store(2);
    };
    assert_eq!(runs_until(wait, wake), (Ok(2), 3));
}

#[test]
fn attempts_and_time_are_bounded_together() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let bounded = options().max_attempts(1).timeout(AGES);
    assert_eq!(bounded.run(|tx| tx.check(x.read(tx)? == 1)), Err(RunError::TooManyAttempts));
    let bounded = options().max_attempts(2).timeout(SHORT);
    assert_eq!(bounded.run(|tx| tx.check(x.read(tx)? == 1)), Err(RunError::TimedOut));
}
