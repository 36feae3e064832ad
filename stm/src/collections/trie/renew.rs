//! Copies of what is frozen, for changing them.

use crate::error::StmResult;
use crate::shared::Shared;
use crate::tlink::Linkage;
use crate::tx::Transaction;

use super::Trie;
use super::counts::Counts;
use super::entry::Entry;
use super::link::{Link, Node, Target};
use super::path::Path;
use super::root::Root;

impl<K: Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Trie<K, V> {
    /// Begins a new generation, and returns a root of the one that ends. Once this has committed, everything below that is
    /// frozen.
    pub(crate) fn freeze<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Shared<Root<K, V>>> {
        let root = self.root(tx)?;
        // If nothing has been changed since the last time, nothing has to be frozen.
        if !root.is_unchanged() {
            let next = Root {
                generation: root.generation + 1,
                branch: Shared::clone(&root.branch),
                counts: root.counts.clone(),
            };
            root.get().counts.end(tx)?;
            self.root.write(tx, Some(Shared::new(next)))?;
        }
        Ok(root.to_shared())
    }

    /// Makes everything on a path one of the root's generation: the branches, and the chain at its end.
    #[cold]
    pub(super) fn renew<'tx>(&'tx self, tx: &Transaction<'tx, '_>, mut path: Path) -> StmResult<()> {
        let root = self.root(tx)?.get();
        let generation = root.generation;
        if root.is_unchanged() {
            let branch = Shared::new(Shared::get(&root.branch, tx).copy(tx, generation)?);
            let counts = Counts::new(root.counts.sum(tx)?);
            self.root.write(tx, Some(Shared::new(Root { generation, branch, counts })))?;
        }
        let mut link = Shared::get(&self.root(tx)?.get().branch, tx).slot(path);
        loop {
            match link.read(tx)? {
                Target::Nothing => return Ok(()),
                Target::Entry(first) => return renew_chain(tx, link, first, generation),
                Target::Branch(branch) if branch.generation == generation => {
                    path = path.rest();
                    link = branch.get().slot(path);
                }
                Target::Branch(branch) => {
                    link.write(tx, Node::Branch(Shared::new(branch.get().copy(tx, generation)?)))?;
                }
            }
        }
    }
}

/// Copies a chain as a whole. (The entries of a chain are of one generation, since nothing is added to or taken from an older one.)
fn renew_chain<'tx, K: Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
    tx: &Transaction<'tx, '_>,
    slot: &'tx Link<K, V>,
    first: Linkage<'tx, Entry<K, V>>,
    generation: u64,
) -> StmResult<()> {
    if first.generation == generation {
        return Ok(());
    }
    let mut chain = vec![first];
    let mut last = first;
    while let Some(entry) = last.get().next.read(tx)?.entry() {
        debug_assert!(entry.generation != generation, "a chain of two generations");
        chain.push(entry);
        last = entry;
    }
    let mut copies = Node::Nothing;
    for entry in chain.into_iter().rev() {
        let copy = Entry::new(generation, entry.key.clone(), entry.get().value.read(tx)?, copies);
        copies = Node::Entry(Shared::new(copy));
    }
    slot.write(tx, copies)
}
