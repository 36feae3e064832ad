//! A history as plain data.

/// What a variable held, as histories know it: every write has a value of its own.
pub type Value = u64;

/// How many low bits of a value count what its thread has written.
const COUNTER_BITS: u32 = 40;

/// Returns the value of a thread's `counter`-th write. Threads are numbered from 1: the values of thread 0 are those the
/// variables begin with.
pub fn fresh_value(thread: usize, counter: u64) -> Value {
    assert!(counter < 1 << COUNTER_BITS, "a thread has run out of values");
    u64::try_from(thread).expect("usize fits") << COUNTER_BITS | counter
}

/// Returns what variable number `variable` holds before anybody writes to it.
pub fn initial_value(variable: usize) -> Value {
    fresh_value(0, u64::try_from(variable).expect("usize fits") + 1)
}

/// Shows a value by its thread and number.
pub(super) fn show(value: Value) -> String {
    let (thread, counter) = (value >> COUNTER_BITS, value & ((1 << COUNTER_BITS) - 1));
    if thread == 0 { format!("initial {counter}") } else { format!("{thread}:{counter}") }
}

/// One variable with the value that was read from or written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// The variable's number.
    pub variable: usize,
    /// What was read or written.
    pub value: Value,
}

/// How a run of a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It took effect.
    Committed,
    /// The body cancelled, and the caller got its error.
    Cancelled,
    /// The body called `retry`, and waited.
    Waiting,
    /// The body had to run again.
    Aborted,
}

/// One run of a transaction's body, or a one-shot operation, which is a transaction of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The thread's number.
    pub thread: usize,
    /// Which transaction of its thread it belongs to, from 1.
    pub transaction: usize,
    /// Which run of its transaction it is, from 1.
    pub run: usize,
    /// A moment not later than the first step of the run.
    pub start: u64,
    /// A moment not earlier than the last step of the run; if it committed, than the commit.
    pub end: u64,
    /// How it ended.
    pub fate: Fate,
    /// What it saw, in order, in every branch and in scopes undone since; but not what it had itself written before.
    pub reads: Vec<Access>,
    /// What it last wrote to each variable, undone scopes apart. Takes effect only if it committed.
    pub writes: Vec<Access>,
    /// What it wrote and did not mean to last: undone, or overwritten by itself. Nobody else may ever see that.
    pub discarded: Vec<Access>,
    /// What the library says about when its writes took effect: increases for each variable. The order of blind
    /// writes can be had from nowhere else.
    pub version: Option<u64>,
}

impl Attempt {
    /// Whether its writes count.
    pub fn committed(&self) -> bool {
        self.fate == Fate::Committed
    }

    /// Whether it leaves nothing behind.
    pub fn only_reads(&self) -> bool {
        !self.committed() || self.writes.is_empty()
    }

    /// What it saw in a variable, if it looked.
    pub fn saw(&self, variable: usize) -> Option<Value> {
        self.reads.iter().find(|read| read.variable == variable).map(|read| read.value)
    }

    /// What it left in a variable, if it took effect there.
    pub fn left(&self, variable: usize) -> Option<Value> {
        let write = self.writes.iter().find(|write| write.variable == variable);
        write.filter(|_| self.committed()).map(|write| write.value)
    }
}

/// What several threads did: every run of every body, those that failed included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// How many variables there are. They begin with their [`initial_value`].
    pub variables: usize,
    /// The runs, in any order.
    pub attempts: Vec<Attempt>,
}
