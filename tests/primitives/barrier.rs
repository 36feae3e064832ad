//! Barriers and latches among threads and tasks.

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{race, scaled, watchdog};
use stm::sync::{TBarrier, TLatch};
use stm::{RunError, TVar, atomically, snapshot};

use super::{AT_ONCE, Task};

/// More threads than cores: nobody is in a generation that not all have come to, and one in each is the last.
#[test]
fn generations_do_not_mix() {
    let _watchdog = watchdog();
    const PARTIES: usize = 8;
    let generations = scaled(2_500);
    let (barrier, leaders) = (TBarrier::new(PARTIES), AtomicUsize::new(0));
    let come: Vec<_> = (0..generations).map(|_| AtomicUsize::new(0)).collect();
    race(PARTIES, |me| {
        for (generation, count) in come.iter().enumerate() {
            count.fetch_add(1, Ordering::SeqCst);
            let is_leader = match (me + generation) % 4 {
                0 => pollster::block_on(barrier.wait_async()),
                1 => {
                    let arrival = atomically(|tx| barrier.arrive(tx));
                    atomically(|tx| barrier.pass(tx, arrival));
                    arrival.is_last()
                }
                _ => barrier.wait(),
            };
            assert_eq!(count.load(Ordering::SeqCst), PARTIES, "generation {generation}");
            leaders.fetch_add(usize::from(is_leader), Ordering::SeqCst);
        }
    });
    assert_eq!(leaders.load(Ordering::SeqCst), generations);
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
}

/// Those who give up do not count, whatever the moment: a generation that is over has had as many as it takes.
#[test]
fn those_who_give_up_do_not_count() {
    let _watchdog = watchdog();
    const PARTIES: usize = 3;
    const THREADS: usize = 4;
    let (barrier, rounds) = (TBarrier::new(PARTIES), scaled(2_000));
    let passed: usize = race(THREADS, |_| {
        (0..rounds).filter(|_| barrier.wait_timeout(std::time::Duration::from_micros(50)).is_ok()).count()
    })
    .into_iter()
    .sum();
    assert_eq!(passed % PARTIES, 0, "{passed} have passed");
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
    // Nor do futures that are dropped.
    let waiting = Task::begin(barrier.wait_async());
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 1);
    assert_eq!(barrier.wait_timeout(AT_ONCE), Err(RunError::TimedOut));
    drop(waiting);
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
    // One that is dropped when its generation is over has counted in it, and is not missed in the next.
    let waiting = Task::begin(barrier.wait_async());
    let other = atomically(|tx| barrier.arrive(tx));
    assert!(barrier.wait());
    let next = atomically(|tx| barrier.arrive(tx));
    drop(waiting);
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 1);
    assert!(!atomically(|tx| barrier.withdraw(tx, other)));
    assert!(atomically(|tx| barrier.withdraw(tx, next)));
    assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
}

#[test]
fn each_who_waits_is_woken_once() {
    let _watchdog = watchdog();
    let barrier = TBarrier::new(5);
    let tasks: Vec<_> = (0..4).map(|_| Task::begin(barrier.wait_async())).collect();
    assert!(tasks.iter().all(|task| task.wakes() == 0), "arrivals do not wake");
    assert!(barrier.wait());
    assert!(tasks.iter().all(|task| task.wakes() == 1));
    assert!(tasks.into_iter().all(|task| !task.finish()));
}

#[test]
fn nobody_waits_at_a_barrier_for_one() {
    for parties in [0, 1] {
        let barrier = TBarrier::new(parties);
        assert!((0..3).all(|_| barrier.wait()));
    }
}

#[test]
fn a_latch_lets_all_through_once_it_is_open() {
    let _watchdog = watchdog();
    let (latch, seen) = (TLatch::new(3), TVar::new(0_u64));
    let (mut task, early) = (Task::begin(latch.wait_async()), latch.wait_timeout(AT_ONCE));
    assert_eq!(early, Err(RunError::TimedOut));
    race(6, |me| {
        if me < 3 {
            latch.wait_blocking();
            assert_eq!(seen.load(), 3);
        } else {
            atomically(|tx| {
                seen.modify(tx, |n| n + 1)?;
                latch.count_down(tx)
            });
        }
    });
    assert_eq!(task.wakes(), 1);
    assert_eq!(task.advance(), Some(()));
    assert!(latch.count_down_now());
    latch.wait_blocking();
    assert_eq!(latch.wait_timeout(AT_ONCE), Ok(()));
    assert_eq!(format!("{latch:?}"), "TLatch { remaining: 0 }");
}
