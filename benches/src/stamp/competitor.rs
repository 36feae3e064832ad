//! Who runs a program.

use std::fmt;

use super::outcome::Outcome;
use super::systems::{AsyncStm, Coarse, CratesIoStm, FastStm, Hashed, Ordered, Sequential, StdCoarse, Stm, System};
use crate::contest::competitor::{self as who, Competitor as Entrant};

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
    /// The crate stm 0.4 of crates.io, over its variables.
    CratesIoStm,
    /// async-stm, over its variables.
    AsyncStm,
    /// One lock (parking_lot's mutex) instead of transactions.
    Coarse,
    /// One lock (the standard library's mutex) instead of transactions.
    StdCoarse,
    /// Nothing: the sequential program, which one thread alone can run.
    Sequential,
}

impl Competitor {
    /// All of them, the baseline first.
    pub const ALL: [Self; 9] = [
        Self::Sequential,
        Self::Coarse,
        Self::StdCoarse,
        Self::Stm,
        Self::Ordered,
        Self::Hashed,
        Self::FastStm,
        Self::CratesIoStm,
        Self::AsyncStm,
    ];

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
        !matches!(self, Self::Sequential | Self::Coarse | Self::StdCoarse)
    }

    /// Runs a port.
    pub(crate) fn run<P: Port>(self, parameters: &P, threads: usize) -> Outcome {
        match self {
            Self::Stm => parameters.run::<Stm>(threads),
            Self::Ordered => parameters.run::<Stm<Ordered>>(threads),
            Self::Hashed => parameters.run::<Stm<Hashed>>(threads),
            Self::FastStm => parameters.run::<FastStm>(threads),
            Self::CratesIoStm => parameters.run::<CratesIoStm>(threads),
            Self::AsyncStm => parameters.run::<AsyncStm>(threads),
            Self::Coarse => parameters.run::<Coarse>(threads),
            Self::StdCoarse => parameters.run::<StdCoarse>(threads),
            Self::Sequential => parameters.run::<Sequential>(threads),
        }
    }
}

impl Competitor {
    /// As whom the comparison knows it.
    #[must_use]
    pub fn entrant(self) -> Entrant {
        match self {
            Self::Stm => who::OURS_IN_PLACE,
            Self::Ordered => who::OURS_ORDERED,
            Self::Hashed => who::OURS_HASHED,
            Self::FastStm => who::FAST_STM,
            Self::CratesIoStm => who::CRATES_IO_STM,
            Self::AsyncStm => who::ASYNC_STM,
            Self::Coarse => who::PL_MUTEX,
            Self::StdCoarse => who::STD_MUTEX,
            Self::Sequential => who::SEQUENTIAL,
        }
    }
}

impl fmt::Display for Competitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.entrant().name)
    }
}

/// A program, given by its parameters, that any system can run.
pub(crate) trait Port {
    fn run<S: System>(&self, threads: usize) -> Outcome;
}
