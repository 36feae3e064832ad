//! Values that are known while they live, so that one freed too early, twice, or never is noticed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Which of its values live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    live: BTreeSet<u64>,
    made: u64,
}

/// A value that its ledger knows. Clones are values of their own.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) payload: u64,
    id: u64,
    ledger: Ledger,
}

impl Ledger {
    pub(crate) fn value(&self, payload: u64) -> Known {
        let mut book = self.0.lock().expect("nobody panics with it");
        book.made += 1;
        let id = book.made;
        book.live.insert(id);
        Known { payload, id, ledger: self.clone() }
    }

    pub(crate) fn live(&self) -> usize {
        self.0.lock().expect("nobody panics with it").live.len()
    }

    /// Checks a value that somebody may look at. Its fields are read before anything is made of them.
    pub(crate) fn assert_live(&self, value: &Known) -> u64 {
        let (id, payload) = (value.id, value.payload);
        assert!(self.0.lock().is_ok_and(|book| book.live.contains(&id)), "value {id} is looked at after its end");
        payload
    }

    /// Checks that, with all garbage collected, exactly `expected` values are left.
    pub(crate) fn settle(&self, expected: usize) {
        while stm::collect() > 0 {}
        assert_eq!(self.live(), expected, "values that live");
    }
}

impl Clone for Known {
    fn clone(&self) -> Self {
        self.ledger.value(self.payload)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let removed = self.ledger.0.lock().is_ok_and(|mut book| book.live.remove(&self.id));
        assert!(removed || std::thread::panicking(), "value {} is dropped twice", self.id);
    }
}
