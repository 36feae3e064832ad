//! Which keys a worker meets in which window, and what it does with them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::workloads::keys::XorShift;

/// Returns all keys below `keys` in an order that is not theirs: nobody's layout in memory is to follow it. The count must
/// have no prime factors but 2 and 5.
pub fn shuffled(keys: u64) -> impl Iterator<Item = u64> {
    const STEP: u64 = 611_953;
    (0..keys).map(move |number| number * STEP % keys)
}

/// What is done with a key: four times in five it is looked up.
#[derive(Clone, Copy)]
pub enum Deed {
    Get,
    Insert,
    Remove,
}

/// Random keys and deeds.
pub struct Stream(XorShift);

impl Stream {
    /// Chooses one of so many keys.
    #[inline]
    pub fn key(&mut self, keys: u64) -> u64 {
        u64::from(self.0.next_number() as u32) % keys
    }

    /// Chooses one of so many keys, and what to do with it.
    #[inline]
    pub fn errand(&mut self, keys: u64) -> (u64, Deed) {
        let random = self.0.next_number();
        let deed = match ((random >> 32) * 10) >> 32 {
            0 => Deed::Insert,
            1 => Deed::Remove,
            _ => Deed::Get,
        };
        (u64::from(random as u32) % keys, deed)
    }
}

/// How many workers there are at most.
const WORKERS: usize = 8;

/// Gives each worker another stream in each window: the same one would only ever touch the same part of a big structure.
#[derive(Default)]
pub struct Streams {
    windows: [AtomicUsize; WORKERS],
}

impl Streams {
    /// The stream of this worker's next window.
    pub fn next(&self, worker: usize) -> Stream {
        // Relaxed: only a count.
        let window = self.windows[worker].fetch_add(1, Ordering::Relaxed);
        Stream(XorShift::new(window * WORKERS + worker))
    }
}
