//! A mixed traversal like STMBench7's (Guerraoui, Kapalka and Vitek): a large graph of objects, and operations of very
//! different sizes on it.
//!
//! A tree of assemblies has base assemblies as its leaves. Each uses three composite parts out of a library. A composite part has a
//! document and a connected graph of atomic parts, which are also found by their number and by their date. Operations
//! traverse everything, or one composite part, or look up a few parts, or change which parts there are. What is left out of
//! the original: the manual, links between assemblies and from parts to those who use them, and changes of the tree.

mod operations;
mod structure;

use std::fmt;

use super::competitor::{Competitor, Port};
use super::crew;
use super::outcome::{Outcome, ensure};
use super::random::Random;
use super::systems::System;

use operations::Operation;
use structure::Module;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Levels of the tree of assemblies, in which each has three below it.
    pub levels: u32,
    /// Composite parts in the library at first.
    pub composites: u64,
    /// Atomic parts of each.
    pub parts: usize,
    /// Operations that only read, in percent of those that traverse or look up.
    pub reads: u64,
    /// Operations that traverse everything, in percent.
    pub long: u64,
    /// Operations of all threads together.
    pub operations: usize,
}

impl Parameters {
    /// A small module, 60 % reads, one traversal of everything in a hundred operations.
    #[must_use]
    pub fn small() -> Self {
        Self { levels: 5, composites: 100, parts: 20, reads: 60, long: 1, operations: 10_000 }
    }

    /// As [`small`](Self::small), with 90 % reads.
    #[must_use]
    pub fn small_reads() -> Self {
        Self { reads: 90, ..Self::small() }
    }

    /// As [`small`](Self::small), with 10 % reads.
    #[must_use]
    pub fn small_writes() -> Self {
        Self { reads: 10, ..Self::small() }
    }

    /// The published sizes (7 levels, 500 composite parts of 200 atomic parts), and the published mix of the read-write
    /// workload: 60 % reads, 5 % traversals of everything.
    #[must_use]
    pub fn full() -> Self {
        Self { levels: 7, composites: 500, parts: 200, reads: 60, long: 5, operations: 10_000 }
    }

    /// As [`full`](Self::full), with 90 % reads: the published read-dominated workload.
    #[must_use]
    pub fn full_reads() -> Self {
        Self { reads: 90, ..Self::full() }
    }

    /// As [`full`](Self::full), with 10 % reads: the published write-dominated workload.
    #[must_use]
    pub fn full_writes() -> Self {
        Self { reads: 10, ..Self::full() }
    }

    /// For tests: much change in little room.
    #[must_use]
    pub fn tiny() -> Self {
        Self { levels: 3, composites: 6, parts: 5, reads: 30, long: 3, operations: 400 }
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { levels, composites, parts, reads, long, operations } = self;
        write!(
            f,
            "{} levels, {} composite parts of {}, {} % reads, {} % long, {} operations",
            levels, composites, parts, reads, long, operations
        )
    }
}

/// Runs the program.
///
/// # Panics
///
/// When a sequential competitor is given several threads.
#[must_use]
pub fn run(competitor: Competitor, parameters: &Parameters, threads: usize) -> Outcome {
    competitor.run(parameters, threads)
}

impl Port for Parameters {
    fn run<S: System>(&self, threads: usize) -> Outcome {
        let (system, module) = (S::new(), S::node(Module::<S>::new(self)));
        let mut random = Random::new(1);
        system.atomically(&module, |tx, module| module.fill(tx, &mut random));
        let measured = crew::run(&system, threads, |worker| {
            let mut random = Random::new(2 + worker.number as u64);
            let mut sound = true;
            for _ in worker.share(self.operations) {
                let operation = Operation::random(&mut random, self);
                // A body that runs again makes the same choices.
                sound &= worker.atomically(&module, |tx, module| operation.run(tx, module, &mut random.clone()));
            }
            sound
        });
        let verdict = ensure(measured.results.iter().all(|&sound| sound), || "a traversal missed a part".to_owned());
        measured.outcome(verdict.and_then(|()| system.atomically(&module, |tx, module| module.check(tx))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn traversals_find_every_part_and_the_indexes_agree() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
