//! What the benchmarks share: the workloads, and how they are measured.
//!
//! - [`workloads`]: one definition each, written once for every system that it is measured on
//! - [`measure`]: pinned workers that run contenders in turns, round by round
//! - [`table`]: tables for a terminal
//!
//! The bench targets `core`, `targets` and `counts` and the program `stm-benches` run these.

#![allow(missing_docs, missing_debug_implementations, reason = "a library for the programs of this package alone")]

pub mod measure;
pub mod table;
pub mod workloads;
