//! STAMP's kmeans: points are divided into clusters, each around the mean of its points.
//!
//! In every round each point goes to the nearest centre (outside of transactions, which is most of the work) and is added to
//! the sums of its cluster (one transaction); between rounds the centres move. Transactions are short; the fewer clusters,
//! the more they conflict.

use std::fmt;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::competitor::{Competitor, Port};
use super::crew::{self, Worker};
use super::outcome::{Outcome, Verdict, ensure};
use super::random::Random;
use super::systems::System;

/// What a run is made of. The letters are those of the published command lines and of the names of the inputs.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `-m` and `-n`: clusters to divide the points into.
    pub clusters: usize,
    /// `-t`: it ends when no more than this part of the points has changed cluster in a round.
    pub threshold: f64,
    /// `n`: points.
    pub points: usize,
    /// `d`: coordinates of each.
    pub dimensions: usize,
    /// `c`: the centres around which the points were made.
    pub centres: usize,
}

impl Parameters {
    /// `-m40 -n40 -t0.05 -i random-n2048-d16-c16`: kmeans-low, as published for simulators.
    #[must_use]
    pub fn small() -> Self {
        Self { clusters: 40, threshold: 0.05, points: 2048, dimensions: 16, centres: 16 }
    }

    /// `-m15 -n15 -t0.05 -i random-n2048-d16-c16`: kmeans-high, as published for simulators.
    #[must_use]
    pub fn small_high() -> Self {
        Self { clusters: 15, ..Self::small() }
    }

    /// `-m40 -n40 -t0.05 -i random-n16384-d24-c16`: kmeans-low, as published for simulators, the larger input.
    #[must_use]
    pub fn middle() -> Self {
        Self { points: 16_384, dimensions: 24, ..Self::small() }
    }

    /// `-m15 -n15 -t0.05 -i random-n16384-d24-c16`: kmeans-high, as published for simulators, the larger input.
    #[must_use]
    pub fn middle_high() -> Self {
        Self { clusters: 15, ..Self::middle() }
    }

    /// `-m40 -n40 -t0.00001 -i random-n65536-d32-c16`: kmeans-low, as published for real machines.
    #[must_use]
    pub fn full() -> Self {
        Self { threshold: 0.00001, points: 65_536, dimensions: 32, ..Self::small() }
    }

    /// `-m15 -n15 -t0.00001 -i random-n65536-d32-c16`: kmeans-high, as published for real machines.
    #[must_use]
    pub fn full_high() -> Self {
        Self { clusters: 15, ..Self::full() }
    }

    /// `-m3 -n3 -t0.01 -i random-n150-d4-c3`: for tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self { clusters: 3, threshold: 0.01, points: 150, dimensions: 4, centres: 3 }
    }

    /// Points around random centres, each coordinate brought to mean 0 and deviation 1.
    fn input(&self) -> Vec<f64> {
        let mut random = Random::new(1);
        let centres: Vec<f64> = (0..self.centres * self.dimensions).map(|_| random.unit()).collect();
        let mut points = Vec::with_capacity(self.points * self.dimensions);
        for _ in 0..self.points {
            let centre = random.index(self.centres) * self.dimensions;
            points.extend(centres[centre..centre + self.dimensions].iter().map(|at| at + 0.1 * random.normal()));
        }
        for dimension in 0..self.dimensions {
            let column = || points.iter().skip(dimension).step_by(self.dimensions);
            let mean = column().sum::<f64>() / self.points as f64;
            let variance = column().map(|at| (at - mean).powi(2)).sum::<f64>() / self.points as f64;
            let scale = variance.sqrt().recip();
            for at in points.iter_mut().skip(dimension).step_by(self.dimensions) {
                *at = (*at - mean) * scale;
            }
        }
        points
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clusters, threshold, points, dimensions, centres } = self;
        write!(f, "-m{0} -n{0} -t{1} -i random-n{2}-d{3}-c{4}", clusters, threshold, points, dimensions, centres)
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

/// Points that a thread takes at a time.
const CHUNK: u64 = 3;
/// It ends after so many rounds at the latest.
const ROUNDS: usize = 500;
/// A point that is in no cluster yet.
const NONE: u32 = u32::MAX;

/// What the threads share: the sums of a round.
struct Sums<S: System> {
    counts: Vec<S::Var<u64>>,
    sums: Vec<S::Var<f64>>,
    /// The first point that nobody has taken yet.
    next: S::Var<u64>,
    /// How many points have changed cluster.
    moved: S::Var<u64>,
}

impl<S: System> Sums<S> {
    fn new(parameters: &Parameters) -> Self {
        Self {
            counts: (0..parameters.clusters).map(|_| S::var(0)).collect(),
            sums: (0..parameters.clusters * parameters.dimensions).map(|_| S::var(0.0)).collect(),
            next: S::var(0),
            moved: S::var(0),
        }
    }

    /// Takes the next points.
    fn take<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<u64, S::Abort> {
        let first = S::read(tx, &self.next)?;
        S::write(tx, &self.next, first + CHUNK)?;
        Ok(first)
    }

    /// Adds a point to its cluster.
    fn add<'tx>(&'tx self, tx: &S::Tx<'tx>, cluster: usize, point: &[f64]) -> Result<(), S::Abort> {
        S::modify(tx, &self.counts[cluster], |count| count + 1)?;
        for (sum, at) in self.sums[cluster * point.len()..].iter().zip(point) {
            S::modify(tx, sum, |sum| sum + at)?;
        }
        Ok(())
    }

    /// Begins a new round.
    fn clear<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<(), S::Abort> {
        for count in &self.counts {
            S::write(tx, count, 0)?;
        }
        for sum in &self.sums {
            S::write(tx, sum, 0.0)?;
        }
        S::write(tx, &self.next, 0)?;
        S::write(tx, &self.moved, 0)
    }
}

/// What changes between rounds only, while one thread alone is at work.
struct Plan {
    centres: Vec<f64>,
    /// The centres of the round before.
    last: Vec<f64>,
    rounds: usize,
    over: bool,
}

/// One run.
struct Division<'a, S: System> {
    parameters: &'a Parameters,
    points: &'a [f64],
    sums: S::Node<Sums<S>>,
    /// The cluster of each point.
    membership: Vec<AtomicU32>,
    plan: RwLock<Plan>,
}

const POISONED: &str = "a worker panicked, see above";

impl<S: System> Division<'_, S> {
    fn point(&self, number: usize) -> &[f64] {
        &self.points[number * self.parameters.dimensions..][..self.parameters.dimensions]
    }

    /// Rounds, until there is no need for another.
    fn work(&self, worker: &Worker<'_, S>) {
        loop {
            let moved = self.assign(worker);
            worker.atomically(&self.sums, |tx, sums| S::modify(tx, &sums.moved, |sum| sum + moved));
            worker.meet();
            if worker.number == 0 {
                self.move_centres(worker);
            }
            worker.meet();
            if self.plan.read().expect(POISONED).over {
                return;
            }
        }
    }

    /// Assigns points as long as there are any left; returns how many have changed cluster.
    fn assign(&self, worker: &Worker<'_, S>) -> u64 {
        let plan = self.plan.read().expect(POISONED);
        let mut moved = 0;
        loop {
            let first = worker.atomically(&self.sums, |tx, sums| sums.take(tx)) as usize;
            if first >= self.parameters.points {
                return moved;
            }
            for number in first..(first + CHUNK as usize).min(self.parameters.points) {
                let point = self.point(number);
                let cluster = nearest(point, &plan.centres);
                // Relaxed: read after threads have met, or by this thread.
                let before = self.membership[number].swap(cluster as u32, Ordering::Relaxed);
                moved += u64::from(before != cluster as u32);
                worker.atomically(&self.sums, |tx, sums| sums.add(tx, cluster, point));
            }
        }
    }

    /// Moves the centres to the means of their points, and decides whether that was the last round.
    fn move_centres(&self, worker: &Worker<'_, S>) {
        let mut plan = self.plan.write().expect(POISONED);
        let (counts, sums) = self.totals(worker.system());
        let plan = &mut *plan;
        plan.last.clone_from(&plan.centres);
        let means = sums.iter().enumerate().map(|(index, sum)| (sum, counts[index / self.parameters.dimensions]));
        for (centre, (sum, count)) in plan.centres.iter_mut().zip(means) {
            if count > 0 {
                *centre = sum / count as f64;
            }
        }
        let moved = worker.atomically(&self.sums, |tx, sums| S::read(tx, &sums.moved));
        plan.rounds += 1;
        plan.over = moved as f64 <= self.parameters.threshold * self.parameters.points as f64 || plan.rounds == ROUNDS;
        if !plan.over {
            worker.atomically(&self.sums, |tx, sums| sums.clear(tx));
        }
    }

    fn totals(&self, system: &S) -> (Vec<u64>, Vec<f64>) {
        let (mut counts, mut sums) = (vec![0; self.sums.counts.len()], vec![0.0; self.sums.sums.len()]);
        system.copy(&self.sums.counts, &mut counts);
        system.copy(&self.sums.sums, &mut sums);
        (counts, sums)
    }

    /// Does the last round again, alone, and compares.
    fn check(&self, system: &S) -> Verdict {
        let plan = self.plan.read().expect(POISONED);
        let (counts, sums) = self.totals(system);
        let (mut true_counts, mut true_sums) = (vec![0; counts.len()], vec![0.0; sums.len()]);
        for (number, cluster) in self.membership.iter().enumerate() {
            let point = self.point(number);
            let home = nearest(point, &plan.last);
            let cluster = cluster.load(Ordering::Relaxed);
            ensure(cluster == home as u32, || format!("point {number} is in cluster {cluster}, not {home}"))?;
            true_counts[home] += 1;
            for (sum, at) in true_sums[home * point.len()..].iter_mut().zip(point) {
                *sum += at;
            }
        }
        ensure(counts == true_counts, || format!("{counts:?} points in the clusters, not {true_counts:?}"))?;
        // In another order the sums are rounded in another way.
        let close = |(sum, true_sum): (&f64, &f64)| (sum - true_sum).abs() <= 1e-9 * self.parameters.points as f64;
        ensure(sums.iter().zip(&true_sums).all(close), || "a cluster's sum is not that of its points".to_owned())
    }
}

/// The centre that a point is nearest to.
fn nearest(point: &[f64], centres: &[f64]) -> usize {
    let distance = |centre: &[f64]| point.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let mut best = (0, f64::INFINITY);
    for (number, centre) in centres.chunks_exact(point.len()).enumerate() {
        let distance = distance(centre);
        if distance < best.1 {
            best = (number, distance);
        }
    }
    best.0
}

impl Port for Parameters {
    fn run<S: System>(&self, threads: usize) -> Outcome {
        let (system, points) = (S::new(), self.input());
        let mut random = Random::new(2);
        let centres: Vec<f64> = (0..self.clusters)
            .flat_map(|_| &points[random.index(self.points) * self.dimensions..][..self.dimensions])
            .copied()
            .collect();
        let division = Division::<S> {
            parameters: self,
            points: &points,
            sums: S::node(Sums::new(self)),
            membership: (0..self.points).map(|_| AtomicU32::new(NONE)).collect(),
            plan: RwLock::new(Plan { last: centres.clone(), centres, rounds: 0, over: false }),
        };
        let measured = crew::run(&system, threads, |worker| division.work(worker));
        measured.outcome(division.check(&system))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn every_point_is_counted_in_the_nearest_cluster() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
