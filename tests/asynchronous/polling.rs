//! Polls that have a reason and polls that have none; futures that are dropped; threads and tasks that wake each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use common::{Count, Runs, poll, runs_until, scaled, watchdog};
use futures::future::{Either, select};
use futures::{FutureExt, select_biased};
use stm::{TCell, TVar, atomically, atomically_async, snapshot};

use super::{on_each_executor, single, workers};

#[test]
fn a_poll_without_a_reason_does_not_run_the_body() {
    let (x, other, runs) = (TVar::new(0), TVar::new(0), Runs::default());
    let (count, waker) = Count::new();
    let mut future = atomically_async(|tx| {
        runs.count();
        other.write(tx, 1)?;
        tx.check(x.read(tx)? == 2)
    });
    for _ in 0..5 {
        assert!(poll(&mut future, &waker).is_pending());
        assert_eq!((runs.get(), count.get()), (1, 0));
    }
    // Neither who reads it, nor who writes what it only writes, wakes it.
    snapshot(|tx| x.read(tx));
    atomically(|tx| x.write_if_changed(tx, 0));
    other.store(5);
    assert_eq!(count.get(), 0);
    x.store(1);
    assert_eq!((count.get(), runs.get()), (1, 1), "woken, and not polled");
    x.store(1);
    assert_eq!(count.get(), 1, "once is enough");
    assert!(poll(&mut future, &waker).is_pending());
    assert_eq!(runs.get(), 2);
    x.store(2);
    assert_eq!(poll(&mut future, &waker), Poll::Ready(()));
    assert_eq!((count.get(), runs.get(), other.load()), (2, 3, 1));
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let x = TVar::new(0);
    let wakers: Vec<_> = (0..4).map(|_| Count::new()).collect();
    let mut future = x.wait_until_async(|n| *n == 1);
    for (_, waker) in &wakers {
        assert!(poll(&mut future, waker).is_pending());
    }
    // Each of the others is known to itself and its waker, and to nobody else.
    let known: Vec<_> = wakers.iter().map(|(count, _)| Arc::strong_count(count)).collect();
    assert_eq!(known, [2, 2, 2, 3]);
    x.store(1);
    let woken: Vec<_> = wakers.iter().map(|(count, _)| count.get()).collect();
    assert_eq!(woken, [0, 0, 0, 1]);
    assert_eq!(poll(&mut future, &wakers[0].1), Poll::Ready(1));
    assert!(wakers.iter().all(|(count, _)| Arc::strong_count(count) == 2), "no trace is left");
}

#[test]
fn a_waiting_future_that_is_dropped_leaves_no_trace() {
    let (x, y) = (TVar::new(0), TCell::new(0));
    let (count, waker) = Count::new();
    let before = Arc::strong_count(&count);
    let mut futures: Vec<_> =
        (0..10).map(|_| atomically_async(|tx| tx.check(x.read(tx)? + y.read(tx)? == 1))).collect();
    for future in &mut futures {
        assert!(poll(future, &waker).is_pending());
    }
    assert_eq!(Arc::strong_count(&count), before + 10);
    futures.truncate(3);
    assert_eq!(Arc::strong_count(&count), before + 3);
    y.store(1);
    assert_eq!(count.get(), 3, "those that are left are woken");
    drop(futures);
    assert_eq!(Arc::strong_count(&count), before);
    x.store(1);
    assert_eq!(count.get(), 3);
}

/// The loser of each race is dropped where it waits.
#[test]
fn of_two_that_wait_one_may_be_dropped() {
    let _watchdog = watchdog();
    on_each_executor(|| async {
        let (left, right) = (TVar::new(0), TVar::new(0));
        for round in 1..=scaled(200) {
            let winner = if round % 2 == 0 { &left } else { &right };
            let writer = winner.clone();
            let writes = async move { writer.store(round) };
            let race =
                select(left.wait_until_async(move |n| *n == round), right.wait_until_async(move |n| *n == round));
            let (outcome, ()) = futures::join!(race, writes);
            match outcome {
                Either::Left((value, _)) => assert!(value == round && round % 2 == 0),
                Either::Right((value, _)) => assert!(value == round && round % 2 == 1),
            }
        }
    });
}

/// An item is taken by the branch that commits, and by no other.
#[test]
fn what_a_dropped_future_would_have_done_is_not_done() {
    let _watchdog = watchdog();
    single().block_on(async {
        let slots = [TVar::new(None), TVar::new(None)];
        let take = |slot: &TVar<Option<u32>>| {
            let slot = slot.clone();
            atomically_async(move |tx| match slot.replace(tx, None)? {
                Some(item) => Ok(item),
                None => tx.retry(),
            })
        };
        slots[1].store(Some(1));
        let (first, second) = (take(&slots[0]), take(&slots[1]));
        let item = select_biased! { item = first.fuse() => item, item = second.fuse() => item };
        assert_eq!((item, slots[1].load()), (1, None));
        // Both have an item: the one that is not polled any more keeps it.
        slots.iter().for_each(|slot| slot.store(Some(2)));
        let (first, second) = (take(&slots[0]), take(&slots[1]));
        let item = select_biased! { item = first.fuse() => item, item = second.fuse() => item };
        assert_eq!((item, slots[0].load(), slots[1].load()), (2, None, Some(2)));
    });
}

#[test]
fn threads_and_tasks_wake_each_other() {
    let _watchdog = watchdog();
    let rounds = scaled(300) as u64;
    let turn = TVar::new(0_u64);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                turn.wait_until(|turn| *turn == 3 * round);
                turn.store(3 * round + 1);
            }
        });
        scope.spawn(|| {
            pollster::block_on(async {
                for round in 0..rounds {
                    atomically_async(|tx| {
                        tx.check(turn.read(tx)? == 3 * round + 1)?;
                        turn.write(tx, 3 * round + 2)
                    })
                    .await;
                }
            });
        });
        let turn = turn.clone();
        workers().block_on(async move {
            for round in 0..rounds {
                turn.wait_until_async(move |turn| *turn == 3 * round + 2).await;
                turn.store(3 * round + 3);
            }
        });
    });
    assert_eq!(turn.load(), 3 * rounds);
}

#[test]
fn a_change_between_the_read_and_the_wait_is_noticed() {
    let (x, runs) = (TVar::new(0), AtomicU32::new(0));
    let writer = x.clone();
    let mut future = atomically_async(|tx| {
        let seen = x.read(tx)?;
        if runs.fetch_add(1, Ordering::SeqCst) == 0 {
            common::elsewhere(|| writer.store(1));
        }
        tx.check(seen == 1)
    });
    assert_eq!(poll(&mut future, Waker::noop()), Poll::Ready(()));
}

#[test]
fn a_thread_waits_while_its_task_is_elsewhere() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let wait = |runs: &Runs| {
        pollster::block_on(atomically_async(|tx| {
            runs.count();
            let seen = x.read(tx)?;
            tx.check(seen > 0)?;
            Ok(seen)
        }))
    };
    assert_eq!(runs_until(wait, |_| x.store(7)), (7, 2));
}

/// A future that is over may be kept for long: whoever waits in line behind it is woken when it ends, not when it is dropped.
#[test]
fn a_task_that_is_over_owes_nobody_a_wake_up() {
    let _watchdog = watchdog();
    fn take(tx: &stm::Transaction, items: &TVar<u64>) -> stm::StmResult<()> {
        let left = items.read(tx)?;
        if left == 0 {
            return tx.retry_in_line();
        }
        items.write(tx, left - 1)
    }
    let items = TVar::new(0_u64);
    let ([first, second], [gives_up, panics]) = ([Count::new(), Count::new()], [Count::new(), Count::new()]);
    // Ends by an error in its second run, and by a panic.
    let mut ending = stm::options().max_attempts(2).run_async(|tx| {
        if tx.attempt_number() == 2 {
            return tx.restart();
        }
        take(tx, &items)
    });
    assert!(poll(&mut ending, &gives_up.1).is_pending());
    let mut waiting = atomically_async(|tx| take(tx, &items));
    assert!(poll(&mut waiting, &first.1).is_pending());
    items.store(1);
    assert_eq!((gives_up.0.get(), first.0.get()), (1, 0));
    assert!(poll(&mut ending, &gives_up.1).is_ready());
    assert_eq!(first.0.get(), 1, "the next in line is woken by the end of the one before it");
    assert_eq!(poll(&mut waiting, &first.1), Poll::Ready(()));
    drop(ending);
    let mut ending = atomically_async(|tx| {
        assert_eq!(tx.attempt_number(), 1, "on purpose");
        take(tx, &items)
    });
    assert!(poll(&mut ending, &panics.1).is_pending());
    let mut waiting = atomically_async(|tx| take(tx, &items));
    assert!(poll(&mut waiting, &second.1).is_pending());
    items.store(1);
    assert!(common::quietly(|| poll(&mut ending, &panics.1)).is_err());
    assert_eq!(second.0.get(), 1);
    assert_eq!(poll(&mut waiting, &second.1), Poll::Ready(()));
}
