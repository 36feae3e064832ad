//! What changed from one run to another.
//!
//! Ratios to the baseline are compared where there are any: the machine's speed is in both of their times. What changed is
//! told from noise by the spread within each run. Two runs of the same program differ by more than that (where the linker and
//! the allocator put things), hence the least change that counts.

use super::results::{Outcome, Results, Row};
use crate::measure::spread::Spread;
use crate::table::print_table;

/// Less is no change, however little the rounds differ.
const LEAST: f64 = 0.05;
/// How many standard errors of the difference are noise.
const ERRORS: f64 = 3.0;

/// One row that both runs have.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub contest: String,
    pub competitor: String,
    pub threads: usize,
    pub beside: bool,
    /// Whether ratios to the baseline are compared, or else times.
    pub of_ratios: bool,
    pub before: f64,
    pub after: f64,
    /// Up to which share a difference is noise.
    pub noise: f64,
}

impl Change {
    /// The difference as a share of what was before: above 0 is slower.
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
    let count = |results: &Results| results.contests.iter().map(|contest| contest.rows.len()).sum::<usize>();
    let mut rows = Vec::new();
    for contest in &after.contests {
        let Some(earlier) = before.contest(&contest.name) else { continue };
        rows.extend(contest.rows.iter().filter_map(|row| change(contest, row, earlier)));
    }
    let unmatched = count(before) + count(after) - 2 * rows.len();
    Changes { rows, unmatched }
}

fn change(contest: &Outcome, row: &Row, earlier: &Outcome) -> Option<Change> {
    let old = earlier.row(&row.competitor, row.threads, row.beside)?;
    let is_baseline = row.competitor == contest.baseline;
    let of_ratios = !is_baseline && contest.baseline == earlier.baseline;
    let ratios = old.ratio.zip(row.ratio).filter(|_| of_ratios);
    let (before, after) = ratios.unwrap_or((old.nanoseconds, row.nanoseconds));
    Some(Change {
        contest: contest.name.clone(),
        competitor: row.competitor.clone(),
        threads: row.threads,
        beside: row.beside,
        of_ratios: ratios.is_some(),
        before: before.median,
        after: after.median,
        noise: noise(before, after),
    })
}

fn noise(before: Spread, after: Spread) -> f64 {
    (ERRORS * before.error().hypot(after.error())).max(LEAST)
}

/// Prints what changed.
pub fn print(before: &Results, after: &Results) {
    let changes = changes(before, after);
    if before.machine.processor != after.machine.processor || before.machine.cores != after.machine.cores {
        println!("The machines differ: {} / {}\n", before.machine.processor, after.machine.processor);
    }
    for ([name, old], [_, new]) in
        before.machine.crates.iter().zip(&after.machine.crates).filter(|(old, new)| old != new)
    {
        println!("{name}: {old} -> {new}");
    }
    let beyond: Vec<_> = changes.rows.iter().filter(|change| change.is_beyond_noise()).collect();
    let cells: Vec<[String; 7]> = beyond
        .iter()
        .map(|change| {
            let side = if change.beside { ", beside" } else { "" };
            [
                format!("{}: {}{side}", change.contest, change.competitor),
                change.threads.to_string(),
                if change.of_ratios { "ratio to baseline" } else { "ns" }.to_owned(),
                format!("{:.3}", change.before),
                format!("{:.3}", change.after),
                format!("{:+.0} %", 100.0 * change.difference()),
                format!("{:.0} %", 100.0 * change.noise),
            ]
        })
        .collect();
    if !cells.is_empty() {
        print_table(["what", "threads", "of", "before", "after", "slower by", "noise"], &cells);
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

    #[test]
    fn a_change_beyond_noise_is_told_from_one_within() {
        let run = |ours, theirs| {
            results(vec![
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
        assert!(changes.rows[0].of_ratios && !changes.rows[2].of_ratios);
        assert_eq!(changes.unmatched, 0);
    }

    #[test]
    fn a_faster_row_changed_too() {
        let run = |ours| results(vec![row("ours", Family::Ours, 1, 20.0, ours)]);
        assert!(changes(&run(0.6), &run(0.5)).rows[0].is_beyond_noise());
    }

    #[test]
    fn wide_spreads_are_noise() {
        let run = |ours: f64| {
            let mut row = row("ours", Family::Ours, 1, 20.0, ours);
            row.ratio = Some(Spread { q1: 0.5 * ours, q3: 1.5 * ours, samples: 9, ..spread(ours) });
            results(vec![row])
        };
        assert!(!changes(&run(0.5), &run(0.6)).rows[0].is_beyond_noise());
    }

    #[test]
    fn rows_of_one_run_alone_are_counted() {
        let run = |threads| results(vec![row("ours", Family::Ours, threads, 20.0, 0.5)]);
        let changes = changes(&run(1), &run(2));
        assert_eq!((changes.rows.len(), changes.unmatched), (0, 2));
    }
}
