//! The hash trie under [`TMap`](super::TMap): which nodes there are, and how a key's place is found.
//!
//! Below a [`Root`] are [`Branch`]es of 32 slots; a key's hash says which way to go, five bits a branch. A slot leads to a
//! chain of up to [`LONGEST`] entries, or to another branch: a chain that would get longer is distributed over a new branch
//! (`change`). Beyond the last branch that a hash can tell keys apart by chains have any length.
//!
//! An operation reads the root's link, the links on the way to its entry, and the entry's value; it writes one of them. Entries
//! are added at the end of a chain, so who has found an entry in front of that does not mind.
//!
//! **Generations.** A view begins a new generation: it writes the root's link, and notes beside the counts, which both roots share,
//! that the older one is over. Who then changes something replaces what is of an older generation on the way to it by copies first
//! (`renew`), as in Ctries (Prokopec et al., PPoPP 2012). Since everybody has read the root's link, nobody who has seen the older
//! generation as the current one commits after the view. So what is of an older generation than the committed root's is frozen
//! (`frozen`).
//!
//! User code (`Hash`, `Eq`, `Clone` and closures) may run between any two steps here. All it can do is panic, after which the body
//! may go on if it catches that (so none runs between two writes that belong together), or, if it is a closure that has the
//! transaction, change the map; so nothing that was found before a closure ran is relied on after it.

pub(crate) mod branch;
pub(crate) mod build;
mod change;
mod counts;
pub(crate) mod entry;
pub(crate) mod frozen;
mod link;
mod path;
mod renew;
mod root;
mod visit;

use std::borrow::Borrow;

pub(crate) use path::Path;
pub(crate) use root::Root;

use crate::error::StmResult;
use crate::shared::Shared;
use crate::tlink::{Linkage, TLink};
use crate::tx::ReadTransaction;

use branch::Branch;
use entry::Entry;
use link::{Link, Target};

/// Entries of a slot that has no branch.
const LONGEST: u32 = 4;

/// A mutable hash trie; its operations are parts of transactions.
pub(crate) struct Trie<K: 'static, V: 'static> {
    /// Never empty.
    root: TLink<Root<K, V>>,
}

/// Where a key is, or would be.
struct Place<'tx, K: 'static, V: 'static> {
    root: &'tx Root<K, V>,
    branch: &'tx Branch<K, V>,
    /// Branches above `branch`.
    depth: u32,
    slot: &'tx Link<K, V>,
    /// Leads to the entry, or is the end of the slot's chain.
    link: &'tx Link<K, V>,
    entry: Option<Linkage<'tx, Entry<K, V>>>,
    /// Entries in front of `link`.
    passed: u32,
    /// Whether everything on the way is of the root's generation, and so may be changed.
    is_current: bool,
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Trie<K, V> {
    pub(crate) fn new(root: Shared<Root<K, V>>) -> Self {
        Self { root: TLink::new(Some(root)) }
    }

    #[inline(always)]
    pub(crate) fn root<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Linkage<'tx, Root<K, V>>> {
        match self.root.read(tx)? {
            Some(root) => Ok(root),
            None => unreachable!("a trie has a root"),
        }
    }

    /// Finds a key's entry.
    #[inline(always)]
    pub(crate) fn find<'tx, Q: Eq + ?Sized>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        mut path: Path,
        key: &Q,
    ) -> StmResult<Option<&'tx Entry<K, V>>>
    where
        K: Borrow<Q>,
    {
        let root = self.root(tx)?.get();
        let mut link = Shared::get(&root.branch, tx).slot(path);
        loop {
            match link.read(tx)? {
                Target::Nothing => return Ok(None),
                Target::Branch(branch) => {
                    path = path.rest();
                    link = branch.get().slot(path);
                }
                Target::Entry(entry) => {
                    let entry = entry.get();
                    if entry.key.borrow() == key {
                        return Ok(Some(entry));
                    }
                    link = &entry.next;
                }
            }
        }
    }

    /// Finds a key's place, to change something there.
    #[inline(always)]
    fn locate<'tx, Q: Eq + ?Sized>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        mut path: Path,
        key: &Q,
    ) -> StmResult<Place<'tx, K, V>>
    where
        K: Borrow<Q>,
    {
        let root = self.root(tx)?.get();
        let branch = Shared::get(&root.branch, tx);
        let slot = branch.slot(path);
        let is_current = branch.generation == root.generation;
        let mut place = Place { root, branch, depth: 0, slot, link: slot, entry: None, passed: 0, is_current };
        loop {
            match place.link.read(tx)? {
                Target::Nothing => return Ok(place),
                Target::Branch(branch) => {
                    path = path.rest();
                    place.branch = branch.get();
                    place.depth += 1;
                    place.is_current &= place.branch.generation == root.generation;
                    place.slot = place.branch.slot(path);
                    place.link = place.slot;
                }
                Target::Entry(found) => {
                    let entry = found.get();
                    place.is_current &= entry.generation == root.generation;
                    if entry.key.borrow() == key {
                        place.entry = Some(found);
                        return Ok(place);
                    }
                    place.passed += 1;
                    place.link = &entry.next;
                }
            }
        }
    }
}
