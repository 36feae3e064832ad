//! How long a one-shot function waits.

use std::time::{Duration, Instant};

use crate::config::Options;
use crate::run::options;

/// Options for all transactions of something that has so much time in all. A time that the clock can not express never
/// comes.
pub(super) fn within(timeout: Duration) -> Options {
    match Instant::now().checked_add(timeout) {
        Some(deadline) => options().deadline(deadline),
        None => options(),
    }
}
