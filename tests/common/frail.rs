//! Values whose every operation may panic, and the fuse that says which call does.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::census::{Census, Counted};

thread_local! {
    /// How many calls of user code on this thread go well before one panics.
    static FUSE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Makes the call after so many others panic, on this thread and once.
pub fn light_fuse(calls: u32) {
    FUSE.set(Some(calls));
}

/// Lets all calls go well again. Returns whether one has panicked since [`light_fuse`].
pub fn put_out_fuse() -> bool {
    FUSE.take().is_none()
}

/// A call of user code: panics if its turn has come.
pub fn burn(what: &str) {
    match FUSE.get() {
        None => {}
        Some(0) => {
            FUSE.set(None);
            panic!("{what} failed");
        }
        Some(left) => FUSE.set(Some(left - 1)),
    }
}

/// A number whose `Hash`, `Eq`, `Ord`, `Clone` and `Drop` may panic; its [`Census`] counts it. Of every eight, one has the same
/// hash.
#[derive(Debug)]
pub struct Frail(Counted);

impl Frail {
    /// One that nobody counts.
    pub fn new(number: u64) -> Self {
        Self::of(&Census::new(), number)
    }

    /// One that is counted.
    pub fn of(census: &Census, number: u64) -> Self {
        Self(census.value(number))
    }

    /// What tells one from another.
    pub fn number(&self) -> u64 {
        self.0.payload
    }

    /// Makes it another one.
    pub fn set(&mut self, number: u64) {
        self.0.payload = number;
    }
}

impl Hash for Frail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn("hash");
        (self.number() % 8).hash(state);
    }
}

impl PartialEq for Frail {
    fn eq(&self, other: &Self) -> bool {
        burn("eq");
        self.number() == other.number()
    }
}

impl Eq for Frail {}

impl PartialOrd for Frail {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frail {
    fn cmp(&self, other: &Self) -> Ordering {
        burn("cmp");
        self.number().cmp(&other.number())
    }
}

impl Clone for Frail {
    fn clone(&self) -> Self {
        burn("clone");
        Self(self.0.clone())
    }
}

impl Drop for Frail {
    fn drop(&mut self) {
        // Two panics at once would end the process.
        if !std::thread::panicking() {
            burn("drop");
        }
    }
}
