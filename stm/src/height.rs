//! How high a node of a skip list is: at random, from a generator of each thread's own (Marsaglia, "Xorshift RNGs", 2003).

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// One node in four goes on to the next level.
const BITS_A_LEVEL: u32 = 2;

/// Where the next thread's generator begins: a program that does the same again has the same heights again.
static NEXT: AtomicU64 = AtomicU64::new(SPREAD);
/// 2^64 divided by the golden ratio. It is odd, so the multiples come round, and to 0, only after 2^64 threads.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Draws the height of a new node: from 1 to `most`, which is 16 at most.
pub(crate) fn draw(most: usize) -> usize {
    // A model has to take the same way whenever it is repeated.
    if cfg!(any(stm_loom, stm_shuttle)) {
        return 1;
    }
    STATE.with(|state| {
        let mut random = state.get();
        if random == 0 {
            // Relaxed: that each thread gets another number is all that matters.
            random = NEXT.fetch_add(SPREAD, Ordering::Relaxed);
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        state.set(random);
        // The upper bits are the better ones.
        let levels = (random >> 32 | 1 << 31).trailing_zeros() / BITS_A_LEVEL;
        most.min(levels as usize + 1)
    })
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn one_node_in_four_goes_on_to_the_next_level() {
        let mut counts = [0_i64; 17];
        (0..400_000).for_each(|_| counts[draw(16)] += 1);
        assert_eq!(counts[0], 0);
        for (height, expected) in [(1, 300_000_i64), (2, 75_000), (3, 18_750), (4, 4_688)] {
            assert!((counts[height] - expected).abs() < expected / 10, "{height}: {counts:?}");
        }
    }
}
