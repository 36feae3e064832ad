//! The workloads, each written once for every system that it is measured on.
//!
//! What is not generic is marked `#[inline]` where it is measured: else it would be compiled in this library, and not in the
//! program that measures, and instructions would be spent on calls.
//!
//! A [`Contender`] is one workload on one system. All benchmarks run these same objects, so a figure of one can be set
//! beside a figure of another.
//!
//! What keeps the comparison fair: the same allocator, layout (a `Vec` of the system's own variables), key generator and
//! loop for everybody; inputs pass through `black_box` once a transaction, so nothing is hoisted out of the loop; results
//! are used; and every contender proves afterwards that it did the work.

pub mod accounts;
pub mod aftermath;
pub mod counters;
pub mod empty;
pub mod keys;
pub mod progress;
pub mod reads;
pub mod structures;
pub mod texts;
pub mod variable;
pub mod wide;
pub mod write_sets;

/// One workload on one system.
pub trait Contender: Sync {
    /// Runs at least `operations` operations as worker number `worker` and returns how many it ran.
    ///
    /// # Panics
    ///
    /// When a result that can be checked on the way is wrong.
    fn run(&self, worker: usize, operations: u64) -> u64;

    /// Checks the state that `operations` operations, of all workers together, must have left behind.
    ///
    /// # Panics
    ///
    /// When it is not what it must be.
    fn verify(&self, operations: u64);
}
