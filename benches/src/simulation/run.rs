//! The simulation itself: every core takes its next step at its time, the earliest first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::calibration::Calibration;
use super::lines::Lines;
use super::random::Random;
use super::scheme::Scheme;

/// What is done: transfers between two of so many variables, each on a line of its own.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub variables: usize,
    pub cores: usize,
    pub scheme: Scheme,
    pub costs: Calibration,
}

/// How many transactions are simulated.
const TRANSACTIONS: u64 = 10_000;
/// What reading the processor's time stamp takes, in nanoseconds.
const TIME_STAMP: f64 = 8.0;

/// Returns how many million transactions a second there are.
pub fn throughput(setting: Setting) -> f64 {
    Simulation::new(setting).run()
}

/// What a core does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Begin,
    Read(usize),
    Lock(usize),
    Stamp,
    Publish(usize),
}

#[derive(Clone, Debug)]
struct Core {
    random: Random,
    keys: [usize; 2],
    /// The versions it has read.
    seen: [u64; 2],
    /// The clock, as far as it knows.
    view: u64,
    version: u64,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default)]
struct Variable {
    version: u64,
    writer: Option<usize>,
    locked: bool,
}

/// A core's next step. The earliest comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Event {
    time: f64,
    core: usize,
}

impl Eq for Event {}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time.total_cmp(&other.time).then(self.core.cmp(&other.core))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Simulation {
    setting: Setting,
    lines: Lines,
    variables: Vec<Variable>,
    cores: Vec<Core>,
    clock: u64,
    committed: u64,
}

impl Simulation {
    fn new(setting: Setting) -> Self {
        let core = |number| Core {
            random: Random(number as u64 + 1),
            keys: [0; 2],
            seen: [0; 2],
            view: 0,
            version: 0,
            step: Step::Begin,
        };
        Self {
            // The last one is the clock's, or the one lock's.
            lines: Lines::new(setting.variables + 1, setting.costs),
            variables: vec![Variable::default(); setting.variables + 1],
            cores: (0..setting.cores).map(core).collect(),
            clock: 1,
            committed: 0,
            setting,
        }
    }

    fn run(mut self) -> f64 {
        let mut events: BinaryHeap<Reverse<Event>> =
            (0..self.setting.cores).map(|core| Reverse(Event { time: core as f64, core })).collect();
        // The first tenth fills the caches.
        let mut start = 0.0;
        loop {
            let Reverse(Event { time, core }) = events.pop().expect("every core has a next step");
            if self.committed == TRANSACTIONS / 10 && start == 0.0 {
                start = time;
            }
            if self.committed >= TRANSACTIONS {
                return 1e3 * 0.9 * TRANSACTIONS as f64 / (time - start);
            }
            let next = self.step(core, time);
            events.push(Reverse(Event { time: next, core }));
        }
    }

    fn shared_line(&self) -> usize {
        self.setting.variables
    }

    /// Takes a core's step and returns when the next begins.
    fn step(&mut self, core: usize, now: f64) -> f64 {
        match self.cores[core].step {
            Step::Begin => self.begin(core, now),
            Step::Read(number) => self.read(core, number, now),
            Step::Lock(number) => self.lock(core, number, now),
            Step::Stamp => self.stamp(core, now),
            Step::Publish(number) => self.publish(core, number, now),
        }
    }

    fn begin(&mut self, core: usize, now: f64) -> f64 {
        let bound = self.setting.variables;
        let Core { random, keys, .. } = &mut self.cores[core];
        keys[0] = random.below(bound);
        keys[1] = (keys[0] + 1 + random.below(bound - 1)) % bound;
        self.restart(core, now + self.setting.costs.work)
    }

    /// Begins a run of a transaction whose keys are chosen.
    fn restart(&mut self, core: usize, now: f64) -> f64 {
        let scheme = self.setting.scheme;
        self.cores[core].step = if scheme.is_transactional() { Step::Read(0) } else { Step::Lock(0) };
        match scheme {
            Scheme::FetchAdd => {
                self.cores[core].view = self.clock;
                self.lines.load(self.shared_line(), core, now)
            }
            Scheme::TimeStamps => now + TIME_STAMP,
            Scheme::LockEach => {
                // In order, so that nobody waits in a circle.
                self.cores[core].keys.sort_unstable();
                now
            }
            Scheme::Deferred | Scheme::OneLock => now,
        }
    }

    fn read(&mut self, core: usize, number: usize, now: f64) -> f64 {
        let key = self.cores[core].keys[number];
        let mut end = self.lines.load(key, core, now);
        let variable = self.variables[key];
        if variable.locked {
            // Looks again when its copy of the line has been taken away by the writer.
            return end + self.setting.costs.transfer;
        }
        // The first read is accepted whatever its version, and so is what this core has written itself.
        let is_newer = variable.version > self.cores[core].view && variable.writer != Some(core);
        if self.setting.scheme == Scheme::Deferred && is_newer && number > 0 {
            if self.clock < variable.version {
                self.clock = variable.version;
                end = self.lines.write(self.shared_line(), core, end);
            } else {
                end = self.lines.load(self.shared_line(), core, end);
            }
            self.cores[core].view = self.clock;
        }
        let this = &mut self.cores[core];
        this.seen[number] = variable.version;
        this.step = if number == 0 { Step::Read(1) } else { Step::Lock(0) };
        end
    }

    fn lock(&mut self, core: usize, number: usize, now: f64) -> f64 {
        let (key, next) = match self.setting.scheme {
            Scheme::OneLock => (self.shared_line(), Step::Publish(0)),
            _ if number == 0 => (self.cores[core].keys[0], Step::Lock(1)),
            Scheme::LockEach => (self.cores[core].keys[1], Step::Publish(0)),
            _ => (self.cores[core].keys[1], Step::Stamp),
        };
        let variable = self.variables[key];
        let transactional = self.setting.scheme.is_transactional();
        if transactional && (variable.locked || variable.version != self.cores[core].seen[number]) {
            return self.abort(core, number, now);
        }
        if variable.locked {
            // Waits for its turn: looks when the line can be here.
            return now + self.setting.costs.transfer;
        }
        self.variables[key].locked = true;
        self.cores[core].step = next;
        self.lines.write(key, core, now)
    }

    /// Lets go of what is locked and runs again.
    fn abort(&mut self, core: usize, locked: usize, now: f64) -> f64 {
        let mut end = now + self.setting.costs.transfer;
        for number in 0..locked {
            let key = self.cores[core].keys[number];
            self.variables[key].locked = false;
            end = self.lines.store(key, core, end);
        }
        self.restart(core, end)
    }

    fn stamp(&mut self, core: usize, now: f64) -> f64 {
        let seen = self.cores[core].seen;
        let shared = self.shared_line();
        let (version, end) = match self.setting.scheme {
            Scheme::FetchAdd => {
                self.clock += 1;
                (self.clock, self.lines.write(shared, core, now))
            }
            Scheme::TimeStamps => (seen[0].max(seen[1]) + 1, now + TIME_STAMP),
            _ => (self.clock.max(seen[0]).max(seen[1]) + 1, self.lines.load(shared, core, now)),
        };
        self.cores[core].version = version;
        self.cores[core].step = Step::Publish(0);
        end
    }

    fn publish(&mut self, core: usize, number: usize, now: f64) -> f64 {
        let Core { keys, version, .. } = self.cores[core];
        let mut end = self.lines.store(keys[number], core, now);
        self.variables[keys[number]] = Variable { version, writer: Some(core), locked: false };
        if number == 0 {
            self.cores[core].step = Step::Publish(1);
            return end;
        }
        if self.setting.scheme == Scheme::OneLock {
            let lock = self.shared_line();
            self.variables[lock].locked = false;
            end = self.lines.store(lock, core, end);
        }
        self.committed += 1;
        self.cores[core].step = Step::Begin;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scheme: Scheme, cores: usize, variables: usize) -> f64 {
        let costs = Calibration { hit: 1.0, atomic: 5.0, transfer: 60.0, work: 5.0 };
        throughput(Setting { variables, cores, scheme, costs })
    }

    #[test]
    fn one_core_waits_for_nobody() {
        // Two reads, two locks, the clock, two stores: 5 + 2 * 1 + 2 * 5 + 1 + 2 * 1 ns.
        let expected = 1e3 / 20.0;
        let measured = of(Scheme::Deferred, 1, 16);
        assert!((measured / expected - 1.0).abs() < 0.02, "{measured} instead of {expected}");
    }

    #[test]
    fn one_lock_and_one_clock_do_not_scale_and_separate_variables_do() {
        const MANY: usize = 100_000;
        assert!(of(Scheme::OneLock, 32, MANY) < of(Scheme::OneLock, 2, MANY) * 1.5);
        // Nobody is faster than the clock's line can travel.
        assert!(of(Scheme::FetchAdd, 32, MANY) <= 1e3 / 60.0 * 1.05);
        assert!(of(Scheme::Deferred, 32, MANY) > 8.0 * of(Scheme::Deferred, 2, MANY));
        assert!(of(Scheme::LockEach, 32, MANY) > 8.0 * of(Scheme::LockEach, 2, MANY));
    }

    #[test]
    fn nothing_scales_where_everybody_meets() {
        assert!(of(Scheme::Deferred, 32, 2) < of(Scheme::Deferred, 1, 2));
    }

    #[test]
    fn the_same_again_is_the_same() {
        assert_eq!(of(Scheme::Deferred, 8, 64), of(Scheme::Deferred, 8, 64));
    }
}
