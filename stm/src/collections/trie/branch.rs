//! Where paths part.

use std::array;

use crate::error::StmResult;
use crate::tx::{ReadTransaction, Transaction};

use super::link::{Link, Node};
use super::path::{FAN_OUT, Path};

/// A node of the trie: one slot for each way on. A slot leads to nothing, to a chain of a few entries, or to a further branch.
pub(crate) struct Branch<K: 'static, V: 'static> {
    /// Of the map when the branch was made: the slots change only while it is that of the root.
    pub(crate) generation: u64,
    pub(crate) slots: [Link<K, V>; FAN_OUT],
}

impl<K: 'static, V: 'static> Branch<K, V> {
    pub(crate) fn empty(generation: u64) -> Self {
        Self::new(generation, |_| Node::Nothing)
    }

    pub(crate) fn new(generation: u64, mut node: impl FnMut(usize) -> Node<K, V>) -> Self {
        Self { generation, slots: array::from_fn(|place| Link::new(node(place))) }
    }

    #[inline(always)]
    pub(crate) fn slot(&self, path: Path) -> &Link<K, V> {
        &self.slots[path.turn()]
    }

    /// One of `generation` with the same content.
    pub(crate) fn copy<'tx>(&'tx self, tx: &Transaction<'tx, '_>, generation: u64) -> StmResult<Self> {
        let mut nodes: [Node<K, V>; FAN_OUT] = array::from_fn(|_| Node::Nothing);
        for (node, slot) in nodes.iter_mut().zip(&self.slots) {
            *node = slot.read(tx)?.to_node();
        }
        let mut nodes = nodes.into_iter();
        Ok(Self::new(generation, |_| nodes.next().unwrap_or(Node::Nothing)))
    }

    /// Whether all slots lead to nothing. Takes note of all of them only if that seems to be so.
    pub(crate) fn is_empty<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        for slot in &self.slots {
            if !slot.seems_empty(tx)? {
                return Ok(false);
            }
        }
        for slot in &self.slots {
            if !slot.read(tx)?.is_nothing() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
