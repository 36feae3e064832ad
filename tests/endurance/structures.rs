//! Memory over very many operations on each structure, by two threads: as many bytes at the end as when it was warm, and every
//! item dropped.
//!
//! `STM_ENDURANCE=full` performs ten million operations on each, else fifty thousand.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::{env, hint};

use common::{Census, Counted, race, scaled, watchdog};
use stm::channel::{Overflow, TBQueue, TBroadcast, TPriorityQueue, TQueue};
use stm::collections::{TArray, TCounter, TDeque, TMap, TOrdMap, TSet, TTable};
use stm::{atomically, snapshot};

use crate::{alone, heap};

/// How many operations make a long run.
pub(crate) fn many() -> usize {
    let full = env::var("STM_ENDURANCE").is_ok_and(|choice| choice == "full");
    scaled(if full { 10_000_000 } else { 50_000 })
}

/// What more there may be at the end than after the first tenth: each of three threads keeps two lists of garbage with up to 2,048
/// places of 16 bytes, as long as they have been at some time, which depends on how long a thread was kept from the processor in
/// the middle of a body. Ten million operations that lose a byte each would be far above it.
const MOST: i64 = 3 * 2 * 2_048 * 16;

/// How many items, or rows, or so on a thread has put in and not taken out, at most.
pub(crate) const WINDOW: u64 = 50;

/// Two threads take steps, of so many operations each. Each time a tenth is done, `rest` takes out what is left. There must be no more
/// memory then than after the first; but once in a while there is garbage that a thread about to end has left, and so it counts what
/// is there always in the latter half. What is never freed is.
#[track_caller]
pub(crate) fn stays_within(name: &str, operations: usize, step: impl Fn(u64, u64) + Sync, rest: impl Fn()) {
    const TENTHS: u64 = 10;
    let each = (many() / operations / 2).max(TENTHS as usize) as u64 / TENTHS;
    let levels: Vec<_> = (0..TENTHS)
        .map(|tenth| {
            // Other threads each time: what ended ones leave behind does not pile up either.
            race(2, |me| (0..each).for_each(|n| step(me as u64, tenth * each + n)));
            rest();
            for _ in 0..4 {
                stm::collect();
            }
            heap::live()
        })
        .collect();
    let grown: Vec<_> = levels.iter().map(|level| level - levels[0]).collect();
    println!("{name}: {} operations, bytes more after each tenth: {grown:?}", 2 * TENTHS * each * operations as u64);
    let least = grown[grown.len() / 2..].iter().min().expect("there is a latter half");
    assert!(*least <= MOST, "{name}: {grown:?} bytes more after each tenth");
}

/// Compared by its number alone.
#[derive(Clone, Debug)]
struct Known(Counted);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.0.payload == other.0.payload
    }
}

impl Eq for Known {}

impl PartialOrd for Known {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Known {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.payload.cmp(&other.0.payload)
    }
}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.payload.hash(state);
    }
}

/// A key of the thread's own, and the one that it has put in so long ago.
fn keys(me: u64, n: u64) -> (u64, Option<u64>) {
    (2 * n + me, n.checked_sub(WINDOW).map(|n| 2 * n + me))
}

#[test]
fn a_map_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, map) = (Census::new(), TMap::new());
    let step = |me, n| {
        let (key, old) = keys(me, n);
        atomically(|tx| map.insert(tx, key, census.value(n)));
        atomically(|tx| map.update(tx, &key, |value: &mut Counted| value.payload += 1));
        atomically(|tx| map.with(tx, &key, |value| hint::black_box(value.payload)));
        old.map(|old| atomically(|tx| map.remove(tx, &old)));
        if n % 1_000 == 0 {
            drop(map.snapshot());
        }
    };
    stays_within("TMap", 4, step, || atomically(|tx| map.clear(tx)));
    drop(map);
    census.settle(0);
}

#[test]
fn a_set_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, set) = (Census::new(), TSet::new());
    let known = |key| Known(census.value(key));
    let step = |me, n| {
        let (key, old) = keys(me, n);
        atomically(|tx| set.insert(tx, known(key)));
        atomically(|tx| set.contains(tx, &known(key)));
        old.map(|old| atomically(|tx| set.remove(tx, &known(old))));
    };
    stays_within("TSet", 3, step, || drop(atomically(|tx| set.drain(tx))));
    drop(set);
    census.settle(0);
}

#[test]
fn an_ordered_map_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, map) = (Census::new(), TOrdMap::new());
    let step = |me, n| {
        let (key, old) = keys(me, n);
        atomically(|tx| map.insert(tx, key, census.value(n)));
        atomically(|tx| map.next_after(tx, &(key.saturating_sub(3))));
        match old {
            Some(old) if n % 3 == 0 => drop(atomically(|tx| map.remove(tx, &old))),
            Some(_) => drop(atomically(|tx| map.pop_first(tx))),
            None => {}
        }
        if n % 1_000 == 0 {
            // What was put in and is not the first any more.
            atomically(|tx| map.retain(tx, |other, _| other + 4 * WINDOW > key));
        }
    };
    stays_within("TOrdMap", 3, step, || atomically(|tx| map.clear(tx)));
    drop(map);
    census.settle(0);
}

#[test]
fn a_table_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let mut builder = TTable::builder(|row: &Known| row.0.payload / 10);
    let unique = builder.unique("unique", |row: &Known| row.0.payload / 10 + 7);
    let ordered = builder.ordered("ordered", |row: &Known| row.0.payload % 10);
    let table = builder.build();
    let step = |me, n| {
        let (key, old) = keys(me, n);
        let inserted = atomically(|tx| table.insert(tx, Known(census.value(10 * key))));
        assert!(inserted.is_ok());
        let updated = atomically(|tx| table.update(tx, &key, |row| row.0.payload += 1 + n % 9));
        assert!(updated.is_ok());
        assert!(atomically(|tx| unique.primary(tx, &(key + 7))).is_some());
        old.map(|old| atomically(|tx| table.remove(tx, &old)));
        if n % 1_000 == 0 {
            hint::black_box(snapshot(|tx| ordered.range(tx, 3..5)).len());
        }
    };
    stays_within("TTable", 4, step, || atomically(|tx| table.clear(tx)));
    drop((table, unique, ordered));
    census.settle(0);
}

#[test]
fn an_array_does_not_grow() {
    const LENGTH: usize = 16;
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let array = TArray::from_fn(LENGTH, |at| census.value(at as u64));
    let step = |me, n| {
        let at = (2 * n + me) as usize % LENGTH;
        atomically(|tx| array.write(tx, at, census.value(n)));
        atomically(|tx| array.swap(tx, at, (at + 3) % LENGTH));
        atomically(|tx| array.with(tx, at, |value| hint::black_box(value.payload)));
        array.store(at, census.value(n));
    };
    stays_within("TArray", 4, step, || ());
    census.settle(LENGTH);
    drop(array);
    census.settle(0);
}

#[test]
fn a_deque_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, deque) = (Census::new(), TDeque::new());
    let step = |_, n| {
        atomically(|tx| deque.push_back(tx, census.value(n)));
        atomically(|tx| deque.push_front(tx, census.value(n)));
        drop(atomically(|tx| deque.pop_front(tx)));
        // The whole of it moves along.
        drop(atomically(|tx| if n % 3 == 0 { deque.pop_back(tx) } else { deque.pop_front(tx) }));
    };
    stays_within("TDeque", 4, step, || drop(atomically(|tx| deque.drain(tx))));
    drop(deque);
    census.settle(0);
}

#[test]
fn a_counter_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let counter = TCounter::new(1_000);
    let step = |_, n| {
        counter.bump(2);
        atomically(|tx| counter.add(tx, 1));
        atomically(|tx| counter.take(tx, 3));
        if n % 64 == 0 {
            hint::black_box(counter.load());
        }
    };
    stays_within("TCounter", 3, step, || assert_eq!(counter.load(), 1_000));
}

#[test]
fn a_queue_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, queue) = (Census::new(), TQueue::new());
    let step = |_, n| {
        queue.send(census.value(n));
        atomically(
            |tx| if n % 5 == 0 { queue.push_front(tx, census.value(n)) } else { queue.push(tx, census.value(n)) },
        );
        drop(queue.recv());
        drop(atomically(|tx| queue.pop(tx)));
    };
    stays_within("TQueue", 4, step, || assert_eq!(queue.to_vec().len(), 0));
    drop(queue);
    census.settle(0);
}

#[test]
fn a_bounded_queue_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    for rule in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest] {
        let (census, queue) = (Census::new(), TBQueue::with_overflow(8, rule));
        let step = |_, n| {
            let pushed = if rule == Overflow::Wait {
                queue.try_send(census.value(n)).is_ok() | queue.try_send(census.value(n)).is_ok()
            } else {
                queue.send(census.value(n)).is_ok() & queue.send(census.value(n)).is_ok()
            };
            hint::black_box(pushed);
            drop(queue.try_recv());
        };
        stays_within("TBQueue", 9, step, || drop(atomically(|tx| queue.flush(tx))));
        drop(queue);
        census.settle(0);
    }
}

#[test]
fn a_broadcast_channel_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let (all, latest) = (TBroadcast::new(), TBroadcast::with_capacity(8));
    let subscribers = [all.subscriber(), all.subscriber()];
    // The one never reads, the other does at times.
    let (silent, slow) = (latest.subscriber(), latest.subscriber());
    // A thread that sends while the other one is not there would leave it much to read: each reads for both.
    let read = || subscribers.iter().for_each(|reader| while atomically(|tx| reader.try_recv(tx)).is_some() {});
    let step = |_, n| {
        all.publish(census.value(n));
        latest.publish(census.value(n));
        read();
        if n % 20 == 0 {
            drop(atomically(|tx| slow.try_recv_or_lag(tx)));
            drop(all.subscriber());
        }
    };
    stays_within("TBroadcast", 4, step, || {
        read();
        while atomically(|tx| slow.try_recv(tx)).is_some() {}
    });
    drop((all, latest, subscribers, silent, slow));
    census.settle(0);
}

#[test]
fn a_priority_queue_does_not_grow() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, queue) = (Census::new(), TPriorityQueue::new());
    let known = |n: u64| Known(census.value(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000));
    (0..WINDOW).for_each(|n| queue.send(known(n)));
    let step = |_, n| {
        queue.send(known(n));
        drop(queue.recv());
    };
    stays_within("TPriorityQueue", 2, step, || assert_eq!(queue.to_vec().len() as u64, WINDOW));
    census.settle(WINDOW as usize);
    drop(queue);
    census.settle(0);
}

/// They are made, filled and dropped, with what is still in them.
#[test]
fn structures_come_and_go() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let step = |_, n: u64| {
        let items = || (0..n % 5).map(|n| census.value(n));
        let pairs = || (0..n % 5).zip(items());
        drop((pairs().collect::<TMap<_, _>>(), pairs().collect::<TOrdMap<_, _>>()));
        drop((items().map(Known).collect::<TSet<_>>(), TArray::new(3, census.value(n)), TCounter::new(n)));
        drop((items().collect::<TDeque<_>>(), items().collect::<TQueue<_>>(), items().collect::<TBQueue<_>>()));
        drop(items().map(Known).collect::<TPriorityQueue<_>>());
        let channel = TBroadcast::new();
        let subscriber = channel.subscriber();
        items().for_each(|item| channel.publish(item));
        drop((channel, subscriber));
    };
    stays_within("all that were made", 40, step, || ());
    census.settle(0);
}
