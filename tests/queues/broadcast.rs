//! `TBroadcast`: everything goes to everybody who listens, and is kept for as long as somebody needs it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Census, elsewhere, on_a_small_stack, race, runs_until, scaled, watchdog};
use proptest::prelude::*;
use stm::channel::{Lagged, TBroadcast, TSubscriber};
use stm::{StmResult, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

#[derive(Clone, Debug)]
enum Action {
    Send,
    Receive(usize),
    ReceiveOrLag(usize),
    Subscribe,
    Fork(usize),
    Leave(usize),
    /// A part that is undone.
    Undone(Vec<Action>),
}

/// A subscriber, and what it has not read: plainly, with how many are missed.
#[derive(Clone, Default)]
struct Reader {
    unread: VecDeque<u64>,
    missed: u64,
    passed: u64,
}

#[derive(Clone, Default)]
struct Model {
    next: u64,
    readers: Vec<Reader>,
}

type Subscribers = Vec<TSubscriber<u64>>;

fn act(
    tx: &Transaction<'_, '_>,
    channel: &TBroadcast<u64>,
    subscribers: &mut Subscribers,
    model: &mut Model,
    actions: &[Action],
) -> StmResult<()> {
    for action in actions {
        let count = subscribers.len();
        match *action {
            Action::Send => {
                channel.send(tx, model.next)?;
                for reader in &mut model.readers {
                    reader.unread.push_back(model.next);
                    while channel.capacity().is_some_and(|most| reader.unread.len() > most) {
                        reader.unread.pop_front();
                        reader.missed += 1;
                    }
                }
                model.next += 1;
            }
            Action::Receive(which) if count > 0 => {
                let reader = &mut model.readers[which % count];
                assert_eq!(subscribers[which % count].try_peek(tx)?, reader.unread.front().copied());
                assert_eq!(subscribers[which % count].try_recv(tx)?, reader.unread.pop_front());
                reader.passed += std::mem::take(&mut reader.missed);
            }
            Action::ReceiveOrLag(which) if count > 0 => {
                let reader = &mut model.readers[which % count];
                let expected = match std::mem::take(&mut reader.missed) {
                    0 => reader.unread.pop_front().map(Ok),
                    missed => {
                        reader.passed += missed;
                        Some(Err(Lagged(missed)))
                    }
                };
                assert_eq!(subscribers[which % count].try_recv_or_lag(tx)?, expected);
            }
            Action::Subscribe => {
                subscribers.push(channel.subscribe(tx)?);
                model.readers.push(Reader::default());
            }
            Action::Fork(which) if count > 0 => {
                subscribers.push(subscribers[which % count].fork(tx)?);
                model.readers.push(model.readers[which % count].clone());
            }
            Action::Leave(which) if count > 0 => {
                subscribers.remove(which % count);
                model.readers.remove(which % count);
            }
            Action::Undone(ref part) => {
                let (mut others, mut undone) = (Vec::new(), model.clone());
                for subscriber in &*subscribers {
                    others.push(subscriber.fork(tx)?);
                }
                let result = tx.nested(|tx| -> TxResult<(), ()> {
                    act(tx, channel, &mut others, &mut undone, part)?;
                    cancel(())
                })?;
                assert_eq!(result, Err(()));
            }
            _ => {}
        }
    }
    for (subscriber, reader) in subscribers.iter().zip(&model.readers) {
        assert_eq!(subscriber.len(tx)? as u64, reader.unread.len() as u64 + reader.missed);
        assert_eq!(subscriber.missed(tx)?, reader.passed);
        assert_eq!(subscriber.is_empty(tx)?, reader.unread.is_empty() && reader.missed == 0);
    }
    Ok(())
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let which = 0..4_usize;
    let simple = prop_oneof![
        6 => Just(Action::Send),
        4 => which.clone().prop_map(Action::Receive),
        3 => which.clone().prop_map(Action::ReceiveOrLag),
        1 => Just(Action::Subscribe),
        1 => which.clone().prop_map(Action::Fork),
        1 => which.prop_map(Action::Leave),
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
    fn every_subscriber_gets_what_is_sent_after_it_subscribed(
        capacity in prop::option::of(0..5_usize),
        transactions in prop::collection::vec((actions(), any::<bool>()), 1..15),
    ) {
        let _watchdog = watchdog();
        let channel = capacity.map_or_else(TBroadcast::new, TBroadcast::with_capacity);
        let (mut subscribers, mut model): (Subscribers, _) = (Vec::new(), Model::default());
        for (actions, cancels) in transactions {
            let mut after = (subscribers.iter().map(TSubscriber::clone).collect::<Vec<_>>(), model.clone());
            let result = try_atomically(|tx| {
                act(tx, &channel, &mut after.0, &mut after.1, &actions)?;
                if cancels { cancel(()) } else { Ok(()) }
            });
            if result.is_ok() {
                (subscribers, model) = after;
            }
        }
    }
}

#[test]
fn all_who_wait_are_woken() {
    let _watchdog = watchdog();
    let channel = TBroadcast::new();
    let readers: Vec<_> = (0..5).map(|_| channel.subscriber()).collect();
    let tasks: Vec<_> = readers.iter().map(TSubscriber::recv_async).collect();
    let one = channel.subscriber();
    let (item, runs) = runs_until(|runs| atomically(|tx| (runs.count(), one.recv(tx)).1), |_| channel.publish(3));
    assert_eq!((item, runs), (3, 2));
    for task in tasks {
        assert_eq!(pollster::block_on(task), 3);
    }
    assert!(readers.iter().all(|reader| atomically(|tx| reader.is_empty(tx))), "it was their position");
}

#[test]
fn an_item_is_freed_when_all_have_read_it() {
    let _watchdog = watchdog();
    let (census, channel) = (Census::new(), TBroadcast::new());
    (0..10).for_each(|n| channel.publish(census.value(n)));
    census.settle(0);
    let [one, other, gone] = [channel.subscriber(), channel.subscriber(), channel.subscriber()];
    (0..10).for_each(|n| channel.publish(census.value(n)));
    drop(gone);
    (0..10).for_each(|n| assert_eq!(one.recv_blocking().payload, n));
    census.settle(10);
    for n in 0..10 {
        assert_eq!(other.recv_blocking().payload, n);
        census.settle(9 - n as usize);
    }
    let late = other.clone();
    channel.publish(census.value(10));
    drop((one, other));
    census.settle(1);
    assert_eq!(late.recv_blocking().payload, 10);
    census.settle(0);
}

#[test]
fn a_channel_with_a_capacity_keeps_no_more() {
    let _watchdog = watchdog();
    let (census, channel) = (Census::new(), TBroadcast::with_capacity(4));
    let [slow, slower] = [channel.subscriber(), channel.subscriber()];
    for n in 0..100 {
        channel.publish(census.value(n));
        if n == 50 {
            assert_eq!(slow.recv_blocking().payload, 47);
        }
    }
    census.settle(4);
    assert_eq!(atomically(|tx| slow.recv_or_lag(tx)).expect_err("it is slow"), Lagged(48));
    assert_eq!(atomically(|tx| slower.recv_or_lag(tx)).expect_err("it is slow"), Lagged(96));
    assert_eq!((slow.recv_blocking().payload, slower.recv_blocking().payload), (96, 96));
    drop((slow, slower, channel));
    census.settle(0);
}

/// A reader that is behind and a sender are not in each other's way, nor are two readers.
#[test]
fn who_reads_what_is_there_does_not_conflict_with_who_sends() {
    let _watchdog = watchdog();
    let channel = TBroadcast::new();
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
    (0..10).for_each(|n| channel.publish(n));
    assert_eq!(runs(&|tx| one.recv(tx).map(drop), &|| channel.publish(1)), 1);
    assert_eq!(runs(&|tx| channel.send(tx, 1), &|| assert!(one.recv_blocking() >= 0)), 1);
    assert_eq!(runs(&|tx| one.recv(tx).map(drop), &|| assert!(other.recv_blocking() >= 0)), 1);
    assert_eq!(runs(&|tx| one.recv(tx).map(drop), &|| assert!(one.recv_blocking() >= 0)), 2);
    // Whoever has seen that there is nothing has to look again.
    let empty = channel.subscriber();
    let mark = stm::TVar::new(false);
    let look = |tx: &Transaction<'_, '_>| {
        let is_empty = empty.is_empty(tx)?;
        mark.write(tx, is_empty)
    };
    assert_eq!(runs(&look, &|| channel.publish(1)), 2);
    assert!(!mark.load());
}

#[test]
fn every_reader_gets_everything_in_order_while_others_come_and_go() {
    let _watchdog = watchdog();
    let (channel, items, is_over) = (TBroadcast::new(), scaled(5_000) as u64, AtomicBool::new(false));
    let readers: Vec<_> = (0..3).map(|_| channel.subscriber()).collect();
    race(6, |index| match index {
        0 => {
            let _ends = common::Ends(&is_over);
            (0..items).for_each(|n| channel.publish(n));
        }
        1..=3 => (0..items).for_each(|n| match n % 2 {
            0 => assert_eq!(readers[index - 1].recv_blocking(), n),
            _ => assert_eq!(pollster::block_on(readers[index - 1].recv_async()), n),
        }),
        _ => {
            while !is_over.load(Ordering::SeqCst) {
                let reader = channel.subscriber();
                let first = atomically(|tx| reader.try_recv(tx));
                let second = atomically(|tx| reader.try_recv(tx));
                // The first may have come too early for either.
                assert!(first.is_none() || second.is_none() || first.map(|n| n + 1) == second);
                snapshot(|tx| reader.len(tx));
            }
        }
    });
}

#[test]
fn a_million_unread_items_are_dropped_without_recursion() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let (census, channel) = (Census::new(), TBroadcast::new());
        let reader = channel.subscriber();
        for _ in 0..10_000 {
            atomically(|tx| (0..100).try_for_each(|n| channel.send(tx, census.value(n))));
        }
        drop(channel);
        assert_eq!(reader.recv_blocking().payload, 0);
        drop(reader);
        census.settle(0);
    });
}

/// What the original misses meanwhile is not counted a second time.
#[test]
fn a_clone_is_made_in_one_step() {
    let _watchdog = watchdog();
    let news = TBroadcast::with_capacity(1);
    let (reader, is_over) = (news.subscriber(), AtomicBool::new(false));
    let clones: Vec<_> = thread::scope(|threads| {
        threads.spawn(|| {
            for n in 0..scaled(20_000) {
                // Of each two it gets one.
                (0..2).for_each(|_| news.publish(n));
                assert_eq!(reader.recv_blocking(), n);
            }
            is_over.store(true, Ordering::SeqCst);
        });
        std::iter::from_fn(|| (!is_over.load(Ordering::SeqCst)).then(|| reader.clone())).collect()
    });
    for clone in clones {
        let (left, missed) = snapshot(|tx| Ok((clone.len(tx)?, clone.missed(tx)?)));
        assert_eq!(2 * scaled(20_000) - left, 2 * missed as usize);
    }
}
