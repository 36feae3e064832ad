//! How often bodies ran, and how many transactions they made: counted by each thread for itself, by [`Counted`] systems alone.
//!
//! [`Counted`]: super::Counted

use std::cell::Cell;

/// Runs of bodies and transactions that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub runs: u64,
    pub commits: u64,
}

impl Tally {
    /// Runs beyond the one that each transaction needs, per transaction. `None` if there were no transactions.
    pub fn reruns(self) -> Option<f64> {
        (self.commits > 0).then(|| self.runs.saturating_sub(self.commits) as f64 / self.commits as f64)
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.commits += other.commits;
    }
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { runs: 0, commits: 0 }) };
}

#[inline]
pub fn count_run() {
    TALLY.with(|tally| tally.set(Tally { runs: tally.get().runs + 1, ..tally.get() }));
}

#[inline]
pub fn count_commit() {
    TALLY.with(|tally| tally.set(Tally { commits: tally.get().commits + 1, ..tally.get() }));
}

/// Returns what this thread has counted, and begins anew.
pub fn take() -> Tally {
    TALLY.take()
}
