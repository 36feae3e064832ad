//! Semaphores among threads: permits are never used twice, nobody who queues is overtaken, and transactions do not get past
//! those who queue.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::{Ends, Random, expect_panic, race, scaled, threads, watchdog};
use stm::sync::{Permit, TSemaphore};
use stm::{TVar, atomically, snapshot};

use super::{AT_ONCE, Task, until};

fn available(semaphore: &TSemaphore) -> u64 {
    snapshot(|tx| semaphore.available(tx))
}

fn waiting(semaphore: &TSemaphore) -> usize {
    snapshot(|tx| semaphore.waiting(tx))
}

#[test]
fn permits_are_never_used_twice() {
    let _watchdog = watchdog();
    const PERMITS: u64 = 5;
    let (semaphore, used) = (TSemaphore::new(PERMITS), AtomicU64::new(0));
    race(threads(), |me| {
        let mut random = Random::new(me as u64);
        for _ in 0..scaled(2_000) {
            let n = random.draw() % (PERMITS + 1);
            let permit = match random.below(5) {
                0 => semaphore.try_acquire_now(n),
                1 => semaphore.acquire_timeout(n, AT_ONCE).ok(),
                2 => Some(pollster::block_on(semaphore.acquire_async(n))),
                3 => {
                    atomically(|tx| semaphore.acquire(tx, n));
                    assert!(used.fetch_add(n, Ordering::SeqCst) + n <= PERMITS);
                    used.fetch_sub(n, Ordering::SeqCst);
                    atomically(|tx| semaphore.release(tx, n));
                    continue;
                }
                _ => Some(semaphore.acquire_blocking(n)),
            };
            if let Some(permit) = permit {
                assert_eq!(permit.permits(), n);
                assert!(used.fetch_add(n, Ordering::SeqCst) + n <= PERMITS);
                used.fetch_sub(n, Ordering::SeqCst);
            }
        }
    });
    assert_eq!((available(&semaphore), waiting(&semaphore)), (PERMITS, 0));
}

/// Small requests hold on to a permit until they have the next, as long as they can, so there are never as many left as the
/// big one wants, unless they have to queue behind it. What may still be counted while it waits are those who queued before
/// it, and those who had their permit by then.
#[test]
fn a_big_request_is_overtaken_by_nobody_who_comes_later() {
    let _watchdog = watchdog();
    const PERMITS: u64 = 4;
    const SMALL: u64 = 3;
    const ENOUGH: u64 = 1_000;
    let (semaphore, done, granted) = (TSemaphore::new(PERMITS), AtomicBool::new(false), AtomicU64::new(0));
    let most = thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 0..SMALL {
            scope.spawn(|| {
                let mut held: Option<Permit> = None;
                while !done.load(Ordering::SeqCst) {
                    if granted.load(Ordering::SeqCst) > ENOUGH {
                        // The test has failed; let it find out.
                        drop(held.take());
                        thread::yield_now();
                        continue;
                    }
                    let next = semaphore.try_acquire_now(1);
                    if next.is_none() {
                        drop(held.take());
                    }
                    held = Some(next.unwrap_or_else(|| semaphore.acquire_blocking(1)));
                    granted.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        (0..scaled(200))
            .map(|_| {
                granted.store(0, Ordering::SeqCst);
                until(|| granted.load(Ordering::SeqCst) > 5);
                let turn = semaphore.line_up();
                let before = granted.load(Ordering::SeqCst);
                atomically(|tx| turn.acquire(tx, PERMITS));
                let overtaking = granted.load(Ordering::SeqCst) - before;
                atomically(|tx| semaphore.release(tx, PERMITS));
                overtaking
            })
            .max()
    });
    assert!(most <= Some(2 * SMALL), "{most:?} small requests were met meanwhile");
    assert_eq!((available(&semaphore), waiting(&semaphore)), (PERMITS, 0));
}

#[test]
fn those_in_line_are_served_in_order() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(0);
    let sizes = [3, 1, 2, 5, 1, 1];
    let mut tasks: Vec<_> = sizes.iter().map(|n| Task::begin(semaphore.acquire_async(*n))).collect();
    assert_eq!(waiting(&semaphore), sizes.len());
    let mut sum = 0;
    for (index, size) in sizes.into_iter().enumerate() {
        // One by one; nobody is served before all of what the first wants is there.
        for _ in 0..size {
            assert!(tasks.iter_mut().all(|task| task.advance().is_none()));
            atomically(|tx| semaphore.release(tx, 1));
        }
        // Those behind are not even woken.
        let woken: Vec<_> = tasks.iter().map(Task::wakes).collect();
        let permit = tasks.remove(0).finish();
        assert_eq!(permit.permits(), size);
        assert!(woken.iter().skip(1).all(|wakes| *wakes == 0), "{woken:?} at {index}");
        sum += size;
        permit.forget();
        assert_eq!(available(&semaphore), 0);
    }
    assert_eq!((sum, waiting(&semaphore)), (13, 0));
}

#[test]
fn transactions_do_not_get_past_those_in_line() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(2);
    let mut big = Task::begin(semaphore.acquire_async(3));
    assert!(!atomically(|tx| semaphore.try_acquire(tx, 1)));
    assert!(semaphore.try_acquire_now(1).is_none());
    assert!(semaphore.acquire_timeout(1, AT_ONCE).is_err());
    let outcome = stm::options().timeout(AT_ONCE).run(|tx| semaphore.acquire(tx, 1));
    assert_eq!(outcome, Err(stm::RunError::TimedOut));
    // One who wants nothing waits for nobody.
    atomically(|tx| semaphore.acquire(tx, 0));
    assert!(semaphore.try_acquire_now(0).is_some());
    assert!(big.advance().is_none());
    // As soon as the line is empty they do, and are woken by that.
    let mut small = Task::begin(stm::atomically_async(|tx| semaphore.acquire(tx, 1)));
    drop(big);
    small.advance().expect("nobody is in line");
    drop(small);
    assert_eq!(available(&semaphore), 1);
}

#[test]
fn a_transaction_with_a_turn_is_served_in_turn() {
    let _watchdog = watchdog();
    let (semaphore, log) = (TSemaphore::new(1), TVar::new(0));
    let first = semaphore.line_up();
    let mut second = Task::begin(semaphore.acquire_async(1));
    let third = semaphore.line_up();
    assert!(atomically(|tx| Ok(first.has_come(tx)? && !third.has_come(tx)?)));
    // Undone, it has not used the turn.
    let cancelled: Result<(), u32> = stm::try_atomically(|tx| {
        first.acquire(tx, 1)?;
        stm::cancel(1)
    });
    assert_eq!(cancelled, Err(1));
    assert!(second.advance().is_none());
    atomically(|tx| {
        first.acquire(tx, 1)?;
        log.write(tx, 1)
    });
    atomically(|tx| semaphore.release(tx, 1));
    let permit = second.finish();
    assert!(!atomically(|tx| tx.or_else(|tx| third.acquire(tx, 1).map(|()| true), |_| Ok(false))));
    drop(permit);
    atomically(|tx| third.acquire(tx, 1));
    assert_eq!((available(&semaphore), log.load(), waiting(&semaphore)), (0, 1, 0));
    // Used, they are in no one's way.
    atomically(|tx| semaphore.release(tx, 2));
    atomically(|tx| first.acquire(tx, 1));
    assert!(semaphore.try_acquire_now(1).is_some());
}

#[test]
fn a_request_for_more_than_there_are_waits_until_some_are_added() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(1);
    thread::scope(|scope| {
        let big = scope.spawn(|| semaphore.acquire_blocking(100));
        until(|| waiting(&semaphore) == 1);
        atomically(|tx| semaphore.release(tx, 99));
        assert_eq!(big.join().expect("it returns").permits(), 100);
    });
    assert_eq!(available(&semaphore), 100);
}

#[test]
fn there_are_never_more_permits_than_can_be_counted() {
    let semaphore = TSemaphore::new(u64::MAX - 1);
    let panic = expect_panic(|| atomically(|tx| semaphore.release(tx, 2)));
    assert!(panic.message.contains("u64::MAX"), "{}", panic.message);
    assert_eq!(available(&semaphore), u64::MAX - 1);
    let permit = semaphore.acquire_blocking(5);
    atomically(|tx| semaphore.release(tx, 5));
    drop(permit);
    assert_eq!(available(&semaphore), u64::MAX);
}

/// Each round wakes somebody; one lost wake-up, and it never ends.
#[test]
fn no_wake_up_is_lost() {
    let _watchdog = watchdog();
    let (here, there) = (TSemaphore::new(0), TSemaphore::new(0));
    let rounds = scaled(3_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                here.acquire_blocking(2).forget();
                atomically(|tx| there.release(tx, 1));
            }
        });
        for round in 0..rounds {
            atomically(|tx| here.release(tx, 1));
            atomically(|tx| here.release(tx, 1));
            if round % 2 == 0 {
                there.acquire_blocking(1).forget();
            } else {
                atomically(|tx| there.acquire(tx, 1));
            }
        }
    });
    assert_eq!((available(&here), available(&there)), (0, 0));
}

#[test]
fn permits_may_be_dropped_anywhere() {
    let semaphore = TSemaphore::new(3);
    let mut permit = Some(semaphore.acquire_blocking(2));
    let outcome: Result<(), ()> = stm::try_atomically(|_| {
        drop(permit.take());
        stm::cancel(())
    });
    assert_eq!((outcome, available(&semaphore)), (Err(()), 3));
    assert_eq!(format!("{semaphore:?}"), "TSemaphore { available: 3, .. }");
}

/// However many come and go behind one who stays in front: those who have left are not looked at for ever.
#[test]
fn those_who_have_left_are_forgotten() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(0);
    let first = semaphore.line_up();
    // There are always a few in line, and it is the one who came first of those that leaves.
    let mut line: std::collections::VecDeque<_> = (0..3).map(|_| semaphore.line_up()).collect();
    for _ in 0..1_000 {
        line.push_back(semaphore.line_up());
        line.pop_front();
    }
    let second = line.pop_front().expect("three are in line");
    drop(line);
    let (name, mut count) = ("second in a line of many", 0);
    thread::scope(|scope| {
        scope.spawn(|| stm::options().name(name).run(|tx| second.acquire(tx, 1)));
        let variables = || {
            let waiting = stm::debug::waiting();
            waiting.waiters().iter().find(|waiter| waiter.name() == Some(name)).map(|waiter| waiter.variables().len())
        };
        until(|| variables().is_some());
        count = variables().unwrap_or_default();
        atomically(|tx| semaphore.release(tx, 1));
        drop(first);
    });
    assert!(count < 10, "{count} variables for one who is second");
    assert_eq!((available(&semaphore), waiting(&semaphore)), (0, 0));
}
