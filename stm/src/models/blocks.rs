//! Blocks of an unbounded queue, whose ends look at where they were of late. Edge E17, with E7.

use std::cell::Cell;

use loom::thread;

use super::slot::a_look_that_finds_nothing_is_not_believed;
use super::{Census, Outcomes, Watched, explore_placed, make_statics};
use crate::atomically;
use crate::channel::{SLOTS, TQueue};

/// An empty queue both ends of which have come to the edge of a block.
fn at_the_edge<T: Clone + Send + Sync>(item: impl Fn() -> T) -> TQueue<T> {
    let queue = TQueue::new();
    for _ in 0..SLOTS {
        atomically(|tx| queue.push(tx, item()));
        assert!(atomically(|tx| queue.try_pop(tx)).is_some());
    }
    queue
}

/// E17: a look that finds no block behind the last is not believed: the positions say that the queue is empty, in the moment of
/// all else.
#[test]
fn no_block_to_go_on_in_is_no_empty_queue() {
    a_look_that_finds_nothing_is_not_believed(
        || at_the_edge(|| 0),
        |queue, tx| queue.push(tx, 7),
        |queue, tx| queue.try_peek(tx),
    );
}

/// E17: a block comes back for positions that another was for, and whoever looks at the other finds nothing in it.
#[test]
fn an_item_that_is_put_back_is_not_looked_for_in_the_block_before() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let queue = at_the_edge(|| 3_u64);
        atomically(|tx| queue.push(tx, 4));
        let runs = Cell::new(0);
        let other = {
            let queue = queue.clone();
            thread::spawn(move || {
                atomically(|tx| {
                    let item = queue.try_pop(tx)?.expect("there is one");
                    queue.push_front(tx, item)?;
                    queue.push_front(tx, 5)
                });
            })
        };
        let item = atomically(|tx| {
            runs.set(runs.get() + 1);
            queue.try_peek(tx)
        });
        other.join().unwrap();
        assert!(item == Some(4) || item == Some(5), "{item:?} was never in front");
        seen.record((item, runs.get()));
    });
    outcomes.assert_all([(Some(4), 1), (Some(5), 1)]);
}

/// E7: items go from one thread to another over the edge of a block, each once and in order, and are freed, as the blocks are.
#[test]
fn items_go_over_the_edge_of_a_block() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let census = Census::new();
        let queue: TQueue<(u64, Watched)> = TQueue::new();
        atomically(|tx| queue.push(tx, (0, census.new_one())));
        let popper = {
            let queue = queue.clone();
            thread::spawn(move || {
                let taken: [Option<(u64, Watched)>; 3] = std::array::from_fn(|_| atomically(|tx| queue.try_pop(tx)));
                taken.iter().flatten().for_each(|(_, item)| item.look());
                taken.into_iter().flatten().map(|(number, _)| number).collect::<Vec<_>>()
            })
        };
        for number in 1..=SLOTS {
            let item = (number, census.new_one());
            atomically(|tx| queue.push(tx, item.clone()));
        }
        let mut numbers = popper.join().unwrap();
        let early = numbers.len();
        numbers.extend(atomically(|tx| queue.flush(tx)).into_iter().map(|(number, _)| number));
        assert!(numbers.into_iter().eq(0..=SLOTS), "an item more or less, or out of order");
        drop(queue);
        census.assert_all_gone();
        seen.record(early);
    });
    outcomes.assert_all([1, 2, 3]);
}
