//! STAMP.

mod crew;
mod outcome;
mod random;
mod systems;
mod tree;

pub use outcome::{Outcome, Verdict};
