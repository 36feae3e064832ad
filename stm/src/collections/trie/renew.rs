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
    /// Begins a new generation, and returns a root of the one that ends. Once this has committed, everything below that is frozen.
    pub(crate) fn freeze<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Shared<Root<K, V>>> {
        let root = self.root(tx)?;
        // If nothing has been changed since the last time, nothing has to be frozen.
        if !root.is_unchanged() {
            let next = Root {
                generation: root.generation + 1,
                branch: Shared::clone(&root.branch),
                counts: Shared::clone(&root.counts),
            };
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
            let counts = Shared::new(Counts::new(Shared::get(&root.counts, tx).sum(tx)?));
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

fn renew_chain<'tx, K: Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
    tx: &Transaction<'tx, '_>,
    slot: &'tx Link<K, V>,
    first: Linkage<'tx, Entry<K, V>>,
    generation: u64,
) -> StmResult<()> {
    let mut chain = Vec::new();
    let mut found = Some(first);
    while let Some(entry) = found {
        chain.push(entry);
        found = entry.get().next.read(tx)?.entry();
    }
    // From the end, since a copy needs to know what follows it. What follows the last copy has not changed.
    let mut next = Node::Nothing;
    let mut has_changed = false;
    for entry in chain.into_iter().rev() {
        if entry.generation != generation {
            let copy = Entry::new(generation, entry.key.clone(), entry.get().value.read(tx)?, next);
            next = Node::Entry(Shared::new(copy));
            has_changed = true;
        } else {
            if has_changed {
                entry.get().next.write(tx, next)?;
            }
            next = Node::Entry(entry.to_shared());
            has_changed = false;
        }
    }
    if has_changed { slot.write(tx, next) } else { Ok(()) }
}
