//! A deque and a priority queue that are never empty: every thread puts an item in and takes one out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use stm::channel::TPriorityQueue;
use stm::collections::TDeque;

use super::pairs::{Fifo, Pairs};
use super::{Contest, Field, competitor as who};
use crate::systems::ours::run;
use crate::systems::{Lock, LockKind, PlMutex, StdMutex};
use crate::workloads::progress::Team;

/// At which end an item is put in. It is always taken out at the front.
fn is_for_front(item: u64) -> bool {
    item.is_multiple_of(2)
}

/// The library's deque. `COUNTED` counts runs.
struct Deque<const COUNTED: bool>(TDeque<u64>);

impl<const COUNTED: bool> Fifo for Deque<COUNTED> {
    fn new() -> Self {
        Self(TDeque::new())
    }

    #[inline]
    fn push(&self, item: u64) {
        run::<COUNTED, _>(|tx| match is_for_front(item) {
            true => self.0.push_front(tx, item),
            false => self.0.push_back(tx, item),
        });
    }

    #[inline]
    fn pop(&self) -> Option<u64> {
        run::<COUNTED, _>(|tx| self.0.pop_front(tx))
    }
}

/// The standard library's deque under a lock.
struct LockedDeque<L: LockKind>(L::Of<VecDeque<u64>>);

impl<L: LockKind> Fifo for LockedDeque<L> {
    fn new() -> Self {
        Self(Lock::new(VecDeque::new()))
    }

    fn push(&self, item: u64) {
        self.0.with_mut(|items| match is_for_front(item) {
            true => items.push_front(item),
            false => items.push_back(item),
        });
    }

    fn pop(&self) -> Option<u64> {
        self.0.with_mut(VecDeque::pop_front)
    }
}

/// The library's priority queue, the least item first. `COUNTED` counts runs.
struct Priorities<const COUNTED: bool>(TPriorityQueue<Reverse<u64>>);

impl<const COUNTED: bool> Fifo for Priorities<COUNTED> {
    fn new() -> Self {
        Self(TPriorityQueue::new())
    }

    #[inline]
    fn push(&self, item: u64) {
        run::<COUNTED, _>(|tx| self.0.push(tx, Reverse(item)));
    }

    #[inline]
    fn pop(&self) -> Option<u64> {
        run::<COUNTED, _>(|tx| self.0.try_pop(tx)).map(|Reverse(item)| item)
    }
}

/// The standard library's heap under a lock, the least item first.
struct LockedHeap<L: LockKind>(L::Of<BinaryHeap<Reverse<u64>>>);

impl<L: LockKind> Fifo for LockedHeap<L> {
    fn new() -> Self {
        Self(Lock::new(BinaryHeap::new()))
    }

    fn push(&self, item: u64) {
        self.0.with_mut(|items| items.push(Reverse(item)));
    }

    fn pop(&self) -> Option<u64> {
        self.0.with_mut(BinaryHeap::pop).map(|Reverse(item)| item)
    }
}

fn pairs<S: Fifo + Send + 'static>() -> Box<dyn Team> {
    Box::new(Pairs::<S>::new())
}

fn enter_deque(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    field.twins(who::OURS_STRUCTURE, threads, pairs::<Deque<false>>, pairs::<Deque<true>>);
    field.enter(who::STD_MUTEX, threads, pairs::<LockedDeque<StdMutex>>);
    field.enter(who::PL_MUTEX, threads, pairs::<LockedDeque<PlMutex>>);
}

fn enter_priorities(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    field.twins(who::OURS_STRUCTURE, threads, pairs::<Priorities<false>>, pairs::<Priorities<true>>);
    field.enter(who::STD_MUTEX, threads, pairs::<LockedHeap<StdMutex>>);
    field.enter(who::PL_MUTEX, threads, pairs::<LockedHeap<PlMutex>>);
}

pub fn contests() -> Vec<Contest> {
    vec![
        Contest {
            name: "deque-pairs",
            title: "Deque, in and out",
            what: "Every thread in turn puts a number into a deque, at the front or at the back, and takes one out at the front. 64 \
                   numbers are in it at first, so that nobody ever finds it empty. That none is lost or doubled is checked. Ours \
                   (collection) is `TDeque`, the others a `VecDeque` under a mutex.",
            operation: "item in and out",
            baseline: who::PL_MUTEX,
            absent: "The other STMs have none, nor has crossbeam one that takes items at both ends. Read-write locks: nobody only \
                     reads.",
            losses: "A lock's holder moves an index. A `TDeque`'s item is a place of its own that is written, as is the end, some \
                     2600 instructions and 1.2 allocations in and out (`TDeque of 16`); all threads write the front.",
            enter: enter_deque,
        },
        Contest {
            name: "priority-pairs",
            title: "Priority queue, in and out",
            what: "The same on priority queues, of which the least number comes out. Ours (collection) is `TPriorityQueue`, the \
                   others a `BinaryHeap` under a mutex.",
            operation: "item in and out",
            baseline: who::PL_MUTEX,
            absent: "The other STMs have none. Read-write locks: nobody only reads.",
            losses: "A heap in an array moves a few numbers. A `TPriorityQueue` is a skip list: links on several levels are recorded, \
                     locked and stamped, some 3300 instructions and 2.5 allocations in and out (`TPriorityQueue of 16`); all \
                     threads take the first item.",
            enter: enter_priorities,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_out<S: Fifo>() -> Vec<u64> {
        let items = S::new();
        [5, 1, 4, 3].into_iter().for_each(|item| items.push(item));
        std::iter::from_fn(|| items.pop()).collect()
    }

    #[test]
    fn all_take_out_the_same() {
        assert_eq!(comes_out::<Deque<true>>(), [4, 5, 1, 3]);
        assert_eq!(comes_out::<LockedDeque<PlMutex>>(), [4, 5, 1, 3]);
        assert_eq!(comes_out::<Priorities<true>>(), [1, 3, 4, 5]);
        assert_eq!(comes_out::<LockedHeap<StdMutex>>(), [1, 3, 4, 5]);
    }
}
