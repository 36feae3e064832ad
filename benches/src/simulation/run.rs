//! The simulation itself: every core takes its next step at its time, the earliest first.

#[cfg(test)]
mod tests;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::calibration::Calibration;
use super::lines::Lines;
use super::random::Random;
use super::scheme::Scheme;

/// What is done: transfers between two of so many variables, each on a line of its own, or looks at two.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub variables: usize,
    /// How many operations of hundred only look.
    pub looks: usize,
    pub cores: usize,
    pub scheme: Scheme,
    pub costs: Calibration,
}

impl Setting {
    /// How many operations are simulated.
    fn operations(self) -> u64 {
        let one_by_one = match self.scheme {
            Scheme::OneLock | Scheme::ReadWriteLock => true,
            Scheme::SequenceLock => self.looks == 0,
            _ => false,
        };
        if one_by_one { OPERATIONS / FEWER } else { OPERATIONS }
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulated {
    /// Million operations a second.
    pub throughput: f64,
    /// Lines that came from another core, an operation.
    pub transfers: f64,
    /// Runs that were given up, an operation.
    pub aborts: f64,
    /// How often a run went on at a later moment, having looked again at what it had read, an operation.
    pub extensions: f64,
}

/// How many operations are simulated, as a rule. Tests need not be that exact.
const OPERATIONS: u64 = if cfg!(test) { 2_000 } else { 10_000 };
/// So much less tells as much where operations are one after the other, and takes long because all others wait.
const FEWER: u64 = 5;
/// What reading the processor's time stamp takes, in nanoseconds.
const TIME_STAMP: f64 = 8.0;

/// Simulates so many operations.
pub fn simulate(setting: Setting) -> Simulated {
    Simulation::new(setting).run()
}

/// What a core does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Begin,
    /// Learns what the clock, or the sequence lock, says.
    Enter,
    Read(usize),
    Lock(usize),
    Stamp,
    Publish(usize),
    /// Lets go of the lock under which it has looked.
    Leave,
}

#[derive(Clone, Debug)]
struct Core {
    random: Random,
    keys: [usize; 2],
    only_looks: bool,
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

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    time: f64,
    committed: u64,
    aborts: u64,
    extensions: u64,
    transfers: u64,
}

struct Simulation {
    setting: Setting,
    lines: Lines,
    variables: Vec<Variable>,
    cores: Vec<Core>,
    clock: u64,
    /// Who looks under the read-write lock, and the writer that waits for them to leave.
    readers: usize,
    waiting: Option<usize>,
    tally: Tally,
}

impl Simulation {
    fn new(setting: Setting) -> Self {
        let core = |number| Core {
            random: Random(number as u64 + 1),
            keys: [0; 2],
            only_looks: false,
            seen: [0; 2],
            view: 0,
            version: 0,
            step: Step::Begin,
        };
        Self {
            // The last one is the clock's, or the one lock's.
            lines: Lines::scattered(setting.variables + 1, setting.cores, setting.costs),
            variables: vec![Variable::default(); setting.variables + 1],
            cores: (0..setting.cores).map(core).collect(),
            clock: 1,
            readers: 0,
            waiting: None,
            tally: Tally::default(),
            setting,
        }
    }

    fn run(mut self) -> Simulated {
        let mut events: BinaryHeap<Reverse<Event>> =
            (0..self.setting.cores).map(|core| Reverse(Event { time: core as f64, core })).collect();
        let operations = self.setting.operations();
        // In the first tenth lines come to where they are used.
        let mut start = None;
        loop {
            let Reverse(Event { time, core }) = events.pop().expect("every core has a next step");
            let now = Tally { time, transfers: self.lines.transfers, ..self.tally };
            if now.committed >= operations / 10 && start.is_none() {
                start = Some(now);
            }
            if let Some(start) = start.filter(|_| now.committed >= operations) {
                return Simulated::between(start, now);
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
            Step::Enter => self.enter(core, now),
            Step::Read(number) => self.read(core, number, now),
            Step::Lock(number) => self.lock(core, number, now),
            Step::Stamp => self.stamp(core, now),
            Step::Publish(number) => self.publish(core, number, now),
            Step::Leave => self.leave(core, now),
        }
    }

    fn begin(&mut self, core: usize, now: f64) -> f64 {
        let Setting { variables, looks, costs, .. } = self.setting;
        let Core { random, keys, only_looks, .. } = &mut self.cores[core];
        keys[0] = random.below(variables);
        keys[1] = (keys[0] + 1 + random.below(variables - 1)) % variables;
        *only_looks = looks > 0 && random.below(100) < looks;
        self.restart(core, now + costs.work)
    }

    /// Begins a run of a transaction whose keys are chosen.
    fn restart(&mut self, core: usize, now: f64) -> f64 {
        let (step, start) = match self.setting.scheme {
            Scheme::FetchAdd | Scheme::SequenceLock => (Step::Enter, now),
            Scheme::TimeStamps => (Step::Read(0), now + TIME_STAMP),
            Scheme::Deferred | Scheme::CachedClock => (Step::Read(0), now),
            Scheme::LockEach => {
                // In order, so that nobody waits in a circle.
                self.cores[core].keys.sort_unstable();
                (Step::Lock(0), now)
            }
            Scheme::OneLock | Scheme::ReadWriteLock => (Step::Lock(0), now),
        };
        self.cores[core].step = step;
        start
    }

    fn enter(&mut self, core: usize, now: f64) -> f64 {
        let shared = self.shared_line();
        if self.variables[shared].locked {
            return self.lines.look_again(now);
        }
        self.cores[core].view = self.clock;
        self.cores[core].step = Step::Read(0);
        self.lines.load(shared, core, now)
    }

    fn read(&mut self, core: usize, number: usize, now: f64) -> f64 {
        let scheme = self.setting.scheme;
        let key = self.cores[core].keys[number];
        let mut end = self.lines.load(key, core, now);
        let variable = self.variables[key];
        if scheme.is_transactional() {
            let one_after_the_other = scheme == Scheme::SequenceLock;
            if variable.locked || one_after_the_other && self.variables[self.shared_line()].locked {
                return self.lines.look_again(end);
            }
            match self.extended(core, number, variable, end) {
                Some(extended) => end = extended,
                None => return self.abort(core, 0, end),
            }
        }
        let this = &mut self.cores[core];
        this.seen[number] = variable.version;
        this.step = match (number, this.only_looks) {
            (0, _) => Step::Read(1),
            (_, false) => Step::Lock(0),
            (_, true) => Step::Leave,
        };
        end
    }

    /// Has a run go on at a later moment if what it has just found is newer than its own, and returns when it does. `None` if
    /// what it read before is of an earlier moment.
    fn extended(&mut self, core: usize, number: usize, found: Variable, now: f64) -> Option<f64> {
        let (scheme, shared, view) = (self.setting.scheme, self.shared_line(), self.cores[core].view);
        let mut end = now;
        if scheme == Scheme::SequenceLock {
            end = self.lines.load(shared, core, end);
            if self.clock == view {
                return Some(end);
            }
        } else {
            // Ours accepts the first read whatever its version, and what this core has written itself.
            let accepted = scheme == Scheme::Deferred && (number == 0 || found.writer == Some(core));
            if !scheme.has_clock() || accepted || found.version <= view {
                return Some(end);
            }
            end = if self.clock < found.version {
                self.clock = found.version;
                self.lines.write(shared, core, end)
            } else {
                self.lines.load(shared, core, end)
            };
        }
        self.cores[core].view = self.clock;
        self.tally.extensions += u64::from(number > 0);
        self.look_back(core, number, end)
    }

    /// Looks again at what a run has read first, and returns when it has. `None` if that has changed.
    fn look_back(&mut self, core: usize, reads: usize, now: f64) -> Option<f64> {
        let Core { keys, seen, .. } = self.cores[core];
        let mut end = now;
        for (key, seen) in keys.into_iter().zip(seen).take(reads) {
            end = self.lines.load(key, core, end);
            if self.variables[key].locked || self.variables[key].version != seen {
                return None;
            }
        }
        Some(end)
    }

    fn lock(&mut self, core: usize, number: usize, now: f64) -> f64 {
        let scheme = self.setting.scheme;
        if scheme == Scheme::ReadWriteLock {
            return self.lock_or_share(core, now);
        }
        let (shared, only_looks) = (self.shared_line(), self.cores[core].only_looks);
        let (key, next) = match scheme {
            Scheme::SequenceLock => (shared, Step::Publish(0)),
            Scheme::OneLock if only_looks => (shared, Step::Read(0)),
            Scheme::OneLock => (shared, Step::Publish(0)),
            _ if number == 0 => (self.cores[core].keys[0], Step::Lock(1)),
            Scheme::LockEach => (self.cores[core].keys[1], Step::Publish(0)),
            _ => (self.cores[core].keys[1], Step::Stamp),
        };
        let variable = self.variables[key];
        if scheme == Scheme::SequenceLock && !variable.locked && self.clock != self.cores[core].view {
            // Somebody has committed: looks at both again, and then tries again.
            self.tally.extensions += 1;
            self.cores[core].view = self.clock;
            let end = self.lines.load(shared, core, now);
            return self.look_back(core, 2, end).unwrap_or_else(|| self.abort(core, 0, end));
        }
        let versioned = scheme.is_transactional() && scheme != Scheme::SequenceLock;
        if versioned && (variable.locked || variable.version != self.cores[core].seen[number]) {
            return self.abort(core, number, now);
        }
        if variable.locked {
            // Waits for its turn.
            return self.lines.look_again(now);
        }
        self.variables[key].locked = true;
        self.cores[core].step = next;
        self.lines.write(key, core, now)
    }

    fn lock_or_share(&mut self, core: usize, now: f64) -> f64 {
        let (lock, only_looks) = (self.shared_line(), self.cores[core].only_looks);
        let is_free = !self.variables[lock].locked
            && match self.waiting {
                Some(waiting) => waiting == core && self.readers == 0,
                None => only_looks || self.readers == 0,
            };
        if !is_free {
            if !only_looks && self.waiting.is_none() {
                self.waiting = Some(core);
            }
            return self.lines.look_again(now);
        }
        if only_looks {
            self.readers += 1;
            self.cores[core].step = Step::Read(0);
        } else {
            self.waiting = None;
            self.variables[lock].locked = true;
            self.cores[core].step = Step::Publish(0);
        }
        self.lines.write(lock, core, now)
    }

    /// Lets go of what is locked and runs again.
    fn abort(&mut self, core: usize, locked: usize, now: f64) -> f64 {
        self.tally.aborts += 1;
        let mut end = self.lines.look_again(now);
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
            Scheme::FetchAdd | Scheme::CachedClock => {
                self.clock += 1;
                self.cores[core].view = self.clock;
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
        let end = self.lines.store(keys[number], core, now);
        let one_after_the_other = self.setting.scheme == Scheme::SequenceLock;
        let version = if one_after_the_other { self.clock + 1 } else { version };
        self.variables[keys[number]] = Variable { version, writer: Some(core), locked: false };
        if number == 0 {
            self.cores[core].step = Step::Publish(1);
            return end;
        }
        self.clock += u64::from(one_after_the_other);
        self.leave(core, end)
    }

    /// Lets go of a lock that is around everything, if there is one. That was one operation.
    fn leave(&mut self, core: usize, now: f64) -> f64 {
        let (shared, only_looks) = (self.shared_line(), self.cores[core].only_looks);
        self.tally.committed += 1;
        self.cores[core].step = Step::Begin;
        match self.setting.scheme {
            Scheme::ReadWriteLock if only_looks => {
                self.readers -= 1;
                return self.lines.write(shared, core, now);
            }
            Scheme::SequenceLock if only_looks => return now,
            Scheme::OneLock | Scheme::ReadWriteLock | Scheme::SequenceLock => (),
            _ => return now,
        }
        self.variables[shared].locked = false;
        self.lines.store(shared, core, now)
    }
}

impl Simulated {
    fn between(start: Tally, end: Tally) -> Self {
        let operations = (end.committed - start.committed) as f64;
        let each = |start, end| (end - start) as f64 / operations;
        Self {
            throughput: 1e3 * operations / (end.time - start.time),
            transfers: each(start.transfers, end.transfers),
            aborts: each(start.aborts, end.aborts),
            extensions: each(start.extensions, end.extensions),
        }
    }
}
