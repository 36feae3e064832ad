//! Turns a hang into a failure: a lost wake-up or a deadlock would otherwise stop the whole run.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;
use std::{env, process};

/// Ends the process unless it is dropped in time.
#[derive(Debug)]
#[must_use = "the watchdog sleeps as soon as it is dropped"]
pub struct Watchdog {
    _alive: Sender<()>,
}

/// Watches the rest of the calling test: 120 seconds, or `STM_TEST_TIMEOUT`.
pub fn watchdog() -> Watchdog {
    let limit = env::var("STM_TEST_TIMEOUT").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (alive, gone) = mpsc::channel();
    thread::spawn(move || {
        // The sender is never used: the channel closes when the test ends, also by a panic.
        if gone.recv_timeout(Duration::from_secs(limit)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name}: still running after {limit} s, taken for hung");
            process::abort();
        }
    });
    Watchdog { _alive: alive }
}
