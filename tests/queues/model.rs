//! Whatever is done to a queue is what is done to a `VecDeque`: in transactions of several operations, some undone in part
//! or as a whole, some run twice, some with a choice in them.

use std::collections::VecDeque;
use std::convert::Infallible;

use common::{Sample, watchdog};
use proptest::prelude::*;
use stm::channel::{Overflow, TBQueue, TQueue, TryPushError};
use stm::{StmResult, Transaction, TxError, TxResult, cancel, snapshot, try_atomically};

use super::subject::{Item, Queue};

#[derive(Clone, Debug)]
enum Action {
    Push(u64),
    Offer(u64),
    TryPush(u64),
    PushFront(u64),
    Pop,
    TryPop,
    Peek,
    Flush,
    Close,
    Look,
    /// A part, which is undone at its end or is not.
    Nested(Vec<Action>, bool),
    /// A part that retries at its end, and so is undone, and another instead.
    Choice(Vec<Action>, Vec<Action>),
}

/// What one transaction does.
#[derive(Clone, Debug)]
struct Program {
    actions: Vec<Action>,
    /// It cancels at its end.
    cancels: bool,
    /// Its first run is not its last.
    restarts: bool,
}

#[derive(Clone, Debug)]
struct Model<T> {
    items: VecDeque<T>,
    capacity: usize,
    overflow: Overflow,
    closed: bool,
    dropped: u64,
}

impl<T: Item> Model<T> {
    fn is_full(&self) -> bool {
        self.items.len() >= self.capacity
    }

    /// What `offer` does; `None` if it waits.
    fn offer(&mut self, item: T) -> Option<Result<Option<T>, T>> {
        if self.closed {
            return Some(Err(item));
        }
        if !self.is_full() {
            self.items.push_back(item);
            return Some(Ok(None));
        }
        if self.overflow == Overflow::Wait {
            return None;
        }
        self.dropped += 1;
        if self.overflow == Overflow::DropOldest && self.capacity > 0 {
            self.items.push_back(item);
            return Some(Ok(self.items.pop_front()));
        }
        Some(Ok(Some(item)))
    }

    fn try_push(&mut self, item: T) -> Result<(), TryPushError<T>> {
        if self.closed {
            Err(TryPushError::Closed(item))
        } else if self.is_full() {
            Err(TryPushError::Full(item))
        } else {
            self.items.push_back(item);
            Ok(())
        }
    }

    /// `None` if there is no room.
    fn push_front(&mut self, item: T) -> Option<()> {
        if self.is_full() {
            return None;
        }
        self.items.push_front(item);
        Some(())
    }

    /// What `pop` does, or `peek`, with what is found; `None` if it waits.
    fn or_end(&self, found: Option<T>) -> Option<Option<T>> {
        if found.is_some() || self.closed { Some(found) } else { None }
    }
}

/// What `operation` returned, or `None` if it waits.
fn unless_it_waits<R>(
    tx: &Transaction<'_, '_>,
    operation: impl FnOnce(&Transaction<'_, '_>) -> StmResult<R>,
) -> StmResult<Option<R>> {
    tx.or_else(|tx| operation(tx).map(Some), |_| Ok(None))
}

fn act<T: Item>(
    tx: &Transaction<'_, '_>,
    queue: &impl Queue<T>,
    model: &mut Model<T>,
    action: &Action,
) -> StmResult<()> {
    match action {
        Action::Push(n) => {
            let pushed = unless_it_waits(tx, |tx| queue.push(tx, T::of(*n)))?;
            assert_eq!(pushed, model.offer(T::of(*n)).map(|offered| offered.map(drop)));
        }
        Action::Offer(n) => {
            assert_eq!(unless_it_waits(tx, |tx| queue.offer(tx, T::of(*n)))?, model.offer(T::of(*n)));
        }
        Action::TryPush(n) => assert_eq!(queue.try_push(tx, T::of(*n))?, model.try_push(T::of(*n))),
        Action::PushFront(n) => {
            assert_eq!(unless_it_waits(tx, |tx| queue.push_front(tx, T::of(*n)))?, model.push_front(T::of(*n)));
        }
        Action::Pop => {
            let found = model.items.pop_front();
            assert_eq!(unless_it_waits(tx, |tx| queue.pop(tx))?, model.or_end(found));
        }
        Action::TryPop => assert_eq!(queue.try_pop(tx)?, model.items.pop_front()),
        Action::Peek => {
            let first = model.items.front().cloned();
            assert_eq!(queue.try_peek(tx)?, first);
            assert_eq!(unless_it_waits(tx, |tx| queue.peek(tx))?, model.or_end(first));
        }
        Action::Flush => assert_eq!(queue.flush(tx)?, Vec::from(std::mem::take(&mut model.items))),
        Action::Close => {
            let is_closed = queue.close(tx)?;
            assert_eq!(is_closed, !model.closed && model.capacity < usize::MAX);
            model.closed |= is_closed;
        }
        Action::Look => look(tx, queue, model)?,
        Action::Nested(actions, is_undone) => {
            let before = model.clone();
            let part = tx.nested(|tx| -> TxResult<(), ()> {
                act_all(tx, queue, model, actions)?;
                if *is_undone { cancel(()) } else { Ok(()) }
            })?;
            if part.is_err() {
                *model = before;
            }
        }
        Action::Choice(first, second) => {
            let mut undone = model.clone();
            tx.or_else(
                |tx| {
                    act_all(tx, queue, &mut undone, first)?;
                    tx.retry()
                },
                |tx| act_all(tx, queue, model, second),
            )?;
        }
    }
    Ok(())
}

fn act_all<T: Item>(
    tx: &Transaction<'_, '_>,
    queue: &impl Queue<T>,
    model: &mut Model<T>,
    actions: &[Action],
) -> StmResult<()> {
    actions.iter().try_for_each(|action| act(tx, queue, model, action))
}

fn look<T: Item>(tx: &stm::ReadTransaction<'_, '_>, queue: &impl Queue<T>, model: &Model<T>) -> StmResult<()> {
    assert_eq!(queue.items(tx)?, Vec::from(model.items.clone()));
    assert_eq!(queue.try_peek(tx)?.as_ref(), model.items.front());
    assert_eq!(queue.len(tx)?, model.items.len());
    assert_eq!(queue.is_empty(tx)?, model.items.is_empty());
    assert_eq!(queue.is_full(tx)?, model.is_full());
    assert_eq!(queue.is_closed(tx)?, model.closed);
    assert_eq!(queue.dropped(tx)?, model.dropped);
    Ok(())
}

fn check<T: Item>(queue: &impl Queue<T>, programs: &[Program]) {
    let (capacity, overflow) = (queue.capacity(), queue.overflow());
    let mut model = Model { items: VecDeque::new(), capacity, overflow, closed: false, dropped: 0 };
    for program in programs {
        let after = try_atomically(|tx| {
            let mut after = model.clone();
            act_all::<T>(tx, queue, &mut after, &program.actions)?;
            if program.restarts && tx.attempt_number() == 1 {
                return tx.restart().map_err(TxError::Abort);
            }
            if program.cancels { cancel(()) } else { Ok(after) }
        });
        if let Ok(after) = after {
            model = after;
        }
        snapshot(|tx| look(tx, queue, &model));
        let _: Result<(), Infallible> = try_atomically(|tx| Ok(look(tx, queue, &model)?));
    }
}

/// Items, also those that a queue of numbers has to take special care of.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..5_u64, 1 => Just(0x9D3C_51F2_7A86_E4B1), 1 => Just(0x9D3C_51F2_7A86_E4B5), 1 => any::<u64>()]
}

fn action() -> impl Strategy<Value = Action> {
    let simple = prop_oneof![
        6 => number().prop_map(Action::Push),
        2 => number().prop_map(Action::Offer),
        2 => number().prop_map(Action::TryPush),
        2 => number().prop_map(Action::PushFront),
        4 => Just(Action::Pop),
        2 => Just(Action::TryPop),
        1 => Just(Action::Peek),
        1 => Just(Action::Flush),
        1 => Just(Action::Look),
    ];
    simple.prop_recursive(2, 8, 4, |inner| {
        let some = prop::collection::vec(inner, 0..4);
        prop_oneof![
            (some.clone(), any::<bool>()).prop_map(|(actions, is_undone)| Action::Nested(actions, is_undone)),
            (some.clone(), some).prop_map(|(first, second)| Action::Choice(first, second)),
        ]
    })
}

fn programs() -> impl Strategy<Value = Vec<Program>> {
    let program = (prop::collection::vec(action(), 1..8), prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(actions, cancels, restarts)| Program { actions, cancels, restarts });
    // Most runs stay open to the end.
    let close = Program { actions: vec![Action::Close], cancels: false, restarts: false };
    (prop::collection::vec(program, 1..20), 0..60_usize).prop_map(move |(mut programs, at)| {
        if at < programs.len() {
            programs.insert(at, close.clone());
        }
        programs
    })
}

fn rule() -> impl Strategy<Value = Overflow> {
    prop_oneof![Just(Overflow::Wait), Just(Overflow::DropNewest), Just(Overflow::DropOldest)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: common::scaled(250) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_bounded_queue_is_a_deque_with_a_rule(capacity in 0..5_usize, rule in rule(), programs in programs()) {
        let _watchdog = watchdog();
        check::<u64>(&TBQueue::with_overflow(capacity, rule), &programs);
        check::<String>(&TBQueue::with_overflow(capacity, rule), &programs);
    }

    #[test]
    fn an_unbounded_queue_is_a_deque(programs in programs()) {
        let _watchdog = watchdog();
        check::<u64>(&TQueue::new(), &programs);
        check::<String>(&TQueue::new(), &programs);
    }
}

/// Through many blocks, in both directions, with and without something before.
#[test]
fn blocks_are_walked_over_and_back() {
    let _watchdog = watchdog();
    let push = |n: u64| Action::Push(n);
    for before in [0, 1, 31, 32, 33] {
        for length in [1, 31, 32, 33, 64, 100] {
            let once = |actions: Vec<Action>| Program { actions, cancels: false, restarts: true };
            let programs = [
                once((0..before).map(push).collect()),
                once((0..before).map(|_| Action::Pop).collect()),
                once((0..length).map(push).collect()),
                once(vec![Action::Pop]),
                once((0..length).map(Action::PushFront).collect()),
                once(vec![Action::Look]),
                once((0..length + 10).map(|_| Action::TryPop).collect()),
                once((0..length).map(push).collect()),
                once(vec![Action::Flush, push(7), Action::PushFront(8)]),
                once((0..length).map(Action::PushFront).collect()),
                once((0..length + 3).map(|_| Action::TryPop).collect()),
            ];
            check::<u64>(&TQueue::new(), &programs);
            check::<String>(&TQueue::new(), &programs);
        }
    }
}

/// The other way to make one, and to look into it.
#[test]
fn queues_are_collections() {
    let mut queue: TQueue<String> = (0..40).map(Sample::of).collect();
    queue.extend([Sample::of(40)]);
    let all: Vec<String> = (0..41).map(Sample::of).collect();
    assert_eq!((&queue).into_iter().collect::<Vec<_>>(), all);
    assert_eq!(format!("{queue:?}"), format!("{all:?}"));
    assert_eq!(stm::atomically(|tx| queue.flush(tx)), all);
    let bounded: TBQueue<u64> = (0..3).collect();
    assert_eq!((bounded.capacity(), bounded.to_vec()), (3, vec![0, 1, 2]));
    // In the middle of a body it shows what is committed.
    let shown = stm::atomically(|tx| {
        bounded.try_pop(tx)?;
        Ok(format!("{bounded:?}"))
    });
    assert_eq!((shown, format!("{bounded:?}")), ("[0, 1, 2]".to_owned(), "[1, 2]".to_owned()));
    assert!(TQueue::<u64>::default().to_vec().is_empty());
}
