//! The `bank` example as a library: `bank.rs` is its `main`, and the integration tests use it too.

mod accounts;
mod args;
mod csv;
mod generate;
mod ledger;
mod progress;
mod replay;
mod report;
mod tally;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

pub use accounts::{Audit, Bank, Outcome, Overdraft};
pub use generate::{Shape, generate, generate_file};
pub use ledger::{LIMIT, Ledger, LedgerError, Transfer};
pub use replay::{Books, Difference, Plan, Progress, Run, in_sequence, replay};
pub use tally::Work;

use args::{Command, Replay, Source};
use progress::Display;
use report::Heading;

/// Where the program writes.
pub struct Console<'a> {
    /// The report.
    pub out: &'a mut dyn Write,
    /// Progress and errors.
    pub err: &'a mut dyn Write,
    /// Whether `err` is a terminal, where a line can be rewritten.
    pub rewrite: bool,
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("rewrite", &self.rewrite).finish_non_exhaustive()
    }
}

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The books balance.
    Success,
    /// They do not, or a file is no good.
    Failure,
    /// The arguments are not understood.
    Usage,
}

impl Status {
    /// Judges finished runs.
    pub fn of(runs: &[Run]) -> Self {
        if runs.iter().all(Run::is_sound) { Self::Success } else { Self::Failure }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Success => Self::SUCCESS,
            Status::Failure => Self::FAILURE,
            Status::Usage => Self::from(2),
        }
    }
}

/// Runs the program with `args`, the program's name left out.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> Status {
    let (status, message) = match args::parse(args) {
        Err(message) => (Status::Usage, format!("{message}\ntry --help")),
        Ok(command) => match execute(command, console) {
            Ok(status) => return status,
            Err(message) => (Status::Failure, message),
        },
    };
    // Where not even this can be written, the status has to do.
    let _ = writeln!(console.err, "{message}");
    status
}

fn execute(command: Command, console: &mut Console<'_>) -> Result<Status, String> {
    match command {
        Command::Help => {
            print(console, &args::help())?;
            Ok(Status::Success)
        }
        Command::Generate { shape, file } => {
            generate_file(&shape, &file).map_err(|error| format!("{}: {error}", file.display()))?;
            let transfers = report::count(shape.rows as usize, "transfer");
            print(console, &format!("{}: {transfers} written\n", file.display()))?;
            Ok(Status::Success)
        }
        Command::Replay(options) => replay_all(&options, console),
    }
}

/// Replays a ledger once for each number of threads, and reports.
fn replay_all(options: &Replay, console: &mut Console<'_>) -> Result<Status, String> {
    let (source, ledger) = open(&options.source).map_err(|error| error.to_string())?;
    let mut runs = Vec::new();
    for &workers in &options.threads {
        let bank = Bank::open(ledger.accounts.len(), options.opening, options.overdraft);
        let auditors = options.auditors;
        let plan = Plan { workers, auditors };
        let rows = ledger.transfers.len();
        let mut display = Display::new(console.err, console.rewrite, workers, rows);
        runs.push(replay(&bank, &ledger, plan, &mut |progress| display.show(progress)));
        display.finish();
    }
    let heading =
        Heading { source: &source, opening: options.opening, overdraft: options.overdraft, auditors: options.auditors };
    print(console, &report::report(&heading, &ledger, &runs))?;
    Ok(Status::of(&runs))
}

/// Returns the ledger and its name.
fn open(source: &Source) -> Result<(String, Ledger), LedgerError> {
    match source {
        Source::File(path) => Ok((path.display().to_string(), Ledger::load(path)?)),
        Source::Embedded(shape) => {
            let mut bytes = Vec::new();
            generate(shape, &mut bytes).expect("a vector takes all that is written to it");
            let name = "embedded workload".to_owned();
            let ledger = Ledger::parse(&name, &bytes)?;
            Ok((name, ledger))
        }
    }
}

fn print(console: &mut Console<'_>, text: &str) -> Result<(), String> {
    let written = |out: &mut dyn Write| -> io::Result<()> {
        out.write_all(text.as_bytes())?;
        out.flush()
    };
    written(console.out).map_err(|error| format!("standard output: {error}"))
}
