//! One workload: its contenders measured in turns, and the targets that compare them.

use std::time::{Duration, Instant};

use crate::measure::crew::{Crew, Hung, Part, Window, cores};
use crate::measure::diary;
use crate::systems::tally::Tally;
use crate::workloads::progress::Team;
use crate::workloads::progress::histogram::Tail;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub window: Duration,
    pub rounds: usize,
    /// After so long no further round begins, if there were [`Effort::LEAST`] already.
    pub limit: Duration,
    /// How much longer windows are in which there are more threads than cores, so that they outlast the turns of these.
    pub crowd: u32,
}

impl Effort {
    /// Fewer rounds have no quartiles to speak of.
    pub const LEAST: usize = 3;

    /// Longer windows, and fewer: the whole takes at most four times as long.
    fn stretched(self, times: u32) -> Self {
        let fewer = (times as usize / 4).max(1);
        Self { window: self.window * times, rounds: (self.rounds / fewer).max(1), ..self }
    }
}

/// How often a window is measured again because another process took a core meanwhile, and how long a trial may last
/// before it puts up with that.
const TRIES: usize = 8;
/// See [`TRIES`].
const PATIENCE: Duration = Duration::from_secs(8);

/// A contender run by a number of workers, seen from the side of those who are waited for or of those beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub name: &'static str,
    pub workers: usize,
    pub part: Part,
}

impl Lane {
    /// The side of those who are waited for, which is what is run.
    fn work(name: &'static str, workers: usize) -> Self {
        Self { name, workers, part: Part::Work }
    }

    pub fn beside(self) -> Self {
        Self { part: Part::Beside, ..self }
    }
}

/// A limit for a measured ratio or time.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
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
pub struct Target {
    pub ours: Lane,
    pub peer: Lane,
    pub reach: Limit,
    pub aim: Limit,
}

/// A limit for a contender's slow operations: how much longer than the median one in a thousand takes.
#[derive(Clone, Debug)]
pub struct TailTarget {
    pub name: &'static str,
    pub reach: Limit,
    pub aim: Limit,
}

/// A way to build a trial. Built one at a time, so that no trial's memory is in another's way.
pub type Build = fn() -> Trial;

/// A contender, and its twin that counts the runs of its bodies.
struct Contestant {
    name: &'static str,
    team: Box<dyn Team>,
    twin: Option<Box<dyn Team>>,
}

/// Windows in which a twin counts.
const COUNTED_WINDOWS: usize = 3;

/// A workload, its contenders and its targets.
pub struct Trial {
    contenders: Vec<Contestant>,
    lanes: Vec<Lane>,
    pub targets: Vec<Target>,
    pub tail_targets: Vec<TailTarget>,
    /// How much longer than usual a window is.
    stretch: u32,
    /// There are more threads than cores: they take the cores from each other, and that is what is measured.
    crowded: bool,
}

impl Trial {
    pub fn new() -> Self {
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
    pub fn stretched(mut self, times: u32) -> Self {
        self.stretch = times;
        self
    }

    /// Takes windows as they come, although workers lost their cores: there are more of them than cores.
    pub fn crowded(mut self) -> Self {
        self.crowded = true;
        self
    }

    /// Adds a contender, to be run by each of these numbers of workers.
    pub fn contender(mut self, name: &'static str, contender: impl Team + 'static, workers: &[usize]) -> Self {
        self.enter(name, Box::new(contender), None, workers);
        self
    }

    /// Adds a contender, and its twin whose runs are counted in windows of their own.
    pub fn enter(&mut self, name: &'static str, team: Box<dyn Team>, twin: Option<Box<dyn Team>>, workers: &[usize]) {
        self.contenders.push(Contestant { name, team, twin });
        let lanes = workers.iter().map(|&workers| Lane::work(name, workers));
        self.lanes.extend(lanes);
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Adds a target for contenders that are already there.
    pub fn target(self, ours: (&'static str, usize), peer: (&'static str, usize), reach: Limit, aim: Limit) -> Self {
        self.push_target(Lane::work(ours.0, ours.1), Lane::work(peer.0, peer.1), reach, aim)
    }

    /// Adds a target for what the workers beside the others do, against a contender that does only that.
    pub fn target_beside(
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
    pub fn tail_target(mut self, name: &'static str, reach: Limit, aim: Limit) -> Self {
        self.number(name);
        self.tail_targets.push(TailTarget { name, reach, aim });
        self
    }

    /// Measures all lanes round by round and verifies what the contenders did. Reports the share that is done, from 0 to 1.
    /// A contender that does not come back ends the program.
    pub fn measure(&self, effort: Effort, mut progress: impl FnMut(f64)) -> Measured {
        let effort = effort.stretched(self.stretch);
        let start = Instant::now();
        let mut totals = vec![Totals::default(); self.contenders.len()];
        let mut windows = vec![Vec::with_capacity(effort.rounds); self.lanes.len()];
        let mut tallies = vec![Tally::default(); self.lanes.len()];
        let workers = self.lanes.iter().map(|lane| lane.workers).max().unwrap_or(1);
        std::thread::scope(|scope| {
            let mut floor = Floor { trial: self, crew: Crew::new(scope, workers), totals: &mut totals };
            let operations: Vec<u64> = self
                .lanes
                .iter()
                .map(|&lane| {
                    let window = if lane.workers > cores() { effort.window * effort.crowd } else { effort.window };
                    calibrate(window, |operations| floor.run(lane, operations))
                })
                .collect();
            self.contenders.iter().for_each(|contender| contender.team.forget());
            for round in 0..effort.rounds {
                let elapsed = start.elapsed().as_secs_f64() / effort.limit.as_secs_f64();
                if round >= Effort::LEAST && elapsed >= 1.0 {
                    break;
                }
                progress(elapsed.max(round as f64 / effort.rounds as f64).min(1.0));
                for turn in 0..self.lanes.len() {
                    // Every round starts with another lane, so that no lane always follows the same one.
                    let index = (turn + round) % self.lanes.len();
                    let mut window = floor.run(self.lanes[index], operations[index]);
                    let mut tries = 1;
                    let crowded = self.crowded || self.lanes[index].workers > cores();
                    while window.disturbed && !crowded && tries < TRIES && start.elapsed() < PATIENCE {
                        window = floor.run(self.lanes[index], operations[index]);
                        tries += 1;
                    }
                    windows[index].push(window);
                }
            }
            for (index, tally) in tallies.iter_mut().enumerate() {
                *tally = floor.count(self.lanes[index], operations[index]);
            }
        });
        self.verify(&totals);
        let contenders = || self.contenders.iter();
        let tails = contenders().filter_map(|contender| Some((contender.name, contender.team.tail()?))).collect();
        let notes = contenders().filter_map(|contender| Some((contender.name, contender.team.note()?))).collect();
        Measured { lanes: self.lanes.iter().copied().zip(windows).collect(), tallies, tails, notes }
    }

    fn verify(&self, totals: &[Totals]) {
        for (contender, totals) in self.contenders.iter().zip(totals) {
            diary::note(contender.name, 0);
            contender.team.verify(totals.team);
            if let Some(twin) = &contender.twin {
                twin.verify(totals.twin);
            }
        }
    }

    fn number(&self, name: &str) -> usize {
        let number = self.contenders.iter().position(|contender| contender.name == name);
        number.expect("a lane names one of the trial's contenders")
    }
}

/// What a contender and its twin have done.
#[derive(Clone, Copy, Default)]
struct Totals {
    team: u64,
    twin: u64,
}

/// Where a trial's contenders take turns.
struct Floor<'a, 't> {
    trial: &'a Trial,
    crew: Crew<'a>,
    totals: &'t mut [Totals],
}

impl Floor<'_, '_> {
    fn run(&mut self, lane: Lane, operations: u64) -> Window {
        let number = self.trial.number(lane.name);
        let team = &*self.trial.contenders[number].team;
        diary::note(lane.name, lane.workers);
        let window = self.crew.window(team, lane.workers, operations).unwrap_or_else(|hung| give_up(lane, hung));
        self.totals[number].team += window.operations;
        window
    }

    /// Returns what the twin of a lane counts, or nothing if there is none.
    fn count(&mut self, lane: Lane, operations: u64) -> Tally {
        let mut tally = Tally::default();
        let number = self.trial.number(lane.name);
        let Some(twin) = &self.trial.contenders[number].twin else { return tally };
        for _ in 0..COUNTED_WINDOWS {
            diary::note(lane.name, lane.workers);
            let window = self.crew.window(&**twin, lane.workers, operations);
            let window = window.unwrap_or_else(|hung| give_up(lane, hung));
            self.totals[number].twin += window.operations;
            tally += window.tally;
        }
        tally
    }
}

/// A thread that hangs can not be ended, nor waited for: the whole program is given up.
fn give_up(lane: Lane, _: Hung) -> ! {
    eprintln!("\n{} with {} threads hangs: a window has not ended.", lane.name, lane.workers);
    std::process::exit(1)
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
pub struct Measured {
    pub lanes: Vec<(Lane, Vec<Window>)>,
    /// What the twin of each lane has counted.
    pub tallies: Vec<Tally>,
    pub tails: Vec<(&'static str, Tail)>,
    pub notes: Vec<(&'static str, String)>,
}

impl Measured {
    pub fn windows(&self, lane: Lane) -> &[Window] {
        let found = self.lanes.iter().find(|(run, _)| *run == Lane::work(lane.name, lane.workers));
        found.map_or(&[], |(_, windows)| windows)
    }

    /// Returns the median over the rounds of the ratio of two lanes' times within one round.
    pub fn ratio(&self, dividend: Lane, divisor: Lane) -> f64 {
        let rounds = self.windows(dividend).iter().zip(self.windows(divisor));
        let ratios = rounds.map(|(above, below)| Sample {
            value: above.nanoseconds(dividend.part) / below.nanoseconds(divisor.part),
            disturbed: above.disturbed || below.disturbed,
        });
        median_of_undisturbed(&ratios.collect::<Vec<_>>())
    }

    /// Returns the median time of a lane in nanoseconds.
    pub fn nanoseconds(&self, lane: Lane) -> f64 {
        let times = self.windows(lane).iter();
        let times = times.map(|window| Sample { value: window.nanoseconds(lane.part), disturbed: window.disturbed });
        median_of_undisturbed(&times.collect::<Vec<_>>())
    }

    /// Returns the best time of a lane in nanoseconds.
    pub fn best(&self, lane: Lane) -> f64 {
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
