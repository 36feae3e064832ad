//! Workloads of waiting and progress: many threads on few variables, readers beside writers, and threads that wait for
//! each other.
//!
//! Their workers have different roles, or measure more than the time of a whole window: a [`Team`] is a
//! [`Contender`] that can say so.

use std::time::Duration;

use crate::workloads::Contender;
use histogram::Tail;

pub mod histogram;
pub mod hot;
pub mod opposite;
pub mod ping_pong;
pub mod queues;
pub mod snapshots;
pub mod tasks;
pub mod waiters;

/// One workload on one system, whose workers may differ.
pub trait Team: Sync {
    /// A window of so many workers begins: none of them runs yet, and those of the window before have ended.
    fn begin(&self, _workers: usize) {}

    /// Runs at least `operations` operations as worker number `worker` and returns how many count as its own. A worker
    /// that is [beside](Team::is_beside) the others goes on until they are done.
    ///
    /// # Panics
    ///
    /// When a result that can be checked on the way is wrong.
    fn run(&self, worker: usize, operations: u64) -> u64;

    /// Checks the state that `operations` operations, of all workers that are not beside, must have left behind.
    ///
    /// # Panics
    ///
    /// When it is not what it must be.
    fn verify(&self, operations: u64);

    /// Whether this worker works beside the others for as long as they need. Its operations are counted apart.
    fn is_beside(&self, _worker: usize) -> bool {
        false
    }

    /// How much of the last window, which took `elapsed`, counts: less where a worker pauses between operations.
    fn counted(&self, elapsed: Duration) -> Duration {
        elapsed
    }

    /// The warm-up is over: forgets what was recorded.
    fn forget(&self) {}

    /// How long single operations took, where that is recorded.
    fn tail(&self) -> Option<Tail> {
        None
    }

    /// What else is worth a line in the report.
    fn note(&self) -> Option<String> {
        None
    }
}

impl<C: Contender> Team for C {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        Contender::run(self, worker, operations)
    }

    fn verify(&self, operations: u64) {
        Contender::verify(self, operations);
    }
}

/// Keeps what it holds on cache lines of its own, for everybody alike.
#[derive(Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);
