//! Slots of queues: items in place, by one word. Edge E17, with E1 and E7.

use std::cell::Cell;

use loom::thread;

use super::{Census, Outcomes, Watched, explore_placed, make_statics};
use crate::channel::{ESCAPED, NOTHING, TBQueue};
use crate::{StmResult, TVar, Transaction, atomically};

/// E7: an item is freed once, after it was taken out, and not before those who look at it are through.
#[test]
fn an_item_is_freed_once_and_not_too_early() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let census = Census::new();
        let queue: TBQueue<Watched> = TBQueue::new(1);
        assert!(queue.send(census.new_one()).is_ok());
        let reader = {
            let queue = queue.clone();
            // The clone is made of a borrowed item.
            thread::spawn(move || atomically(|tx| queue.try_peek(tx)).is_some())
        };
        // At the same place: what is pushed takes the room of what was taken out.
        drop(atomically(|tx| queue.try_pop(tx)).expect("there is one"));
        let freed = crate::collect() != 0;
        let second = census.new_one();
        assert!(queue.try_send(second).is_ok(), "there is room");
        let found = reader.join().unwrap();
        drop(queue);
        census.assert_all_gone();
        seen.record((freed, found));
    });
    outcomes.assert_all([(true, true), (true, false), (false, true)]);
}

/// A push and a pop at the same place take turns, and the item goes from one to the other or stays.
#[test]
fn an_item_is_handed_over_at_one_place() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let census = Census::new();
        let queue: TBQueue<Watched> = TBQueue::new(1);
        assert!(queue.send(census.new_one()).is_ok());
        let popper = {
            let queue = queue.clone();
            thread::spawn(move || {
                let taken: [Option<Watched>; 2] = std::array::from_fn(|_| atomically(|tx| queue.try_pop(tx)));
                taken.iter().flatten().for_each(Watched::look);
                taken.map(|item| item.is_some())
            })
        };
        let item = census.new_one();
        let pushed = atomically(|tx| queue.try_push(tx, item.clone())).is_ok();
        let popped = popper.join().unwrap();
        let left = atomically(|tx| queue.len(tx));
        assert_eq!(1 + usize::from(pushed), popped.iter().filter(|&&was| was).count() + left, "an item more or less");
        drop((item, queue));
        census.assert_all_gone();
        seen.record((pushed, popped[1]));
    });
    outcomes.assert_exactly([(false, false), (true, false), (true, true)]);
}

/// E17: a look that finds nothing is not believed: the positions say that the queue is empty, in the moment of all else.
#[test]
fn an_empty_slot_is_no_empty_queue() {
    a_look_that_finds_nothing_is_not_believed(
        || TBQueue::new(1),
        |queue, tx| {
            assert!(queue.try_push(tx, 7)?.is_ok(), "there is room");
            Ok(())
        },
        |queue, tx| queue.try_peek(tx),
    );
}

/// A run looks for an item beside a transaction that puts one in and says so.
pub(super) fn a_look_that_finds_nothing_is_not_believed<Q: Clone + Send + 'static>(
    empty: fn() -> Q,
    push: fn(&Q, &Transaction<'_, '_>) -> StmResult<()>,
    peek: fn(&Q, &Transaction<'_, '_>) -> StmResult<Option<u64>>,
) {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let (queue, told) = (empty(), TVar::new(false));
        let runs = Cell::new(0);
        let pusher = {
            let (queue, told) = (queue.clone(), told.clone());
            thread::spawn(move || {
                atomically(|tx| {
                    push(&queue, tx)?;
                    told.write(tx, true)
                });
            })
        };
        let (item, told) = atomically(|tx| {
            runs.set(runs.get() + 1);
            Ok((peek(&queue, tx)?, told.read(tx)?))
        });
        pusher.join().unwrap();
        assert_eq!(item.is_some(), told, "told of an item that is not there, or not of one that is");
        seen.record((item, runs.get()));
    });
    // With two runs: the look was stale.
    outcomes.assert_all([(None, 1), (Some(7), 1), (Some(7), 2)]);
}

/// E17: a look that finds room is not believed: the slot is read.
#[test]
fn a_look_finds_no_room() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let queue = TBQueue::new(1);
        // It does not move the tail, by which two that push behind the others notice each other.
        let other = {
            let queue = queue.clone();
            thread::spawn(move || atomically(|tx| queue.try_push_front(tx, 1_u64)).is_ok())
        };
        let pushed = atomically(|tx| queue.try_push(tx, 2)).is_ok();
        let other = other.join().unwrap();
        let items = atomically(|tx| queue.items(tx));
        assert_eq!(items, if other { [1] } else { [2] }, "an item was lost");
        assert_ne!(pushed, other, "room for one, but not for two or none");
        seen.record(pushed);
    });
    outcomes.assert_exactly([true, false]);
}

/// A writer replaces the item that is the word for nothing by the one that is the word for that: the slot holds the same word for
/// both, and a variable aside tells which.
#[test]
fn what_is_told_aside_belongs_to_the_slot() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let items = [NOTHING as u64, ESCAPED as u64];
        let (queue, which) = (TBQueue::new(1), TVar::new(0_usize));
        assert!(queue.send(items[0]).is_ok());
        let writer = {
            let (queue, which) = (queue.clone(), which.clone());
            thread::spawn(move || {
                atomically(|tx| {
                    assert_eq!(queue.try_pop(tx)?, Some(items[0]));
                    which.write(tx, 1)?;
                    assert!(queue.try_push(tx, items[1])?.is_ok(), "there is room");
                    Ok(())
                });
            })
        };
        let runs = Cell::new(0);
        let (which, item) = atomically(|tx| {
            runs.set(runs.get() + 1);
            Ok((which.read(tx)?, queue.try_peek(tx)?))
        });
        writer.join().unwrap();
        assert_eq!(item, Some(items[which]), "another item");
        seen.record((which, runs.get()));
    });
    // With two runs: the one was read before the commit and the other behind it.
    outcomes.assert_all([(0, 1), (1, 1), (1, 2)]);
}
