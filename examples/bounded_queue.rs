//! A bounded queue: producers wait for room and consumers for items by `retry`, without a condition variable.
//!
//! `pop` waits by itself; `or_else` combines it with another wait, for the last producer to leave.

use std::thread;

use stm::{StmResult, TVar, Transaction, atomically};

const CAPACITY: usize = 8;
const PRODUCERS: u64 = 3;
const CONSUMERS: usize = 2;
const ITEMS: u64 = 20_000;

/// A ring of slots. Producers and consumers meet only where the queue is empty or full.
struct BoundedQueue<T> {
    slots: Vec<TVar<Option<T>>>,
    /// The slots that the next `push` and the next `pop` use, counted without wrapping round the ring.
    tail: TVar<usize>,
    head: TVar<usize>,
}

impl<T: Clone + Send + Sync + 'static> BoundedQueue<T> {
    fn new(capacity: usize) -> Self {
        Self { slots: (0..capacity).map(|_| TVar::new(None)).collect(), tail: TVar::new(0), head: TVar::new(0) }
    }

    /// Appends `item`, and waits while the queue is full.
    fn push(&self, tx: &Transaction, item: T) -> StmResult<()> {
        let tail = self.tail.read(tx)?;
        let slot = &self.slots[tail % self.slots.len()];
        tx.check(slot.with(tx, Option::is_none)?)?;
        slot.write(tx, Some(item))?;
        self.tail.write(tx, tail + 1)
    }

    /// Removes the oldest item, and waits while there is none.
    fn pop(&self, tx: &Transaction) -> StmResult<T> {
        let head = self.head.read(tx)?;
        let slot = &self.slots[head % self.slots.len()];
        let Some(item) = slot.read(tx)? else {
            return tx.retry();
        };
        slot.write(tx, None)?;
        self.head.write(tx, head + 1)?;
        Ok(item)
    }
}

/// An item: who made it, and its number among theirs.
type Item = (u64, u64);

fn produce(queue: &BoundedQueue<Item>, producers: &TVar<u64>, producer: u64) {
    for number in 0..ITEMS {
        atomically(|tx| queue.push(tx, (producer, number)));
    }
    atomically(|tx| producers.modify(tx, |left| left - 1));
}

/// Takes items until the queue is empty and every producer has left.
fn consume(queue: &BoundedQueue<Item>, producers: &TVar<u64>) -> Vec<Item> {
    let next = || {
        atomically(|tx| {
            let item = |tx: &Transaction| queue.pop(tx).map(Some);
            let end = |tx: &Transaction| {
                tx.check(producers.read(tx)? == 0)?;
                Ok(None)
            };
            tx.or_else(item, end)
        })
    };
    std::iter::from_fn(next).collect()
}

fn main() {
    let queue = BoundedQueue::new(CAPACITY);
    let producers = TVar::new(PRODUCERS);
    let taken = thread::scope(|scope| {
        let (queue, producers) = (&queue, &producers);
        let consumers: Vec<_> = (0..CONSUMERS).map(|_| scope.spawn(|| consume(queue, producers))).collect();
        for producer in 0..PRODUCERS {
            scope.spawn(move || produce(queue, producers, producer));
        }
        consumers.into_iter().map(|consumer| consumer.join().expect("a consumer panicked")).collect::<Vec<_>>()
    });

    for items in &taken {
        for producer in 0..PRODUCERS {
            let numbers = items.iter().filter(|item| item.0 == producer);
            assert!(numbers.is_sorted(), "items of a producer overtook each other");
        }
    }
    let mut all: Vec<Item> = taken.into_iter().flatten().collect();
    all.sort_unstable();
    let made = (0..PRODUCERS).flat_map(|producer| (0..ITEMS).map(move |number| (producer, number)));
    assert!(all.iter().copied().eq(made), "items were lost or taken twice");
    println!("{} items went through {CAPACITY} slots, each once and in order", all.len());
}
