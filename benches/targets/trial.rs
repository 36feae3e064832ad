//! One workload: its contenders measured in turns, and the targets that compare them.

use std::time::{Duration, Instant};

use super::crew::{Crew, Part, Window};
use crate::progress::Team;
use crate::progress::histogram::Tail;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) window: Duration,
    pub(crate) rounds: usize,
}

impl Effort {
    /// Longer windows, and fewer: the whole takes at most four times as long.
    fn stretched(self, times: u32) -> Self {
        let fewer = (times as usize / 4).max(1);
        Self { window: self.window * times, rounds: (self.rounds / fewer).max(1) }
    }
}

/// How often a window is measured again because another process took a core meanwhile, and how long a trial may last
/// before it puts up with that.
const TRIES: usize = 4;
/// See [`TRIES`].
const PATIENCE: Duration = Duration::from_secs(8);

/// A contender run by a number of workers, seen from the side of those who are waited for or of those beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) workers: usize,
    pub(crate) part: Part,
}

impl Lane {
    /// The side of those who are waited for, which is what is run.
    fn work(name: &'static str, workers: usize) -> Self {
        Self { name, workers, part: Part::Work }
    }

    pub(crate) fn beside(self) -> Self {
        Self { part: Part::Beside, ..self }
    }
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

/// A limit for a contender's slow operations: how much longer than the median one in a thousand takes.
#[derive(Clone, Debug)]
pub(crate) struct TailTarget {
    pub(crate) name: &'static str,
    pub(crate) reach: Limit,
    pub(crate) aim: Limit,
}

/// A way to build a trial. Built one at a time, so that no trial's memory is in another's way.
pub(crate) type Build = fn() -> Trial;

/// A workload, its contenders and its targets.
pub(crate) struct Trial {
    contenders: Vec<(&'static str, Box<dyn Team>)>,
    lanes: Vec<Lane>,
    pub(crate) targets: Vec<Target>,
    pub(crate) tail_targets: Vec<TailTarget>,
    /// How much longer than usual a window is.
    stretch: u32,
    /// There are more threads than cores: they take the cores from each other, and that is what is measured.
    crowded: bool,
}

impl Trial {
    pub(crate) fn new() -> Self {
        Self {
            contenders: Vec::new(),
            lanes: Vec::new(),
            targets: Vec::new(),
            tail_targets: Vec::new(),
            stretch: 1,
            crowded: false,
        }
    }

    /// Makes windows longer, and fewer so that the whole takes at most four times as long.
    pub(crate) fn stretched(mut self, times: u32) -> Self {
        self.stretch = times;
        self
    }

    /// Takes windows as they come, although workers lost their cores: there are more of them than cores.
    pub(crate) fn crowded(mut self) -> Self {
        self.crowded = true;
        self
    }

    /// Adds a contender, to be run by each of these numbers of workers.
    pub(crate) fn contender(mut self, name: &'static str, contender: impl Team + 'static, workers: &[usize]) -> Self {
        self.contenders.push((name, Box::new(contender)));
        let lanes = workers.iter().map(|&workers| Lane::work(name, workers));
        self.lanes.extend(lanes);
        self
    }

    /// Adds a target for contenders that are already there.
    pub(crate) fn target(
        self,
        ours: (&'static str, usize),
        peer: (&'static str, usize),
        reach: Limit,
        aim: Limit,
    ) -> Self {
        self.push_target(Lane::work(ours.0, ours.1), Lane::work(peer.0, peer.1), reach, aim)
    }

    /// Adds a target for what the workers beside the others do, against a contender that does only that.
    pub(crate) fn target_beside(
        self,
        ours: (&'static str, usize),
        peer: (&'static str, usize),
        reach: Limit,
        aim: Limit,
    ) -> Self {
        self.push_target(Lane::work(ours.0, ours.1).beside(), Lane::work(peer.0, peer.1), reach, aim)
    }

    fn push_target(mut self, ours: Lane, peer: Lane, reach: Limit, aim: Limit) -> Self {
        assert!([ours, peer].iter().all(|lane| self.lanes.contains(&Lane::work(lane.name, lane.workers))));
        self.targets.push(Target { ours, peer, reach, aim });
        self
    }

    /// Adds a target for a contender's slow operations.
    pub(crate) fn tail_target(mut self, name: &'static str, reach: Limit, aim: Limit) -> Self {
        self.number(name);
        self.tail_targets.push(TailTarget { name, reach, aim });
        self
    }

    /// Measures all lanes round by round and verifies what the contenders did. Reports the share that is done, from 0 to 1.
    pub(crate) fn measure(&self, effort: Effort, mut progress: impl FnMut(f64)) -> Measured {
        let effort = effort.stretched(self.stretch);
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
            self.contenders.iter().for_each(|(_, contender)| contender.forget());
            for round in 0..effort.rounds {
                progress(round as f64 / effort.rounds as f64);
                for turn in 0..self.lanes.len() {
                    // Every round starts with another lane, so that no lane always follows the same one.
                    let index = (turn + round) % self.lanes.len();
                    let mut window = run(self.lanes[index], operations[index]);
                    let mut tries = 1;
                    while window.disturbed && !self.crowded && tries < TRIES && start.elapsed() < PATIENCE {
                        window = run(self.lanes[index], operations[index]);
                        tries += 1;
                    }
                    windows[index].push(window);
                }
            }
        });
        let contenders = || self.contenders.iter();
        let tails = contenders().filter_map(|(name, contender)| Some((*name, contender.tail()?))).collect();
        let notes = contenders().filter_map(|(name, contender)| Some((*name, contender.note()?))).collect();
        for ((_, contender), total) in contenders().zip(totals) {
            contender.verify(total);
        }
        Measured { lanes: self.lanes.iter().copied().zip(windows).collect(), tails, notes }
    }

    fn number(&self, name: &str) -> usize {
        let mut names = self.contenders.iter().map(|(name, _)| *name);
        let number = names.position(|candidate| candidate == name);
        number.expect("a lane names one of the trial's contenders")
    }
}

/// Warms a lane up and returns how many operations a worker does in one window.
fn calibrate(window: Duration, mut run: impl FnMut(u64) -> Window) -> u64 {
    /// How often it has to be slow before it is believed: on a busy machine a few operations may take as long as a window, twice
    /// in a row, and then windows would hold only these.
    const DOUBTS: usize = 6;
    let mut operations = 1;
    loop {
        // The fastest of several: a thread's first transactions set things up and take as long as thousands of later ones.
        let mut elapsed = run(operations).span;
        for _ in 1..DOUBTS {
            elapsed = elapsed.min(run(operations).span);
            if elapsed * 4 < window {
                break;
            }
        }
        if elapsed * 4 >= window {
            let fitting = window.as_secs_f64() / elapsed.as_secs_f64();
            return ((operations as f64 * fitting) as u64).max(1);
        }
        operations *= 2;
    }
}

/// The windows of all lanes, round by round, and what contenders say of themselves.
pub(crate) struct Measured {
    pub(crate) lanes: Vec<(Lane, Vec<Window>)>,
    pub(crate) tails: Vec<(&'static str, Tail)>,
    pub(crate) notes: Vec<(&'static str, String)>,
}

impl Measured {
    fn windows(&self, lane: Lane) -> &[Window] {
        let found = self.lanes.iter().find(|(run, _)| *run == Lane::work(lane.name, lane.workers));
        found.map_or(&[], |(_, windows)| windows)
    }

    /// Returns the median over the rounds of the ratio of two lanes' times within one round.
    pub(crate) fn ratio(&self, dividend: Lane, divisor: Lane) -> f64 {
        let rounds = self.windows(dividend).iter().zip(self.windows(divisor));
        let ratios = rounds.map(|(above, below)| Sample {
            value: above.nanoseconds(dividend.part) / below.nanoseconds(divisor.part),
            disturbed: above.disturbed || below.disturbed,
        });
        median_of_undisturbed(&ratios.collect::<Vec<_>>())
    }

    /// Returns the median time of a lane in nanoseconds.
    pub(crate) fn nanoseconds(&self, lane: Lane) -> f64 {
        let times = self.windows(lane).iter();
        let times = times.map(|window| Sample { value: window.nanoseconds(lane.part), disturbed: window.disturbed });
        median_of_undisturbed(&times.collect::<Vec<_>>())
    }

    /// Returns the best time of a lane in nanoseconds.
    pub(crate) fn best(&self, lane: Lane) -> f64 {
        self.windows(lane).iter().map(|window| window.nanoseconds(lane.part)).fold(f64::INFINITY, f64::min)
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
