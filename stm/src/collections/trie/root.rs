//! The top of a trie.

use crate::shared::Shared;

use super::branch::Branch;
use super::counts::Counts;

/// One version of the top. It never changes; the trie goes on to another.
///
/// Nodes below it whose generation is not this one's are frozen: views share them. Once the top branch has this
/// generation, so have the counts.
pub(crate) struct Root<K: 'static, V: 'static> {
    pub(crate) generation: u64,
    pub(crate) branch: Shared<Branch<K, V>>,
    pub(crate) counts: Counts,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Root<K, V> {
    pub(crate) fn empty(generation: u64) -> Shared<Self> {
        Shared::new(Self { generation, branch: Shared::new(Branch::empty(generation)), counts: Counts::new(0) })
    }

    /// Whether nothing below this has changed since the generation began.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.branch.generation != self.generation
    }

    /// Whether the generation of `branch` is over, as far as is committed: a root of a later one was committed to the trie. Who
    /// freezes it says so in the counts, which the roots of both generations share, by the commit that makes the later root the
    /// trie's.
    pub(crate) fn is_frozen(&self) -> bool {
        self.counts.is_over()
    }
}
