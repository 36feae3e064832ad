//! Who runs a program.

use std::fmt;

use super::outcome::Outcome;
use super::systems::{Coarse, FastStm, Hashed, Ordered, Sequential, Stm, System};

/// A way to keep a program's pieces apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Competitor {
    /// This library, over its plain variables.
    Stm,
    /// This library, with its own ordered maps and queues where the program has some.
    Ordered,
    /// This library, with its own hash maps and queues where the program has some.
    Hashed,
    /// fast-stm, over its variables.
    FastStm,
    /// One lock (parking_lot's mutex) instead of transactions.
    Coarse,
    /// Nothing: the sequential program, which one thread alone can run.
    Sequential,
}

impl Competitor {
    /// All of them, the baseline first.
    pub const ALL: [Self; 6] = [Self::Sequential, Self::Coarse, Self::Stm, Self::Ordered, Self::Hashed, Self::FastStm];

    /// Whether it can be run by several threads.
    #[must_use]
    pub fn is_concurrent(self) -> bool {
        self != Self::Sequential
    }

    /// Whether it is this library.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Stm | Self::Ordered | Self::Hashed)
    }

    /// Whether it runs transactions, of which some may run again.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.is_ours() || self == Self::FastStm
    }

    /// Runs a port.
    pub(crate) fn run<P: Port>(self, parameters: &P, threads: usize) -> Outcome {
        match self {
            Self::Stm => parameters.run::<Stm>(threads),
            Self::Ordered => parameters.run::<Stm<Ordered>>(threads),
            Self::Hashed => parameters.run::<Stm<Hashed>>(threads),
            Self::FastStm => parameters.run::<FastStm>(threads),
            Self::Coarse => parameters.run::<Coarse>(threads),
            Self::Sequential => parameters.run::<Sequential>(threads),
        }
    }
}

impl fmt::Display for Competitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stm => "stm",
            Self::Ordered => "stm-ordered",
            Self::Hashed => "stm-hashed",
            Self::FastStm => "fast-stm",
            Self::Coarse => "one-mutex",
            Self::Sequential => "sequential",
        })
    }
}

/// A program, given by its parameters, that any system can run.
pub(crate) trait Port {
    fn run<S: System>(&self, threads: usize) -> Outcome;
}
