//! The versions of every variable in their order, and what is wrong before any order matters.

use std::collections::HashMap;

use super::record::{Access, History, Value, initial_value, show};
use super::violation::{Anomaly, Violation};

/// One version of a variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) value: Value,
    /// Who left it; nobody, if the variable began with it.
    pub(super) writer: Option<usize>,
}

/// The versions of every variable, oldest first.
#[derive(Debug)]
pub(super) struct VersionOrder {
    versions: Vec<Vec<Version>>,
    /// Where the version with this value is.
    places: HashMap<Access, usize>,
}

impl VersionOrder {
    /// Finds the order in which the writes of each variable took effect.
    ///
    /// Who has read a variable before writing it says which version it replaced. If every writer has, these relations
    /// are the order; where they branch, an update was lost. If not, the versions that the library reported are.
    ///
    /// # Panics
    ///
    /// Panics if the order can not be known: a blind write has no reported version, or two writes have the same value.
    pub(super) fn of(history: &History) -> Result<Self, Violation> {
        let writers = writers(history);
        check_reads(history, &writers)?;
        let mut order = Self { versions: Vec::with_capacity(history.variables), places: HashMap::new() };
        for (variable, writers) in by_variable(history).into_iter().enumerate() {
            check_replacements(history, variable, &writers)?;
            let versions = if writers.iter().all(|&writer| history.attempts[writer].version.is_some()) {
                by_version(history, variable, writers)?
            } else {
                by_replacement(history, variable, &writers)
            };
            for (place, version) in versions.iter().enumerate() {
                order.places.insert(Access { variable, value: version.value }, place);
            }
            order.versions.push(versions);
        }
        Ok(order)
    }

    /// The versions of one variable.
    pub(super) fn of_variable(&self, variable: usize) -> &[Version] {
        &self.versions[variable]
    }

    /// The version that a read has seen, and the one that replaced it.
    pub(super) fn around(&self, read: Access) -> (Version, Option<Version>) {
        let (versions, place) = (&self.versions[read.variable], self.places[&read]);
        (versions[place], versions.get(place + 1).copied())
    }
}

/// Who left which value.
fn writers(history: &History) -> HashMap<Access, Option<usize>> {
    let initial = (0..history.variables).map(|variable| (Access { variable, value: initial_value(variable) }, None));
    let mut writers: HashMap<_, _> = initial.collect();
    for (index, attempt) in history.attempts.iter().enumerate().filter(|(_, attempt)| attempt.committed()) {
        for &write in &attempt.writes {
            let other = writers.insert(write, Some(index));
            assert!(other.is_none(), "malformed history: {write:?} was written twice");
        }
    }
    writers
}

/// Finds values that nobody left behind, and attempts that have seen two values of one variable.
fn check_reads(history: &History, writers: &HashMap<Access, Option<usize>>) -> Result<(), Violation> {
    let mut first = HashMap::new();
    for (index, attempt) in history.attempts.iter().enumerate() {
        first.clear();
        for &read in &attempt.reads {
            let Access { variable, value } = read;
            match writers.get(&read) {
                None => return Err(dirty_read(history, index, read)),
                // What it had written before is not among its reads.
                Some(&Some(writer)) if writer == index => {
                    let claim = format_args!("T1 read x{variable} = {} and wrote that later", show(value));
                    return Err(Violation::plain(Anomaly::DirtyRead, history, &[index], variable, claim));
                }
                Some(_) => {}
            }
            let before = *first.entry(variable).or_insert(value);
            if before != value {
                let (before, value) = (show(before), show(value));
                let claim = format_args!("T1 read x{variable} as {before} and then as {value}");
                return Err(Violation::plain(Anomaly::NonRepeatableRead, history, &[index], variable, claim));
            }
        }
    }
    Ok(())
}

fn dirty_read(history: &History, reader: usize, read: Access) -> Violation {
    let Access { variable, value } = read;
    let value = show(value);
    let wrote =
        history.attempts.iter().position(|attempt| attempt.discarded.contains(&read) || attempt.writes.contains(&read));
    let violation =
        |culprits: &[usize], claim| Violation::plain(Anomaly::DirtyRead, history, culprits, variable, claim);
    match wrote {
        Some(writer) => violation(
            &[reader, writer],
            format_args!("T1 read x{variable} = {value}, which T2 wrote and did not leave behind"),
        ),
        None => violation(&[reader], format_args!("T1 read x{variable} = {value}, which nobody wrote")),
    }
}

/// The committed writers of each variable.
fn by_variable(history: &History) -> Vec<Vec<usize>> {
    let mut writers = vec![Vec::new(); history.variables];
    for (index, attempt) in history.attempts.iter().enumerate().filter(|(_, attempt)| attempt.committed()) {
        attempt.writes.iter().for_each(|write| writers[write.variable].push(index));
    }
    writers
}

/// Finds two transactions that replaced the same version, each knowing it.
fn check_replacements(history: &History, variable: usize, writers: &[usize]) -> Result<(), Violation> {
    let mut replaced = HashMap::new();
    for &writer in writers {
        let Some(value) = history.attempts[writer].saw(variable) else { continue };
        if let Some(other) = replaced.insert(value, writer) {
            let claim = format_args!("T1 and T2 both read x{variable} = {} and wrote over it", show(value));
            return Err(Violation::plain(Anomaly::LostUpdate, history, &[other, writer], variable, claim));
        }
    }
    Ok(())
}

fn version_by(history: &History, variable: usize, writer: usize) -> Version {
    let value = history.attempts[writer].left(variable).expect("it is one of the variable's writers");
    Version { value, writer: Some(writer) }
}

fn initial(variable: usize) -> Version {
    Version { value: initial_value(variable), writer: None }
}

fn by_version(history: &History, variable: usize, mut writers: Vec<usize>) -> Result<Vec<Version>, Violation> {
    let stamp = |writer: usize| history.attempts[writer].version;
    writers.sort_by_key(|&writer| stamp(writer));
    if let Some(pair) = writers.windows(2).find(|pair| stamp(pair[0]) == stamp(pair[1])) {
        let claim = format_args!("T1 and T2 wrote x{variable} at one version");
        return Err(Violation::plain(Anomaly::SharedVersion, history, pair, variable, claim));
    }
    let written = writers.into_iter().map(|writer| version_by(history, variable, writer));
    Ok(std::iter::once(initial(variable)).chain(written).collect())
}

/// Follows the chain of replacements, which [`check_replacements`] has found not to branch.
fn by_replacement(history: &History, variable: usize, writers: &[usize]) -> Vec<Version> {
    let replaces = |&writer: &usize| {
        let replaced = history.attempts[writer].saw(variable);
        (replaced.expect("malformed history: a blind write without a version"), writer)
    };
    let mut next: HashMap<_, _> = writers.iter().map(replaces).collect();
    let mut versions = vec![initial(variable)];
    while let Some(writer) = versions.last().and_then(|last| next.remove(&last.value)) {
        versions.push(version_by(history, variable, writer));
    }
    // What the chain does not reach goes round in circles: each has read what the other wrote. The reads will show it.
    versions.extend(next.into_values().map(|writer| version_by(history, variable, writer)));
    versions
}
