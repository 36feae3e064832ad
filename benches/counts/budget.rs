//! The budget: what each row took when it was last agreed on. A row that takes more than it may differ by is told, and so is one
//! that takes so much less: the file is to say what is true, or a later loss of the gain would go unseen.
//!
//! Counts repeat exactly on one machine. What may differ, and is allowed for:
//!
//! - Another version of Linux, of valgrind or of the same processor's family: nothing, or a few instructions in `memcpy` and in the
//!   allocator, of which glibc has versions for processors. Rows that allocate or copy Strings see some of that.
//! - Another linker's or compiler's mood: an instruction here and there.
//! - Where the heap has put the variables: rows are counted at other places too before they count as different.
//! - Nodes of ordered maps and priority queues have random heights, out of a generator that begins the same in each run: the
//!   same program draws the same ones again, and its counts repeat. A program that makes a node more than before, or in another
//!   order, has other heights from there on: some per cent then, in rows of few nodes most.
//!
//! What is not: another version of the compiler, which inlines anew. Then rows of other crates (`pl-mutex`, `fast-stm`) differ too,
//! which tells it from a change of this library; the answer is `.ci/instructions --save`, in a commit that says so. On another
//! architecture or system nothing is compared.

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

/// By this share of what is in the budget a row may differ, or by a [few](FEW) instructions.
const TOLERANCE: f64 = 0.02;
/// As many as a short row may differ by.
const FEW: f64 = 2.0;
/// Allocations are exact but for what is retired in batches, and for the heights of ordered maps' nodes: by that share they may
/// differ too, or by so many.
const ALLOCATIONS: f64 = 0.02;

/// Whether the budget is one for programs as this one.
pub(crate) const IS_FOR_THIS: bool = cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"));

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

/// A row, and the one that is to take as many instructions.
pub(crate) type Fellows = (&'static str, &'static str);

/// Returns which rows take more or less than their fellows, by more than a few instructions. What was not counted is not compared.
pub(crate) fn unlike(fellows: &[Fellows], counted: &[Entry]) -> Vec<String> {
    let count = |row| counted.iter().find(|entry| entry.row == row).and_then(|entry| entry.instructions);
    let tell = |&(row, other): &Fellows| {
        let (one, same) = count(row).zip(count(other))?;
        let differs = (one - same).abs() > FEW;
        differs.then(|| format!("{row}: {one:.1} instructions, and {other}: {same:.1}, which are to be the same"))
    };
    fellows.iter().filter_map(tell).collect()
}

fn difference(budget: &[Entry], now: &Entry) -> Option<String> {
    let Some(old) = budget.iter().find(|old| old.row == now.row) else {
        return Some(format!("{}: not in the budget", now.row));
    };
    if (now.allocations - old.allocations).abs() > (TOLERANCE * old.allocations).max(ALLOCATIONS) {
        return Some(format!("{}: {:.2} allocations instead of {:.2}", now.row, now.allocations, old.allocations));
    }
    let (before, after) = old.instructions.zip(now.instructions)?;
    let percent = 100.0 * (after / before - 1.0);
    (!agrees(old, after))
        .then(|| format!("{}: {after:.1} instructions instead of {before:.1} ({percent:+.1} %)", now.row))
}

/// Returns true if so many instructions are as the budget says.
pub(crate) fn agrees(budget: &Entry, instructions: f64) -> bool {
    budget.instructions.is_some_and(|before| (instructions - before).abs() <= (TOLERANCE * before).max(FEW))
}
