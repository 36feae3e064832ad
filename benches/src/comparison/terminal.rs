//! What is printed.

use super::results::{Outcome, Results};
use super::summary::{self, Standing};
use crate::contest::{self, competitor};
use crate::stamp::PROGRAMS;
use crate::table::print_table;

/// Prints where the library stands in each contest.
pub fn print_summary(results: &Results) {
    let machine = &results.machine;
    println!("{}, {} cores, {}, {}", machine.processor, machine.cores, machine.memory, machine.system);
    println!(
        "{}; {} run of {:.0} s; load {} at first\n",
        machine.compiler, results.length, results.seconds, machine.load
    );
    let mut cells = Vec::new();
    for contest in &results.contests {
        for threads in summary::shown_threads(contest, machine.cores) {
            cells.extend(line(contest, threads, machine.cores));
        }
    }
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
        "\nTimes: elapsed over all threads' operations, medians; ratios of medians, but to the baseline medians of ratios."
    );
}

fn line(contest: &Outcome, threads: usize, cores: usize) -> Option<[String; 9]> {
    let Standing { ours, other } = summary::standing(contest, threads)?;
    let doubtful = ours.is_doubtful(cores) || other.is_some_and(|row| row.is_doubtful(cores));
    let mark = if doubtful { "! " } else { "" };
    let (other_name, other_time, factor) = match other {
        Some(other) => (
            other.competitor.clone(),
            time(other.nanoseconds.median),
            format!("{:.2}", ours.nanoseconds.median / other.nanoseconds.median),
        ),
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    Some([
        contest.name.clone(),
        threads.to_string(),
        mark.to_owned() + &time(ours.nanoseconds.median),
        ours.reruns.map_or("-".to_owned(), |reruns| format!("{reruns:.2}")),
        other_name,
        other_time,
        factor,
        contest.baseline.clone(),
        ours.ratio.map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.median)),
    ])
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
