//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::Parser;
use lexopt::prelude::{Long, Short, ValueExt};

use crate::accounts::Overdraft;
use crate::generate::Shape;
use crate::ledger::LIMIT;

/// The workload without arguments: a few seconds of work.
const EMBEDDED: Shape = Shape { rows: 2_000_000, accounts: 1000, seed: 1 };

/// Rows of a generated file.
const GENERATED_ROWS: u64 = 100_000;

const THREADS: [usize; 3] = [1, 2, 8];
const AUDITORS: usize = 2;
const OPENING: i64 = 1000;

/// The most threads of a kind; beyond it is a slip of the keyboard.
const MOST_THREADS: usize = 1024;

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Generate { shape: Shape, file: PathBuf },
    Replay(Replay),
}

/// A replay of one ledger, once for each number of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) source: Source,
    pub(crate) threads: Vec<usize>,
    pub(crate) auditors: usize,
    pub(crate) opening: i64,
    pub(crate) overdraft: Overdraft,
}

/// Where the ledger comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Embedded(Shape),
    File(PathBuf),
}

/// Returns the text of `--help`.
pub(crate) fn help() -> String {
    let threads = THREADS.map(|threads| threads.to_string()).join(",");
    let Shape { rows, accounts, seed } = EMBEDDED;
    format!(
        "\
Threads move money between accounts while auditors sum all of them, each sum in
one transaction.

Usage: bank [OPTIONS]                    replay an embedded workload
       bank --ledger FILE [OPTIONS]      replay the ledger in FILE
       bank --generate FILE [OPTIONS]    write a ledger to FILE, over what is there

Replay:
  --threads LIST   replay once from each of these numbers of threads  [{threads}]
  --auditors N     threads that sum all accounts meanwhile  [{AUDITORS}]
  --opening N      balance of every account at the start  [{OPENING}]
  --overdraft      let balances go below zero

Embedded workload and --generate:
  --rows N         transfers  [{rows}; with --generate {GENERATED_ROWS}]
  --accounts N     accounts  [{accounts}]
  --seed N         another seed, another ledger  [{seed}]

  -h, --help       print this

A ledger is a CSV file. Its header names the columns from, to and amount (or
Source, Target and Weight) in any order; other columns are ignored. Without a
header the columns are from, to, amount and perhaps a timestamp. Amounts are
whole numbers; a negative one moves the other way. If any row is malformed,
nothing is applied.

All rows between the same two accounts are applied by one thread, in ledger
order. After each run every balance is compared with that of a sequential replay.

Without --overdraft a transfer that would take its payer below zero is refused:
it changes nothing and is counted. Which transfers that hits depends on which
thread comes first, so from several threads the sequential replay is one of the
transfers that were not refused. From one thread, and with --overdraft, it is
one of the whole ledger.

Exit status: 0 if the books balance, 1 if they do not or a file is no good,
2 if the arguments are not understood.
"
    )
}

/// Reads the arguments, the program's name left out.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut parser = Parser::from_args(args);
    let mut given = Given::default();
    while let Some(arg) = parser.next().map_err(message)? {
        let option = match arg {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long(name) => OPTIONS.iter().copied().find(|&option| option == name),
            _ => None,
        };
        let Some(option) = option else {
            return Err(message(arg.unexpected()));
        };
        if given.names.contains(&option) {
            return Err(format!("--{option} is given twice"));
        }
        given.names.push(option);
        given.take(option, &mut parser)?;
    }
    given.command()
}

const OPTIONS: [&str; 9] =
    ["ledger", "generate", "rows", "accounts", "seed", "threads", "auditors", "opening", "overdraft"];

/// Options that make no sense beside the first.
const EXCLUSIVE: [(&str, &[&str]); 2] = [
    ("generate", &["ledger", "threads", "auditors", "opening", "overdraft"]),
    ("ledger", &["rows", "accounts", "seed"]),
];

/// The options as given.
#[derive(Default)]
struct Given {
    names: Vec<&'static str>,
    ledger: Option<PathBuf>,
    generate: Option<PathBuf>,
    rows: Option<u64>,
    accounts: Option<u64>,
    seed: Option<u64>,
    threads: Option<Vec<usize>>,
    auditors: Option<usize>,
    opening: Option<i64>,
    overdraft: bool,
}

impl Given {
    /// Takes `option` and its value, if it has one.
    fn take(&mut self, option: &str, parser: &mut Parser) -> Result<(), String> {
        let most_rows = u64::from(u32::MAX);
        match option {
            "overdraft" => self.overdraft = true,
            "ledger" => self.ledger = Some(parser.value().map_err(message)?.into()),
            "generate" => self.generate = Some(parser.value().map_err(message)?.into()),
            "rows" => self.rows = Some(value(option, parser, 1, most_rows)?),
            "accounts" => self.accounts = Some(value(option, parser, 1, most_rows)?),
            "seed" => self.seed = Some(value(option, parser, 0, u64::MAX)?),
            "auditors" => self.auditors = Some(value(option, parser, 0, MOST_THREADS)?),
            "opening" => self.opening = Some(value(option, parser, -LIMIT, LIMIT)?),
            "threads" => {
                let list = text(parser)?;
                let numbers = list.split(',');
                let numbers = numbers.map(|number| within(option, number, 1, MOST_THREADS));
                self.threads = Some(numbers.collect::<Result<_, _>>()?);
            }
            _ => unreachable!("every name in OPTIONS has its arm"),
        }
        Ok(())
    }

    fn command(self) -> Result<Command, String> {
        for (first, others) in EXCLUSIVE {
            let other = others.iter().find(|other| self.names.contains(other));
            if let (true, Some(other)) = (self.names.contains(&first), other) {
                return Err(format!("--{other} cannot be used with --{first}"));
            }
        }
        let shape = |rows| Shape {
            rows: self.rows.unwrap_or(rows),
            accounts: self.accounts.unwrap_or(EMBEDDED.accounts),
            seed: self.seed.unwrap_or(EMBEDDED.seed),
        };
        if let Some(file) = self.generate {
            let shape = shape(GENERATED_ROWS);
            return Ok(Command::Generate { shape, file });
        }
        let opening = self.opening.unwrap_or(OPENING);
        if opening < 0 && !self.overdraft {
            return Err("--opening below zero needs --overdraft".to_owned());
        }
        let embedded = Source::Embedded(shape(EMBEDDED.rows));
        Ok(Command::Replay(Replay {
            source: self.ledger.map_or(embedded, Source::File),
            threads: self.threads.unwrap_or_else(|| THREADS.to_vec()),
            auditors: self.auditors.unwrap_or(AUDITORS),
            opening,
            overdraft: if self.overdraft { Overdraft::Allowed } else { Overdraft::Refused },
        }))
    }
}

fn message(error: lexopt::Error) -> String {
    error.to_string()
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(ValueExt::string).map_err(message)
}

/// Takes the value of `option`, a whole number from `low` to `high`.
fn value<T>(option: &str, parser: &mut Parser, low: T, high: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    within(option, &text(parser)?, low, high)
}

fn within<T>(option: &str, value: &str, low: T, high: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = value.parse().ok();
    number
        .filter(|number| (&low..=&high).contains(&number))
        .ok_or_else(|| format!("--{option}: {value:?} is not a whole number from {low} to {high}"))
}
