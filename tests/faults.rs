//! Faults: a panic at every step of an attempt and of its commit, a thread that stops while it holds variables, threads
//! that end by panic while others wait, and the end of the version clock. Needs a library whose steps can be stepped in
//! at: `RUSTFLAGS="--cfg stm_probe"`.

#![cfg(stm_probe)]

#[path = "faults/child.rs"]
mod child;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/ended.rs"]
mod ended;
#[path = "endurance/heap.rs"]
mod heap;
#[path = "faults/inject.rs"]
mod inject;
#[path = "faults/scenarios.rs"]
mod scenarios;
#[cfg(target_os = "linux")]
#[path = "faults/signals.rs"]
mod signals;
#[path = "faults/stage.rs"]
mod stage;
#[path = "faults/stalled.rs"]
mod stalled;
#[path = "faults/steps.rs"]
mod steps;
#[path = "faults/storm.rs"]
mod storm;
#[path = "faults/turns.rs"]
mod turns;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by every test here: one that stops a thread in the middle of a commit holds up what another waits for.
static ALONE: Mutex<()> = Mutex::new(());

/// To be called before the watchdog, which is not to count the time of others.
fn alone() -> MutexGuard<'static, ()> {
    // A failed test has not broken anything that the guard protects.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
