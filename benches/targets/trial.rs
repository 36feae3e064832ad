//! One workload: its contenders measured in turns, and the targets that compare them.

use std::time::{Duration, Instant};

use super::crew::{Crew, Window};
use crate::workloads::Contender;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) window: Duration,
    pub(crate) rounds: usize,
}

/// How often a window is measured again because another process took a core meanwhile, and how long a trial may last
/// before it puts up with that.
const TRIES: usize = 4;
/// See [`TRIES`].
const PATIENCE: Duration = Duration::from_secs(8);

/// A contender run by a number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) workers: usize,
}

/// A limit for a measured ratio or time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// The ratio must not exceed this.
    AtMost(f64),
    /// The ratio must not fall below this.
    AtLeast(f64),
    /// The row's own time must not exceed this many nanoseconds.
    Nanoseconds(f64),
    /// Nothing is asked.
    Open,
}

/// One row of the table of targets: the time of `ours` over the time of `peer`, or the inverse where more is better.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) ours: Lane,
    pub(crate) peer: Lane,
    pub(crate) reach: Limit,
    pub(crate) aim: Limit,
}

/// A workload, its contenders and its targets.
pub(crate) struct Trial {
    contenders: Vec<(&'static str, Box<dyn Contender>)>,
    lanes: Vec<Lane>,
    pub(crate) targets: Vec<Target>,
}

impl Trial {
    pub(crate) fn new() -> Self {
        Self { contenders: Vec::new(), lanes: Vec::new(), targets: Vec::new() }
    }

    /// Adds a contender, to be run by each of these numbers of workers.
    pub(crate) fn contender(
        mut self,
        name: &'static str,
        contender: impl Contender + 'static,
        workers: &[usize],
    ) -> Self {
        self.contenders.push((name, Box::new(contender)));
        let lanes = workers.iter().map(|&workers| Lane { name, workers });
        self.lanes.extend(lanes);
        self
    }

    /// Adds a target for contenders that are already there.
    pub(crate) fn target(
        mut self,
        ours: (&'static str, usize),
        peer: (&'static str, usize),
        reach: Limit,
        aim: Limit,
    ) -> Self {
        let lane = |(name, workers)| Lane { name, workers };
        let target = Target { ours: lane(ours), peer: lane(peer), reach, aim };
        assert!(self.lanes.contains(&target.ours) && self.lanes.contains(&target.peer));
        self.targets.push(target);
        self
    }

    /// Measures all lanes round by round and verifies what the contenders did.
    pub(crate) fn measure(&self, effort: Effort, mut progress: impl FnMut(usize)) -> Measured {
        let mut totals = vec![0; self.contenders.len()];
        let start = Instant::now();
        let mut windows = vec![Vec::with_capacity(effort.rounds); self.lanes.len()];
        let workers = self.lanes.iter().map(|lane| lane.workers).max().unwrap_or(1);
        std::thread::scope(|scope| {
            let crew = Crew::new(scope, workers);
            let mut run = |lane: Lane, operations| {
                let number = self.number(lane.name);
                let (_, contender) = &self.contenders[number];
                let window = crew.window(&**contender, lane.workers, operations);
                totals[number] += window.operations;
                window
            };
            let operations: Vec<u64> =
                self.lanes.iter().map(|&lane| calibrate(effort.window, |operations| run(lane, operations))).collect();
            for round in 0..effort.rounds {
                progress(round);
                for turn in 0..self.lanes.len() {
                    // Every round starts with another lane, so that no lane always follows the same one.
                    let index = (turn + round) % self.lanes.len();
                    let mut window = run(self.lanes[index], operations[index]);
                    let mut tries = 1;
                    while window.disturbed && tries < TRIES && start.elapsed() < PATIENCE {
                        window = run(self.lanes[index], operations[index]);
                        tries += 1;
                    }
                    windows[index].push(window);
                }
            }
        });
        for ((_, contender), total) in self.contenders.iter().zip(totals) {
            contender.verify(total);
        }
        Measured { lanes: self.lanes.iter().copied().zip(windows).collect() }
    }

    fn number(&self, name: &str) -> usize {
        let mut names = self.contenders.iter().map(|(name, _)| *name);
        let number = names.position(|candidate| candidate == name);
        number.expect("a lane names one of the trial's contenders")
    }
}

/// Warms a lane up and returns how many operations a worker does in one window.
fn calibrate(window: Duration, mut run: impl FnMut(u64) -> Window) -> u64 {
    let mut operations = 1;
    loop {
        // The faster of two: a thread's first transactions set things up and take as long as thousands of later ones.
        let elapsed = run(operations).elapsed.min(run(operations).elapsed);
        if elapsed * 4 >= window {
            let fitting = window.as_secs_f64() / elapsed.as_secs_f64();
            return ((operations as f64 * fitting) as u64).max(1);
        }
        operations *= 2;
    }
}

/// The windows of all lanes, round by round.
pub(crate) struct Measured {
    pub(crate) lanes: Vec<(Lane, Vec<Window>)>,
}

impl Measured {
    fn windows(&self, lane: Lane) -> &[Window] {
        let found = self.lanes.iter().find(|(candidate, _)| *candidate == lane);
        found.map_or(&[], |(_, windows)| windows)
    }

    /// Returns the median over the rounds of the ratio of two lanes' times within one round.
    pub(crate) fn ratio(&self, dividend: Lane, divisor: Lane) -> f64 {
        let rounds = self.windows(dividend).iter().zip(self.windows(divisor));
        let ratios = rounds.map(|(dividend, divisor)| Sample {
            value: dividend.nanoseconds() / divisor.nanoseconds(),
            disturbed: dividend.disturbed || divisor.disturbed,
        });
        median_of_undisturbed(&ratios.collect::<Vec<_>>())
    }

    /// Returns the median time of a lane in nanoseconds.
    pub(crate) fn nanoseconds(&self, lane: Lane) -> f64 {
        let times = self.windows(lane).iter();
        let times = times.map(|window| Sample { value: window.nanoseconds(), disturbed: window.disturbed });
        median_of_undisturbed(&times.collect::<Vec<_>>())
    }
}

struct Sample {
    value: f64,
    disturbed: bool,
}

/// Returns the median of the undisturbed samples, or of all if those are too few to mean anything.
fn median_of_undisturbed(samples: &[Sample]) -> f64 {
    let undisturbed: Vec<f64> = samples.iter().filter(|sample| !sample.disturbed).map(|sample| sample.value).collect();
    match undisturbed.len() * 8 >= samples.len() {
        true => median(undisturbed),
        false => median(samples.iter().map(|sample| sample.value).collect()),
    }
}

/// Returns the median, or not-a-number of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => (values[length / 2 - 1] + values[length / 2]) / 2.0,
    }
}
