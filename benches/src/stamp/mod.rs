//! Ports of the transactional applications that papers measure, written anew from what the papers say of them.
//!
//! - [`vacation`], [`intruder`], [`kmeans`], [`labyrinth`] and [`ssca2`] of STAMP (Cao Minh, Chung, Kozyrakis and Olukotun, 2008)
//! - [`lee`]: a circuit board (Ansari, Kotselidis, Jarvis, Luján, Kirkham and Watson, 2008)
//! - [`bench7`]: a mixed traversal like STMBench7's (Guerraoui, Kapalka and Vitek, 2007)
//!
//! Each is one program, written for any *system*: this library, another, one lock, or nothing at all (the sequential program).
//! So all have the same data structures, generators and loops. Each has its input generated, runs in threads that are pinned to
//! cores, and checks its result; only the middle one of these is timed. [`PROGRAMS`] lists them all, in all sizes.
//!
//! What the sequential program pays in spite of its being alone: nodes are counted by `Arc`, as they are where threads share them.

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
