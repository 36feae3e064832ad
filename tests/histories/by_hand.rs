//! Histories made by hand, in few words.

use common::history::{Access, Attempt, Fate, History, Value, initial_value};

/// The value of variable `x` before anybody writes.
pub(crate) fn initial(x: usize) -> Value {
    initial_value(x)
}

/// A transaction that ran from one moment to another on a thread of its own and committed.
pub(crate) fn tx(start: u64, end: u64) -> Attempt {
    Attempt {
        thread: 0,
        transaction: 1,
        run: 1,
        start,
        end,
        fate: Fate::Committed,
        reads: Vec::new(),
        writes: Vec::new(),
        discarded: Vec::new(),
        version: None,
    }
}

/// What is said of an attempt, one thing after another.
pub(crate) trait Say {
    fn read(self, x: usize, value: Value) -> Self;
    fn wrote(self, x: usize, value: Value) -> Self;
    fn discarded(self, x: usize, value: Value) -> Self;
    fn at(self, version: u64) -> Self;
    fn but(self, fate: Fate) -> Self;
}

impl Say for Attempt {
    fn read(mut self, x: usize, value: Value) -> Self {
        self.reads.push(Access { variable: x, value });
        self
    }

    fn wrote(mut self, x: usize, value: Value) -> Self {
        self.writes.push(Access { variable: x, value });
        self
    }

    fn discarded(mut self, x: usize, value: Value) -> Self {
        self.discarded.push(Access { variable: x, value });
        self
    }

    fn at(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    fn but(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }
}

/// A history on a few variables. The order in which the attempts are listed means nothing.
pub(crate) fn history(attempts: impl IntoIterator<Item = Attempt>) -> History {
    let numbered = attempts.into_iter().zip(1..).map(|(attempt, thread)| Attempt { thread, ..attempt });
    History { variables: 8, attempts: numbered.collect() }
}
