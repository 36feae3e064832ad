//! Who of all competitors takes part in a run, and with how many threads.

use super::competitor::Competitor;
use crate::measure::diary;
use crate::measure::trial::Trial;
use crate::workloads::progress::Team;

/// Builds a contender. Late, so that nobody is built who does not take part.
pub type Build = fn() -> Box<dyn Team>;

/// What a run was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Parts of competitors' names; all of them if empty.
    pub with: Vec<String>,
    /// Whole names of competitors that have failed, and do not take part any more.
    pub failed: Vec<String>,
    /// Numbers of threads.
    pub threads: Vec<usize>,
}

impl Plan {
    /// Whether this competitor does not take part any more.
    pub fn has_failed(&self, name: &str) -> bool {
        self.failed.iter().any(|failed| failed == name)
    }

    /// Whether a competitor of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.with.is_empty() || self.with.iter().any(|part| name.contains(&part.to_lowercase()))
    }
}

/// A contest's competitors as they enter it.
pub struct Field<'a> {
    plan: &'a Plan,
    pub trial: Trial,
    pub competitors: Vec<Competitor>,
    /// It takes part whether wanted or not: the others' times are divided by its.
    baseline: Competitor,
}

impl<'a> Field<'a> {
    pub fn new(plan: &'a Plan, baseline: Competitor) -> Self {
        Self { plan, trial: Trial::new(), competitors: Vec::new(), baseline }
    }

    /// The numbers of threads that the run is to be made with, as far as they are at least `least`.
    pub fn threads(&self, least: usize) -> Vec<usize> {
        self.plan.threads.iter().copied().filter(|&threads| threads >= least).collect()
    }

    fn admits(&self, competitor: Competitor) -> bool {
        !self.plan.has_failed(competitor.name) && (competitor == self.baseline || self.plan.wants(competitor.name))
    }

    pub fn enter(&mut self, competitor: Competitor, threads: &[usize], build: Build) {
        if self.admits(competitor) && !threads.is_empty() {
            diary::note(competitor.name, 0);
            self.competitors.push(competitor);
            self.trial.enter(competitor.name, build(), None, threads);
        }
    }

    /// Enters a competitor with a twin that counts the runs of its bodies.
    pub fn twins(&mut self, competitor: Competitor, threads: &[usize], plain: Build, counted: Build) {
        if self.admits(competitor) && !threads.is_empty() {
            diary::note(competitor.name, 0);
            self.competitors.push(competitor);
            self.trial.enter(competitor.name, plain(), Some(counted()), threads);
        }
    }

    /// Whether anybody but the baseline takes part.
    pub fn is_contested(&self) -> bool {
        self.competitors.iter().any(|&competitor| competitor != self.baseline)
            || (self.plan.wants(self.baseline.name) && !self.competitors.is_empty())
    }
}
