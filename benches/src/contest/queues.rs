//! A bounded queue between producers and consumers, who wait.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crossbeam_queue::ArrayQueue;
use parking_lot::Condvar;

use super::collections::Bounded;
use super::{Contest, Field, async_queues, competitor as who, every_stm};
use crate::systems::Stm;
use crate::workloads::progress::queues::{CAPACITY, Channel, EMPTY, Flow, Locked, Queue};
use crate::workloads::progress::{Padded, Team};

/// A ring of variables. Producers look at the place they write and consumers at the place they empty, not at each other's
/// position, so they meet only where the queue is full or empty.
pub struct Ring<S: Stm> {
    places: Vec<S::Var<u64>>,
    head: Padded<S::Var<u64>>,
    tail: Padded<S::Var<u64>>,
}

impl<S: Stm> Ring<S> {
    fn place(&self, position: u64) -> &S::Var<u64> {
        &self.places[position as usize % CAPACITY]
    }

    #[inline]
    pub fn put(&self, tx: &S::Tx<'_>, item: u64) -> Result<(), S::Abort> {
        let tail = S::read(tx, &self.tail.0)?;
        let place = self.place(tail);
        if S::read(tx, place)? != EMPTY {
            return S::retry(tx);
        }
        S::write(tx, place, item)?;
        S::write(tx, &self.tail.0, tail + 1)
    }

    #[inline]
    pub fn take(&self, tx: &S::Tx<'_>) -> Result<u64, S::Abort> {
        let head = S::read(tx, &self.head.0)?;
        let place = self.place(head);
        let item = S::read(tx, place)?;
        if item == EMPTY {
            return S::retry(tx);
        }
        S::write(tx, place, EMPTY)?;
        S::write(tx, &self.head.0, head + 1)?;
        Ok(item)
    }
}

impl<S: Stm> Queue for Ring<S> {
    fn new() -> Self {
        Self {
            places: (0..CAPACITY).map(|_| S::var(EMPTY)).collect(),
            head: Padded(S::var(0)),
            tail: Padded(S::var(0)),
        }
    }

    #[inline]
    fn push(&self, item: u64) {
        S::atomically(|tx| self.put(tx, item));
    }

    #[inline]
    fn pop(&self) -> u64 {
        S::atomically(|tx| self.take(tx))
    }
}

/// parking_lot's mutex and condition variables.
struct PlLocked {
    items: parking_lot::Mutex<VecDeque<u64>>,
    has_room: Condvar,
    has_items: Condvar,
}

impl Queue for PlLocked {
    fn new() -> Self {
        Self {
            items: parking_lot::Mutex::new(VecDeque::with_capacity(CAPACITY)),
            has_room: Condvar::new(),
            has_items: Condvar::new(),
        }
    }

    fn push(&self, item: u64) {
        let mut items = self.items.lock();
        self.has_room.wait_while(&mut items, |items| items.len() == CAPACITY);
        items.push_back(item);
        drop(items);
        self.has_items.notify_one();
    }

    fn pop(&self) -> u64 {
        let mut items = self.items.lock();
        self.has_items.wait_while(&mut items, |items| items.is_empty());
        let item = items.pop_front().expect("it is not empty");
        drop(items);
        self.has_room.notify_one();
        item
    }
}

/// The standard library's channel. It has one receiver, so several consumers share it under a mutex.
struct StdChannel(SyncSender<u64>, Mutex<Receiver<u64>>);

impl Queue for StdChannel {
    fn new() -> Self {
        let (sender, receiver) = sync_channel(CAPACITY);
        Self(sender, Mutex::new(receiver))
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is here");
    }

    fn pop(&self) -> u64 {
        let receiver = self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        receiver.recv().expect("the sender is here")
    }
}

/// Calls `step` until it returns something: first spinning, then yielding.
pub fn until<T>(mut step: impl FnMut() -> Option<T>) -> T {
    let backoff = crossbeam_utils::Backoff::new();
    loop {
        if let Some(value) = step() {
            return value;
        }
        backoff.snooze();
    }
}

fn transactional<S: Stm>() -> Box<dyn Team> {
    Box::new(Flow::<Ring<S>>::new())
}

fn enter(field: &mut Field<'_>) {
    // As many producers as consumers, so an even number.
    let threads = &field.threads(2);
    every_stm!(field, threads, transactional);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Flow::<Bounded<false>>::new()),
        || Box::new(Flow::<Bounded<true>>::new()),
    );
    field.twins(
        who::ASYNC_TBQUEUE,
        threads,
        || Box::new(Flow::<async_queues::Bounded<false>>::new()),
        || Box::new(Flow::<async_queues::Bounded<true>>::new()),
    );
    field.enter(who::STD_MUTEX, threads, || Box::new(Flow::<Locked>::new()));
    field.enter(who::PL_MUTEX, threads, || Box::new(Flow::<PlLocked>::new()));
    field.enter(who::CROSSBEAM_CHANNEL, threads, || Box::new(Flow::<Channel>::new()));
    field.enter(who::STD_CHANNEL, threads, || Box::new(Flow::<StdChannel>::new()));
    field.enter(who::ARRAY_QUEUE, threads, || Box::new(Flow::<ArrayQueue<u64>>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![Contest {
        name: "bounded-queue",
        title: "Bounded queue of 128",
        what: "Half of the threads put numbers in, the other half takes them out; who can not go on waits. That none is lost \
               or doubled, and that each producer's come in order, is checked.",
        operation: "item",
        baseline: who::CROSSBEAM_CHANNEL,
        absent: "Whoever never comes back: async-stm has done so with four producers and four consumers, once in many runs. It \
                 is ended then, named at the top, and the rest measured without it.",
        losses: "A channel moves an item by one exchange; a transaction that takes it writes two variables and wakes by looking \
                 into a table of waiters. Producers among themselves write the same variable. Ours (TVar) is a ring: each write is \
                 some 180 instructions (`each write of sets`). Ours (collection), `TBQueue`, takes some 700 to push and pop an \
                 item.",
        enter,
    }]
}
