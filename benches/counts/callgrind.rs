//! Exact instructions, by running this program under callgrind.

use std::process::{Command, Stdio};

use super::probes::Row;

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

/// Returns the instructions of one operation, or step, of a row.
pub(crate) fn instructions(row: &Row) -> Result<f64, String> {
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
