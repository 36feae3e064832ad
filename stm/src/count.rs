//! The count of references to something on the heap.

use std::process;

use crate::shim::{AtomicU64, Ordering, fence};

/// How many references there are. Whoever drops the last one has seen the end of every use of the others.
pub(crate) struct Count(AtomicU64);

impl Count {
    /// The count of what has been made just now, with one reference.
    pub(crate) fn one() -> Self {
        Self(AtomicU64::new(1))
    }

    /// Counts a reference that was made of another.
    #[inline]
    pub(crate) fn increase(&self) {
        // Relaxed: there is a reference already, so the count is not zero (as in `Arc`).
        if self.0.fetch_add(1, Ordering::Relaxed) > u64::MAX / 2 {
            // References were forgotten without end; going on would free the value under their eyes.
            process::abort();
        }
    }

    /// Gives one reference up. Whether it was the last.
    #[inline]
    pub(crate) fn decrease(&self) -> bool {
        // Release: edge E9, whoever frees the value has seen the end of every use of it.
        let was_last = self.0.fetch_sub(1, Ordering::Release) == 1;
        if was_last {
            // Acquire: edge E9, pairs with the release of every other reference.
            fence(Ordering::Acquire);
        }
        was_last
    }
}
