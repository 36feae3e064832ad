//! `TCell`s that two threads touch first at the same time: edge E11.

use std::fmt;
use std::sync::Arc;

use loom::thread;

use super::{Canary, Outcomes, explore, make_statics};
use crate::{TCell, atomically};

/// A value in an allocation of its own, with a canary in it.
#[derive(Clone)]
struct Boxed(Arc<Canary>);

/// E11: whoever comes second finds the value in place.
#[test]
fn a_cell_is_moved_into_place_once() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(TCell::new(Boxed(Arc::new(Canary::new()))));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let value = shared.load();
                value.0.look();
                Arc::as_ptr(&value.0).addr()
            })
        };
        let mine = shared.load();
        mine.0.look();
        let other = other.join().unwrap();
        assert_eq!(Arc::as_ptr(&mine.0).addr(), other, "two values came out of one cell");
        seen.record(());
    });
    outcomes.assert_exactly([()]);
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.look();
        f.write_str("alive")
    }
}

/// E11: `Debug` looks at the value alone, whatever the word is; so it needs the value in place before.
#[test]
fn a_value_is_shown_only_when_it_is_in_place() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(TCell::new(Boxed(Arc::new(Canary::new()))));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.load().0.look())
        };
        // First without the pin, whose fence would stand in for the edge.
        assert!(!shared.cell().value().is_null(), "the value is not there yet");
        seen.record(format!("{shared:?}"));
        other.join().unwrap();
    });
    outcomes.assert_exactly([String::from("TCell { value: alive }")]);
}

/// A write to a cell that another thread is moving into place waits for it and is not overwritten.
#[test]
fn a_write_is_not_lost_to_the_first_value() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(TCell::new(1_usize));
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.load())
        };
        shared.store(2);
        assert_eq!(shared.load(), 2, "the write was lost");
        seen.record(reader.join().unwrap());
    });
    outcomes.assert_exactly([1, 2]);
}

/// A transaction's first read of a dormant cell.
#[test]
fn a_transaction_reads_a_dormant_cell() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let shared: &'static TCell<usize> = Box::leak(Box::new(TCell::new(1)));
        let reader = thread::spawn(move || atomically(|tx| shared.read(tx)));
        let replaced = shared.swap(2);
        assert_eq!(replaced, 1);
        seen.record(reader.join().unwrap());
    });
    outcomes.assert_exactly([1, 2]);
}
