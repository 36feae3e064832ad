//! STAMP's labyrinth: paths through a maze of three dimensions, planned on private copies. Transactions are long, and most
//! of the time is spent outside of them.

use std::collections::HashSet;
use std::fmt;

use super::competitor::{Competitor, Port};
use super::maze::{self, Layout, Net, Shape};
use super::outcome::Outcome;
use super::random::Random;
use super::systems::System;

/// What a run is made of. The letters are those in the names of the published inputs.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `x`: cells from west to east.
    pub width: usize,
    /// `y`: cells from south to north.
    pub height: usize,
    /// `z`: layers.
    pub depth: usize,
    /// `n`: paths.
    pub paths: usize,
}

impl Parameters {
    /// `random-x32-y32-z3-n96`: as published for simulators.
    #[must_use]
    pub fn small() -> Self {
        Self { width: 32, height: 32, depth: 3, paths: 96 }
    }

    /// `random-x48-y48-z3-n64`: as published for simulators, the larger input.
    #[must_use]
    pub fn middle() -> Self {
        Self { width: 48, height: 48, depth: 3, paths: 64 }
    }

    /// `random-x512-y512-z7-n512`: as published for real machines.
    #[must_use]
    pub fn full() -> Self {
        Self { width: 512, height: 512, depth: 7, paths: 512 }
    }

    /// `random-x8-y8-z3-n12`: for tests; not all paths are possible.
    #[must_use]
    pub fn tiny() -> Self {
        Self { width: 8, height: 8, depth: 3, paths: 12 }
    }

    /// Paths between random cells, of which no two are the same.
    fn layout(&self) -> Layout {
        let shape = Shape { width: self.width, height: self.height, depth: self.depth };
        assert!(2 * self.paths <= shape.cells(), "so many paths do not fit in");
        let (mut random, mut taken) = (Random::new(1), HashSet::new());
        let mut end = || {
            loop {
                let cell = random.index(shape.cells());
                if taken.insert(cell) {
                    return shape.place(cell);
                }
            }
        };
        let nets = (0..self.paths).map(|_| Net { from: end(), to: end() }).collect();
        Layout { shape, nets, margin: usize::MAX }
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, depth, paths } = self;
        write!(f, "-i random-x{}-y{}-z{}-n{}", width, height, depth, paths)
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
        maze::route::<S>(&self.layout(), threads)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn every_path_connects_its_ends_and_is_its_own() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
