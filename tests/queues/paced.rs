//! `TBroadcast` where the sender keeps to the slowest subscriber: it waits, or drops what is new.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Census, elsewhere, expect_panic, runs_until, scaled, watchdog};
use proptest::prelude::*;
use stm::channel::{Overflow, TBroadcast, TSubscriber, TryPushError};
use stm::{RunError, StmResult, Transaction, TxResult, atomically, cancel, options, snapshot, try_atomically};

use super::waiting::Crowd;

#[derive(Clone, Debug)]
enum Action {
    TrySend,
    /// Or nothing, if it would wait.
    Send,
    Receive(usize),
    Skip(usize),
    Subscribe,
    Fork(usize),
    Close,
    /// A part that is undone.
    Undone(Vec<Action>),
}

/// What each has not read, and how many it has passed over; what was dropped, and whether it is over.
#[derive(Clone, Default, Debug)]
struct Model {
    next: u64,
    readers: Vec<(VecDeque<u64>, u64)>,
    dropped: u64,
    is_closed: bool,
}

impl Model {
    fn is_full(&self, capacity: usize) -> bool {
        self.readers.iter().any(|(unread, _)| unread.len() >= capacity)
    }

    fn send(&mut self, item: u64) {
        self.readers.iter_mut().for_each(|(unread, _)| unread.push_back(item));
    }
}

type Subscribers = Vec<TSubscriber<u64>>;

fn act(
    tx: &Transaction<'_, '_>,
    channel: &TBroadcast<u64>,
    subscribers: &mut Subscribers,
    model: &mut Model,
    actions: &[Action],
) -> StmResult<()> {
    let capacity = channel.capacity().expect("it has one");
    for action in actions {
        let (count, item) = (subscribers.len(), model.next);
        model.next += 1;
        match *action {
            Action::TrySend => {
                let expected = match (model.is_closed, model.is_full(capacity)) {
                    (true, _) => Err(TryPushError::Closed(item)),
                    (false, true) => Err(TryPushError::Full(item)),
                    (false, false) => {
                        model.send(item);
                        Ok(())
                    }
                };
                assert_eq!(channel.try_send(tx, item)?, expected);
            }
            Action::Send => {
                let sent = tx.or_else(|tx| channel.push(tx, item).map(Some), |_| Ok(None))?;
                let expected = match (model.is_closed, model.is_full(capacity), channel.overflow()) {
                    (true, ..) => Some(Err(item)),
                    (false, true, Some(Overflow::Wait)) => None,
                    (false, true, _) => {
                        model.dropped += 1;
                        Some(Ok(()))
                    }
                    (false, false, _) => {
                        model.send(item);
                        Some(Ok(()))
                    }
                };
                assert_eq!(sent, expected);
            }
            Action::Receive(which) if count > 0 => {
                let expected = model.readers[which % count].0.pop_front();
                let reader = &subscribers[which % count];
                assert_eq!(reader.try_peek(tx)?, expected);
                if model.is_closed {
                    assert_eq!(reader.recv_or_end(tx)?, expected);
                } else {
                    assert_eq!(reader.try_recv(tx)?, expected);
                }
            }
            Action::Skip(which) if count > 0 => {
                let reader = &mut model.readers[which % count];
                let skipped = std::mem::take(&mut reader.0).len() as u64;
                reader.1 += skipped;
                assert_eq!(subscribers[which % count].skip(tx)?, skipped);
            }
            Action::Subscribe => {
                subscribers.push(channel.subscribe(tx)?);
                model.readers.push(Default::default());
            }
            Action::Fork(which) if count > 0 => {
                subscribers.push(subscribers[which % count].fork(tx)?);
                model.readers.push(model.readers[which % count].clone());
            }
            Action::Close => assert_eq!(channel.close(tx)?, !std::mem::replace(&mut model.is_closed, true)),
            Action::Undone(ref part) => {
                // (Who comes to listen listens at once, and is not undone.)
                let comes = |action: &Action| matches!(action, Action::Subscribe | Action::Fork(_));
                let part: Vec<_> = part.iter().filter(|action| !comes(action)).cloned().collect();
                let mut undone = model.clone();
                let result = tx.nested(|tx| -> TxResult<(), ()> {
                    act(tx, channel, subscribers, &mut undone, &part)?;
                    cancel(())
                })?;
                assert_eq!(result, Err(()));
            }
            _ => {}
        }
    }
    assert_eq!((channel.is_full(tx)?, channel.is_closed(tx)?), (model.is_full(capacity), model.is_closed));
    assert_eq!(channel.dropped(tx)?, model.dropped);
    for (subscriber, (unread, missed)) in subscribers.iter().zip(&model.readers) {
        assert_eq!((subscriber.len(tx)?, subscriber.missed(tx)?), (unread.len(), *missed));
        assert_eq!(subscriber.is_empty(tx)?, unread.is_empty());
        assert_eq!(subscriber.is_over(tx)?, unread.is_empty() && model.is_closed);
    }
    Ok(())
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let which = 0..4_usize;
    let simple = prop_oneof![
        40 => Just(Action::TrySend),
        40 => Just(Action::Send),
        60 => which.clone().prop_map(Action::Receive),
        5 => which.clone().prop_map(Action::Skip),
        12 => Just(Action::Subscribe),
        8 => which.prop_map(Action::Fork),
        1 => Just(Action::Close),
    ];
    let part = |inner| prop::collection::vec(inner, 0..5).prop_map(Action::Undone);
    prop::collection::vec(simple.prop_recursive(2, 8, 4, part), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: scaled(300) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nobody_is_further_behind_than_the_capacity(
        capacity in 0..5_usize,
        waits in any::<bool>(),
        transactions in prop::collection::vec((actions(), any::<bool>(), prop::option::weighted(0.3, 0..4_usize)), 1..20),
    ) {
        let _watchdog = watchdog();
        let channel = TBroadcast::with_overflow(capacity, if waits { Overflow::Wait } else { Overflow::DropNewest });
        let (mut subscribers, mut model): (Subscribers, _) = (Vec::new(), Model::default());
        for (actions, cancels, leaves) in transactions {
            let (count, mut after) = (subscribers.len(), model.clone());
            let result = try_atomically(|tx| {
                assert_eq!(tx.attempt_number(), 1, "nobody is in its way");
                act(tx, &channel, &mut subscribers, &mut after, &actions)?;
                if cancels { cancel(()) } else { Ok(()) }
            });
            match result {
                Ok(()) => model = after,
                Err(()) => subscribers.truncate(count),
            }
            if let Some(which) = leaves
                && !subscribers.is_empty()
            {
                let which = which % subscribers.len();
                subscribers.remove(which);
                model.readers.remove(which);
            }
        }
    }
}

/// What a send that waits is freed by.
#[test]
fn a_sender_waits_until_the_slowest_has_read_on_or_left_or_the_channel_is_closed() {
    let _watchdog = watchdog();
    type Free = fn(&TBroadcast<u64>, &mut Subscribers);
    let frees: [Free; 5] = [
        |_, readers| assert_eq!(readers[0].recv_blocking(), 0),
        |_, readers| drop(readers.remove(0)),
        |_, readers| assert_eq!(atomically(|tx| readers[0].skip(tx)), 2),
        |channel, _| assert!(channel.shut()),
        |_, readers| {
            let mut gone = Some(readers.remove(0));
            let undone: Result<(), ()> = try_atomically(|_| {
                drop(gone.take());
                cancel(())
            });
            assert_eq!(undone, Err(()));
        },
    ];
    for (way, free) in frees.into_iter().enumerate() {
        let (channel, mut crowd) = (TBroadcast::with_overflow(2, Overflow::Wait), Crowd::default());
        let mut readers = vec![channel.subscriber(), channel.subscriber()];
        (0..2).for_each(|n| channel.publish(n));
        assert_eq!(readers[1].recv_blocking(), 0);
        assert_eq!(channel.try_publish(9), Err(TryPushError::Full(9)));
        let late = options().max_attempts(1).run(|tx| channel.send(tx, 9));
        assert!(matches!(late, Err(RunError::TooManyAttempts)), "{late:?}");
        let sending = channel.clone();
        let task = crowd.add(async move { sending.send_async(2).await.err().unwrap_or(0) });
        let other = readers[1].try_read();
        assert_eq!((crowd.run(), other), (vec![], Some(1)), "that was not the slowest");
        free(&channel, &mut readers);
        assert_eq!(crowd.run(), [(task, if way == 3 { 2 } else { 0 })], "way {way}");
    }
}

trait TryRead {
    fn try_read(&self) -> Option<u64>;
}

impl TryRead for TSubscriber<u64> {
    fn try_read(&self) -> Option<u64> {
        atomically(|tx| self.try_recv(tx))
    }
}

#[test]
fn a_thread_that_waits_to_send_is_woken() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(1, Overflow::Wait);
    let reader = channel.subscriber();
    channel.publish(1);
    let send = |runs: &common::Runs| atomically(|tx| (runs.count(), channel.push(tx, 2)).1);
    let (sent, runs) = runs_until(send, |_| assert_eq!(reader.recv_blocking(), 1));
    assert_eq!((sent, runs), (Ok(()), 2));
    let send = |runs: &common::Runs| atomically(|tx| (runs.count(), channel.push(tx, 3)).1);
    let (sent, _) = runs_until(send, |_| assert!(channel.shut()));
    assert_eq!((sent, channel.send_blocking(4)), (Err(3), Err(4)));
    channel.publish(5);
    assert_eq!((reader.next_blocking(), reader.next_blocking()), (Some(2), None));
    assert_eq!(pollster::block_on(reader.next_async()), None);
    assert_eq!(channel.subscriber().next_blocking(), None);
}

/// Room for one item wakes one of those who wait to send, in the order in which they came.
#[test]
fn senders_wait_in_line() {
    let _watchdog = watchdog();
    let (channel, mut crowd, runs) =
        (TBroadcast::with_overflow(1, Overflow::Wait), Crowd::default(), Arc::new(AtomicU64::new(0)));
    let (reader, quick) = (channel.subscriber(), channel.subscriber());
    channel.publish(0);
    let tasks: Vec<_> = (1..=20)
        .map(|n| {
            let (channel, runs) = (channel.clone(), runs.clone());
            crowd.add(stm::atomically_async(move |tx| {
                runs.fetch_add(1, Ordering::SeqCst);
                channel.push(tx, n).map(|sent| sent.map_or(99, |()| n))
            }))
        })
        .collect();
    let count = tasks.len() as u64;
    for (task, n) in tasks.into_iter().zip(0..) {
        assert_eq!(quick.recv_blocking(), n);
        assert_eq!(reader.recv_blocking(), n);
        assert_eq!(crowd.run(), [(task, n + 1)]);
    }
    let runs = runs.load(Ordering::SeqCst);
    assert!(runs <= 6 * count, "{runs} runs for {count} items: all are woken by each");
}

#[test]
fn a_capacity_of_none_has_room_for_nobody_who_listens() {
    let _watchdog = watchdog();
    let (waiting, dropping) =
        (TBroadcast::with_overflow(0, Overflow::Wait), TBroadcast::with_overflow(0, Overflow::DropNewest));
    waiting.publish(1);
    dropping.publish(1);
    let (reader, other) = (waiting.subscriber(), dropping.subscriber());
    assert_eq!(waiting.try_publish(2), Err(TryPushError::Full(2)));
    (2..5).for_each(|n| dropping.publish(n));
    assert_eq!((other.try_read(), snapshot(|tx| dropping.dropped(tx))), (None, 3));
    let mut crowd = Crowd::default();
    let sending = waiting.clone();
    let task = crowd.add(async move { sending.send_async(2).await.map_or(1, |()| 0) });
    drop(reader);
    assert_eq!(crowd.run(), [(task, 0)]);
    assert_eq!((waiting.capacity(), waiting.overflow()), (Some(0), Some(Overflow::Wait)));
}

#[test]
fn an_item_is_freed_when_all_have_read_it() {
    let _watchdog = watchdog();
    let (census, channel) = (Census::new(), TBroadcast::with_overflow(3, Overflow::Wait));
    (0..10).for_each(|n| channel.publish(census.value(n)));
    census.settle(0);
    let [one, other, gone] = [channel.subscriber(), channel.subscriber(), channel.subscriber()];
    (0..3).for_each(|n| channel.publish(census.value(n)));
    assert!(channel.try_publish(census.value(3)).is_err());
    census.settle(3);
    (0..3).for_each(|n| assert_eq!(one.recv_blocking().payload, n));
    (0..2).for_each(|n| assert_eq!(other.recv_blocking().payload, n));
    census.settle(3);
    drop(gone);
    census.settle(1);
    assert!(channel.try_publish(census.value(3)).is_ok());
    drop((one, other, channel));
    census.settle(0);
}

/// A send that has looked knows of room for as many items as the slowest is ahead of the limit, and is in nobody's way.
#[test]
fn senders_and_subscribers_are_in_each_others_way_only_when_it_is_tight() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(4, Overflow::Wait);
    let [one, other] = [channel.subscriber(), channel.subscriber()];
    let runs = |own: &dyn Fn(&Transaction<'_, '_>) -> StmResult<()>, between: &(dyn Fn() + Sync)| {
        atomically(|tx| {
            own(tx)?;
            if tx.attempt_number() == 1 {
                elsewhere(between);
            }
            Ok(tx.attempt_number())
        })
    };
    (0..2).for_each(|n| channel.publish(n));
    let mark = stm::TVar::new(0);
    let read = |reader: &TSubscriber<u64>| assert!(reader.try_read().is_some());
    assert_eq!(runs(&|tx| channel.send(tx, 2), &|| read(&one)), 1);
    assert_eq!(runs(&|tx| one.recv(tx).map(drop), &|| read(&other)), 1);
    assert_eq!(runs(&|tx| one.recv(tx).map(drop), &|| channel.publish(3)), 1);
    // Four were sent since it last knew, so it looks: and whoever reads is in its way.
    let send = |tx: &Transaction<'_, '_>| {
        channel.send(tx, 4)?;
        mark.write(tx, 1)
    };
    assert_eq!(runs(&send, &|| read(&other)), 2);
}

/// One that comes and one that goes while a send is under way: in the same body, and on other threads.
#[test]
fn subscribers_come_and_go_while_something_is_sent() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(2, Overflow::Wait);
    let (reader, mut gone) = (channel.subscriber(), Some(channel.subscriber()));
    channel.publish(0);
    channel.publish(1);
    let (new, runs) = options()
        .irrevocable()
        .run(|tx| {
            drop(gone.take());
            assert_eq!((reader.recv(tx)?, reader.recv(tx)?), (0, 1));
            (2..4).try_for_each(|n| channel.send(tx, n))?;
            let new = channel.subscribe(tx)?;
            assert_eq!(channel.try_send(tx, 4)?, Err(TryPushError::Full(4)));
            assert_eq!(reader.recv(tx)?, 2);
            channel.send(tx, 4)?;
            Ok((new, tx.attempt_number()))
        })
        .expect("nobody retries");
    assert_eq!((new.try_read(), runs), (Some(4), 1));
    let panic = expect_panic(|| {
        atomically(|tx| {
            let _lost = channel.subscribe(tx)?;
            if channel.is_full(tx)? {
                panic!("in the body");
            }
            Ok(())
        })
    });
    assert!(panic.message.contains("in the body"));
    assert_eq!(reader.try_read(), Some(3));
    assert_eq!((channel.try_publish(5), channel.try_publish(6)), (Ok(()), Err(TryPushError::Full(6))));
}

/// What comes, is counted with, and leaves in one body does not have that body run again, and again.
#[test]
fn a_subscriber_that_is_there_for_a_moment_is_in_nobodys_way() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(1, Overflow::Wait);
    let runs = atomically(|tx| {
        (0..5).try_for_each(|n| channel.send(tx, n))?;
        let moment = channel.subscribe(tx)?;
        channel.send(tx, 5)?;
        assert_eq!(moment.recv(tx)?, 5);
        channel.send(tx, 6)?;
        drop(moment);
        (7..12).try_for_each(|n| channel.send(tx, n))?;
        Ok(tx.attempt_number())
    });
    assert_eq!(runs, 1);
}

/// Whoever leaves may drop it in the middle of anything, also as the last handle of a future.
#[test]
fn a_future_that_is_dropped_does_not_keep_the_sender_waiting() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(1, Overflow::Wait);
    let reader = Arc::new(channel.subscriber());
    let waiting = reader.recv_async();
    let stream = reader.stream();
    drop(reader);
    channel.publish(1);
    assert!(channel.try_publish(2).is_err(), "the future has the position still");
    drop(waiting);
    assert!(channel.try_publish(2).is_err(), "the stream has it");
    drop(stream);
    assert_eq!((channel.try_publish(2), channel.try_publish(3)), (Ok(()), Ok(())));
}
