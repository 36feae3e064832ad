//! `cargo run --release -p stm-benches`: the comparison. See `-- --help`.

use std::process::ExitCode;

use stm_benches::comparison::arguments::{self, Job, Request, USAGE};
use stm_benches::comparison::page::page;
use stm_benches::comparison::results::{Failure, Results};
use stm_benches::comparison::{compare, isolated, memory, run, terminal};

fn main() -> ExitCode {
    let done =
        arguments::parse(std::env::args().skip(1)).map_err(|message| format!("{message}\n\n{USAGE}")).and_then(act);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn act(job: Job) -> Result<(), String> {
    match job {
        Job::Run(request) => run_and_report(&request),
        Job::Compare([before, after]) => {
            compare::print(&Results::read(&before)?, &Results::read(&after)?);
            Ok(())
        }
        Job::Render { results, out } => write(&out, "report.html", &page(&Results::read(&results)?)),
        Job::List => {
            terminal::print_names();
            Ok(())
        }
        Job::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Job::Errand(errand) => isolated::run(&errand),
        Job::Resident(kind) => memory::print_growth(&kind),
    }
}

fn run_and_report(request: &Request) -> Result<(), String> {
    // Before the run, which takes long: a place that can not be written to is known now.
    let out = &request.out;
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let results = run::run(request)?;
    write(out, "report.json", &results.to_json())?;
    write(out, "report.html", &page(&results))?;
    terminal::print_summary(&results);
    println!("\n{}\n{}", out.join("report.html").display(), out.join("report.json").display());
    match results.failures.as_slice() {
        [] => Ok(()),
        failures => Err(failures.iter().map(Failure::line).collect::<Vec<_>>().join("\n")),
    }
}

fn write(out: &std::path::Path, name: &str, text: &str) -> Result<(), String> {
    let path = out.join(name);
    std::fs::create_dir_all(out)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}
