//! Who is in whose way: bodies in the middle of which another thread commits something, and how often they run.

use common::{elsewhere, watchdog};
use stm::channel::{TBQueue, TQueue};
use stm::{StmResult, Transaction, atomically};

use super::subject::{Item, Queue};

/// How often a body runs that does `own` and in the middle of whose first run another thread does `other`.
fn runs(
    own: impl Fn(&Transaction<'_, '_>) -> StmResult<()>,
    other: impl Fn(&Transaction<'_, '_>) -> StmResult<()> + Sync,
) -> u32 {
    atomically(|tx| {
        own(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| atomically(|tx| other(tx)));
        }
        Ok(tx.attempt_number())
    })
}

fn push<T: Item>(tx: &Transaction<'_, '_>, queue: &impl Queue<T>) -> StmResult<()> {
    queue.push(tx, T::of(1)).map(|pushed| pushed.expect("it is open"))
}

fn pop<T: Item>(tx: &Transaction<'_, '_>, queue: &impl Queue<T>) -> StmResult<()> {
    queue.pop(tx).map(|popped| drop(popped.expect("it is open")))
}

/// At each length, and at each place of the ring or the blocks.
fn ends_do_not_meet<T: Item>(make: impl Fn() -> Box<dyn Fn(usize) -> Filled<T>>) {
    let make = make();
    for length in (1..7).chain(31..34) {
        for turned in (0..9).chain(30..35) {
            let filled = |case: &str| -> Option<Filled<T>> {
                let filled = make(length);
                if filled.len() != length || filled.is_full() {
                    return None;
                }
                filled.turn(turned);
                eprintln!("{case}, {length} items, turned by {turned}");
                Some(filled)
            };
            let Some(queue) = filled("push, and a pop in the middle") else { continue };
            assert_eq!(queue.push_with_pop(), 1);
            let Some(queue) = filled("pop, and a push in the middle") else { continue };
            assert_eq!(queue.pop_with_push(), 1);
        }
    }
}

/// A queue with items.
enum Filled<T: Item> {
    Bounded(TBQueue<T>),
    Unbounded(TQueue<T>),
}

macro_rules! with {
    ($filled:expr, $queue:ident => $body:expr) => {
        match $filled {
            Filled::Bounded($queue) => $body,
            Filled::Unbounded($queue) => $body,
        }
    };
}

impl<T: Item> Filled<T> {
    fn len(&self) -> usize {
        with!(self, queue => queue.to_vec().len())
    }
    fn is_full(&self) -> bool {
        with!(self, queue => atomically(|tx| Queue::is_full(queue, tx)))
    }
    /// Moves on by so many items.
    fn turn(&self, by: usize) {
        for _ in 0..by {
            with!(self, queue => atomically(|tx| {
                push(tx, queue)?;
                pop(tx, queue)
            }));
        }
    }
    fn push_with_pop(&self) -> u32 {
        with!(self, queue => runs(|tx| push(tx, queue), |tx| pop(tx, queue)))
    }
    fn pop_with_push(&self) -> u32 {
        with!(self, queue => runs(|tx| pop(tx, queue), |tx| push(tx, queue)))
    }
}

fn bounded<T: Item>(capacity: usize) -> Box<dyn Fn(usize) -> Filled<T>> {
    Box::new(move |length| {
        let queue = TBQueue::new(capacity);
        (0..length.min(capacity)).for_each(|_| queue.send(T::of(0)).expect("it is open"));
        Filled::Bounded(queue)
    })
}

fn unbounded<T: Item>() -> Box<dyn Fn(usize) -> Filled<T>> {
    Box::new(|length| Filled::Unbounded((0..length).map(|_| T::of(0)).collect()))
}

#[test]
fn producer_and_consumer_do_not_conflict_if_the_queue_is_neither_empty_nor_full() {
    let _watchdog = watchdog();
    for capacity in [2, 3, 7, 64] {
        ends_do_not_meet::<u64>(|| bounded(capacity));
        ends_do_not_meet::<String>(|| bounded(capacity));
    }
    ends_do_not_meet::<u64>(unbounded);
    ends_do_not_meet::<String>(unbounded);
}

/// What can have no order has to be done again: else the tests above would mean nothing.
#[test]
fn who_does_the_same_conflicts() {
    let _watchdog = watchdog();
    let queue: TQueue<u64> = (0..10).collect();
    assert_eq!(runs(|tx| pop(tx, &queue), |tx| pop(tx, &queue)), 2);
    assert_eq!(runs(|tx| push(tx, &queue), |tx| push(tx, &queue)), 2);
    let bounded = TBQueue::<u64>::new(10);
    assert_eq!(runs(|tx| push(tx, &bounded), |tx| push(tx, &bounded)), 2);
    assert_eq!(runs(|tx| pop(tx, &bounded), |tx| pop(tx, &bounded)), 2);
    assert_eq!((queue.to_vec().len(), bounded.to_vec()), (10, vec![]));
}

/// Who has seen that a queue is empty, or full, conflicts with who changes that.
#[test]
fn what_was_found_empty_or_full_has_to_stay_so() {
    let _watchdog = watchdog();
    let (queue, bounded) = (TQueue::<u64>::new(), TBQueue::<u64>::new(1));
    let found = stm::TVar::new(None);
    let look = |tx: &Transaction<'_, '_>| -> StmResult<()> {
        let item = queue.try_pop(tx)?;
        found.write(tx, item)
    };
    assert_eq!(runs(look, |tx| push(tx, &queue)), 2);
    assert_eq!(found.load(), Some(1));
    let look = |tx: &Transaction<'_, '_>| -> StmResult<()> {
        let item = bounded.try_pop(tx)?;
        found.write(tx, item)
    };
    assert_eq!(runs(look, |tx| push(tx, &bounded)), 2);
    assert_eq!(found.load(), Some(1));
    bounded.send(5).expect("it is open");
    let full = stm::TVar::new(true);
    let look = |tx: &Transaction<'_, '_>| -> StmResult<()> {
        let is_full = bounded.is_full(tx)?;
        full.write(tx, is_full)
    };
    assert_eq!(runs(look, |tx| pop(tx, &bounded)), 2);
    assert!(!full.load());
}

/// What only looks at one end is not disturbed at the other.
#[test]
fn looking_at_one_end_does_not_conflict_with_the_other() {
    let _watchdog = watchdog();
    let queue: TQueue<u64> = (0..10).collect();
    let bounded = TBQueue::new(10);
    (0..5).for_each(|n| bounded.send(n).expect("it is open"));
    let mark = stm::TVar::new(0);
    let looks = |tx: &Transaction<'_, '_>| -> StmResult<()> {
        assert!(!queue.is_empty(tx)? && !bounded.is_empty(tx)?);
        queue.try_peek(tx)?;
        bounded.peek(tx)?;
        mark.write(tx, 1)
    };
    let pushes = |tx: &Transaction<'_, '_>| {
        push(tx, &queue)?;
        push(tx, &bounded)
    };
    assert_eq!(runs(looks, pushes), 1);
    let looks = |tx: &Transaction<'_, '_>| -> StmResult<()> {
        assert!(!bounded.is_full(tx)? && !bounded.is_closed(tx)?);
        mark.write(tx, 2)
    };
    assert_eq!(runs(looks, |tx| pop(tx, &bounded)), 1);
}

/// A body that is not up to date any more does not see what has been committed since beside what it has seen before.
#[test]
fn no_body_sees_two_moments() {
    let _watchdog = watchdog();
    let (flag, queue, bounded) = (stm::TVar::new(0), TQueue::<u64>::new(), TBQueue::<u64>::new(1));
    for round in 1..100 {
        atomically(|tx| {
            let before = flag.read(tx)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        flag.write(tx, round)?;
                        push(tx, &bounded)?;
                        push(tx, &queue)
                    });
                });
            }
            let seen = [bounded.is_full(tx)?, !bounded.is_empty(tx)?, !queue.is_empty(tx)?, before == round];
            // In a run that is bound to fail, too.
            assert!(seen.iter().all(|what| *what == seen[3]), "{seen:?}");
            Ok(())
        });
        atomically(|tx| {
            let before = flag.read(tx)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        flag.write(tx, 0)?;
                        pop(tx, &bounded)?;
                        pop(tx, &queue)
                    });
                });
            }
            let room = bounded.try_push(tx, 9)?.is_ok();
            let is_empty = queue.try_pop(tx)?.is_none();
            assert!(room == (before == 0) && is_empty == room, "{before} {room} {is_empty}");
            bounded.flush(tx)
        });
        atomically(|tx| bounded.flush(tx));
    }
}
