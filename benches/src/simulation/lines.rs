//! Cache lines, and what accesses to them take.

use super::calibration::Calibration;

/// Who has a line.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// One bit for each core that has a copy.
    copies: u128,
    /// Until when a transfer for an atomic write keeps others waiting.
    busy: f64,
}

/// All lines of a simulation, by number.
#[derive(Debug)]
pub struct Lines {
    lines: Vec<Line>,
    costs: Calibration,
    /// How often a line has come from another core.
    pub transfers: u64,
}

impl Lines {
    /// Makes lines that each of the cores has some of.
    pub fn scattered(count: usize, cores: usize, costs: Calibration) -> Self {
        let line = |number| Line { copies: 1_u128 << (number % cores), busy: 0.0 };
        Self { lines: (0..count).map(line).collect(), costs, transfers: 0 }
    }

    /// Returns when a load ends that begins now. Misses of several cores at a time do not wait for each other.
    pub fn load(&mut self, line: usize, core: usize, now: f64) -> f64 {
        let (line, bit) = (&mut self.lines[line], 1 << core);
        if line.copies & bit != 0 {
            return now + self.costs.hit;
        }
        line.copies |= bit;
        self.transfers += 1;
        now.max(line.busy) + self.costs.transfer
    }

    /// Returns when an atomic write ends that begins now. It takes the line from everybody else, one core at a time.
    pub fn write(&mut self, line: usize, core: usize, now: f64) -> f64 {
        let (line, bit) = (&mut self.lines[line], 1 << core);
        if line.copies == bit {
            return now + self.costs.atomic;
        }
        line.copies = bit;
        self.transfers += 1;
        line.busy = now.max(line.busy) + self.costs.transfer;
        line.busy
    }

    /// Returns when a core looks again at a line that somebody else is about to change: when that can be here.
    pub fn look_again(&mut self, now: f64) -> f64 {
        self.transfers += 1;
        now + self.costs.transfer
    }

    /// Returns when a plain store ends to a line that this core has written before: at once, unless another has it now.
    pub fn store(&mut self, line: usize, core: usize, now: f64) -> f64 {
        let bit = 1 << core;
        if self.lines[line].copies == bit { now + self.costs.hit } else { self.write(line, core, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Calibration = Calibration { hit: 1.0, atomic: 5.0, transfer: 60.0, work: 0.0 };

    #[test]
    fn a_line_that_is_here_costs_no_transfer() {
        let mut lines = Lines::scattered(8, 4, COSTS);
        assert_eq!(
            (lines.write(3, 3, 100.0), lines.load(7, 3, 100.0), lines.store(7, 3, 100.0)),
            (105.0, 101.0, 101.0)
        );
        assert_eq!(lines.transfers, 0);
    }

    #[test]
    fn writers_queue_and_readers_do_not() {
        let mut lines = Lines::scattered(1, 1, COSTS);
        assert_eq!((lines.load(0, 1, 100.0), lines.load(0, 2, 100.0)), (160.0, 160.0));
        assert_eq!((lines.write(0, 1, 200.0), lines.write(0, 2, 200.0)), (260.0, 320.0));
        assert_eq!(lines.load(0, 0, 300.0), 380.0);
        assert_eq!(lines.transfers, 5);
    }
}
