//! One key and its value.

use crate::tcell::TCell;

use super::link::{Link, Node};

/// A key, its value, and the next entry of the same slot.
///
/// With keys and values of a word each it fills 64 bytes together with its count of references.
#[repr(C)]
pub(crate) struct Entry<K: 'static, V: 'static> {
    /// Of the map when the entry was made: `value` and `next` change only while it is that of the root.
    pub(crate) generation: u64,
    pub(crate) key: K,
    pub(crate) value: TCell<V>,
    /// Leads to another entry, or to nothing.
    pub(crate) next: Link<K, V>,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Entry<K, V> {
    pub(crate) fn new(generation: u64, key: K, value: V, next: Node<K, V>) -> Self {
        Self { generation, key, value: TCell::new(value), next: Link::new(next) }
    }
}
