//! The way through the trie to a key.

/// Ways on from a branch.
pub(crate) const FAN_OUT: usize = 1 << BITS;
const BITS: u32 = 5;
/// Branches, one below the other, that a hash can tell keys apart by.
pub(crate) const DEEPEST: u32 = 64 / BITS;

/// What is left of a key's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(u64);

impl Path {
    /// The multiplication spreads hashes that differ in few bits, as those of the simplest hashers do.
    #[inline(always)]
    pub(crate) fn of_hash(hash: u64) -> Self {
        Self((hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Which way to go at the first branch.
    #[inline(always)]
    pub(crate) fn turn(self) -> usize {
        (self.0 >> (64 - BITS)) as usize
    }

    /// The way from there on.
    #[inline(always)]
    pub(crate) fn rest(self) -> Self {
        Self(self.0 << BITS)
    }

    /// The way on from the branch that so many branches are above.
    pub(crate) fn below(self, depth: u32) -> Self {
        Self(self.0.checked_shl(BITS * depth).unwrap_or(0))
    }
}
