//! A bounded queue between producers and consumers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use crossbeam_queue::{ArrayQueue, SegQueue};
use crossbeam_utils::Backoff;
use stm::channel::{TBQueue, TQueue};
use stm::{ReadTransaction, StmResult, Transaction};

use super::{Padded, Team};
use crate::workloads::variable::Variable;

/// How many items a queue has room for.
pub const CAPACITY: usize = 128;
/// What an empty place holds; no item is this.
pub const EMPTY: u64 = 0;

/// A queue of at most [`CAPACITY`] numbers above 0.
pub trait Queue: Sync {
    fn new() -> Self;
    /// Waits for room.
    fn push(&self, item: u64);
    /// Waits for an item.
    fn pop(&self) -> u64;
}

/// A ring of transactional variables. Producers look at the place they write and consumers at the place they empty, not
/// at each other's position, so they meet only where the queue is full or empty.
pub struct Transactional<V> {
    places: Vec<V>,
    /// How many were taken, and how many were put in.
    head: Padded<V>,
    tail: Padded<V>,
}

impl<V: Variable> Transactional<V> {
    fn place(&self, position: u64) -> &V {
        &self.places[position as usize % CAPACITY]
    }

    /// Takes the first item out, or does what `none` says if there is none.
    #[inline]
    pub fn take<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        none: impl FnOnce(&ReadTransaction<'tx, '_>) -> StmResult<u64>,
    ) -> StmResult<u64> {
        let head = self.head.0.read(tx)?;
        let place = self.place(head);
        let item = place.read(tx)?;
        if item == EMPTY {
            return none(tx);
        }
        place.write(tx, EMPTY)?;
        self.head.0.write(tx, head + 1)?;
        Ok(item)
    }

    /// Looks at the first item and leaves it where it is.
    pub fn first<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<u64> {
        let head = self.head.0.read(tx)?;
        self.place(head).read(tx)
    }
}

impl<V: Variable> Queue for Transactional<V> {
    fn new() -> Self {
        Self {
            places: (0..CAPACITY).map(|_| V::new(EMPTY)).collect(),
            head: Padded(V::new(0)),
            tail: Padded(V::new(0)),
        }
    }

    #[inline]
    fn push(&self, item: u64) {
        stm::atomically(|tx| {
            let tail = self.tail.0.read(tx)?;
            let place = self.place(tail);
            tx.check(place.read(tx)? == EMPTY)?;
            place.write(tx, item)?;
            self.tail.0.write(tx, tail + 1)
        });
    }

    #[inline]
    fn pop(&self) -> u64 {
        stm::atomically(|tx| self.take(tx, |tx| tx.retry()))
    }
}

/// The library's bounded queue, closed by nobody.
impl Queue for TBQueue<u64> {
    fn new() -> Self {
        Self::new(CAPACITY)
    }

    #[inline]
    fn push(&self, item: u64) {
        self.send(item).expect("the queue is open");
    }

    #[inline]
    fn pop(&self) -> u64 {
        self.recv().expect("the queue is open")
    }
}

/// The library's queue without a bound.
impl Queue for TQueue<u64> {
    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn push(&self, item: u64) {
        self.send(item);
    }

    #[inline]
    fn pop(&self) -> u64 {
        self.recv()
    }
}

/// The ring in fast-stm's variables.
pub struct FastStm {
    places: Vec<fast_stm::TVar<u64>>,
    head: fast_stm::TVar<u64>,
    tail: fast_stm::TVar<u64>,
}

impl Queue for FastStm {
    fn new() -> Self {
        Self {
            places: (0..CAPACITY).map(|_| fast_stm::TVar::new(EMPTY)).collect(),
            head: fast_stm::TVar::new(0),
            tail: fast_stm::TVar::new(0),
        }
    }

    fn push(&self, item: u64) {
        fast_stm::atomically(|tx| {
            let tail = self.tail.read(tx)?;
            let place = &self.places[tail as usize % CAPACITY];
            fast_stm::guard(place.read(tx)? == EMPTY)?;
            place.write(tx, item)?;
            self.tail.write(tx, tail + 1)
        });
    }

    fn pop(&self) -> u64 {
        fast_stm::atomically(|tx| {
            let head = self.head.read(tx)?;
            let place = &self.places[head as usize % CAPACITY];
            let item = place.read(tx)?;
            fast_stm::guard(item != EMPTY)?;
            place.write(tx, EMPTY)?;
            self.head.write(tx, head + 1)?;
            Ok(item)
        })
    }
}

/// What one would write with the standard library.
pub struct Locked {
    items: Mutex<VecDeque<u64>>,
    has_room: Condvar,
    has_items: Condvar,
}

fn wait_while<'m>(
    condvar: &Condvar,
    guard: MutexGuard<'m, VecDeque<u64>>,
    condition: impl FnMut(&mut VecDeque<u64>) -> bool,
) -> MutexGuard<'m, VecDeque<u64>> {
    condvar.wait_while(guard, condition).unwrap_or_else(PoisonError::into_inner)
}

impl Locked {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue for Locked {
    fn new() -> Self {
        Self {
            items: Mutex::new(VecDeque::with_capacity(CAPACITY)),
            has_room: Condvar::new(),
            has_items: Condvar::new(),
        }
    }

    fn push(&self, item: u64) {
        let mut items = wait_while(&self.has_room, self.lock(), |items| items.len() == CAPACITY);
        items.push_back(item);
        drop(items);
        self.has_items.notify_one();
    }

    fn pop(&self) -> u64 {
        let mut items = wait_while(&self.has_items, self.lock(), |items| items.is_empty());
        let item = items.pop_front().expect("it is not empty");
        drop(items);
        self.has_room.notify_one();
        item
    }
}

/// crossbeam's bounded channel.
pub struct Channel(Sender<u64>, Receiver<u64>);

impl Queue for Channel {
    fn new() -> Self {
        let (sender, receiver) = bounded(CAPACITY);
        Self(sender, receiver)
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is here");
    }

    fn pop(&self) -> u64 {
        self.1.recv().expect("the sender is here")
    }
}

/// The same without a bound.
pub struct UnboundedChannel(Sender<u64>, Receiver<u64>);

impl Queue for UnboundedChannel {
    fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self(sender, receiver)
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is here");
    }

    fn pop(&self) -> u64 {
        self.1.recv().expect("the sender is here")
    }
}

/// crossbeam's bounded queue, which does not wait: who must wait spins, and then yields.
impl Queue for ArrayQueue<u64> {
    fn new() -> Self {
        Self::new(CAPACITY)
    }

    fn push(&self, item: u64) {
        let backoff = Backoff::new();
        while self.push(item).is_err() {
            backoff.snooze();
        }
    }

    fn pop(&self) -> u64 {
        let backoff = Backoff::new();
        loop {
            match self.pop() {
                Some(item) => return item,
                None => backoff.snooze(),
            }
        }
    }
}

/// crossbeam's queue without a bound; who must wait spins, and then yields.
impl Queue for SegQueue<u64> {
    fn new() -> Self {
        Self::new()
    }

    fn push(&self, item: u64) {
        self.push(item);
    }

    fn pop(&self) -> u64 {
        let backoff = Backoff::new();
        loop {
            match self.pop() {
                Some(item) => return item,
                None => backoff.snooze(),
            }
        }
    }
}

/// As many producers as consumers on one queue.
pub struct Flow<S> {
    queue: S,
    pushed: AtomicU64,
    popped: AtomicU64,
}

impl<S: Queue> Flow<S> {
    pub fn new() -> Self {
        Self { queue: S::new(), pushed: AtomicU64::new(0), popped: AtomicU64::new(0) }
    }

    /// P, C, C, P, P, C, C, P: both cores have as many of the ones as of the others.
    fn is_producer(worker: usize) -> bool {
        (worker ^ (worker >> 1)) & 1 == 0
    }
}

/// How many low bits of an item are its number; above are those of its producer.
const NUMBER_BITS: u32 = 48;

impl<S: Queue> Team for Flow<S> {
    /// Counts items that went through.
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut sum = 0_u64;
        if Self::is_producer(worker) {
            for number in 1..=operations {
                let item = ((worker as u64) << NUMBER_BITS) | number;
                self.queue.push(item);
                sum = sum.wrapping_add(item);
            }
            // Relaxed, here and below: sums that are read when all threads have ended.
            self.pushed.fetch_add(sum, Ordering::Relaxed);
            return operations;
        }
        let mut latest = [0_u64; 64];
        for _ in 0..operations {
            let item = self.queue.pop();
            sum = sum.wrapping_add(item);
            let (producer, number) = ((item >> NUMBER_BITS) as usize, item & ((1 << NUMBER_BITS) - 1));
            assert!(number > latest[producer], "one producer's items came in another order");
            latest[producer] = number;
        }
        self.popped.fetch_add(sum, Ordering::Relaxed);
        0
    }

    fn verify(&self, _operations: u64) {
        let (pushed, popped) = (self.pushed.load(Ordering::Relaxed), self.popped.load(Ordering::Relaxed));
        assert_eq!(pushed, popped, "items were lost or came twice");
        self.queue.push(1);
        assert_eq!(self.queue.pop(), 1, "items were left over");
    }
}
