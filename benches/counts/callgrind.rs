//! Exact instructions, by running this program under callgrind.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::probes::Row;
use stm_benches::measure::crew::cores;

/// Which contender of a row a child process is to run.
pub(crate) const WHOLE: &str = "whole";
/// See [`WHOLE`].
pub(crate) const BASE: &str = "base";

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
/// # Errors
///
/// Says what went wrong with the first row with which something did.
pub(crate) fn of_all(rows: &[Row], told: impl Fn(&Row) + Sync) -> Result<Vec<f64>, String> {
    let counted: Vec<OnceLock<Result<f64, String>>> = rows.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let count = || {
        // Relaxed: who gets a number is all that is decided; the results are read when the threads have ended.
        while let Some((row, result)) = rows.iter().zip(&counted).nth(next.fetch_add(1, Ordering::Relaxed)) {
            told(row);
            result.get_or_init(|| instructions(row));
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(count))));
    counted.into_iter().map(|result| result.into_inner().expect("every row was somebody's")).collect()
}

/// Returns the instructions of one operation, or step, of a row.
fn instructions(row: &Row) -> Result<f64, String> {
    let whole = difference(row, WHOLE)?;
    match row.beyond {
        None => Ok(whole),
        Some((_, steps)) => Ok((whole - difference(row, BASE)?) / steps),
    }
}

/// Returns the difference of two whole runs over the difference of their operations. So start-up and warm-up cancel out,
/// and neither inlining nor symbols matter.
fn difference(row: &Row, part: &str) -> Result<f64, String> {
    let [few, many] = row.operations;
    let (few, many) = (run(row, part, few)?, run(row, part, many)?);
    let instructions = many.instructions - few.instructions;
    Ok(instructions / (many.operations - few.operations))
}

struct Run {
    instructions: f64,
    operations: f64,
}

fn run(row: &Row, part: &str, operations: u64) -> Result<Run, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--run", row.name, part, &operations.to_string()])
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
