//! What changed from one run to another.
//!
//! Ratios to the baseline are compared where there are any: the machine's speed is in both of their times. What changed is
//! told from noise by the spread within each run. Two runs of the same program differ by more than that (where the linker and
//! the allocator put things), hence the least change that counts.

use super::machine::Machine;
use super::results::{Application, ApplicationRow, Memory, Outcome, Results, Row};
use crate::measure::spread::Spread;
use crate::table::print_table;

/// Less is no change, however little the rounds differ.
const LEAST: f64 = 0.05;
/// How many standard errors of the difference are noise.
const ERRORS: f64 = 3.0;

/// One row that both runs have.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which workload, or what takes memory.
    pub workload: String,
    pub competitor: String,
    /// None for memory.
    pub threads: Option<usize>,
    pub beside: bool,
    pub of: Of,
    pub before: f64,
    pub after: f64,
    /// Up to which share a difference is noise.
    pub noise: f64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Ratios to the baseline's times.
    Ratios,
    /// Times of an operation, in nanoseconds.
    Nanoseconds,
    /// Times of an application, in milliseconds.
    Milliseconds,
    Bytes,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Ratios => "ratio to baseline",
            Self::Nanoseconds => "ns",
            Self::Milliseconds => "ms",
            Self::Bytes => "bytes",
        }
    }
}

impl Change {
    /// The difference as a share of what was before: above 0 is slower, or larger.
    pub fn difference(&self) -> f64 {
        self.after / self.before - 1.0
    }

    pub fn is_beyond_noise(&self) -> bool {
        (self.after / self.before).ln().abs() > self.noise.ln_1p()
    }
}

/// Two runs, compared.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub rows: Vec<Change>,
    /// Rows that only one of them has.
    pub unmatched: usize,
}

/// Compares all rows that two runs have in common.
pub fn changes(before: &Results, after: &Results) -> Changes {
    let mut rows = Vec::new();
    for contest in &after.contests {
        let Some(earlier) = before.contest(&contest.name) else { continue };
        rows.extend(contest.rows.iter().filter_map(|row| change(contest, row, earlier)));
    }
    for application in &after.applications {
        // With another input it is another program.
        let same =
            |earlier: &&Application| earlier.name == application.name && earlier.parameters == application.parameters;
        let Some(earlier) = before.applications.iter().find(same) else { continue };
        rows.extend(application.rows.iter().filter_map(|row| change_of_run(application, row, earlier)));
    }
    rows.extend(after.memory.iter().filter_map(|kind| change_of_memory(kind, &before.memory)));
    let unmatched = before.rows() + after.rows() - 2 * rows.len();
    Changes { rows, unmatched }
}

fn change(contest: &Outcome, row: &Row, earlier: &Outcome) -> Option<Change> {
    let old = earlier.row(&row.competitor, row.threads, row.beside)?;
    let is_baseline = row.competitor == contest.baseline;
    let ratios = old.ratio.zip(row.ratio).filter(|_| !is_baseline && contest.baseline == earlier.baseline);
    let (of, before, after) = compared(ratios, Of::Nanoseconds, (old.nanoseconds, row.nanoseconds));
    Some(Change {
        workload: contest.name.clone(),
        competitor: row.competitor.clone(),
        threads: Some(row.threads),
        beside: row.beside,
        of,
        before: before.median,
        after: after.median,
        noise: noise(before, after),
    })
}

fn change_of_run(application: &Application, row: &ApplicationRow, earlier: &Application) -> Option<Change> {
    let old = earlier.row(&row.competitor, row.threads)?;
    let ratios = old.ratio.zip(row.ratio).filter(|_| row.competitor != Application::BASELINE);
    let (of, before, after) = compared(ratios, Of::Milliseconds, (old.milliseconds, row.milliseconds));
    Some(Change {
        workload: application.name.clone(),
        competitor: row.competitor.clone(),
        threads: Some(row.threads),
        beside: false,
        of,
        before: before.median,
        after: after.median,
        noise: noise(before, after),
    })
}

fn change_of_memory(kind: &Memory, earlier: &[Memory]) -> Option<Change> {
    let old = earlier.iter().find(|old| old.variable == kind.variable)?;
    Some(Change {
        workload: "memory".to_owned(),
        competitor: kind.variable.clone(),
        threads: None,
        beside: false,
        of: Of::Bytes,
        before: old.resident,
        after: kind.resident,
        noise: LEAST,
    })
}

/// Ratios where there are any, or else times.
fn compared(ratios: Option<(Spread, Spread)>, unit: Of, times: (Spread, Spread)) -> (Of, Spread, Spread) {
    match ratios {
        Some((before, after)) => (Of::Ratios, before, after),
        None => (unit, times.0, times.1),
    }
}

fn noise(before: Spread, after: Spread) -> f64 {
    (ERRORS * before.error().hypot(after.error())).max(LEAST)
}

/// The crates whose versions differ: the name, and both versions. One that only one of them has has none in the other.
fn crates<'a>(before: &'a Machine, after: &'a Machine) -> Vec<[&'a str; 3]> {
    let version = |machine: &'a Machine, name: &str| {
        machine.crates.iter().find(|[other, _]| other == name).map_or("none", |[_, version]| version.as_str())
    };
    let mut names: Vec<&str> = before.crates.iter().chain(&after.crates).map(|[name, _]| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let both = names.into_iter().map(|name| [name, version(before, name), version(after, name)]);
    both.filter(|[_, old, new]| old != new).collect()
}

/// Prints what changed.
pub fn print(before: &Results, after: &Results) {
    let changes = changes(before, after);
    if before.machine.processor != after.machine.processor || before.machine.cores != after.machine.cores {
        println!("The machines differ: {} / {}\n", before.machine.processor, after.machine.processor);
    }
    for [name, old, new] in crates(&before.machine, &after.machine) {
        println!("{name}: {old} -> {new}");
    }
    let beyond: Vec<_> = changes.rows.iter().filter(|change| change.is_beyond_noise()).collect();
    let cells: Vec<[String; 7]> = beyond
        .iter()
        .map(|change| {
            let side = if change.beside { ", beside" } else { "" };
            [
                format!("{}: {}{side}", change.workload, change.competitor),
                change.threads.map_or("-".to_owned(), |threads| threads.to_string()),
                change.of.name().to_owned(),
                format!("{:.3}", change.before),
                format!("{:.3}", change.after),
                format!("{:+.0} %", 100.0 * change.difference()),
                format!("{:.0} %", 100.0 * change.noise),
            ]
        })
        .collect();
    if !cells.is_empty() {
        print_table(["what", "threads", "of", "before", "after", "more by", "noise"], &cells);
        println!();
    }
    println!(
        "{} of {} rows changed beyond noise; {} are in one run only.",
        cells.len(),
        changes.rows.len(),
        changes.unmatched
    );
    println!("Noise: {ERRORS} standard errors of both medians' difference, and at least {:.0} %.", 100.0 * LEAST);
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{results, row, spread};
    use super::*;
    use crate::contest::Family;

    /// A run of these rows alone.
    fn contests(rows: Vec<Row>) -> Results {
        Results { applications: Vec::new(), memory: Vec::new(), ..results(rows) }
    }

    #[test]
    fn a_change_beyond_noise_is_told_from_one_within() {
        let run = |ours, theirs| {
            contests(vec![
                row("ours", Family::Ours, 1, 20.0, ours),
                row("theirs", Family::OtherStm, 1, 40.0, theirs),
                row("a mutex", Family::Mutex, 1, 40.0, 1.0),
            ])
        };
        let changes = changes(&run(0.5, 1.0), &run(0.6, 1.04));
        let beyond: Vec<(&str, bool)> =
            changes.rows.iter().map(|change| (change.competitor.as_str(), change.is_beyond_noise())).collect();
        assert_eq!(beyond, [("ours", true), ("theirs", false), ("a mutex", false)]);
        assert!((changes.rows[0].difference() - 0.2).abs() < 1e-9);
        assert_eq!((changes.rows[0].of, changes.rows[2].of), (Of::Ratios, Of::Nanoseconds));
        assert_eq!(changes.unmatched, 0);
    }

    #[test]
    fn a_faster_row_changed_too() {
        let run = |ours| contests(vec![row("ours", Family::Ours, 1, 20.0, ours)]);
        assert!(changes(&run(0.6), &run(0.5)).rows[0].is_beyond_noise());
    }

    #[test]
    fn wide_spreads_are_noise() {
        let run = |ours: f64| {
            let mut row = row("ours", Family::Ours, 1, 20.0, ours);
            row.ratio = Some(Spread { q1: 0.5 * ours, q3: 1.5 * ours, samples: 9, ..spread(ours) });
            contests(vec![row])
        };
        assert!(!changes(&run(0.5), &run(0.6)).rows[0].is_beyond_noise());
    }

    #[test]
    fn rows_of_one_run_alone_are_counted() {
        let run = |threads| contests(vec![row("ours", Family::Ours, threads, 20.0, 0.5)]);
        let changes = changes(&run(1), &run(2));
        assert_eq!((changes.rows.len(), changes.unmatched), (0, 2));
    }

    #[test]
    fn applications_are_compared_by_their_ratios() {
        let before = Results { memory: Vec::new(), ..results(vec![]) };
        let mut after = before.clone();
        after.applications[0].rows[2].ratio = Some(spread(1.8));
        after.applications[0].rows[0].milliseconds = spread(10.1);
        let found = changes(&before, &after);
        let beyond: Vec<&Change> = found.rows.iter().filter(|change| change.is_beyond_noise()).collect();
        assert_eq!((beyond.len(), beyond[0].competitor.as_str(), beyond[0].of), (1, "ours", Of::Ratios));
        assert_eq!((found.rows[0].of, found.unmatched), (Of::Milliseconds, 0));
        // With another input there is nothing to compare.
        after.applications[0].parameters = "-n4".to_owned();
        let found = changes(&before, &after);
        assert_eq!((found.rows.len(), found.unmatched), (0, 6));
    }

    #[test]
    fn memory_is_compared_by_bytes() {
        let before = Results { applications: Vec::new(), ..results(vec![]) };
        let mut after = before.clone();
        after.memory[0].resident = 48.0;
        let found = changes(&before, &after);
        assert_eq!((found.rows[0].of, found.rows[0].threads), (Of::Bytes, None));
        assert!(found.rows[0].is_beyond_noise());
        after.memory[0].variable = "another".to_owned();
        assert_eq!(changes(&before, &after).unmatched, 2);
    }

    #[test]
    fn crates_are_matched_by_name() {
        let machine = |crates: &[[&str; 2]]| Machine {
            crates: crates.iter().map(|pair| pair.map(str::to_owned)).collect(),
            ..Machine::here()
        };
        let before = machine(&[["dashmap", "6"], ["papaya", "1"], ["stm", "1"]]);
        let after = machine(&[["arc-swap", "1"], ["papaya", "2"], ["dashmap", "6"]]);
        assert_eq!(crates(&before, &after), [["arc-swap", "none", "1"], ["papaya", "1", "2"], ["stm", "1", "none"]]);
    }
}
