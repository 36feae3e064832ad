//! Whoever gives up leaves nothing behind: dropped futures at every poll, timeouts, threads that end by a panic.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Random, elsewhere, quietly, race, scaled, threads, watchdog};
use stm::sync::{Mode, Owner, TBarrier, TMVar, TRwLock, TSemaphore};
use stm::{atomically, snapshot};

use super::{AT_ONCE, Task};

/// Drops futures that `make` makes after each number of polls, up to where `free` lets them go on, and after that.
/// `check` looks whether anything is left.
fn dropped_at_every_poll<F: Future>(make: impl Fn() -> F, block: impl Fn() -> Blocked, check: impl Fn()) {
    for polls in 0..5 {
        for freed in [false, true] {
            let (blocked, mut task) = (block(), Task::new(make()));
            let mut outcome = None;
            for poll in 0..polls {
                if freed && poll + 1 == polls {
                    (blocked.free)();
                }
                if outcome.is_none() {
                    outcome = task.advance();
                }
            }
            // Woken, and not polled again.
            (blocked.free)();
            if polls % 2 == 0 {
                drop(task);
                drop(outcome);
            } else {
                // In the body of a transaction, which is undone.
                let mut gone = Some((task, outcome));
                let undone: Result<(), ()> = stm::try_atomically(|_| {
                    drop(gone.take());
                    stm::cancel(())
                });
                assert_eq!(undone, Err(()));
            }
            drop(blocked);
            check();
        }
    }
}

/// Something is in the way until it is freed.
struct Blocked {
    free: Box<dyn Fn()>,
}

impl Blocked {
    /// Holds a guard, or whatever it is, until it is freed.
    fn by<G: 'static>(guard: G) -> Self {
        let guard = std::cell::RefCell::new(Some(guard));
        Self { free: Box::new(move || drop(guard.take())) }
    }
}

fn is_whole(semaphore: &TSemaphore, permits: u64) {
    assert_eq!(snapshot(|tx| Ok((semaphore.available(tx)?, semaphore.waiting(tx)?))), (permits, 0));
}

fn is_free(lock: &TRwLock<u64>) {
    assert!(elsewhere(|| lock.try_write().is_some()), "{lock:?}");
}

#[test]
fn an_acquisition_that_is_dropped_leaves_no_place_and_no_permit() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(3);
    let take = |n| Blocked::by(semaphore.acquire_blocking(n));
    dropped_at_every_poll(|| semaphore.acquire_async(2), || take(2), || is_whole(&semaphore, 3));
    // Behind another one in line.
    let behind = || {
        let permit = semaphore.acquire_blocking(3);
        Blocked::by((permit, Task::begin(semaphore.acquire_async(1))))
    };
    dropped_at_every_poll(|| semaphore.acquire_async(3), behind, || is_whole(&semaphore, 3));
    dropped_at_every_poll(
        || semaphore.acquire_async(3),
        || Blocked::by(semaphore.line_up()),
        || is_whole(&semaphore, 3),
    );
}

#[test]
fn a_lock_request_that_is_dropped_leaves_nothing() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(0_u64);
    let read = || Blocked::by(pollster::block_on(lock.read_async(Owner::new())));
    let write = || Blocked::by(pollster::block_on(lock.write_async(Owner::new())));
    let upgradable = || Blocked::by(pollster::block_on(lock.upgradable_read_async(Owner::new())));
    dropped_at_every_poll(|| lock.write_async(Owner::new()), read, || is_free(&lock));
    dropped_at_every_poll(|| lock.read_async(Owner::new()), write, || is_free(&lock));
    dropped_at_every_poll(|| lock.upgradable_read_async(Owner::new()), upgradable, || is_free(&lock));
    // A claim: those who come anew get in again.
    let upgrade = || {
        let lock = lock.clone();
        async move {
            let guard = lock.upgradable_read_async(Owner::new()).await;
            guard.upgrade_async().await
        }
    };
    dropped_at_every_poll(upgrade, read, || is_free(&lock));
    let reading = lock.read();
    drop(Task::begin(upgrade()));
    assert!(elsewhere(|| lock.try_read().is_some()), "nobody claims it any more");
    drop(reading);
}

#[test]
fn an_upgrade_that_is_late_keeps_its_guard_and_no_claim() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(0_u64);
    let other = pollster::block_on(lock.read_async(Owner::new()));
    let mine = lock.upgradable_read().upgrade_timeout(AT_ONCE).expect_err("another one reads").into_guard();
    assert!(elsewhere(|| lock.try_read().is_some() && lock.try_upgradable_read().is_none()));
    drop(mine);
    let reading = lock.read();
    drop(reading.upgrade_timeout(AT_ONCE).expect_err("another one reads"));
    drop(other);
    is_free(&lock);
}

#[test]
fn who_is_in_the_middle_of_the_line_leaves_it_whole() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(0);
    for gone in 0..16_u32 {
        let mut tasks: Vec<_> = (0..4).map(|_| Some(Task::begin(semaphore.acquire_async(1)))).collect();
        for (index, task) in tasks.iter_mut().enumerate() {
            if gone & (1 << index) != 0 {
                drop(task.take());
            }
        }
        tasks.push(Some(Task::begin(semaphore.acquire_async(1))));
        let mut left: VecDeque<_> = tasks.into_iter().flatten().collect();
        while let Some(first) = left.pop_front() {
            atomically(|tx| semaphore.release(tx, 1));
            assert!(left.iter_mut().all(|task| task.advance().is_none()), "somebody has got past the first");
            first.finish().forget();
        }
        is_whole(&semaphore, 0);
    }
}

/// All who were in line have left, and nobody has looked at it since: the next does, and what is left is freed, both without
/// recursion.
#[test]
fn a_long_line_is_left_by_all() {
    let _watchdog = watchdog();
    let semaphore = TSemaphore::new(1);
    let mut turns: Vec<_> = (0..scaled(50_000)).map(|_| semaphore.line_up()).collect();
    while let Some(turn) = turns.pop() {
        drop(turn);
    }
    assert_eq!(semaphore.try_acquire_now(1).map(|permit| permit.permits()), Some(1));
    drop(semaphore);
    // Nobody has looked at this one.
    let semaphore = TSemaphore::new(1);
    drop((0..scaled(50_000)).map(|_| semaphore.line_up()).collect::<Vec<_>>());
    drop(semaphore);
    stm::collect();
}

/// Among threads, whatever the moment.
#[test]
fn timeouts_among_threads_leave_nothing() {
    let _watchdog = watchdog();
    let (semaphore, lock, entered) = (TSemaphore::new(2), TRwLock::new(0_u64), AtomicU64::new(0));
    race(threads() + 2, |me| {
        let mut random = Random::new(me as u64);
        for _ in 0..scaled(400) {
            let time = Duration::from_micros(random.draw() % 60);
            match random.below(5) {
                0 => drop(semaphore.acquire_timeout(1 + random.draw() % 3, time)),
                1 => drop(lock.read_timeout(time)),
                2 => drop(lock.upgradable_read_timeout(time).map(|guard| guard.upgrade_timeout(time).map(drop))),
                3 => {
                    if let Ok(mut guard) = lock.write_timeout(time) {
                        guard.update(|n| *n += 1);
                        entered.fetch_add(1, Ordering::SeqCst);
                    }
                }
                _ => {
                    let mut task = Task::new(semaphore.acquire_async(2));
                    for _ in 0..random.below(3) {
                        if task.advance().is_some() {
                            break;
                        }
                    }
                }
            }
        }
    });
    is_whole(&semaphore, 2);
    is_free(&lock);
    assert_eq!(*lock.read(), entered.load(Ordering::SeqCst));
}

/// A panic, in each of which something is held or waited for.
#[test]
fn threads_that_end_by_a_panic_leave_nothing() {
    let _watchdog = watchdog();
    let (semaphore, lock, slot) = (TSemaphore::new(2), TRwLock::new(0_u64), TMVar::new(1_u64));
    let failing: [&(dyn Fn() + Sync); 6] = [
        &|| {
            let _permit = semaphore.acquire_blocking(2);
            panic!("with permits");
        },
        &|| {
            let _turn = semaphore.line_up();
            panic!("in line");
        },
        &|| {
            let _guards = (lock.upgradable_read(), lock.write());
            panic!("with guards");
        },
        &|| {
            lock.write().update(|n| {
                *n = 9;
                panic!("while it writes");
            })
        },
        &|| {
            atomically(|tx| {
                slot.take(tx)?;
                semaphore.acquire(tx, 1)?;
                lock.lock(tx, Owner::thread(), Mode::Write)?;
                panic!("in a body");
            })
        },
        &|| {
            let _waiting = (Task::begin(TBarrier::new(2).wait_async()), semaphore.acquire_blocking(1));
            let _permits = Task::begin(semaphore.acquire_async(2));
            panic!("while a future waits");
        },
    ];
    for fails in failing {
        assert!(elsewhere(|| quietly(fails).is_err()));
        is_whole(&semaphore, 2);
        is_free(&lock);
        assert_eq!((snapshot(|tx| slot.read(tx)), *lock.read()), (1, 0));
    }
}
