//! A Lee routing board (Ansari and others, Lee-TM): wires between the pads of chips on a circuit board of two layers, the
//! short ones first. Most are short, so a plan looks at their surroundings first, and at the whole board if need be.
//!
//! The boards are generated, in the size of the published ones: 600 by 600 cells, with 1506 wires (main board) or 3101
//! (memory board).

use std::fmt;

use super::competitor::{Competitor, Port};
use super::maze::{self, Layout, Net, Shape, distance};
use super::outcome::Outcome;
use super::random::Random;
use super::systems::System;

/// What a board is made of.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Cells on each side.
    pub side: usize,
    /// Wires.
    pub wires: usize,
}

impl Parameters {
    /// A sixteenth of the main board.
    #[must_use]
    pub fn small() -> Self {
        Self { side: 150, wires: 94 }
    }

    /// As many cells and wires as the published main board.
    #[must_use]
    pub fn full() -> Self {
        Self { side: 600, wires: 1506 }
    }

    /// As many cells and wires as the published memory board.
    #[must_use]
    pub fn full_memory() -> Self {
        Self { side: 600, wires: 3101 }
    }

    /// For tests: crowded.
    #[must_use]
    pub fn tiny() -> Self {
        Self { side: 20, wires: 12 }
    }

    /// Pads stand in rows, every fourth cell. Four of five wires lead to a pad nearby.
    fn layout(&self) -> Layout {
        let shape = Shape { width: self.side, height: self.side, depth: 2 };
        let pads = self.side / PITCH;
        assert!(2 * self.wires <= pads * pads, "so many wires do not fit in");
        let mut random = Random::new(1);
        let mut free = vec![true; pads * pads];
        let mut nets = Vec::with_capacity(self.wires);
        while nets.len() < self.wires {
            let one = [random.index(pads), random.index(pads)];
            let reach = if random.percent(80) { (pads / 12).max(2) } else { pads };
            let [x, y] = one.map(|at| (at + random.index(2 * reach + 1)).wrapping_sub(reach));
            if x >= pads || y >= pads || one == [x, y] || !free[one[1] * pads + one[0]] || !free[y * pads + x] {
                continue;
            }
            free[one[1] * pads + one[0]] = false;
            free[y * pads + x] = false;
            let pad = |[x, y]: [usize; 2]| [x * PITCH + PITCH / 2, y * PITCH + PITCH / 2, 0];
            nets.push(Net { from: pad(one), to: pad([x, y]) });
        }
        nets.sort_by_key(|net| distance(net.from, net.to));
        Layout { shape, nets, margin: (self.side / 16).clamp(1, 8) }
    }
}

/// From a pad to the next.
const PITCH: usize = 4;

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, wires } = self;
        write!(f, "{0} by {0} cells, {1} wires", side, wires)
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
    fn every_wire_connects_its_pads_and_is_its_own() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
