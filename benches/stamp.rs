//! Runs the ports of published applications, and shows how long they take.
//!
//! ```text
//! cargo bench --bench stamp                                   # all, small, with 1 and 2 threads
//! cargo bench --bench stamp -- --size middle --only vacation  # those whose name contains this
//! cargo bench --bench stamp -- --with ours,sequential --threads 1,2,4 --rounds 9
//! ```
//!
//! Competitors take turns round by round. Each ratio is that of two times of the same round, to the sequential program's;
//! what is shown is the median. Every result is verified; a wrong one ends the program. A ratio of work is one of the time
//! that the threads have had of the cores, all together, and so depends less on what else the machine does.

use std::process::ExitCode;
use std::time::Duration;

use stm_benches::stamp::{Competitor, Outcome, PROGRAMS, Program, Size};
use stm_benches::table::print_table;

const USAGE: &str =
    "usage: stamp [--size tiny|small|middle|full] [--only TEXT] [--with NAME,..] [--threads N,..] [--rounds N]";

struct Arguments {
    size: Size,
    only: String,
    with: Vec<Competitor>,
    threads: Vec<usize>,
    rounds: usize,
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        // Cargo passes `--bench` under `cargo bench` and nothing under `cargo test`.
        size: Size::Tiny,
        only: String::new(),
        with: Competitor::ALL.to_vec(),
        threads: vec![1, 2],
        rounds: 1,
    };
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => (arguments.size, arguments.rounds) = (Size::Small, 5),
            "--size" => arguments.size = Size::called(&value()?)?,
            "--only" => arguments.only = value()?,
            "--with" => {
                let names = value()?;
                let asked = |name: &str| names.split(',').any(|part| name.contains(part));
                arguments.with.retain(|competitor| asked(&competitor.to_string()));
            }
            "--threads" => arguments.threads = list(&value()?, |number| number.parse().ok())?,
            "--rounds" => arguments.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
            _ => return Err(format!("unknown argument `{argument}`")),
        }
    }
    Ok(arguments)
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split(',').map(|part| parse(part).ok_or(format!("`{part}` is none of those that there are"))).collect()
}

/// One competitor with that many threads, and what came of its rounds.
struct Entry {
    competitor: Competitor,
    threads: usize,
    outcomes: Vec<Outcome>,
}

/// Runs one program, round by round.
fn measure(program: &Program, arguments: &Arguments) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = arguments
        .threads
        .iter()
        .flat_map(|&threads| program.competitors().map(move |competitor| (competitor, threads)))
        .filter(|(competitor, _)| arguments.with.contains(competitor))
        .filter(|&(competitor, threads)| threads == 1 || competitor.is_concurrent())
        .map(|(competitor, threads)| Entry { competitor, threads, outcomes: Vec::new() })
        .collect();
    for _ in 0..arguments.rounds {
        for Entry { competitor, threads, outcomes } in &mut entries {
            let outcome = program.run(*competitor, arguments.size, *threads);
            if let Err(wrong) = &outcome.verdict {
                return Err(format!("{}, {competitor}, {threads} threads: {wrong}", program.name));
            }
            outcomes.push(outcome);
        }
    }
    Ok(entries)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64())
}

/// The median of the ratios of each round's figures.
fn ratio(entry: &Entry, baseline: Option<&Entry>, figure: impl Fn(&Outcome) -> f64) -> String {
    let Some(baseline) = baseline else { return String::new() };
    let pairs = entry.outcomes.iter().zip(&baseline.outcomes);
    format!("{:.2}", median(pairs.map(|(one, other)| figure(one) / figure(other)).collect()))
}

fn print(program: &Program, size: Size, entries: &[Entry]) {
    println!("\n{} {}: {}\n", program.name, program.arguments(size), program.what);
    let baseline = entries.iter().find(|entry| entry.competitor == Competitor::Sequential);
    let row = |entry: &Entry| {
        let all = |figure: &dyn Fn(&Outcome) -> f64| median(entry.outcomes.iter().map(figure).collect());
        [
            entry.threads.to_string(),
            entry.competitor.to_string(),
            format!("{:.2}", 1e3 * all(&|outcome| outcome.elapsed.as_secs_f64())),
            ratio(entry, baseline, |outcome| outcome.elapsed.as_secs_f64()),
            ratio(entry, baseline, |outcome| seconds(outcome.worked)),
            format!("{:.0}", all(&|outcome| outcome.transactions as f64)),
            format!("{:.4}", all(&|outcome| outcome.aborts_per_commit())),
        ]
    };
    let header = ["threads", "who", "ms", "to sequential", "work to sequential", "transactions", "aborts per commit"];
    print_table(header, &entries.iter().map(row).collect::<Vec<_>>());
}

fn main() -> ExitCode {
    let run = || {
        let arguments = parse(std::env::args().skip(1)).map_err(|message| format!("{message}\n{USAGE}"))?;
        for program in PROGRAMS.iter().filter(|program| program.name.contains(&arguments.only)) {
            print(program, arguments.size, &measure(program, &arguments)?);
        }
        Ok::<(), String>(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
