//! What a run has found, as it is kept in `report.json`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::contest::Family;
use crate::contest::competitor::SEQUENTIAL;
use crate::measure::spread::Spread;
use crate::stamp::Size;

/// The form of the file; a reader refuses others.
pub const FORMAT: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub format: u32,
    pub machine: Machine,
    /// `quick`, `default` or `full`.
    pub length: String,
    pub seconds: f64,
    pub contests: Vec<Outcome>,
    pub applications: Vec<Application>,
    pub memory: Vec<Memory>,
    /// Who could not be measured. Older files have none.
    #[serde(default)]
    pub failures: Vec<Failure>,
}

/// Somebody who could not be measured: panicked, overflowed a stack, came to a wrong result or to no end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub workload: String,
    /// Nobody's name, if it failed before anybody ran.
    pub competitor: String,
    /// None if it was being built, or its result checked.
    pub threads: usize,
    /// How it ended.
    pub end: String,
    /// What it said last.
    pub said: String,
}

/// What came out of one contest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub name: String,
    pub title: String,
    pub what: String,
    pub operation: String,
    pub baseline: String,
    pub absent: String,
    pub losses: String,
    pub rows: Vec<Row>,
}

/// One competitor with one number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub competitor: String,
    pub family: Family,
    pub threads: usize,
    /// The other side of a workload with two: what the threads beside those that are waited for did meanwhile.
    pub beside: bool,
    /// The elapsed time over the operations of all threads together.
    pub nanoseconds: Spread,
    /// The same over the baseline's time with as many threads, round by round.
    pub ratio: Option<Spread>,
    /// Runs of bodies beyond one for each transaction, per transaction: of those who have transactions.
    pub reruns: Option<f64>,
    /// How long single operations took, where that was recorded.
    pub tail: Option<SlowOnes>,
    /// In what share of the windows another process took a core.
    pub disturbed: f64,
}

/// The share of undisturbed windows below which all windows count: the few would be a choice of the lucky ones.
pub const FEW_UNDISTURBED: f64 = 0.125;

impl Row {
    /// Whether nearly all windows were disturbed although there were as many cores as threads.
    pub fn is_doubtful(&self, cores: usize) -> bool {
        self.threads <= cores && 1.0 - self.disturbed < FEW_UNDISTURBED
    }
}

/// How long the slow operations took, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlowOnes {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub most: f64,
}

/// What came out of one application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    pub name: String,
    pub what: String,
    pub parameters: String,
    /// How large its input is. Older files do not say.
    #[serde(default)]
    pub size: String,
    /// What costs this library. Older files do not say.
    #[serde(default)]
    pub losses: String,
    pub rows: Vec<ApplicationRow>,
}

/// One competitor with one number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicationRow {
    pub competitor: String,
    pub family: Family,
    pub threads: usize,
    pub milliseconds: Spread,
    /// The time over that of the sequential program, round by round.
    pub ratio: Option<Spread>,
    /// Runs of bodies beyond one for each transaction, per transaction.
    pub reruns: Option<f64>,
}

/// What a variable takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub variable: String,
    pub family: Family,
    /// Of the handle, or of the variable if it is in place.
    pub inline: usize,
    /// The growth of the process over the number of variables, in a vector.
    pub resident: f64,
}

impl Outcome {
    /// The rows with so many threads, those beside aside, fastest first.
    pub fn ranking(&self, threads: usize) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| row.threads == threads && !row.beside).collect();
        rows.sort_by(|a, b| a.nanoseconds.median.total_cmp(&b.nanoseconds.median));
        rows
    }

    /// The numbers of threads there are rows for.
    pub fn threads(&self) -> Vec<usize> {
        distinct(self.rows.iter().map(|row| row.threads))
    }

    pub fn row(&self, competitor: &str, threads: usize, beside: bool) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.competitor == competitor && row.threads == threads && row.beside == beside)
    }
}

impl Application {
    /// What ratios are to: the sequential program.
    pub const BASELINE: &str = SEQUENTIAL.name;

    /// The rows with so many threads, fastest first.
    pub fn ranking(&self, threads: usize) -> Vec<&ApplicationRow> {
        let mut rows: Vec<&ApplicationRow> = self.rows.iter().filter(|row| row.threads == threads).collect();
        rows.sort_by(|a, b| a.milliseconds.median.total_cmp(&b.milliseconds.median));
        rows
    }

    /// The numbers of threads there are rows for.
    pub fn threads(&self) -> Vec<usize> {
        distinct(self.rows.iter().map(|row| row.threads))
    }

    pub fn row(&self, competitor: &str, threads: usize) -> Option<&ApplicationRow> {
        self.rows.iter().find(|row| row.competitor == competitor && row.threads == threads)
    }

    /// Whether its input only shows that it works: it takes less than its threads take to start.
    pub fn is_tiny(&self) -> bool {
        self.size == Size::Tiny.name()
    }
}

/// The numbers that there are, in order.
fn distinct(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    numbers.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Results {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Says why it can not.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| format!("not a report: {error}"))?;
        if head.format != FORMAT {
            return Err(format!("a report of form {}, where form {FORMAT} is understood", head.format));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Returns the text of the file.
    ///
    /// # Panics
    ///
    /// Never: everything in it can be written.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("there are only numbers and texts")
    }

    /// How many rows there are of all kinds.
    pub fn rows(&self) -> usize {
        let contests = self.contests.iter().map(|contest| contest.rows.len());
        let applications = self.applications.iter().map(|application| application.rows.len());
        contests.chain(applications).sum::<usize>() + self.memory.len()
    }

    pub fn contest(&self, name: &str) -> Option<&Outcome> {
        self.contests.iter().find(|contest| contest.name == name)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn spread(median: f64) -> Spread {
        Spread { q1: 0.98 * median, median, q3: 1.02 * median, least: 0.9 * median, samples: 25 }
    }

    pub fn row(competitor: &str, family: Family, threads: usize, nanoseconds: f64, ratio: f64) -> Row {
        Row {
            competitor: competitor.to_owned(),
            family,
            threads,
            beside: false,
            nanoseconds: spread(nanoseconds),
            ratio: Some(spread(ratio)),
            reruns: (family == Family::Ours).then_some(0.25),
            tail: Some(SlowOnes { p50: 1.0, p99: 2.0, p999: 3.0, most: 4.0 }),
            disturbed: 0.1,
        }
    }

    pub fn results(rows: Vec<Row>) -> Results {
        let outcome = Outcome {
            name: "transfer".to_owned(),
            title: "Transfers & <more>".to_owned(),
            what: "moves money".to_owned(),
            operation: "transfer".to_owned(),
            baseline: "a mutex".to_owned(),
            absent: String::new(),
            losses: "because".to_owned(),
            rows,
        };
        let run = |competitor: &str, family, milliseconds, ratio| ApplicationRow {
            competitor: competitor.to_owned(),
            family,
            threads: 1,
            milliseconds: spread(milliseconds),
            ratio: Some(spread(ratio)),
            reruns: (family == Family::Ours).then_some(0.0),
        };
        let application = Application {
            name: "vacation".to_owned(),
            what: "travels".to_owned(),
            parameters: "-n2".to_owned(),
            size: "small".to_owned(),
            losses: "it travels far".to_owned(),
            rows: vec![
                run(Application::BASELINE, Family::Sequential, 10.0, 1.0),
                run("a mutex", Family::Mutex, 8.0, 0.8),
                run("ours", Family::Ours, 12.0, 1.2),
            ],
        };
        let memory = Memory { variable: "ours".to_owned(), family: Family::Ours, inline: 8, resident: 40.5 };
        Results {
            format: FORMAT,
            machine: Machine::here(),
            length: "quick".to_owned(),
            seconds: 1.5,
            contests: vec![outcome],
            applications: vec![application],
            memory: vec![memory],
            failures: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let results =
            results(vec![row("ours", Family::Ours, 1, 20.0, 0.5), row("a mutex", Family::Mutex, 2, 40.0, 1.0)]);
        assert_eq!(Results::parse(&results.to_json()).as_ref(), Ok(&results));
    }

    #[test]
    fn other_forms_are_refused() {
        let other = Results { format: FORMAT + 1, ..results(vec![]) };
        assert!(Results::parse(&other.to_json()).is_err_and(|error| error.contains("form 2")));
        assert!(Results::parse("{}").is_err());
        assert!(Results::parse("nonsense").is_err_and(|error| error.contains("not a report")));
    }

    #[test]
    fn the_fastest_is_first() {
        let results = results(vec![
            row("slow", Family::Mutex, 2, 40.0, 1.0),
            row("fast", Family::Ours, 2, 20.0, 0.5),
            row("alone", Family::Ours, 1, 10.0, 0.5),
        ]);
        let names: Vec<&str> = results.contests[0].ranking(2).iter().map(|row| row.competitor.as_str()).collect();
        assert_eq!(names, ["fast", "slow"]);
        assert_eq!(results.contests[0].threads(), [1, 2]);
    }
}
