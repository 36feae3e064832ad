//! Cache lines, and what accesses to them take.

use super::calibration::Calibration;

/// Who has a line. At first nobody; then it costs no transfer, as if memory were as near as the cache.
#[derive(Clone, Copy, Debug, Default)]
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
}

impl Lines {
    pub fn new(count: usize, costs: Calibration) -> Self {
        Self { lines: vec![Line::default(); count], costs }
    }

    /// Returns when a load ends that begins now. Misses of several cores at a time do not wait for each other.
    pub fn load(&mut self, line: usize, core: usize, now: f64) -> f64 {
        let (line, bit) = (&mut self.lines[line], 1 << core);
        if line.copies & bit != 0 {
            return now + self.costs.hit;
        }
        let is_first = line.copies == 0;
        line.copies |= bit;
        if is_first {
            return now + self.costs.hit;
        }
        now.max(line.busy) + self.costs.transfer
    }

    /// Returns when an atomic write ends that begins now. It takes the line from everybody else, one core at a time.
    pub fn write(&mut self, line: usize, core: usize, now: f64) -> f64 {
        let (line, bit) = (&mut self.lines[line], 1 << core);
        if line.copies == bit || line.copies == 0 {
            line.copies = bit;
            return now + self.costs.atomic;
        }
        line.copies = bit;
        line.busy = now.max(line.busy) + self.costs.transfer;
        line.busy
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
        let mut lines = Lines::new(1, COSTS);
        lines.write(0, 3, 0.0);
        assert_eq!(
            (lines.write(0, 3, 100.0), lines.load(0, 3, 100.0), lines.store(0, 3, 100.0)),
            (105.0, 101.0, 101.0)
        );
    }

    #[test]
    fn writers_queue_and_readers_do_not() {
        let mut lines = Lines::new(1, COSTS);
        lines.write(0, 0, 0.0);
        assert_eq!((lines.load(0, 1, 100.0), lines.load(0, 2, 100.0)), (160.0, 160.0));
        assert_eq!((lines.write(0, 1, 200.0), lines.write(0, 2, 200.0)), (260.0, 320.0));
        assert_eq!(lines.load(0, 0, 300.0), 380.0);
    }
}
