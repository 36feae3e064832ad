//! What machine it ran on, and with what.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::measure::crew::cores;

/// A machine, as far as its figures depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    pub system: String,
    pub compiler: String,
    /// Whether threads could be pinned to cores.
    pub pinned: bool,
    /// The average number of threads that were running or ready when the run began, in the last minute.
    pub load: String,
    /// The versions of the competitors' crates.
    pub crates: Vec<[String; 2]>,
}

impl Machine {
    /// Describes this machine.
    pub fn here() -> Self {
        let cpu = read("/proc/cpuinfo");
        let memory = read("/proc/meminfo");
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            processor: field(&cpu, "model name").unwrap_or_else(|| "unknown processor".to_owned()),
            cores: cores(),
            memory: field(&memory, "MemTotal").map_or_else(|| "unknown".to_owned(), gigabytes),
            system: format!("{} {} {}", std::env::consts::OS, kernel.trim(), std::env::consts::ARCH),
            compiler: compiler(),
            pinned: core_affinity::get_core_ids().is_some_and(|cores| !cores.is_empty()),
            load: read("/proc/loadavg").split_whitespace().next().unwrap_or("unknown").to_owned(),
            crates: crates(),
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns what stands behind `name` and a colon.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn gigabytes(kilobytes: String) -> String {
    let number = kilobytes.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    number.map_or(kilobytes, |number| format!("{:.0} GiB", number / f64::from(1 << 20)))
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown rustc".to_owned(),
    }
}

/// The crates that take part.
const NAMES: &[&str] = &[
    "arc-swap",
    "async-stm",
    "crossbeam-channel",
    "crossbeam-epoch",
    "crossbeam-queue",
    "crossbeam-skiplist",
    "dashmap",
    "fast-stm",
    "papaya",
    "parking_lot",
    "stm",
    "stm-core",
];

/// Looks the crates' versions up in the lock file this was built with.
fn crates() -> Vec<[String; 2]> {
    let lock = include_str!("../../../Cargo.lock");
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let mut found: Vec<[String; 2]> = Vec::new();
    for package in lock.split("[[package]]") {
        let line = |start: &str| package.lines().find(|line| line.starts_with(start)).map(quoted);
        let (Some(name), Some(version)) = (line("name"), line("version")) else { continue };
        // Old crates have brought old versions of others along: the newest is the one that takes part.
        if NAMES.contains(&name.as_str()) {
            found.retain(|[other, _]| *other != name);
            found.push([name, version]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_version() {
        let crates = crates();
        let names: Vec<&str> = crates.iter().map(|[name, _]| name.as_str()).collect();
        assert_eq!(names, NAMES);
        let version = |name: &str| crates.iter().find(|[other, _]| other == name).map(|[_, version]| version.as_str());
        assert!(version("parking_lot").is_some_and(|version| version.starts_with("0.12")));
        assert_eq!(version("fast-stm"), Some("0.7.1"));
    }

    #[test]
    fn fields_are_found() {
        assert_eq!(field("a\t: 1\nmodel name\t: X Y\n", "model name").as_deref(), Some("X Y"));
        assert_eq!(field("", "model name"), None);
        assert_eq!(gigabytes("16777216 kB".to_owned()), "16 GiB");
    }
}
