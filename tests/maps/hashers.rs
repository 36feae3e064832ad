//! Hashers that are bad on purpose.

use std::hash::{BuildHasher, Hasher};

/// Hashes numbers to themselves, and keeps only the bits of a mask: with 0 all keys collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masked(pub(crate) u64);

impl Default for Masked {
    fn default() -> Self {
        Self(3)
    }
}

#[derive(Debug)]
pub(crate) struct MaskedHasher {
    mask: u64,
    state: u64,
}

impl BuildHasher for Masked {
    type Hasher = MaskedHasher;

    fn build_hasher(&self) -> MaskedHasher {
        MaskedHasher { mask: self.0, state: 0 }
    }
}

impl Hasher for MaskedHasher {
    fn finish(&self) -> u64 {
        self.state & self.mask
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = self.state.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.state = number;
    }
}
