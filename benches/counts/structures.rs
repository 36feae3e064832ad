//! Rows for the structures: one for each of the common operations, on structures of usual sizes, each in a transaction of its
//! own. What comes in pairs, so that nothing grows, is counted as one: two transactions.

use std::cmp::Reverse;
use std::hint::black_box;
use std::ops::ControlFlow;

use stm::channel::{TBQueue, TBroadcast, TPriorityQueue, TQueue};
use stm::collections::{TArray, TCounter, TDeque, TMap, TOrdMap, TTable};
use stm::sync::{TMVar, TRwLock, TSemaphore};
use stm::{atomically, snapshot};

use super::probes::Row;
use stm_benches::workloads::Contender;
use stm_benches::workloads::structures::quick_hash::QuickHash;

/// How many entries the maps have, and how many items the queues hold meanwhile.
const KEYS: u64 = 1024;
/// See [`KEYS`].
const WAITING: u64 = 16;
/// How many entries a scan sees.
const SCANNED: u64 = 100;

/// An operation on a structure, again and again.
struct Repeated<T, F> {
    structure: T,
    operation: F,
}

impl<T: Sync, F: Fn(&T, u64) + Sync> Contender for Repeated<T, F> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        (0..operations).for_each(|number| (self.operation)(black_box(&self.structure), number));
        operations
    }

    /// Each operation checks what it gets.
    fn verify(&self, _operations: u64) {}
}

fn repeated<T, F>(structure: T, operation: F) -> Box<dyn Contender>
where
    T: Sync + 'static,
    F: Fn(&T, u64) + Sync + 'static,
{
    Box::new(Repeated { structure, operation })
}

/// Goes through all keys, and not in their order.
#[inline]
fn key(number: u64) -> u64 {
    number.wrapping_mul(611_953) % KEYS
}

type Hashed = TMap<u64, u64, QuickHash>;

/// The hash function is one that always hashes alike: the standard one's keys are random.
fn hashed() -> Hashed {
    let map = TMap::with_hasher(QuickHash);
    (0..KEYS).for_each(|key| assert_eq!(atomically(|tx| map.insert(tx, key, key)), None));
    map
}

/// Several maps in turns: how high a node is, is drawn at random, and one map may be lucky.
type Ordered = [TOrdMap<u64, u64>; 16];

fn ordered() -> Ordered {
    std::array::from_fn(|_| (0..KEYS).map(|number| (key(number), key(number))).collect())
}

/// The map whose turn it is, and the key. Each map meets all keys.
#[inline]
fn turn(maps: &Ordered, number: u64) -> (&TOrdMap<u64, u64>, u64) {
    (&maps[number as usize % maps.len()], key(number / maps.len() as u64 + number))
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = hash_map();
    rows.extend(ordered_map());
    rows.extend(collections());
    rows.extend(channels());
    rows.extend(sync());
    rows
}

fn hash_map() -> Vec<Row> {
    vec![
        Row::new("TMap of 1024: get", || {
            repeated(hashed(), |map, number| {
                assert_eq!(atomically(|tx| map.get(tx, &key(number))), Some(key(number)));
            })
        }),
        Row::new("TMap of 1024: get, read-only", || {
            repeated(hashed(), |map, number| {
                assert_eq!(snapshot(|tx| map.get(tx, &key(number))), Some(key(number)));
            })
        }),
        Row::new("TMap of 1024: insert over", || {
            repeated(hashed(), |map, number| {
                assert!(atomically(|tx| map.insert(tx, key(number), number)).is_some());
            })
        }),
        Row::new("TMap of 1024: insert anew, remove", || {
            repeated(hashed(), |map, number| {
                let key = KEYS + key(number);
                assert_eq!(atomically(|tx| map.insert(tx, key, number)), None);
                assert_eq!(atomically(|tx| map.remove(tx, &key)), Some(number));
            })
        })
        .allocates(),
    ]
}

fn ordered_map() -> Vec<Row> {
    vec![
        Row::new("TOrdMap of 1024: get", || {
            repeated(ordered(), |maps, number| {
                let (map, key) = turn(maps, number);
                assert_eq!(atomically(|tx| map.get(tx, &key)), Some(key));
            })
        }),
        Row::new("TOrdMap of 1024: insert over", || {
            repeated(ordered(), |maps, number| {
                let (map, key) = turn(maps, number);
                assert_eq!(atomically(|tx| map.insert(tx, key, key)), Some(key));
            })
        }),
        Row::new("TOrdMap of 1024: insert anew, remove", || {
            repeated(ordered(), |maps, number| {
                let (map, key) = turn(maps, number);
                assert_eq!(atomically(|tx| map.remove(tx, &key)), Some(key));
                assert_eq!(atomically(|tx| map.insert(tx, key, key)), None);
            })
        })
        .allocates(),
        Row::new("TOrdMap of 1024: scan of 100", || {
            repeated(ordered(), |maps, number| {
                let (map, from) = turn(maps, number);
                let from = from % (KEYS - SCANNED);
                let seen = atomically(|tx| {
                    let mut seen = 0;
                    let _ = map.for_range(tx, from..from + SCANNED, |_, value| {
                        seen += value;
                        ControlFlow::<()>::Continue(())
                    })?;
                    Ok(seen)
                });
                assert_eq!(seen, SCANNED * from + SCANNED * (SCANNED - 1) / 2);
            })
        }),
    ]
}

/// A row of the table.
#[derive(Clone)]
struct Person {
    id: u64,
    age: u64,
}

/// Several tables in turns, as of ordered maps.
fn people() -> [TTable<Person, u64>; 4] {
    std::array::from_fn(|_| {
        let mut builder = TTable::builder(|person: &Person| person.id);
        builder.ordered("age", |person| person.age);
        let table = builder.build();
        (0..KEYS).for_each(|id| assert!(atomically(|tx| table.insert(tx, Person { id, age: key(id) })).is_ok()));
        table
    })
}

fn collections() -> Vec<Row> {
    vec![
        Row::new("TTable of 1024, an ordered index: update", || {
            repeated(people(), |tables, number| {
                let table = &tables[number as usize % tables.len()];
                let aged = atomically(|tx| table.update(tx, &key(number), |person| person.age += 1));
                assert!(matches!(aged, Ok(Some(()))));
            })
        })
        .allocates(),
        Row::new("TDeque of 16: push back, pop front", || {
            let deque = TDeque::new();
            (0..WAITING).for_each(|number| atomically(|tx| deque.push_back(tx, number)));
            repeated(deque, |deque, number| {
                atomically(|tx| deque.push_back(tx, number));
                assert!(atomically(|tx| deque.pop_front(tx)).is_some());
            })
        })
        .allocates(),
        Row::new("TArray of 1024: read", || {
            repeated(TArray::from_fn(KEYS as usize, |number| number as u64), |array, number| {
                assert_eq!(atomically(|tx| array.read(tx, key(number) as usize)), key(number));
            })
        }),
        Row::new("TArray of 1024: modify", || {
            repeated(TArray::new(KEYS as usize, 0_u64), |array, number| {
                atomically(|tx| array.modify(tx, key(number) as usize, |count| count + 1));
            })
        }),
        Row::new("TCounter: add", || repeated(TCounter::new(0), |counter, _| atomically(|tx| counter.add(tx, 1)))),
        Row::new("TCounter: bump", || repeated(TCounter::new(0), |counter, _| counter.bump(1))),
    ]
}

fn channels() -> Vec<Row> {
    vec![
        Row::new("TQueue of 16: push, pop", || {
            let queue = TQueue::new();
            (0..WAITING).for_each(|number| atomically(|tx| queue.push(tx, number)));
            repeated(queue, |queue, number| {
                atomically(|tx| queue.push(tx, number));
                black_box(atomically(|tx| queue.pop(tx)));
            })
        })
        .allocates(),
        Row::new("TBQueue of 16: push, pop", || {
            let queue = TBQueue::new(2 * WAITING as usize);
            (0..WAITING).for_each(|number| assert!(atomically(|tx| queue.push(tx, number)).is_ok()));
            repeated(queue, |queue, number| {
                assert!(atomically(|tx| queue.push(tx, number)).is_ok());
                assert!(atomically(|tx| queue.pop(tx)).is_some());
            })
        }),
        Row::new("TPriorityQueue of 16: push, pop", || {
            // What comes is behind most of what waits, not all: were it at random, the last would stay for ever, as high as they
            // happen to be.
            let item = |number| Reverse(number * KEYS / WAITING + key(number));
            let queue = TPriorityQueue::new();
            (0..WAITING).for_each(|number| atomically(|tx| queue.push(tx, item(number))));
            repeated(queue, move |queue, number| {
                atomically(|tx| queue.push(tx, item(WAITING + number)));
                black_box(atomically(|tx| queue.pop(tx)));
            })
        })
        .allocates(),
        Row::new("TBroadcast, 1 subscriber: send, receive", || {
            let channel = TBroadcast::new();
            let subscriber = channel.subscriber();
            repeated((channel, subscriber), |(channel, subscriber), number| {
                atomically(|tx| channel.send(tx, number));
                assert_eq!(atomically(|tx| subscriber.recv(tx)), number);
            })
        })
        .allocates(),
    ]
}

fn sync() -> Vec<Row> {
    vec![
        Row::new("TMVar: take, put", || {
            repeated(TMVar::new(0_u64), |variable, number| {
                black_box(atomically(|tx| variable.take(tx)));
                atomically(|tx| variable.put(tx, number));
            })
        })
        .allocates(),
        Row::new("TSemaphore: acquire, release", || {
            repeated(TSemaphore::new(1), |semaphore, _| {
                atomically(|tx| semaphore.acquire(tx, 1));
                atomically(|tx| semaphore.release(tx, 1));
            })
        }),
        Row::new("TSemaphore: a permit, dropped", || {
            repeated(TSemaphore::new(1), |semaphore, _| drop(black_box(semaphore.acquire_blocking(1))))
        }),
        Row::new("TRwLock: a read guard, dropped", || {
            repeated(TRwLock::new(0_u64), |lock, _| drop(black_box(lock.read())))
        })
        .allocates(),
        Row::new("TRwLock: a write guard, set, dropped", || {
            repeated(TRwLock::new(0_u64), |lock, number| lock.write().set(number))
        })
        .allocates(),
    ]
}
