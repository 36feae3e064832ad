//! `TPriorityQueue` and `TBroadcast`.

use std::iter;

use common::{Census, Frail};
use stm::channel::{Overflow, TBroadcast, TPriorityQueue, TSubscriber};
use stm::{atomically, snapshot};

use super::case::{Case, frail, numbers};

fn ranked(queue: &TPriorityQueue<Frail>) -> Vec<u64> {
    let all = numbers(&queue.to_vec());
    assert_eq!(snapshot(|tx| queue.len(tx)), all.len());
    assert!(all.is_sorted_by(|one, next| one >= next), "{all:?}");
    all
}

#[test]
fn a_priority_queue() {
    Case {
        name: "TPriorityQueue",
        fresh: |census| frail(census, (0..24).step_by(2)).collect(),
        content: ranked,
        operations: &[
            |tx, queue, census| queue.push(tx, Frail::of(census, 7)),
            |tx, queue, census| queue.push(tx, Frail::of(census, 8)),
            |tx, queue, census| queue.push(tx, Frail::of(census, 30)),
            |tx, queue, _| queue.pop(tx).map(drop),
            |tx, queue, _| queue.try_pop(tx).map(drop),
            |tx, queue, _| queue.peek(tx).map(drop),
            |tx, queue, _| queue.flush(tx).map(drop),
        ],
        sequences: &[
            |tx, queue, census| queue.push_all(tx, frail(census, 5..12)),
            |tx, queue, census| {
                (0..4).try_for_each(|_| queue.pop(tx).map(drop))?;
                queue.push(tx, Frail::of(census, 9))
            },
        ],
        calls: &["cmp", "clone", "drop"],
    }
    .check();
}

/// A channel and one who listens.
struct Heard(TBroadcast<Frail>, TSubscriber<Frail>);

impl Heard {
    fn with(channel: TBroadcast<Frail>, census: &Census) -> Self {
        let subscriber = channel.subscriber();
        frail(census, 0..6).for_each(|item| channel.publish(item));
        Self(channel, subscriber)
    }

    /// What has not been read, by another one at the same position.
    fn unread(&self) -> Vec<u64> {
        let reader = snapshot(|tx| self.1.fork(tx));
        let all: Vec<_> = iter::from_fn(|| atomically(|tx| reader.try_recv(tx))).collect();
        numbers(&all)
    }

    fn check(name: &'static str, fresh: fn(&Census) -> Self) {
        Case {
            name,
            fresh,
            content: Self::unread,
            operations: &[
                |tx, heard, census| heard.0.send(tx, Frail::of(census, 50)),
                |tx, heard, census| heard.0.push(tx, Frail::of(census, 50)).map(drop),
                |tx, heard, census| heard.0.try_send(tx, Frail::of(census, 50)).map(drop),
                |tx, heard, _| heard.1.try_recv(tx).map(drop),
                |tx, heard, _| heard.1.recv_or_lag(tx).map(drop),
                |tx, heard, _| heard.1.try_peek(tx).map(drop),
                |tx, heard, _| heard.1.skip(tx).map(drop),
            ],
            sequences: &[|tx, heard, census| {
                (0..3).try_for_each(|_| heard.1.try_recv(tx).map(drop))?;
                (0..3).try_for_each(|number| heard.0.send(tx, Frail::of(census, number)))
            }],
            calls: &["clone", "drop"],
        }
        .check();
    }
}

#[test]
fn a_broadcast() {
    Heard::check("TBroadcast", |census| Heard::with(TBroadcast::new(), census));
}

#[test]
fn a_broadcast_that_keeps_the_latest() {
    Heard::check("TBroadcast::with_capacity", |census| Heard::with(TBroadcast::with_capacity(4), census));
}

#[test]
fn a_broadcast_that_keeps_to_its_slowest_subscriber() {
    let paced = |census: &Census| Heard::with(TBroadcast::with_overflow(10, Overflow::Wait), census);
    Heard::check("TBroadcast, paced", paced);
}

#[test]
fn a_broadcast_that_drops_the_newest() {
    let paced = |census: &Census| Heard::with(TBroadcast::with_overflow(6, Overflow::DropNewest), census);
    Heard::check("TBroadcast, dropping", paced);
}
