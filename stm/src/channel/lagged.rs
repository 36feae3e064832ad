//! What a subscriber has missed.

use std::error::Error;
use std::fmt;

/// So many items were sent and are kept no longer, which a [`TSubscriber`](super::TSubscriber) has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lagged(pub u64);

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the subscriber was too slow and has missed {} items", self.0)
    }
}

impl Error for Lagged {}
