//! Ports of the transactional applications that papers measure, written from what the papers say of them.

pub mod bench7;
mod competitor;
mod crew;
pub mod intruder;
pub mod kmeans;
pub mod labyrinth;
pub mod lee;
mod maze;
mod outcome;
mod program;
mod random;
mod ring;
pub mod ssca2;
mod systems;
#[cfg(test)]
mod testing;
mod tree;
pub mod vacation;

pub use competitor::Competitor;
pub use outcome::{Outcome, Verdict};
pub use program::{PROGRAMS, Program, Size};
