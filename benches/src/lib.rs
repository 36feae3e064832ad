//! What the benchmarks share: the workloads, and how they are measured.
//!
//! - [`workloads`]: one definition each, written once for every system that it is measured on
//! - [`measure`]: pinned workers that run contenders in turns, round by round
//! - [`contest`]: the workloads of the comparison, and who takes part
//! - [`comparison`]: the program `stm-benches`: runs the contests and tells what came out
//! - [`stamp`]: ports of published applications
//! - [`simulation`]: how it might scale beyond the cores that there are
//! - [`systems`]: transactions, locks and actors, each kind behind one trait
//! - [`table`]: tables for a terminal
//!
//! [`contest`], [`comparison`], [`stamp`] and [`simulation`] need the feature `comparison`, which is on by default: who only counts or
//! measures builds much less without.
//!
//! The bench targets `core`, `targets` and `counts` and the program `stm-benches` run these.

#![allow(missing_docs, missing_debug_implementations, reason = "a library for the programs of this package alone")]
#![allow(rustdoc::private_intra_doc_links, reason = "who reads it reads the source")]
#![allow(clippy::len_without_is_empty, clippy::new_without_default, reason = "a contender is built where it is named")]

#[cfg(feature = "comparison")]
pub mod comparison;
#[cfg(feature = "comparison")]
pub mod contest;
pub mod measure;
#[cfg(feature = "comparison")]
pub mod simulation;
#[cfg(feature = "comparison")]
pub mod stamp;
pub mod systems;
pub mod table;
pub mod workloads;
