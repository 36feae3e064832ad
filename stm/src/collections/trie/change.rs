//! What changes a trie: each as a part of a transaction.

use std::borrow::Borrow;
use std::mem;

use crate::error::StmResult;
use crate::handed::{Handed, later};
use crate::shared::Shared;
use crate::tlink::Linkage;
use crate::tx::Transaction;

use super::branch::Branch;
use super::entry::Entry;
use super::link::{Node, Target};
use super::path::{DEEPEST, FAN_OUT, Path};
use super::root::Root;
use super::{LONGEST, Place, Trie};

impl<K, V> Trie<K, V>
where
    K: Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Gives a key a value, and returns the one it had. `path_of` finds the paths of other keys.
    pub(crate) fn insert<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        path: Path,
        key: K,
        value: V,
        path_of: impl Fn(&K) -> Path,
    ) -> StmResult<Option<V>> {
        let (mut key, mut value) = (Handed::new(key), Handed::new(value));
        loop {
            let place = self.locate(tx, path, key.get())?;
            if !place.is_current {
                self.renew(tx, path)?;
            } else if let Some(entry) = place.entry {
                return entry.get().value.replace(tx, value.take()).map(Some);
            } else if place.passed >= LONGEST && place.depth < DEEPEST {
                place.split(tx, &path_of)?;
            } else {
                let entry = Entry::new(place.root.generation, key.take(), value.take(), Node::Nothing);
                place.link.write(tx, Node::Entry(Shared::new(entry)))?;
                place.root.counts.add(tx, 1)?;
                return Ok(None);
            }
        }
    }

    /// Removes a key, and returns the value it had.
    pub(crate) fn remove<'tx, Q: Eq + ?Sized>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        path: Path,
        key: &Q,
    ) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
    {
        loop {
            let place = self.locate(tx, path, key)?;
            let Some(entry) = place.entry else { return Ok(None) };
            if !place.is_current {
                self.renew(tx, path)?;
                continue;
            }
            let value = entry.get().value.read(tx)?;
            let next = entry.get().next.read(tx)?;
            place.link.write(tx, next.to_node())?;
            place.root.counts.add(tx, -1)?;
            if next.is_nothing() && place.passed == 0 && place.depth > 0 && place.branch.is_empty(tx)? {
                self.prune(tx, path)?;
            }
            return Ok(Some(value));
        }
    }

    /// Changes the value of a key, if there is one, by what `f` does to a clone. The key has that value then, whatever else `f` has
    /// done. `path_of` finds the paths of other keys.
    pub(crate) fn update<'tx, Q: Eq + ?Sized, R>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        path: Path,
        key: &Q,
        f: impl FnOnce(&mut V) -> R,
        path_of: impl Fn(&K) -> Path,
    ) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
    {
        loop {
            let place = self.locate(tx, path, key)?;
            let Some(entry) = place.entry else { return Ok(None) };
            if !place.is_current {
                self.renew(tx, path)?;
                continue;
            }
            let mut value = Handed::new(entry.get().value.read(tx)?);
            let result = f(value.get_mut());
            // If `f` has begun a new generation the entry may not be changed any more; if it has removed it, nobody finds it there.
            if std::ptr::eq(self.root(tx)?.get(), place.root) && place.holds(tx, entry)? {
                entry.get().value.write(tx, value.take())?;
            } else {
                self.put_back(tx, path, &entry.get().key, value, path_of)?;
            }
            return Ok(Some(result));
        }
    }

    /// Gives a key that was there a value, wherever it is now.
    #[cold]
    fn put_back<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        path: Path,
        key: &K,
        mut value: Handed<V>,
        path_of: impl Fn(&K) -> Path,
    ) -> StmResult<()> {
        let key = key.clone();
        self.insert(tx, path, key, value.take(), path_of).map(later)
    }

    /// Removes everything.
    pub(crate) fn clear<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        let generation = self.root(tx)?.generation + 1;
        self.root.write(tx, Some(Root::empty(generation)))
    }

    /// Takes away the lowest branches on a path that are empty.
    #[cold]
    fn prune<'tx>(&'tx self, tx: &Transaction<'tx, '_>, path: Path) -> StmResult<()> {
        loop {
            let (mut above, mut path) = (None, path);
            let mut branch = Shared::get(&self.root(tx)?.get().branch, tx);
            while let Target::Branch(below) = branch.slot(path).read(tx)? {
                above = Some(branch.slot(path));
                branch = below.get();
                path = path.rest();
            }
            match above {
                Some(link) if branch.is_empty(tx)? => link.write(tx, Node::Nothing)?,
                _ => return Ok(()),
            }
        }
    }
}

impl<'tx, K: Eq + Send + Sync + 'static, V: Send + Sync + 'static> Place<'tx, K, V> {
    /// Whether an entry is still in the slot's chain. The slot itself is in the trie as long as the root is the same: a branch that
    /// is taken away has nothing in its slots.
    #[inline]
    fn holds(&self, tx: &Transaction<'tx, '_>, entry: Linkage<'tx, Entry<K, V>>) -> StmResult<bool> {
        let mut found = self.slot.read(tx)?.entry();
        while let Some(other) = found {
            if other == entry {
                return Ok(true);
            }
            found = other.get().next.read(tx)?.entry();
        }
        Ok(false)
    }

    /// Distributes the slot's chain over a new branch.
    #[cold]
    fn split(&self, tx: &Transaction<'tx, '_>, path_of: impl Fn(&K) -> Path) -> StmResult<()> {
        let generation = self.root.generation;
        // User code comes first: a body may catch its panic and go on.
        let mut chain = Vec::with_capacity(LONGEST as usize);
        let mut found = self.slot.read(tx)?.entry();
        while let Some(entry) = found {
            let after = entry.get().next.read(tx)?.entry();
            chain.push((entry, path_of(&entry.get().key).below(self.depth + 1).turn(), after.is_none()));
            found = after;
        }
        let mut chains: [Node<K, V>; FAN_OUT] = std::array::from_fn(|_| Node::Nothing);
        for (entry, turn, is_last) in chain {
            let next = mem::replace(&mut chains[turn], Node::Entry(entry.to_shared()));
            if !(is_last && matches!(next, Node::Nothing)) {
                entry.get().next.write(tx, next)?;
            }
        }
        let mut chains = chains.into_iter();
        let branch = Branch::new(generation, |_| chains.next().unwrap_or(Node::Nothing));
        self.slot.write(tx, Node::Branch(Shared::new(branch)))
    }
}
