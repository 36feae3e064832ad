//! What a program can share state by: transactions, locks, actors, each kind behind one trait, so that a workload is written
//! once for the kind.

pub mod actor;
pub mod async_stm;
pub mod counted;
pub mod crates_io_stm;
pub mod fast_stm;
pub mod lock;
pub mod ours;
pub mod stm;
pub mod tally;

pub use actor::Actor;
pub use async_stm::AsyncStm;
pub use counted::Counted;
pub use crates_io_stm::CratesIoStm;
pub use fast_stm::FastStm;
pub use lock::{Lock, LockKind, PlMutex, PlRwLock, StdMutex, StdRwLock};
pub use ours::Ours;
pub use stm::{Stm, Value};
