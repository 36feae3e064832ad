//! The changes of a variable: the latest is never missed, and nothing is seen twice.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use common::{Count, poll, scaled, watchdog};
use futures::{FutureExt, StreamExt};
use stm::{TCell, TVar, atomically};

use super::{on_each_executor, workers};

#[test]
fn every_change_counts_from_the_call_on() {
    let x = TVar::new(1);
    x.store(2);
    let mut changes = x.changes();
    assert_eq!(changes.next().now_or_never(), None, "what was before does not count");
    x.store(3);
    assert_eq!(changes.next().now_or_never(), Some(3));
    assert_eq!(changes.next().now_or_never(), None);
    atomically(|tx| x.write(tx, 3));
    assert_eq!(changes.next().now_or_never(), Some(3), "an equal value was written all the same");
    atomically(|tx| x.write_if_changed(tx, 3));
    assert_eq!(changes.next().now_or_never(), None, "nothing was written");
    (4..10).for_each(|n| x.store(n));
    assert_eq!(changes.next().now_or_never(), Some(9), "the latest");
    // Two of them do not disturb each other.
    let mut others = x.changes();
    x.store(10);
    assert_eq!((changes.next().now_or_never(), others.next().now_or_never()), (Some(10), Some(10)));
    assert_eq!(format!("{changes:?}"), "Changes { of: TVar { value: 10 }, .. }");
}

#[test]
fn it_wakes_the_last_waker_and_forgets_it() {
    let text = TCell::new(String::from("a"));
    let (first, second) = (Count::new(), Count::new());
    let mut changes = text.changes();
    let mut next = Box::pin(changes.next());
    assert!(poll(&mut next, &first.1).is_pending());
    assert!(poll(&mut next, &second.1).is_pending());
    text.store(String::from("b"));
    assert_eq!((first.0.get(), second.0.get()), (0, 1));
    assert_eq!(poll(&mut next, &second.1), Poll::Ready(String::from("b")));
    drop(next);
    // One that is dropped while it waits takes its waiter along, and misses nothing.
    let mut next = Box::pin(changes.next());
    assert!(poll(&mut next, &first.1).is_pending());
    assert_eq!(Arc::strong_count(&first.0), 3);
    drop(next);
    assert_eq!((Arc::strong_count(&first.0), Arc::strong_count(&second.0)), (2, 2));
    text.store(String::from("c"));
    assert_eq!(first.0.get(), 0);
    assert_eq!(changes.next().now_or_never().as_deref(), Some("c"));
}

#[test]
fn the_same_as_a_stream() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let (count, waker) = Count::new();
    let mut stream = x.changes();
    assert_eq!(stream.poll_next_unpin(&mut std::task::Context::from_waker(&waker)), Poll::Pending);
    assert_eq!(Arc::strong_count(&count), 3, "a stream waits until it is dropped");
    x.store(1);
    assert_eq!(count.get(), 1);
    assert_eq!(stream.poll_next_unpin(&mut std::task::Context::from_waker(Waker::noop())), Poll::Ready(Some(1)));
    assert!(stream.poll_next_unpin(&mut std::task::Context::from_waker(&waker)).is_pending());
    drop(stream);
    assert_eq!(Arc::strong_count(&count), 2);
}

/// Values only grow, and the last one is seen.
#[test]
fn whoever_follows_sees_the_last_value() {
    let _watchdog = watchdog();
    let last = scaled(2_000) as u64;
    on_each_executor(move || async move {
        let x = TVar::new(0_u64);
        let mut changes = StreamExt::fuse(x.changes());
        let writer = thread::spawn(move || (1..=last).for_each(|n| atomically(|tx| x.write(tx, n))));
        let mut seen = Vec::new();
        while seen.last() != Some(&last) {
            seen.push(changes.next().await.expect("it has no end"));
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "nothing is seen twice");
        writer.join().expect("it does not panic");
    });
}

#[test]
fn many_follow_one() {
    let _watchdog = watchdog();
    let x = TVar::new(0_u64);
    let last = scaled(200) as u64;
    workers().block_on(async {
        let followers: Vec<_> = (0..100)
            .map(|_| {
                let mut changes = x.changes();
                tokio::spawn(async move { while changes.next().await != last {} })
            })
            .collect();
        for n in 1..=last {
            x.store(n);
            tokio::task::yield_now().await;
        }
        for follower in followers {
            follower.await.expect("it does not panic");
        }
    });
}
