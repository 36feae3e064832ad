//! Exact instructions, by running this program under callgrind.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::probes::Row;
use stm_benches::measure::crew::cores;

/// Which contender of a row a child process is to run.
pub(crate) const WHOLE: &str = "whole";
/// See [`WHOLE`].
pub(crate) const BASE: &str = "base";

/// At how many places a row's variables may be tried: of four, hardly ever all are bad.
const PLACES: usize = 4;

/// Moves what is allocated from now on: takes blocks of each small size, more for each next place, and never gives them back.
pub(crate) fn move_to(place: usize) {
    for size in (16..=1024).step_by(16) {
        for _ in 0..37 * place {
            black_box(Vec::<u8>::with_capacity(size).leak());
        }
    }
}

/// Returns true if valgrind can be run here.
pub(crate) fn is_present() -> bool {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version");
    valgrind.stdout(Stdio::null()).stderr(Stdio::null());
    valgrind.status().is_ok_and(|status| status.success())
}

/// Returns the instructions of one operation, or step, of each row. As many are counted at once as there are cores: each in a
/// process of its own, so none is in another's way. Tells which is begun.
///
/// Where the heap has put a row's variables matters: two of one transaction may share a bit of the filter that tells what is
/// not written, and then each search for one of them is made for nothing. So a count that is not `enough` is counted again
/// with the variables elsewhere, up to [`PLACES`] times, and the least is returned.
///
/// # Errors
///
/// Says what went wrong with the first row with which something did.
pub(crate) fn of_all(
    rows: &[Row],
    enough: impl Fn(&Row, f64) -> bool + Sync,
    told: impl Fn(&Row) + Sync,
) -> Result<Vec<f64>, String> {
    let counted: Vec<OnceLock<Result<f64, String>>> = rows.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let count = || {
        // Relaxed: who gets a number is all that is decided; the results are read when the threads have ended.
        while let Some((row, result)) = rows.iter().zip(&counted).nth(next.fetch_add(1, Ordering::Relaxed)) {
            told(row);
            result.get_or_init(|| least(row, |count| enough(row, count)));
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(count))));
    counted.into_iter().map(|result| result.into_inner().expect("every row was somebody's")).collect()
}

/// Counts at one place after the other until it is enough, and returns the least.
fn least(row: &Row, enough: impl Fn(f64) -> bool) -> Result<f64, String> {
    let mut least = f64::INFINITY;
    for place in 0..PLACES {
        least = least.min(instructions(row, place)?);
        if enough(least) {
            break;
        }
    }
    Ok(least)
}

/// Returns the instructions of one operation, or step, of a row.
fn instructions(row: &Row, place: usize) -> Result<f64, String> {
    let whole = difference(row, WHOLE, place)?;
    match row.beyond {
        None => Ok(whole),
        Some((_, steps)) => Ok((whole - difference(row, BASE, place)?) / steps),
    }
}

/// Returns the difference of two whole runs over the difference of their operations. So start-up and warm-up cancel out,
/// and neither inlining nor symbols matter.
fn difference(row: &Row, part: &str, place: usize) -> Result<f64, String> {
    let [few, many] = row.operations;
    let (few, many) = (run(row, part, few, place)?, run(row, part, many, place)?);
    let instructions = many.instructions - few.instructions;
    Ok(instructions / (many.operations - few.operations))
}

struct Run {
    instructions: f64,
    operations: f64,
}

fn run(row: &Row, part: &str, operations: u64, place: usize) -> Result<Run, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
        return Err(format!("{}: no program has such a name", program.display()));
    };
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // The arguments are on the heap: with the whole path, all would be elsewhere in another checkout.
        .current_dir(folder)
        .arg(Path::new(".").join(name))
        .args(["--run", row.name, part, &operations.to_string(), &place.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("`{}` failed under callgrind:\n{messages}", row.name));
    }
    let mut lines = messages.lines();
    let collected = lines.find_map(|line| line.split_once("Collected :"));
    let collected = collected.and_then(|(_, count)| count.trim().parse().ok());
    let reported = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    match collected.zip(reported) {
        Some((instructions, operations)) => Ok(Run { instructions, operations }),
        None => Err(format!("callgrind said something else:\n{messages}")),
    }
}
