//! Histories: what concurrent transactions saw and did, and whether some order of them explains it.
//!
//! `record` and `check` are the plain data and the checker, which know nothing of the library: a history could come from
//! anywhere. [`Recorder`] makes histories of real transactions from the outside, so they hold what the user's code has
//! seen and not what the library believes. [`Program`] is a random set of transactions for several threads, and [`play`]
//! runs one and returns its history.

mod check;
mod graph;
mod memory;
mod naming;
mod order;
mod play;
mod program;
mod record;
mod recorder;
mod violation;

pub use check::check;
pub use memory::Memory;
pub use play::{play, play_with};
pub use program::{Action, Choices, Program, Reading, Size, Step, Writing};
pub use record::{Access, Attempt, Fate, History, Value, fresh_value, initial_value};
pub use recorder::Recorder;
pub use violation::{Anomaly, Violation};
