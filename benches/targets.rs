//! Measures the core, waiting and progress, and structures against their peers and holds the ratios against the project's targets.
//!
//! ```text
//! cargo bench --bench targets                             # everything, some minutes
//! cargo bench --bench targets -- --quick                  # a first look
//! cargo bench --bench targets -- --only transfer          # the workloads whose name contains this
//! cargo bench --bench targets -- --only progress:         # waiting and progress alone
//! cargo bench --bench targets -- --only structures:       # structures alone
//! ```
//!
//! A machine's speed changes from one second to the next, and more so a virtual one's. So contenders take turns round by
//! round, on pinned threads, each target is the ratio of two times of the same round, and what is shown is the median of
//! these ratios. A window in which another process took a worker's core is repeated. Times are shown beside the ratios, but
//! only ratios are to be compared between runs. Every contender's result is verified; a wrong one ends the program. A
//! missed target is marked and does not fail the run: what a machine shared with others measures is no verdict.
//!
//! With more threads than cores the threads take the cores from each other, which is part of what is measured: such windows
//! are longer, and none is repeated.
//!
//! Instructions and allocations have targets too: `cargo bench --bench counts` shows those.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[path = "targets/core_targets.rs"]
mod core_targets;
#[path = "targets/progress_targets.rs"]
mod progress_targets;
#[path = "targets/report.rs"]
mod report;
#[path = "targets/structure_targets.rs"]
mod structure_targets;

use report::Report;
use stm_benches::measure::trial::Effort;

const USAGE: &str = "usage: targets [--quick] [--only TEXT]";

const FULL: Effort = Effort { window: Duration::from_millis(5), rounds: 101, limit: Duration::MAX, crowd: 1 };
const QUICK: Effort = Effort { window: Duration::from_millis(2), rounds: 15, limit: Duration::MAX, crowd: 1 };
/// Enough to see that everything runs and verifies: what `cargo test --benches` asks for.
const SMOKE: Effort = Effort { window: Duration::from_micros(100), rounds: 1, limit: Duration::MAX, crowd: 1 };

struct Arguments {
    effort: Effort,
    only: String,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut quick = false;
    // Cargo passes `--bench` under `cargo bench` and nothing under `cargo test`.
    let mut bench = false;
    let mut only = String::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => bench = true,
            "--quick" => quick = true,
            "--only" => only = arguments.next().ok_or("--only needs a text")?,
            unknown => return Err(format!("unknown argument `{unknown}`")),
        }
    }
    let effort = match (bench, quick) {
        (_, true) => QUICK,
        (true, false) => FULL,
        (false, false) => SMOKE,
    };
    Ok(Arguments { effort, only })
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let all = || core_targets::TRIALS.iter().chain(progress_targets::TRIALS).chain(structure_targets::TRIALS);
    let chosen: Vec<_> = all().filter(|(name, _)| name.contains(&arguments.only)).collect();
    if chosen.is_empty() {
        eprintln!("no workload's name contains `{}`; there are:", arguments.only);
        all().for_each(|(name, _)| eprintln!("  {name}"));
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    for (number, (name, build)) in chosen.iter().enumerate() {
        let start = Instant::now();
        let trial = build();
        let measured = trial.measure(arguments.effort, |share| {
            let percent = 100.0 * share;
            eprint!("\r[{}/{}] {name}: {percent:.0} %", number + 1, chosen.len());
        });
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("\r[{}/{}] {name}: {seconds:.1} s", number + 1, chosen.len());
        report.add(name, &trial, &measured);
    }
    report.print();
    println!("\nInstructions and allocations have targets too: cargo bench --bench counts");
    ExitCode::SUCCESS
}
