//! An unbounded queue that is never empty: every thread puts an item in and takes one out.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use crossbeam_channel::{Receiver, Sender};
use crossbeam_queue::SegQueue;

use super::async_queues::{Chain as AsyncChain, Stacks as AsyncStacks};
use super::collections::Unbounded;
use super::michael_scott::MichaelScott;
use super::{Contest, Field, competitor as who, every_stm};
use crate::systems::{Lock, LockKind, PlMutex, StdMutex, Stm, Value};
use crate::workloads::Contender;
use crate::workloads::progress::{Padded, Team};

/// Something without bound that keeps items: a queue, unless it says otherwise.
pub trait Fifo: Sync {
    fn new() -> Self;
    fn push(&self, item: u64);
    fn pop(&self) -> Option<u64>;
}

struct Link<S: Stm>(Option<Arc<Node<S>>>);

impl<S: Stm> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stm> Value for Link<S> {}

struct Node<S: Stm> {
    item: u64,
    next: S::Var<Link<S>>,
}

/// The place where the next node is to be linked.
struct End<S: Stm>(S::Var<Link<S>>);

impl<S: Stm> Clone for End<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stm> Value for End<S> {}

/// A linked list of variables: the head is the link to the first node, the tail the place where the next is to be linked.
struct Chain<S: Stm> {
    head: Padded<S::Var<Link<S>>>,
    tail: Padded<S::Var<End<S>>>,
}

impl<S: Stm> Fifo for Chain<S> {
    fn new() -> Self {
        let head = S::var(Link(None));
        Self { tail: Padded(S::var(End(head.clone()))), head: Padded(head) }
    }

    fn push(&self, item: u64) {
        S::atomically(|tx| {
            let End(tail) = S::read(tx, &self.tail.0)?;
            let next = S::var(Link(None));
            S::write(tx, &tail, Link(Some(Arc::new(Node { item, next: next.clone() }))))?;
            S::write(tx, &self.tail.0, End(next))
        });
    }

    fn pop(&self) -> Option<u64> {
        S::atomically(|tx| {
            let Some(node) = S::read(tx, &self.head.0)?.0 else { return Ok(None) };
            let next = S::read(tx, &node.next)?;
            if next.0.is_none() {
                // It was the last: the next is to be linked to the head again.
                S::write(tx, &self.tail.0, End(self.head.0.clone()))?;
            } else {
                // Whoever still has this node is not to have all that came after it as well: a thread that was away for long
                // would drop millions of nodes, each inside of the one before.
                S::write(tx, &node.next, Link(None))?;
            }
            S::write(tx, &self.head.0, next)?;
            Ok(Some(node.item))
        })
    }
}

struct Locked<L: LockKind>(L::Of<VecDeque<u64>>);

impl<L: LockKind> Fifo for Locked<L> {
    fn new() -> Self {
        Self(Lock::new(VecDeque::new()))
    }

    fn push(&self, item: u64) {
        self.0.with_mut(|items| items.push_back(item));
    }

    fn pop(&self) -> Option<u64> {
        self.0.with_mut(VecDeque::pop_front)
    }
}

impl Fifo for MichaelScott<u64> {
    fn new() -> Self {
        Self::new()
    }

    fn push(&self, item: u64) {
        self.push(item);
    }

    fn pop(&self) -> Option<u64> {
        self.pop()
    }
}

impl Fifo for SegQueue<u64> {
    fn new() -> Self {
        Self::new()
    }

    fn push(&self, item: u64) {
        self.push(item);
    }

    fn pop(&self) -> Option<u64> {
        self.pop()
    }
}

struct Crossbeam(Sender<u64>, Receiver<u64>);

impl Fifo for Crossbeam {
    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self(sender, receiver)
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is here");
    }

    fn pop(&self) -> Option<u64> {
        self.1.try_recv().ok()
    }
}

struct Std(mpsc::Sender<u64>, Mutex<mpsc::Receiver<u64>>);

impl Fifo for Std {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self(sender, Mutex::new(receiver))
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is here");
    }

    fn pop(&self) -> Option<u64> {
        self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).try_recv().ok()
    }
}

/// Every worker puts an item in, then takes one out. There are always some left.
pub struct Pairs<S> {
    queue: S,
    /// Of what was put in, less what was taken out.
    balance: AtomicU64,
}

/// How many items are in the queue at first.
const STOCK: u64 = 64;

impl<S: Fifo> Pairs<S> {
    pub fn new() -> Self {
        let queue = S::new();
        (1..=STOCK).for_each(|item| queue.push(item));
        Self { queue, balance: AtomicU64::new((1..=STOCK).sum()) }
    }
}

impl<S: Fifo> Contender for Pairs<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut balance = 0_u64;
        for number in 0..operations {
            let queue = black_box(&self.queue);
            let item = ((worker as u64) << 48) + number;
            queue.push(item);
            let taken = queue.pop().expect("there are always some left");
            balance = balance.wrapping_add(item).wrapping_sub(taken);
        }
        // Relaxed: read when all threads have ended.
        self.balance.fetch_add(balance, Ordering::Relaxed);
        operations
    }

    fn verify(&self, _operations: u64) {
        let left = std::iter::from_fn(|| self.queue.pop());
        let (count, sum) = left.fold((0, 0_u64), |(count, sum), item| (count + 1, sum.wrapping_add(item)));
        assert_eq!((count, sum), (STOCK, self.balance.load(Ordering::Relaxed)), "items were lost or doubled");
    }
}

fn transactional<S: Stm>() -> Box<dyn Team> {
    Box::new(Pairs::<Chain<S>>::new())
}

fn enter(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, transactional);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Pairs::<Unbounded<false>>::new()),
        || Box::new(Pairs::<Unbounded<true>>::new()),
    );
    field.twins(
        who::ASYNC_TQUEUE,
        threads,
        || Box::new(Pairs::<AsyncStacks<false>>::new()),
        || Box::new(Pairs::<AsyncStacks<true>>::new()),
    );
    field.twins(
        who::ASYNC_TCHAN,
        threads,
        || Box::new(Pairs::<AsyncChain<false>>::new()),
        || Box::new(Pairs::<AsyncChain<true>>::new()),
    );
    field.enter(who::STD_MUTEX, threads, || Box::new(Pairs::<Locked<StdMutex>>::new()));
    field.enter(who::PL_MUTEX, threads, || Box::new(Pairs::<Locked<PlMutex>>::new()));
    field.enter(who::MICHAEL_SCOTT, threads, || Box::new(Pairs::<MichaelScott<u64>>::new()));
    field.enter(who::SEG_QUEUE, threads, || Box::new(Pairs::<SegQueue<u64>>::new()));
    field.enter(who::CROSSBEAM_CHANNEL, threads, || Box::new(Pairs::<Crossbeam>::new()));
    field.enter(who::STD_CHANNEL, threads, || Box::new(Pairs::<Std>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![Contest {
        name: "queue-pairs",
        title: "Unbounded queue, in and out",
        what: "Every thread in turn puts a number into a queue without bound and takes one out of it. 64 numbers are in it at \
               first, so that nobody ever finds it empty, and nobody waits. That none is lost or doubled is checked.",
        operation: "item in and out",
        baseline: who::SEG_QUEUE,
        absent: "",
        losses: "Ours (TVar) is a linked list of variables: an item takes a node and a variable from the allocator, and retires both. All \
                 threads write its two ends. Ours (collection), `TQueue`, keeps items in blocks, some 900 instructions and 0.07 \
                 allocations in and out; its ends are variables all the same.",
        enter,
    }]
}
