//! Threads that wait for each other: a turn that goes to and fro, and a consumer of two queues.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

use super::async_queues;
use super::collections::TwoBounded;
use super::queues::{Ring, until};
use super::{Contest, Field, competitor as who, every_stm};
use crate::systems::Stm;
use crate::workloads::progress::Team;
use crate::workloads::progress::ping_pong::{Channels, Locked, PingPong, Turns};
use crate::workloads::progress::queues::{CAPACITY, Queue};

struct TurnVariable<S: Stm>(S::Var<u64>);

impl<S: Stm> Turns for TurnVariable<S> {
    fn new() -> Self {
        Self(S::var(0))
    }

    fn pass(&self, side: usize) {
        let side = side as u64;
        S::atomically(|tx| match S::read(tx, &self.0)? == side {
            true => S::write(tx, &self.0, 1 - side),
            false => S::retry(tx),
        });
    }
}

/// parking_lot's mutex and condition variable.
struct PlLocked(parking_lot::Mutex<usize>, parking_lot::Condvar);

impl Turns for PlLocked {
    fn new() -> Self {
        Self(parking_lot::Mutex::new(0), parking_lot::Condvar::new())
    }

    fn pass(&self, side: usize) {
        let mut turn = self.0.lock();
        self.1.wait_while(&mut turn, |turn| *turn != side);
        *turn = 1 - side;
        drop(turn);
        self.1.notify_one();
    }
}

/// Two channels of the standard library; each side alone receives from its own.
struct StdChannels([(SyncSender<()>, Mutex<Receiver<()>>); 2]);

impl Turns for StdChannels {
    fn new() -> Self {
        let channels = [(); 2].map(|()| {
            let (sender, receiver) = sync_channel(1);
            (sender, Mutex::new(receiver))
        });
        channels[0].0.send(()).expect("the receiver is here");
        Self(channels)
    }

    fn pass(&self, side: usize) {
        let receiver = self.0[side].1.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.recv().expect("the sender is here");
        self.0[1 - side].0.send(()).expect("the receiver is here");
    }
}

/// An atomic, looked at until it is this side's turn: spinning, then yielding.
struct Spinning(AtomicUsize);

impl Turns for Spinning {
    fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn pass(&self, side: usize) {
        // Acquire and Release: what one side did before it passed the turn is seen by the other.
        until(|| (self.0.load(Ordering::Acquire) == side).then_some(()));
        self.0.store(1 - side, Ordering::Release);
    }
}

/// Two queues with one consumer, who takes from whichever has something.
pub trait TwoQueues: Sync {
    fn new() -> Self;
    fn push(&self, queue: usize, item: u64);
    fn pop_any(&self) -> u64;
}

struct Rings<S: Stm>([Ring<S>; 2]);

impl<S: Stm> TwoQueues for Rings<S> {
    fn new() -> Self {
        Self([(); 2].map(|()| Ring::new()))
    }

    fn push(&self, queue: usize, item: u64) {
        self.0[queue].push(item);
    }

    fn pop_any(&self) -> u64 {
        S::atomically(|tx| S::or_else(tx, |tx| self.0[0].take(tx), |tx| self.0[1].take(tx)))
    }
}

struct SelectedChannels([(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>); 2]);

impl TwoQueues for SelectedChannels {
    fn new() -> Self {
        Self([(); 2].map(|()| crossbeam_channel::bounded(CAPACITY)))
    }

    fn push(&self, queue: usize, item: u64) {
        self.0[queue].0.send(item).expect("the receiver is here");
    }

    fn pop_any(&self) -> u64 {
        let [(_, first), (_, second)] = &self.0;
        crossbeam_channel::select! {
            recv(first) -> item => item,
            recv(second) -> item => item,
        }
        .expect("the senders are here")
    }
}

/// Both queues under one mutex: the consumer could not wait on two condition variables.
struct LockedBoth {
    queues: Mutex<[VecDeque<u64>; 2]>,
    has_room: [Condvar; 2],
    has_items: Condvar,
}

impl TwoQueues for LockedBoth {
    fn new() -> Self {
        Self { queues: Mutex::default(), has_room: Default::default(), has_items: Condvar::new() }
    }

    fn push(&self, queue: usize, item: u64) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |queues: &mut [VecDeque<u64>; 2]| queues[queue].len() == CAPACITY;
        let mut queues = self.has_room[queue].wait_while(queues, is_full).unwrap_or_else(PoisonError::into_inner);
        queues[queue].push_back(item);
        drop(queues);
        self.has_items.notify_one();
    }

    fn pop_any(&self) -> u64 {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |queues: &mut [VecDeque<u64>; 2]| queues.iter().all(VecDeque::is_empty);
        let mut queues = self.has_items.wait_while(queues, is_empty).unwrap_or_else(PoisonError::into_inner);
        let (queue, item) = first_of(&mut queues);
        drop(queues);
        self.has_room[queue].notify_one();
        item
    }
}

/// The same by parking_lot.
#[derive(Default)]
struct PlLockedBoth {
    queues: parking_lot::Mutex<[VecDeque<u64>; 2]>,
    has_room: [parking_lot::Condvar; 2],
    has_items: parking_lot::Condvar,
}

impl TwoQueues for PlLockedBoth {
    fn new() -> Self {
        Self::default()
    }

    fn push(&self, queue: usize, item: u64) {
        let mut queues = self.queues.lock();
        self.has_room[queue].wait_while(&mut queues, |queues| queues[queue].len() == CAPACITY);
        queues[queue].push_back(item);
        drop(queues);
        self.has_items.notify_one();
    }

    fn pop_any(&self) -> u64 {
        let mut queues = self.queues.lock();
        self.has_items.wait_while(&mut queues, |queues| queues.iter().all(VecDeque::is_empty));
        let (queue, item) = first_of(&mut queues);
        drop(queues);
        self.has_room[queue].notify_one();
        item
    }
}

/// Takes the first item of one that is not empty, and says of which.
fn first_of(queues: &mut [VecDeque<u64>; 2]) -> (usize, u64) {
    let queue = usize::from(queues[0].is_empty());
    (queue, queues[queue].pop_front().expect("one of them is not empty"))
}

/// Worker 0 consumes what the others put into the two queues by turns.
struct Select<S> {
    queues: S,
    balance: AtomicU64,
    producers: AtomicU64,
}

impl<S: TwoQueues> Select<S> {
    fn new() -> Self {
        Self { queues: S::new(), balance: AtomicU64::new(0), producers: AtomicU64::new(0) }
    }
}

impl<S: TwoQueues> Team for Select<S> {
    fn begin(&self, workers: usize) {
        // Relaxed, here and below: the workers are told of the window after this, and sums are read when all have ended.
        self.producers.store(workers as u64 - 1, Ordering::Relaxed);
    }

    /// Counts items taken.
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut balance = 0_u64;
        if worker == 0 {
            let items = operations * self.producers.load(Ordering::Relaxed);
            for _ in 0..items {
                balance = balance.wrapping_sub(self.queues.pop_any());
            }
            self.balance.fetch_add(balance, Ordering::Relaxed);
            return items;
        }
        for number in 1..=operations {
            self.queues.push((worker as u64 + number) as usize % 2, number);
            balance = balance.wrapping_add(number);
        }
        self.balance.fetch_add(balance, Ordering::Relaxed);
        0
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.balance.load(Ordering::Relaxed), 0, "items were lost or doubled");
        for queue in [0, 1] {
            self.queues.push(queue, 7);
            assert_eq!(self.queues.pop_any(), 7, "items were left over");
        }
    }
}

fn turns<S: Stm>() -> Box<dyn Team> {
    Box::new(PingPong::<TurnVariable<S>>::new())
}

fn enter_turns(field: &mut Field<'_>) {
    const TWO: &[usize] = &[2];
    every_stm!(field, TWO, turns);
    field.enter(who::STD_MUTEX, TWO, || Box::new(PingPong::<Locked>::new()));
    field.enter(who::PL_MUTEX, TWO, || Box::new(PingPong::<PlLocked>::new()));
    field.enter(who::CROSSBEAM_CHANNEL, TWO, || Box::new(PingPong::<Channels>::new()));
    field.enter(who::STD_CHANNEL, TWO, || Box::new(PingPong::<StdChannels>::new()));
    field.enter(who::ATOMIC_TURN, TWO, || Box::new(PingPong::<Spinning>::new()));
}

fn select<S: Stm>() -> Box<dyn Team> {
    Box::new(Select::<Rings<S>>::new())
}

fn enter_select(field: &mut Field<'_>) {
    // One of them consumes.
    let threads = &field.threads(2);
    every_stm!(field, threads, select);
    field.twins(
        who::OURS_STRUCTURE,
        threads,
        || Box::new(Select::<TwoBounded<false>>::new()),
        || Box::new(Select::<TwoBounded<true>>::new()),
    );
    field.twins(
        who::ASYNC_TBQUEUE,
        threads,
        || Box::new(Select::<async_queues::TwoBounded<false>>::new()),
        || Box::new(Select::<async_queues::TwoBounded<true>>::new()),
    );
    field.enter(who::STD_MUTEX, threads, || Box::new(Select::<LockedBoth>::new()));
    field.enter(who::PL_MUTEX, threads, || Box::new(Select::<PlLockedBoth>::new()));
    field.enter(who::CROSSBEAM_CHANNEL, threads, || Box::new(Select::<SelectedChannels>::new()));
}

pub fn contests() -> Vec<Contest> {
    vec![
        Contest {
            name: "ping-pong",
            title: "Ping-pong",
            what: "Two threads hand a turn to each other, and wait for it. That they come to an end shows that no wake-up was \
                   lost.",
            operation: "round trip",
            baseline: who::STD_MUTEX,
            absent: "",
            losses: "An atomic that is spun on needs neither a waiter's registration nor a wake-up, but takes a core while it \
                     waits.",
            enter: enter_turns,
        },
        Contest {
            name: "select",
            title: "Select of two queues",
            what: "Producers fill two queues of 128 by turns; one consumer takes from whichever has something, or waits for \
                   both. That nothing is lost is checked.",
            operation: "item",
            baseline: who::CROSSBEAM_CHANNEL,
            absent: "std channels can not be selected from. Locks need both queues under one mutex.",
            losses: "A channel's select finds an item and takes it by one exchange. Ours (TVar): the consumer reads the first \
                     ring's head and place and, if that is empty, leaves it and does the same with the second; each item then is \
                     two variables locked and stamped on either side, some 180 instructions each (`each write of sets`). Ours \
                     (collection) are two `TBQueue`s, some 700 instructions to push and pop an item. To wait, either form \
                     registers with all it has read in both queues, and takes that back when it is woken.",
            enter: enter_select,
        },
    ]
}
