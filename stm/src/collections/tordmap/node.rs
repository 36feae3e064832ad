//! A node of the skip list.

use crate::{Linkage, Shared, TCell, TLink};

/// A key with its value.
///
/// Its links keep alive what comes behind it, so they are cut when it is taken out: else each node of a long queue of removed ones
/// would wait for the one before it.
pub(super) struct Node<K: 'static, V: 'static> {
    /// Of level 0.
    next: TLink<Node<K, V>>,
    /// The [`id`](super::list::List::id) of the list that the node is in, or 0. Written when the node is put into a list and when it
    /// is taken out, so who has read it knows of both.
    pub(super) owner: TCell<usize>,
    pub(super) value: TCell<V>,
    pub(super) key: K,
    /// Of the levels from 1.
    upper: Box<[TLink<Node<K, V>>]>,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Node<K, V> {
    /// A node whose links lead to `next`, one for each level. It is in no list yet.
    pub(super) fn new(key: K, value: V, next: &[Option<Linkage<'_, Self>>]) -> Shared<Self> {
        let link = |next: &Option<Linkage<'_, Self>>| TLink::new(next.map(Linkage::to_shared));
        Shared::new(Self {
            next: link(&next[0]),
            owner: TCell::new(0),
            value: TCell::new(value),
            key,
            upper: next[1..].iter().map(link).collect(),
        })
    }
}

impl<K: 'static, V: 'static> Node<K, V> {
    /// On how many levels it is.
    #[inline(always)]
    pub(super) fn height(&self) -> usize {
        self.upper.len() + 1
    }

    #[inline(always)]
    pub(super) fn link(&self, level: usize) -> &TLink<Self> {
        match level.checked_sub(1) {
            None => &self.next,
            Some(above) => &self.upper[above],
        }
    }
}
