//! Counts instructions and heap allocations per transaction. Both are exact, so unlike times they can be pinned.
//!
//! ```text
//! .ci/instructions                                # prints the table: about a minute once it is built
//! .ci/instructions --check                        # fails if a target is missed
//! .ci/instructions --budget                       # fails if a row differs from benches/budget.json by more than it may, or from
//!                                                 # the row that it is to be the same as
//! .ci/instructions --save                         # writes that file anew: after a change that is as it should be
//! cargo bench --bench counts -- --only increment  # the rows whose name contains this
//! cargo bench --bench counts -- --heap            # allocations alone, without valgrind
//! cargo bench --bench counts -- --run "increment, TVar" whole 1000000    # one workload alone, for a profiler
//! ```
//!
//! Allocations are counted by the global allocator after warm-up. Instructions are those of whole runs of this program
//! under callgrind: two runs with different numbers of transactions, their difference divided by the difference of the
//! numbers. The measuring loop, and where there are keys their choice, are part of each figure; the first row shows the loop.

use std::path::Path;
use std::process::ExitCode;

#[path = "counts/budget.rs"]
mod budget;
#[path = "counts/callgrind.rs"]
mod callgrind;
#[path = "counts/heap.rs"]
mod heap;
#[path = "counts/probes.rs"]
mod probes;
#[path = "counts/structures.rs"]
mod structures;

use budget::Entry;
use probes::{Build, Limit, Row, rows};
use stm::{TCell, TVar};
use stm_benches::table::print_table;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

const USAGE: &str = "usage: counts [--heap] [--check] [--budget] [--save] [--only TEXT]
       counts --run ROW whole|base OPERATIONS [PLACE]";

const MISSED: &str = "MISSED";

enum Job {
    Table(Options),
    Run { build: Build, operations: u64, warm_up: u64, place: usize },
}

#[derive(Default)]
struct Options {
    /// Allocations only.
    heap: bool,
    /// Fail if a target is missed.
    check: bool,
    /// Fail if a row is not as the budget says, or not as its fellow.
    budget: bool,
    /// Write the budget.
    save: bool,
    only: String,
}

/// Where the budget is kept.
const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budget.json");

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Job, String> {
    let mut options = Options::default();
    // Cargo passes `--bench` under `cargo bench` and nothing under `cargo test`, which is in no mood for minutes.
    let mut bench = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => bench = true,
            "--heap" => options.heap = true,
            "--check" => options.check = true,
            "--budget" => options.budget = true,
            "--save" => options.save = true,
            "--only" => options.only = arguments.next().ok_or("--only needs a text")?,
            "--run" => return parse_run(arguments),
            unknown => return Err(format!("unknown argument `{unknown}`")),
        }
    }
    options.heap |= !bench;
    Ok(Job::Table(options))
}

fn parse_run(mut arguments: impl Iterator<Item = String>) -> Result<Job, String> {
    let mut next = || arguments.next().ok_or("--run needs three arguments");
    let (name, part, operations) = (next()?, next()?, next()?);
    let row = rows().into_iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| format!("there is no row `{name}`"))?;
    let build = match (part.as_str(), row.beyond) {
        (callgrind::WHOLE, _) => row.build,
        (callgrind::BASE, Some((base, _))) => base,
        _ => return Err(format!("`{name}` has no part `{part}`")),
    };
    let operations = operations.parse();
    let place = arguments.next().map_or(Ok(0), |place| place.parse());
    Ok(Job::Run {
        build,
        operations: operations.map_err(|error| format!("operations: {error}"))?,
        warm_up: row.operations[0],
        place: place.map_err(|error| format!("place: {error}"))?,
    })
}

fn main() -> ExitCode {
    let outcome = parse(std::env::args().skip(1)).and_then(|job| match job {
        Job::Table(options) => table(&options),
        Job::Run { build, operations, warm_up, place } => {
            callgrind::move_to(place);
            let contender = build();
            contender.run(0, warm_up);
            println!("{}", contender.run(0, operations));
            Ok(true)
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table and returns true unless a missed target is to count as failure.
fn table(options: &Options) -> Result<bool, String> {
    let instructions = !options.heap && callgrind::is_present();
    if !instructions {
        println!("Instructions are not counted: valgrind is not there or not wanted.\n");
    }
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.name.contains(&options.only)).collect();
    if rows.is_empty() {
        return Err(format!("no row's name contains `{}`", options.only));
    }
    let budget = if options.budget && budget::IS_FOR_THIS { budget::read(Path::new(BUDGET))? } else { Vec::new() };
    let agrees = |row: &Row, count| budget.iter().any(|entry| entry.row == row.name && budget::agrees(entry, count));
    // Without a budget to read or to write, the first count is as good as any.
    let enough = |row: &Row, count| !(options.budget || options.save) || agrees(row, count);
    let told = |row: &Row| eprint!("\r\x1b[K{}", row.name);
    let counted: Vec<Option<f64>> = match instructions {
        true => callgrind::of_all(&rows, enough, told)?.into_iter().map(Some).collect(),
        false => vec![None; rows.len()],
    };
    eprint!("\r\x1b[K");
    let mut figures: Vec<Figures> = Vec::new();
    for (row, instructions) in rows.iter().zip(counted) {
        let figure = Figures::of(row, instructions, &figures);
        figures.push(figure);
    }
    let header = ["per transaction", "instructions", "reach", "aim", "allocations", "bytes", "ok?"];
    let cells: Vec<_> = figures.iter().map(Figures::cells).collect();
    print_table(header, &cells);
    let mut missed = figures.iter().filter(|figure| figure.verdict == MISSED).count();
    println!();
    missed += variables();
    println!("\n{missed} targets missed.");
    Ok(keep_to_budget(options, &figures)? && (missed == 0 || !options.check))
}

/// Saves the budget or compares with it, as is wanted. Returns true unless something differs.
fn keep_to_budget(options: &Options, figures: &[Figures]) -> Result<bool, String> {
    let path = Path::new(BUDGET);
    let entries: Vec<Entry> = figures.iter().map(Figures::entry).collect();
    let counted = entries.iter().all(|entry| entry.instructions.is_some());
    if options.save {
        if !(counted && budget::IS_FOR_THIS && options.only.is_empty()) {
            return Err("the budget holds all rows, counted by valgrind on x86_64 Linux: --save needs these".to_owned());
        }
        budget::save(path, &entries)?;
    }
    if !options.budget {
        return Ok(true);
    }
    if !budget::IS_FOR_THIS {
        println!("\nSKIPPED: the budget is of x86_64 Linux, and says nothing here.");
        return Ok(true);
    }
    if !counted {
        println!("\nSKIPPED: instructions are not compared with the budget; allocations are.");
    }
    let mut budget = budget::read(path)?;
    budget.retain(|entry| entry.row.contains(&options.only));
    let differences = budget::differences(&budget, &entries);
    println!("\n{} rows differ from the budget.", differences.len());
    differences.iter().for_each(|difference| println!("{difference}"));
    if !differences.is_empty() {
        println!("If that is as it should be: .ci/instructions --save");
    }
    let fellows: Vec<_> = figures.iter().filter_map(|figure| Some((figure.row, figure.fellow?))).collect();
    let unlike = budget::unlike(&fellows, &entries);
    println!("\n{} rows differ from their fellows.", unlike.len());
    unlike.iter().for_each(|row| println!("{row}"));
    Ok(differences.is_empty() && unlike.is_empty())
}

/// One row's figures.
struct Figures {
    row: &'static str,
    instructions: Option<f64>,
    /// The row that takes as many instructions, if there is to be one.
    fellow: Option<&'static str>,
    /// The limits, as shown.
    limits: [String; 2],
    allocations: f64,
    bytes: f64,
    verdict: &'static str,
}

impl Figures {
    fn of(row: &Row, instructions: Option<f64>, earlier: &[Self]) -> Self {
        let [allocations, bytes] = allocated(row);
        let fellow = if let Limit::SameAs(other) = row.limit { Some(other) } else { None };
        let (reach, aim) = match row.limit {
            Limit::Open => (None, None),
            Limit::AtMost { reach, aim } => (Some(reach), Some(aim)),
            Limit::SameAs(other) => {
                let other = earlier.iter().find(|figures| figures.row == other);
                // What happened earlier may have left a thread or two to wind up: not one instruction per transaction.
                (other.and_then(|other| other.instructions).map(|same| same + 0.5), None)
            }
        };
        let within = |limit: Option<f64>| instructions.zip(limit).map(|(count, limit)| count <= limit);
        let verdict = match (within(reach), within(aim)) {
            _ if !row.allocates && allocations > 0.0 => MISSED,
            (Some(false), _) => MISSED,
            (Some(true), Some(true)) => "aim",
            (Some(true), _) => "yes",
            (None, _) if !row.allocates => "yes",
            (None, _) => "-",
        };
        let show = |limit: Option<f64>| limit.map_or("-".to_owned(), |limit| format!("<= {limit:.0}"));
        Self { row: row.name, instructions, fellow, limits: [show(reach), show(aim)], allocations, bytes, verdict }
    }

    fn entry(&self) -> Entry {
        // A tenth is what is shown.
        let rounded = |count: f64| (10.0 * count).round() / 10.0;
        let allocations = (100.0 * self.allocations).round() / 100.0;
        Entry { row: self.row.to_owned(), instructions: self.instructions.map(rounded), allocations }
    }

    fn cells(&self) -> [String; 7] {
        let [reach, aim] = self.limits.clone();
        [
            self.row.to_owned(),
            self.instructions.map_or("-".to_owned(), |count| format!("{count:.1}")),
            reach,
            aim,
            format!("{:.2}", self.allocations),
            format!("{:.1}", self.bytes),
            self.verdict.to_owned(),
        ]
    }
}

/// Returns the allocations and the bytes of one operation of a row, once warm.
fn allocated(row: &Row) -> [f64; 2] {
    let contender = (row.build)();
    let mut operations = contender.run(0, row.operations[1]);
    let warm = operations;
    let heap = heap::during(|| operations += contender.run(0, row.operations[1]));
    contender.verify(operations);
    let counted = (operations - warm) as f64;
    [heap.allocations as f64 / counted, heap.bytes as f64 / counted]
}

/// Prints what a variable takes, and returns how many targets that misses.
fn variables() -> usize {
    const COUNT: usize = 1000;
    // Both vectors have their room already, so what is counted are the variables alone.
    let mut handles = Vec::with_capacity(COUNT);
    let mut cells = Vec::with_capacity(COUNT);
    let handle = heap::during(|| handles.extend((0..COUNT as u64).map(TVar::new)));
    let cell = heap::during(|| cells.extend((0..COUNT as u64).map(TCell::new)));
    let rows = [
        ("TVar<u64>", size_of::<TVar<u64>>(), 8, handle, 1, 32),
        ("TCell<u64>", size_of::<TCell<u64>>(), 16, cell, 0, 0),
    ];
    let mut missed = 0;
    let cells = rows.map(|(name, size, size_limit, heap, allocations, bytes)| {
        let fits =
            size <= size_limit && heap.allocations <= allocations * COUNT as u64 && heap.bytes <= bytes * COUNT as u64;
        missed += usize::from(!fits);
        let each = |count: u64| count as f64 / COUNT as f64;
        [
            name.to_owned(),
            format!("{size} (<= {size_limit})"),
            format!("{} (<= {allocations})", each(heap.allocations)),
            format!("{} (<= {bytes})", each(heap.bytes)),
            if fits { "yes" } else { MISSED }.to_owned(),
        ]
    });
    let header = ["one variable", "bytes inline", "allocations", "bytes of heap", "ok?"];
    print_table(header, &cells);
    missed
}
