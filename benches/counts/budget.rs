//! The budget: what each row took when it was last agreed on. A row that takes more, or less, than it may differ by is told.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One row of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) row: String,
    /// For one operation; none where valgrind is not there.
    pub(crate) instructions: Option<f64>,
    pub(crate) allocations: f64,
}

/// Counts differ a little with the linker's mood, and with the compiler: by so much they may, or by so many instructions.
const TOLERANCE: f64 = 0.03;
/// See [`TOLERANCE`].
const FEW: f64 = 2.0;
/// Allocations are exact but for what is retired in batches.
const ALLOCATIONS: f64 = 0.02;

/// Reads a budget.
///
/// # Errors
///
/// Says why it can not.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a budget, a line for each row, so that a change shows as a line.
///
/// # Errors
///
/// Says why it can not.
pub(crate) fn save(path: &Path, entries: &[Entry]) -> Result<(), String> {
    let lines: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).expect("it is numbers")).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns what is not as the budget says: rows that take more, or so much less that it is to be saved anew, and rows that
/// are only in one of both.
pub(crate) fn differences(budget: &[Entry], counted: &[Entry]) -> Vec<String> {
    let mut told: Vec<String> = counted.iter().filter_map(|now| difference(budget, now)).collect();
    let gone = budget.iter().filter(|old| counted.iter().all(|now| now.row != old.row));
    told.extend(gone.map(|old| format!("{}: in the budget, but there is no such row", old.row)));
    told
}

fn difference(budget: &[Entry], now: &Entry) -> Option<String> {
    let Some(old) = budget.iter().find(|old| old.row == now.row) else {
        return Some(format!("{}: not in the budget", now.row));
    };
    if (now.allocations - old.allocations).abs() > ALLOCATIONS {
        return Some(format!("{}: {:.2} allocations instead of {:.2}", now.row, now.allocations, old.allocations));
    }
    let (before, after) = old.instructions.zip(now.instructions)?;
    let allowed = (TOLERANCE * before).max(FEW);
    let percent = 100.0 * (after / before - 1.0);
    ((after - before).abs() > allowed)
        .then(|| format!("{}: {after:.1} instructions instead of {before:.1} ({percent:+.1} %)", now.row))
}
