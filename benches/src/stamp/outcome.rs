//! What comes of running a program.

use std::time::Duration;

/// Whether a program's result is what it must be, and if not, what is wrong.
pub type Verdict = Result<(), String>;

/// What came of one run of a program.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long the parallel part took: without the input's generation and the check of the result.
    pub elapsed: Duration,
    /// What the threads have worked in that time, all together: without what they waited, and without what other programs
    /// got of the cores. `None` where nobody says.
    pub worked: Option<Duration>,
    /// How many transactions have committed.
    pub transactions: u64,
    /// How many runs of bodies did not commit.
    pub aborts: u64,
    /// Whether the result is what it must be, and if not, what is wrong.
    pub verdict: Verdict,
}

impl Outcome {
    /// Aborts per commit.
    #[must_use]
    pub fn aborts_per_commit(&self) -> f64 {
        self.aborts as f64 / self.transactions.max(1) as f64
    }
}

/// Goes on if a condition that the result must meet is met.
pub(crate) fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(otherwise()) }
}
