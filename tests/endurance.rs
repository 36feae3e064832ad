//! Endurance: memory that stays as it is over very many transactions and is given back after an outlier, far more threads
//! than cores, write sets of a million entries, destructors that block, and wake-ups of which none may be lost.
//!
//! `STM_ENDURANCE=full` runs ten million transactions of each kind instead of one million, ten million operations on each
//! structure, and a million wake-ups.

#[path = "endurance/crowd.rs"]
mod crowd;
#[path = "endurance/drops.rs"]
mod drops;
#[path = "endurance/heap.rs"]
mod heap;
#[path = "endurance/large.rs"]
mod large;
#[path = "endurance/meeting_points.rs"]
mod meeting_points;
#[path = "endurance/memory.rs"]
mod memory;
#[path = "endurance/snapshots.rs"]
mod snapshots;
#[path = "endurance/structures.rs"]
mod structures;
#[path = "endurance/wake_ups.rs"]
mod wake_ups;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by every test here: memory is counted for the whole process, and garbage waits for the bodies of all threads.
static ALONE: Mutex<()> = Mutex::new(());

/// To be called before the watchdog, which is not to count the time of others.
fn alone() -> MutexGuard<'static, ()> {
    // A failed test has not broken anything that the guard protects.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
