//! Three threads, end to end: what two can not do to each other. The protocol is that of the other models; these look for
//! cycles that need a third.

use std::sync::Arc;

use loom::thread;

use super::{Outcomes, Runner, cell, explore, make_statics, placeholder};
use crate::attempt::Tracking;
use crate::cell::RawCell;
use crate::commit::Privilege;
use crate::reclaim::Local;

type Cells = Arc<[RawCell; 3]>;

fn cells() -> Cells {
    Arc::new(std::array::from_fn(|_| cell(0)))
}

/// A reader between two writers sees a pair of one of them, or of neither.
fn pair_model(tracking: Tracking, outcomes: &Outcomes<Option<usize>>) {
    let seen = outcomes.clone();
    explore(1, move || {
        make_statics();
        let (local, cells) = (placeholder(), cells());
        let writers: [_; 2] = std::array::from_fn(|writer| {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                // In opposite orders, so that they meet.
                let (first, second) = (&cells[writer], &cells[1 - writer]);
                let written = Runner::new(local).once(|tx| {
                    tx.write(first, writer + 1)?;
                    tx.write(second, writer + 1)
                });
                assert!(written.is_ok(), "a blind write never conflicts");
            })
        });
        let pin = local.pin();
        let read = Runner::new(local).once_as(Privilege::Ordinary, tracking, |tx| {
            let (first, second) = (tx.read(&cells[0])?, tx.read(&cells[1])?);
            assert_eq!(first, second, "half of a commit was seen");
            Ok(first)
        });
        drop(pin);
        seen.record(read.ok());
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(cells[0].load(), cells[1].load(), "the writes of two transactions were mixed");
    });
}

#[test]
fn a_pair_is_never_torn_between_two_writers() {
    let outcomes = Outcomes::new();
    pair_model(Tracking::Logged, &outcomes);
    outcomes.assert_exactly([None, Some(0), Some(1), Some(2)]);
}

#[test]
fn a_snapshot_is_never_torn_between_two_writers() {
    let outcomes = Outcomes::new();
    pair_model(Tracking::Snapshot, &outcomes);
    outcomes.assert_exactly([Some(0), Some(1), Some(2)]);
}

/// Each reads what the next one writes: not all three can have come first.
#[test]
fn three_transactions_do_not_each_precede_the_next() {
    fn step(local: &'static Local, cells: &Cells, me: usize) -> Option<usize> {
        let step = Runner::new(local).once(|tx| {
            let read = tx.read(&cells[(me + 1) % 3])?;
            tx.write(&cells[me], 1)?;
            Ok(read)
        });
        step.ok()
    }
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    // Two must have stopped between read and commit for the third to close the circle.
    explore(2, move || {
        make_statics();
        let (local, cells) = (placeholder(), cells());
        let others = [1, 2].map(|me| {
            let cells = Arc::clone(&cells);
            thread::spawn(move || step(local, &cells, me))
        });
        let mine = step(local, &cells, 0);
        let [second, third] = others.map(|other| other.join().unwrap());
        let all = [mine, second, third];
        assert_ne!(all, [Some(0); 3], "a cycle of three committed");
        seen.record(all);
    });
    outcomes.assert_all([[Some(0), Some(0), Some(1)], [Some(1), Some(0), Some(0)], [Some(0), Some(0), None]]);
}

/// Three increments of which each commits or says that it did not.
#[test]
fn no_increment_of_three_is_lost() {
    fn increment(local: &'static Local, cells: &Cells) -> bool {
        let done = Runner::new(local).once(|tx| {
            let value = tx.read(&cells[0])?;
            tx.write(&cells[0], value + 1)
        });
        done.is_ok()
    }
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(1, move || {
        make_statics();
        let (local, cells) = (placeholder(), cells());
        let others = [(), ()].map(|()| {
            let cells = Arc::clone(&cells);
            thread::spawn(move || increment(local, &cells))
        });
        let mine = increment(local, &cells);
        let committed = others.map(|other| other.join().unwrap()).into_iter().filter(|done| *done).count();
        let total = cells[0].load().addr();
        assert_eq!(total, committed + usize::from(mine));
        seen.record(total);
    });
    // That two fail takes another preemption.
    outcomes.assert_all([2, 3]);
}
