//! What is printed.

use super::results::Results;
use super::summary::{self, Line};
use crate::contest::{self, competitor};
use crate::stamp::PROGRAMS;
use crate::table::print_table;

/// Prints where the library stands in each workload.
pub fn print_summary(results: &Results) {
    let machine = &results.machine;
    println!("{}, {} cores, {}, {}", machine.processor, machine.cores, machine.memory, machine.system);
    println!(
        "{}; {} run of {:.0} s; load {} at first\n",
        machine.compiler, results.length, results.seconds, machine.load
    );
    let cells: Vec<[String; 9]> = summary::lines(results).iter().map(cells).collect();
    let header = [
        "workload",
        "threads",
        "ours, ns",
        "reruns",
        "fastest other",
        "its ns",
        "ours / its",
        "baseline",
        "ours / baseline",
    ];
    print_table(header, &cells);
    println!(
        "\nTimes: elapsed over all threads' operations, and of applications whole runs, medians; ratios of medians, but to the \
         baseline medians of ratios."
    );
}

fn cells(line: &Line<'_>) -> [String; 9] {
    let dash = || "-".to_owned();
    let mark = if line.is_doubtful() { "! " } else { "" };
    [
        line.name.to_owned(),
        line.threads.to_string(),
        mark.to_owned() + &time(line.ours.nanoseconds),
        line.ours.reruns.map_or_else(dash, |reruns| format!("{reruns:.2}")),
        line.other.map_or_else(dash, |other| other.competitor.to_owned()),
        line.other.map_or_else(dash, |other| time(other.nanoseconds)),
        line.factor().map_or_else(dash, |factor| format!("{factor:.2}")),
        line.baseline.to_owned(),
        line.ours.ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
    ]
}

/// Shows a time with three digits.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        time if time < 10.0 => format!("{time:.2}"),
        time if time < 100.0 => format!("{time:.1}"),
        time if time < 1e6 => group(time),
        time => format!("{} k", group(time / 1e3)),
    }
}

/// Writes thousands apart.
fn group(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// Prints the names that `--only` and `--with` know.
pub fn print_names() {
    println!("workloads:");
    for contest in contest::all() {
        println!("  {:<18} {}", contest.name, contest.title);
    }
    for program in PROGRAMS {
        println!("  {:<18} {}", program.name, program.what);
    }
    println!("\ncompetitors:");
    for competitor in competitor::ALL {
        println!("  {}", competitor.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (nanoseconds, shown) in [(0.654, "0.65"), (12.34, "12.3"), (1234.5, "1 234"), (2_500_000.0, "2 500 k")] {
            assert_eq!(time(nanoseconds), shown);
        }
    }
}
