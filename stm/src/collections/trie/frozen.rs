//! A trie that does not change any more, read without transactions.

use std::borrow::Borrow;
use std::slice;

use super::branch::Branch;
use super::entry::Entry;
use super::link::{Frozen, Link};
use super::path::Path;
use super::root::Root;

/// The tree below a root whose generation is over.
pub(crate) struct FrozenTrie<'a, K: 'static, V: 'static> {
    root: &'a Root<K, V>,
}

impl<'a, K: Send + Sync + 'static, V: Send + Sync + 'static> FrozenTrie<'a, K, V> {
    /// # Safety
    ///
    /// The caller has learned that a root of a later generation than that of `root.branch` was committed to the trie, as
    /// [`Root::is_frozen`] says.
    pub(crate) unsafe fn new(root: &'a Root<K, V>) -> Self {
        Self { root }
    }

    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.root.counts.frozen()).expect("every entry was counted when it was added")
    }

    pub(crate) fn get<Q: Eq + ?Sized>(&self, mut path: Path, key: &Q) -> Option<&'a V>
    where
        K: Borrow<Q>,
    {
        let mut link = self.root.branch.slot(path);
        loop {
            // SAFETY: the contract of `new`. Who writes a link or a value has read the trie's root, and so commits before a root
            // of a later generation does, or not at all: its commit was decided before the caller of `new` learned of that root.
            match unsafe { link.frozen() } {
                Frozen::Nothing => return None,
                Frozen::Branch(branch) => {
                    path = path.rest();
                    link = branch.slot(path);
                }
                // SAFETY: as above.
                Frozen::Entry(entry) if entry.key.borrow() == key => return Some(unsafe { entry.value.frozen() }),
                Frozen::Entry(entry) => link = &entry.next,
            }
        }
    }

    pub(crate) fn entries(&self) -> Entries<'a, K, V> {
        Entries { above: Vec::new(), slots: self.root.branch.slots.iter(), chain: None }
    }
}

/// Goes through all entries.
pub(crate) struct Entries<'a, K: 'static, V: 'static> {
    /// The slots still to come of the branches above.
    above: Vec<slice::Iter<'a, Link<K, V>>>,
    slots: slice::Iter<'a, Link<K, V>>,
    /// What is next in the slot.
    chain: Option<&'a Link<K, V>>,
}

impl<K: 'static, V: 'static> Clone for Entries<'_, K, V> {
    fn clone(&self) -> Self {
        Self { above: self.above.clone(), slots: self.slots.clone(), chain: self.chain }
    }
}

impl<'a, K: Send + Sync + 'static, V: Send + Sync + 'static> Entries<'a, K, V> {
    fn enter(&mut self, branch: &'a Branch<K, V>) {
        self.above.push(std::mem::replace(&mut self.slots, branch.slots.iter()));
    }

    fn found(&mut self, entry: &'a Entry<K, V>) -> (&'a K, &'a V) {
        self.chain = Some(&entry.next);
        // SAFETY: entries come from a `FrozenTrie`, so its contract holds; see there.
        (&entry.key, unsafe { entry.value.frozen() })
    }
}

impl<'a, K: Send + Sync + 'static, V: Send + Sync + 'static> Iterator for Entries<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let link = match self.chain.take().or_else(|| self.slots.next()) {
                Some(link) => link,
                None => {
                    self.slots = self.above.pop()?;
                    continue;
                }
            };
            // SAFETY: as in `found`.
            match unsafe { link.frozen() } {
                Frozen::Nothing => {}
                Frozen::Branch(branch) => self.enter(branch),
                Frozen::Entry(entry) => return Some(self.found(entry)),
            }
        }
    }
}
