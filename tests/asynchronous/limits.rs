//! Deadlines of tasks, and the thread that serves them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Clash, Count, Ends, Runs, poll, watchdog};
#[cfg(target_os = "linux")]
use common::{timer_threads, until_one_timer_thread};
use stm::{RunError, TVar, atomically_async, options, timer};

use super::{on_each_executor, workers};

const SHORT: Duration = Duration::from_millis(30);
const AGES: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_wait_ends_on_every_executor_and_says_for_what_it_was() {
    let _watchdog = watchdog();
    on_each_executor(|| async {
        let (x, start) = (TVar::new(0).named("never written"), Instant::now());
        let line = line!() + 1;
        let outcome = options().name("task").timeout(SHORT).run_async(|tx| tx.check(x.read(tx)? == 1)).await;
        let text = outcome.as_ref().expect_err("it times out").to_string();
        assert!(start.elapsed() >= SHORT, "not before its time");
        for part in ["`task`", "`never written`", "ran once", &format!("{}:{line}:", file!())] {
            assert!(text.contains(part), "{part:?} is missing: {text}");
        }
        assert_eq!(outcome, Err(RunError::TimedOut));
    });
}

/// The time runs from the call.
#[test]
fn a_future_that_is_polled_late_runs_once() {
    let (x, runs) = (TVar::new(0), Runs::default());
    let body = |tx: &stm::Transaction| {
        runs.count();
        x.modify(tx, |n| n + 1)?;
        tx.check(x.read(tx)? < 2)
    };
    let mut first = options().timeout(Duration::ZERO).run_async(body);
    let mut second = options().timeout(Duration::ZERO).run_async(body);
    thread::sleep(SHORT);
    assert_eq!(poll(&mut first, Waker::noop()), Poll::Ready(Ok(())));
    assert_eq!(poll(&mut second, Waker::noop()), Poll::Ready(Err(RunError::TimedOut)));
    assert_eq!((runs.get(), x.load()), (2, 1));
}

#[test]
fn the_waker_of_the_last_poll_is_woken_at_the_deadline() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    // More time, should the deadline have passed before the second poll.
    for timeout in (1..).map(|factor| SHORT * factor) {
        let (old, new) = (Count::new(), Count::new());
        let mut future = options().timeout(timeout).run_async(|tx| tx.check(x.read(tx)? == 1));
        if poll(&mut future, &old.1).is_ready() || poll(&mut future, &new.1).is_ready() {
            continue;
        }
        while new.0.get() == 0 {
            thread::yield_now();
        }
        assert_eq!(old.0.get(), 0);
        assert_eq!(poll(&mut future, &new.1), Poll::Ready(Err(RunError::TimedOut)));
        x.store(0);
        assert_eq!(new.0.get(), 1, "no waiter is left");
        // The clockwork may still have it in its hands.
        while (Arc::strong_count(&old.0), Arc::strong_count(&new.0)) != (2, 2) {
            thread::yield_now();
        }
        break;
    }
}

#[test]
fn a_task_that_is_never_left_alone_times_out() {
    let _watchdog = watchdog();
    let (x, done) = (TVar::new(0_u64), AtomicBool::new(false));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                x.fetch_update(|n| *n += 1);
            }
        });
        let waits = options().timeout(SHORT).run_async(|tx| {
            x.read(tx)?;
            tx.retry::<()>()
        });
        assert_eq!(pollster::block_on(waits), Err(RunError::TimedOut));
        let restarts = options().timeout(SHORT).run_async(|tx| tx.restart::<()>());
        assert_eq!(pollster::block_on(restarts), Err(RunError::TimedOut));
    });
}

#[test]
fn a_task_that_only_conflicts_times_out() {
    let _watchdog = watchdog();
    for at_read in [false, true] {
        let (clash, runs) = (Clash::new(), Runs::default());
        // It is never promoted: the deadline alone ends it.
        let conflicts = options().timeout(SHORT).promote_after(u32::MAX).run_async(|tx| {
            runs.count();
            if at_read { clash.at_read(tx).map(drop) } else { clash.at_commit(tx) }
        });
        assert_eq!(pollster::block_on(conflicts), Err(RunError::TimedOut));
        let report = stm::last_report().expect("it has given up").to_string();
        assert!(report.contains("aborted by others the last"), "{report}");
        assert!(runs.get() > 1, "as long as there is time, it goes on");
    }
}

#[test]
fn attempts_are_bounded_too() {
    let x = TVar::new(0);
    let mut future = options().max_attempts(2).run_async(|tx| tx.check(x.read(tx)? == 9));
    assert!(poll(&mut future, Waker::noop()).is_pending());
    assert!(poll(&mut future, Waker::noop()).is_pending(), "a poll is no attempt");
    x.store(1);
    assert_eq!(poll(&mut future, Waker::noop()), Poll::Ready(Err(RunError::TooManyAttempts)));
}

#[test]
fn a_turn_that_does_not_come_ends() {
    let _watchdog = watchdog();
    let (is_in, go_on, ran) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let _ends = Ends(&go_on);
        scope.spawn(|| {
            options().irrevocable().run(|_| {
                is_in.store(true, Ordering::SeqCst);
                while !go_on.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Ok(())
            })
        });
        while !is_in.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let outcome = pollster::block_on(options().irrevocable().timeout(SHORT).run_async(|_| {
            ran.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
        assert_eq!(outcome, Err(RunError::TimedOut));
    });
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[test]
fn timers_wake_tasks() {
    let _watchdog = watchdog();
    on_each_executor(|| async {
        let (slot, over) = (TVar::new(None::<u32>), timer(SHORT));
        let received = atomically_async(|tx| {
            tx.or_else(
                |tx| match slot.replace(tx, None)? {
                    Some(item) => Ok(Some(item)),
                    None => tx.retry(),
                },
                |tx| over.read(tx).and_then(|over| tx.check(over)).map(|()| None),
            )
        });
        assert_eq!(received.await, None);
    });
}

#[test]
fn thousands_of_deadlines_are_met() {
    let _watchdog = watchdog();
    workers().block_on(async {
        let x = TVar::new(0);
        let tasks: Vec<_> = (0..2_000_u64)
            .map(|number| {
                let x = x.clone();
                let limit = if number % 2 == 0 { Duration::from_micros(number * 10) } else { AGES };
                tokio::spawn(async move {
                    let waits = options().timeout(limit).run_async(|tx| tx.check(x.read(tx)? == 1));
                    assert_eq!(waits.await.is_ok(), number % 2 == 1);
                })
            })
            .collect();
        let (hurried, patient): (Vec<_>, Vec<_>) =
            tasks.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
        for (_, task) in hurried {
            task.await.expect("it times out");
        }
        x.store(1);
        for (_, task) in patient {
            task.await.expect("it is in time");
        }
    });
}

/// A deadline that is far away keeps the thread for the others, so there is no second one.
#[cfg(target_os = "linux")]
#[test]
fn one_thread_serves_the_deadlines_of_all_tasks() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let never = |limit| options().timeout(limit).run_async(|tx| tx.check(x.read(tx)? == 1));
    let mut far = never(AGES);
    assert!(poll(&mut far, Waker::noop()).is_pending());
    until_one_timer_thread();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for millis in 0..20 {
                    let mut near = never(Duration::from_millis(millis % 4));
                    let is_over = poll(&mut near, Waker::noop()).is_ready();
                    assert_eq!(timer_threads(), 1);
                    assert!(is_over || pollster::block_on(near).is_err());
                    assert_eq!(timer_threads(), 1);
                }
            });
        }
    });
}

/// A deadline that is far away keeps the thread, and one that is taken back does not.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_is_there_while_a_task_has_a_deadline() {
    let _watchdog = watchdog();
    let is_there = || timer_threads() > 0;
    let x = TVar::new(0);
    let mut future = options().timeout(AGES).run_async(|tx| tx.check(x.read(tx)? == 1));
    assert!(poll(&mut future, Waker::noop()).is_pending());
    while !is_there() {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(300));
    assert!(is_there());
    drop(future);
    while is_there() {
        thread::sleep(Duration::from_millis(5));
    }
}
