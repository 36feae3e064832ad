//! Timers: variables that become true by themselves.

use std::thread;
use std::time::{Duration, Instant};

use common::{race, scaled, watchdog};
#[cfg(target_os = "linux")]
use common::{timer_threads, until_one_timer_thread};
use stm::{TVar, atomically, options, timer};

use super::{AGES, SHORT};

#[test]
fn a_timer_becomes_true_once_and_not_before_its_time() {
    let _watchdog = watchdog();
    let start = Instant::now();
    let ring = timer(SHORT);
    assert!(ring.wait_until(|ring| *ring));
    assert!(start.elapsed() >= SHORT);
    // From then on it is a variable as any other.
    ring.store(false);
    assert_eq!(options().timeout(SHORT).run(|tx| tx.check(ring.read(tx)?)), Err(stm::RunError::TimedOut));
}

#[test]
fn the_ends_of_the_range() {
    assert!(timer(Duration::ZERO).load());
    assert!(!timer(Duration::MAX).load());
}

#[test]
fn a_timeout_is_a_branch() {
    let _watchdog = watchdog();
    let queue = TVar::new(Vec::<u32>::new());
    let receive = |timeout: Duration| {
        let timeout = timer(timeout);
        atomically(|tx| {
            tx.or_else(
                |tx| match queue.update(tx, Vec::pop)? {
                    Some(item) => Ok(Some(item)),
                    None => tx.retry(),
                },
                |tx| timeout.read(tx).and_then(|over| tx.check(over)).map(|()| None),
            )
        })
    };
    assert_eq!(receive(SHORT), None);
    queue.store(vec![4]);
    assert_eq!(receive(Duration::ZERO), Some(4), "the first branch comes first");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| receive(AGES));
        thread::sleep(SHORT);
        queue.store(vec![5]);
        assert_eq!(waiter.join().expect("it returns"), Some(5));
    });
}

#[test]
fn timers_go_off_in_order_of_time() {
    let _watchdog = watchdog();
    // Made in another order; each waits for the one before.
    let start = Instant::now();
    let times: Vec<_> = [40, 10, 30, 20].map(|ms| (ms, timer(Duration::from_millis(ms)))).into();
    for (ms, ring) in &times {
        ring.wait_until(|ring| *ring);
        assert!(start.elapsed() >= Duration::from_millis(*ms));
    }
}

#[test]
fn a_timer_without_handles_disturbs_nobody() {
    let _watchdog = watchdog();
    for _ in 0..1_000 {
        drop(timer(SHORT));
        drop(timer(AGES));
    }
    timer(SHORT * 2).wait_until(|ring| *ring);
    // A body may be the last to have one; it waits for it no longer then.
    let kept = TVar::new(0);
    let outcome = options().timeout(SHORT).run(|tx| {
        kept.read(tx)?;
        timer(SHORT / 2).read(tx)?;
        tx.retry::<()>()
    });
    assert_eq!(outcome, Err(stm::RunError::TimedOut));
}

#[test]
fn many_timers_of_many_threads_all_go_off() {
    let _watchdog = watchdog();
    let rounds = scaled(200);
    race(4, |me| {
        let timers: Vec<_> =
            (0..rounds).map(|round| timer(Duration::from_micros((round * 37 + me) as u64 % 5_000))).collect();
        for ring in &timers {
            ring.wait_until(|ring| *ring);
        }
    });
}

/// The thread that serves all timers does not end while one is pending, so there is no other.
#[cfg(target_os = "linux")]
#[test]
fn one_thread_serves_all_timers() {
    let _watchdog = watchdog();
    let far = timer(AGES);
    until_one_timer_thread();
    race(4, |me| {
        for round in 0..scaled(20) {
            let timers: Vec<_> = [1, 0, 2].map(|ms| timer(Duration::from_millis(ms + me as u64))).into();
            let waits = TVar::new(round);
            let outcome = options().timeout(Duration::from_millis(1)).run(|tx| tx.check(waits.read(tx)? > round));
            assert_eq!(outcome, Err(stm::RunError::TimedOut));
            assert_eq!(timer_threads(), 1);
            for ring in &timers {
                ring.wait_until(|ring| *ring);
                assert_eq!(timer_threads(), 1);
            }
        }
    });
    drop(far);
}

#[cfg(target_os = "linux")]
#[test]
fn the_thread_serves_whoever_comes_and_goes_when_there_is_nothing_to_do() {
    let _watchdog = watchdog();
    let is_there = || timer_threads() > 0;
    for _ in 0..2 {
        let far = timer(AGES);
        // By now the thread sleeps until then.
        thread::sleep(Duration::from_millis(300));
        timer(SHORT).wait_until(|ring| *ring);
        thread::sleep(Duration::from_millis(300));
        assert!(is_there());
        // Timers of other tests may keep it for a while, and those that have no handle any more do not.
        drop(far);
        while is_there() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
