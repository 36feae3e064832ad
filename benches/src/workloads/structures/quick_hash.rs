//! A hash function for numbers that costs next to nothing, so that what is measured is the map.

use std::hash::{BuildHasher, Hasher};

/// Multiplies and folds. Not for keys that an enemy chooses.
#[derive(Clone, Copy, Default)]
pub struct QuickHash;

impl BuildHasher for QuickHash {
    type Hasher = QuickHasher;

    #[inline]
    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(0)
    }
}

/// See [`QuickHash`].
pub struct QuickHasher(u64);

impl Hasher for QuickHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
