//! What the threads of a replay count, each for itself; merged at the end.

use std::time::{Duration, Instant};

/// Commits of one kind, and what they took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Transactions committed.
    pub commits: u64,
    /// Runs of their bodies, those that did not commit included.
    pub attempts: u64,
    /// From the start of the first to the end of the last.
    pub elapsed: Duration,
}

/// Commits counted by one thread, or by all.
#[derive(Default)]
pub(crate) struct Count {
    commits: u64,
    attempts: u64,
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl Count {
    /// Notes the start of the first transaction.
    pub(crate) fn begin(&mut self) {
        self.began = Some(Instant::now());
    }

    /// Counts a transaction that took `attempts` runs of its body.
    pub(crate) fn commit(&mut self, attempts: u32) {
        self.commits += 1;
        self.attempts += u64::from(attempts);
    }

    /// Notes the end of the last transaction.
    pub(crate) fn end(&mut self) {
        self.ended = Some(Instant::now());
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            commits: self.commits + other.commits,
            attempts: self.attempts + other.attempts,
            began: self.began.into_iter().chain(other.began).min(),
            ended: self.ended.max(other.ended),
        }
    }
}

impl From<Count> for Work {
    fn from(count: Count) -> Self {
        let span = count.began.zip(count.ended);
        Self {
            commits: count.commits,
            attempts: count.attempts,
            elapsed: span.map_or(Duration::ZERO, |(began, ended)| ended - began),
        }
    }
}

/// What workers did.
#[derive(Default)]
pub(crate) struct WorkerTally {
    pub(crate) done: Count,
    pub(crate) refused: Vec<usize>,
}

impl WorkerTally {
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.refused.extend(other.refused);
        Self { done: self.done.merge(other.done), refused: self.refused }
    }
}

/// What auditors found.
#[derive(Default)]
pub(crate) struct AuditTally {
    pub(crate) done: Count,
    pub(crate) wrong_total: Option<i128>,
    pub(crate) overdrawn: Option<i64>,
}

impl AuditTally {
    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            done: self.done.merge(other.done),
            wrong_total: self.wrong_total.or(other.wrong_total),
            overdrawn: self.overdrawn.or(other.overdrawn),
        }
    }
}
