//! What a program can share state by: transactions, locks, actors, each kind behind one trait, so that a workload is written
//! once for the kind.

pub mod actor;
pub mod async_stm;
pub mod counted;
pub mod lock;
pub mod of_stm_core;
pub mod ours;
pub mod stm;
pub mod tally;

pub use actor::Actor;
pub use async_stm::AsyncStm;
pub use counted::Counted;
pub use lock::{Lock, LockKind, PlMutex, PlRwLock, StdMutex, StdRwLock};
pub use of_stm_core::{CratesIoStm, FastStm};
pub use ours::Ours;
pub use stm::{Stm, Value};
