//! The queue of Michael and Scott ("Simple, fast, and practical non-blocking and blocking concurrent queue algorithms", PODC
//! 1996), with nodes reclaimed by epochs.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use crossbeam_epoch::{self as epoch, Atomic, Guard, Owned, Shared};
use crossbeam_utils::CachePadded;

/// A lock-free queue without bound.
///
/// `head` refers to a node whose item is gone (at first, that never had one); the first item is in the next.
pub struct MichaelScott<T> {
    head: CachePadded<Atomic<Node<T>>>,
    tail: CachePadded<Atomic<Node<T>>>,
}

struct Node<T> {
    /// There from when the node is linked until the head moves to it.
    item: MaybeUninit<T>,
    next: Atomic<Node<T>>,
}

impl<T> Node<T> {
    fn new(item: MaybeUninit<T>) -> Owned<Self> {
        Owned::new(Self { item, next: Atomic::null() })
    }
}

// SAFETY: threads share the queue to hand items over, each of which one thread at a time has; an item is never shared.
unsafe impl<T: Send> Send for MichaelScott<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for MichaelScott<T> {}

impl<T> Default for MichaelScott<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> MichaelScott<T> {
    pub fn new() -> Self {
        let first = Atomic::from(Node::new(MaybeUninit::uninit()));
        Self { tail: CachePadded::new(first.clone()), head: CachePadded::new(first) }
    }

    pub fn push(&self, item: T) {
        let guard = &epoch::pin();
        let mut node = Node::new(MaybeUninit::new(item));
        loop {
            // Acquire: what the node refers to was written before it was linked.
            let tail = self.tail.load(Ordering::Acquire, guard);
            // SAFETY: the tail is never null, and a node that was reached from the queue while this thread is pinned is not
            // freed before it is unpinned.
            let last = unsafe { tail.deref() };
            let next = last.next.load(Ordering::Acquire, guard);
            if !next.is_null() {
                self.advance_tail(tail, next, guard);
                continue;
            }
            // Release: whoever follows the link sees the node.
            match last.next.compare_exchange(Shared::null(), node, Ordering::Release, Ordering::Relaxed, guard) {
                Ok(linked) => return self.advance_tail(tail, linked, guard),
                Err(taken) => node = taken.new,
            }
        }
    }

    /// Moves the tail on, unless somebody has already.
    fn advance_tail(&self, from: Shared<'_, Node<T>>, to: Shared<'_, Node<T>>, guard: &Guard) {
        // Release: as in `push`. If it fails, another thread has moved it at least so far.
        let _ = self.tail.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed, guard);
    }

    pub fn pop(&self) -> Option<T> {
        let guard = &epoch::pin();
        loop {
            // Acquire, here and below: see `push`.
            let head = self.head.load(Ordering::Acquire, guard);
            // SAFETY: the head is never null; else as in `push`.
            let next = unsafe { head.deref() }.next.load(Ordering::Acquire, guard);
            // SAFETY: as above, but null is possible.
            let node = unsafe { next.as_ref() }?;
            // The tail must not stay behind the head: its node is about to be freed.
            let tail = self.tail.load(Ordering::Acquire, guard);
            if tail == head {
                self.advance_tail(tail, next, guard);
            }
            // Release: whoever loads the head sees its node.
            if self.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed, guard).is_ok() {
                // SAFETY: `node` was linked, so its item was there, and who moved the head to it, which happens once, takes it.
                let item = unsafe { node.item.assume_init_read() };
                // SAFETY: neither head nor tail refers to the old head any more: the head was moved by this thread, and the
                // tail either was elsewhere or has been moved on. So nobody who pins from now on reaches it.
                unsafe { guard.defer_destroy(head) };
                return Some(item);
            }
        }
    }
}

impl<T> Drop for MichaelScott<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        // SAFETY: nobody else has the queue any more. The head is the last node there is, and its item is gone.
        unsafe {
            let guard = epoch::unprotected();
            drop(self.head.load(Ordering::Relaxed, guard).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn items_leave_in_the_order_they_came() {
        let queue = MichaelScott::new();
        assert_eq!(queue.pop(), None);
        for round in 0..100 {
            for item in 0..round {
                queue.push(item);
            }
            for item in 0..round {
                assert_eq!(queue.pop(), Some(item));
            }
            assert_eq!(queue.pop(), None);
        }
    }

    /// As when a thread that pushes is interrupted between linking its node and moving the tail.
    #[test]
    fn the_tail_never_stays_at_a_node_that_is_freed() {
        let queue = MichaelScott::new();
        queue.push(1);
        let guard = &epoch::pin();
        let first = queue.head.load(Ordering::Relaxed, guard);
        queue.tail.store(first, Ordering::Relaxed);
        assert_eq!(queue.pop(), Some(1));
        let [head, tail] = [&queue.head, &queue.tail].map(|end| end.load(Ordering::Relaxed, guard));
        assert!(tail == head && tail != first);
        queue.push(2);
        assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
    }

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_item_is_dropped_once() {
        let drops = Arc::new(AtomicUsize::new(0));
        let queue = MichaelScott::new();
        for _ in 0..1000 {
            queue.push(Counted(drops.clone()));
        }
        for popped in 1..=400 {
            drop(queue.pop().expect("it is not empty"));
            assert_eq!(drops.load(Ordering::Relaxed), popped);
        }
        drop(queue);
        assert_eq!(drops.load(Ordering::Relaxed), 1000);
        assert_eq!(Arc::strong_count(&drops), 1);
    }

    #[test]
    fn threads_lose_and_double_nothing_and_keep_each_ones_order() {
        const ITEMS: usize = 20_000;
        const SIDES: usize = 3;
        let queue = MichaelScott::new();
        let taken = AtomicUsize::new(0);
        let consume = || {
            let mut items = Vec::new();
            while taken.load(Ordering::Relaxed) < SIDES * ITEMS {
                match queue.pop() {
                    Some(item) => {
                        taken.fetch_add(1, Ordering::Relaxed);
                        items.push(item);
                    }
                    None => std::thread::yield_now(),
                }
            }
            items
        };
        let mut all: Vec<(usize, usize)> = std::thread::scope(|scope| {
            for producer in 0..SIDES {
                let queue = &queue;
                scope.spawn(move || (0..ITEMS).for_each(|number| queue.push((producer, number))));
            }
            let consumers: Vec<_> = (0..SIDES).map(|_| scope.spawn(consume)).collect();
            let lists = consumers.into_iter().map(|consumer| consumer.join().expect("it does not panic"));
            lists.inspect(|list| assert!(in_order(list))).flatten().collect()
        });
        all.sort_unstable();
        let expected = (0..SIDES).flat_map(|producer| (0..ITEMS).map(move |number| (producer, number)));
        assert!(expected.eq(all));
    }

    /// Whether the items of each producer are in order.
    fn in_order(items: &[(usize, usize)]) -> bool {
        let mut next = [0; 3];
        items.iter().all(|&(producer, number)| {
            let ok = number >= next[producer];
            next[producer] = number + 1;
            ok
        })
    }
}
