//! async-stm's own queues in the contests. `COUNTED` counts runs.

use async_stm::Stm;
use async_stm::queues::TQueueLike;
use async_stm::queues::tbqueue::TBQueue;
use async_stm::queues::tchan::TChan;
use async_stm::queues::tqueue::TQueue;

use super::pairs::Fifo;
use super::waiting::TwoQueues;
use crate::systems::tally;
use crate::workloads::progress::queues::{CAPACITY, Queue};

fn run<const COUNTED: bool, T>(body: impl Fn() -> Stm<T>) -> T {
    let value = pollster::block_on(async_stm::atomically(|| {
        if COUNTED {
            tally::count_run();
        }
        body()
    }));
    if COUNTED {
        tally::count_commit();
    }
    value
}

/// A bounded queue.
pub struct Bounded<const COUNTED: bool>(TBQueue<u64>);

impl<const COUNTED: bool> Queue for Bounded<COUNTED> {
    fn new() -> Self {
        Self(TBQueue::new(CAPACITY as u32))
    }

    fn push(&self, item: u64) {
        run::<COUNTED, _>(|| self.0.write(item));
    }

    fn pop(&self) -> u64 {
        run::<COUNTED, _>(|| self.0.read())
    }
}

/// Two bounded queues.
pub struct TwoBounded<const COUNTED: bool>([Bounded<COUNTED>; 2]);

impl<const COUNTED: bool> TwoQueues for TwoBounded<COUNTED> {
    fn new() -> Self {
        Self([(); 2].map(|()| Bounded::new()))
    }

    fn push(&self, queue: usize, item: u64) {
        self.0[queue].push(item);
    }

    fn pop_any(&self) -> u64 {
        let [Bounded(first), Bounded(second)] = &self.0;
        run::<COUNTED, _>(|| async_stm::or(|| first.read(), || second.read()))
    }
}

/// A queue without bound, by any of its own.
pub struct Unbounded<Q, const COUNTED: bool>(Q);

/// Two stacks, each a vector in a variable.
pub type Stacks<const COUNTED: bool> = Unbounded<TQueue<u64>, COUNTED>;
/// A linked list of variables.
pub type Chain<const COUNTED: bool> = Unbounded<TChan<u64>, COUNTED>;

impl<Q: TQueueLike<u64> + Default + Sync, const COUNTED: bool> Fifo for Unbounded<Q, COUNTED> {
    fn new() -> Self {
        Self(Q::default())
    }

    fn push(&self, item: u64) {
        run::<COUNTED, _>(|| self.0.write(item));
    }

    fn pop(&self) -> Option<u64> {
        run::<COUNTED, _>(|| if self.0.is_empty()? { Ok(None) } else { self.0.read().map(Some) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_in_order(queue: &impl Fifo) {
        (1..=9).for_each(|item| queue.push(item));
        assert!(std::iter::from_fn(|| queue.pop()).eq(1..=9));
    }

    #[test]
    fn what_is_put_in_comes_out_in_order() {
        comes_in_order(&Stacks::<false>::new());
        comes_in_order(&Chain::<true>::new());
        let queue = Bounded::<false>::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=1000).for_each(|item| queue.push(item)));
            assert!((1..=1000).all(|item| queue.pop() == item));
        });
        let both = TwoBounded::<false>::new();
        [0, 1, 1].into_iter().for_each(|queue| both.push(queue, queue as u64));
        assert_eq!([(); 3].map(|()| both.pop_any()), [0, 1, 1]);
    }
}
