//! Operations on the whole map.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::TOrdMap;
use super::list::{self, List};
use super::spot::Spot;
use crate::collections::undone_by_panic;
use crate::handed::later;
use crate::{Linkage, ReadTransaction, Shared, StmResult, Transaction};

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Counts the keys. O(n): a count that is kept would have all inserts conflict. To know whether there is anything ask
    /// [`is_empty`](Self::is_empty), which takes O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every insert of a new key and every removal. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TOrdMap, snapshot};
    ///
    /// let map = TOrdMap::from_iter([(1, "a"), (2, "b")]);
    /// assert_eq!(snapshot(|tx| map.len(tx)), 2);
    /// ```
    #[doc(alias = "size")]
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        let mut count = 0;
        self.scan(tx, &.., |_| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }

    /// Returns whether there is no key. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with the removal of the first key, and with inserts before it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, "a")]);
    /// assert!(!atomically(|tx| map.is_empty(tx)));
    /// ```
    #[doc(alias = "null")]
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(Shared::get(&self.list, tx).link(None, 0).read(tx)?.is_none())
    }

    /// Calls `f` with every key and its value, in order, without cloning anything. O(n). To stop before the end, or to begin later,
    /// there is [`for_range`](Self::for_range).
    ///
    /// `f` must not change the map itself: it may then miss keys. To do so go through [`iter`](Self::iter), or see
    /// [`retain`](Self::retain).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TOrdMap, snapshot};
    ///
    /// let map: TOrdMap<_, _> = (0..10).map(|n| (n, n * n)).collect();
    /// let sum = snapshot(|tx| {
    ///     let mut sum = 0;
    ///     map.for_each(tx, |_, square| sum += square)?;
    ///     Ok(sum)
    /// });
    /// assert_eq!(sum, 285);
    /// ```
    pub fn for_each(&self, tx: &ReadTransaction<'_, '_>, mut f: impl FnMut(&K, &V)) -> StmResult<()> {
        self.scan(tx, &.., |node| {
            f(&node.key, &*node.value.read_ref(tx)?);
            Ok(true)
        })
    }

    /// Returns clones of all keys with their values, in order. O(n). It is [`range`](Self::range)`(tx, ..)`.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(2, "b"), (1, "a")]);
    /// assert!(atomically(|tx| map.iter(tx)).eq([(1, "a"), (2, "b")]));
    /// ```
    #[doc(alias = "toList")]
    pub fn iter(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<std::vec::IntoIter<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        self.range(tx, ..).map(Vec::into_iter)
    }

    /// Removes all keys and returns them with their values, in order. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every operation.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(2, "b"), (1, "a")]);
    /// assert!(atomically(|tx| map.drain(tx)).eq([(1, "a"), (2, "b")]));
    /// assert!(atomically(|tx| map.is_empty(tx)));
    /// ```
    pub fn drain(&self, tx: &Transaction<'_, '_>) -> StmResult<std::vec::IntoIter<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        let entries = self.iter(tx)?;
        self.clear(tx)?;
        Ok(entries)
    }

    /// Moves all keys from `key` on into a new map. O(log n), and O(1) for each key moved.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every operation on a key that it moves, and with inserts and removals next to `key`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, "a"), (2, "b"), (3, "c")]);
    /// let behind = atomically(|tx| map.split_off(tx, &2));
    /// assert_eq!(behind.snapshot().into_iter().collect::<Vec<_>>(), [(2, "b"), (3, "c")]);
    /// assert_eq!(map.snapshot().len(), 1);
    /// ```
    #[doc(alias = "split")]
    pub fn split_off<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<Self>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        let gaps = list.cut(tx, |other| other.borrow().cmp(key))?;
        let new = Self::new();
        let new_list = Shared::get(&new.list, tx);
        new_list.raise(list.top());
        for (level, (place, next)) in gaps.into_iter().enumerate() {
            if let Some(next) = next {
                new_list.link(None, level).write(tx, Some(next.to_shared()))?;
                list.link(place, level).write(tx, None)?;
            }
        }
        let mut next = gaps[0].1;
        while let Some(node) = next.map(Linkage::get) {
            node.belong(tx, new_list.id(), node.height(tx)?)?;
            next = node.next.read(tx)?;
        }
        Ok(new)
    }

    /// Moves all keys of `other` into this map. Where both have a key, the value of `other` is kept. O(m log n) for m keys moved.
    ///
    /// Appending a map to itself changes nothing.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every operation on `other`, and as an [`insert`](Self::insert) of each of its keys.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let (map, other) = (TOrdMap::from_iter([(1, "a"), (2, "b")]), TOrdMap::from_iter([(2, "B"), (3, "C")]));
    /// atomically(|tx| map.append(tx, &other));
    /// assert_eq!(map.snapshot().into_iter().collect::<Vec<_>>(), [(1, "a"), (2, "B"), (3, "C")]);
    /// assert!(other.snapshot().is_empty());
    /// ```
    #[doc(alias = "union")]
    pub fn append(&self, tx: &Transaction<'_, '_>, other: &Self) -> StmResult<()>
    where
        V: Clone,
    {
        if Shared::ptr_eq(&self.list, &other.list) {
            return Ok(());
        }
        let (list, from) = (Shared::get(&self.list, tx), Shared::get(&other.list, tx));
        undone_by_panic(tx, |tx| Self::move_all(tx, list, from))
    }

    fn move_all<'tx>(tx: &Transaction<'tx, '_>, list: &'tx List<K, V>, from: &'tx List<K, V>) -> StmResult<()>
    where
        V: Clone,
    {
        let mut next = from.take_all(tx)?;
        while let Some(found) = next {
            let node = found.get();
            next = node.next.read(tx)?;
            let (mut gaps, height) = (list::no_gaps(), node.height(tx)?);
            match list.slot(tx, |key| key.cmp(&node.key), height, &mut gaps)? {
                None => list.adopt(tx, found, &gaps[..height])?,
                Some(present) => {
                    present.value.write(tx, node.value.read(tx)?)?;
                    List::give_up(tx, node)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps the keys for which `f` returns true. O(n), and O(log n) for each key removed.
    ///
    /// `f` is called once for each key that is there at the beginning, whatever it does to the map by the same transaction. What it
    /// has refused is removed at the end, even if it has given the key another value; what else it does stays.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter((0..10).map(|n| (n, n * n)));
    /// atomically(|tx| map.retain(tx, |_, square| square % 2 == 0));
    /// assert_eq!(map.snapshot().len(), 5);
    /// ```
    #[doc(alias = "filter")]
    pub fn retain(&self, tx: &Transaction<'_, '_>, f: impl FnMut(&K, &V) -> bool) -> StmResult<()> {
        let refused = self.refused(tx, f)?;
        let list = Shared::get(&self.list, tx);
        undone_by_panic(tx, |tx| {
            for spot in refused {
                list.take(tx, |key| key.cmp(spot.key()), |_| Ok(()))?;
            }
            Ok(())
        })
    }

    /// The keys for which `f` returns false, of those that are there before it is called first.
    pub(in crate::collections) fn refused<'tx>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        mut f: impl FnMut(&K, &V) -> bool,
    ) -> StmResult<Vec<Spot<'tx, K, V>>> {
        let mut nodes = Vec::new();
        self.scan(tx, &.., |node| {
            nodes.push((node, node.value.read_ref(tx)?));
            Ok(true)
        })?;
        // Only now: `f` may change what leads from one node to the next.
        nodes.retain(|(node, value)| !f(&node.key, value));
        Ok(nodes.into_iter().map(|(node, _)| Spot::at(node)).collect())
    }

    /// Removes all keys. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every operation.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, "a")]);
    /// atomically(|tx| map.clear(tx));
    /// assert!(map.snapshot().is_empty());
    /// ```
    pub fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        let mut next = Shared::get(&self.list, tx).take_all(tx)?;
        while let Some(node) = next.map(Linkage::get) {
            next = node.next.read(tx)?;
            List::give_up(tx, node)?;
        }
        Ok(())
    }

    /// [`insert`](Self::insert)s every pair. O(log n) for each.
    ///
    /// # Retry and conflicts
    ///
    /// As [`insert`](Self::insert) of each.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::new();
    /// atomically(|tx| map.extend(tx, (0..10).map(|n| (n, n * n))));
    /// assert_eq!(map.snapshot().len(), 10);
    /// ```
    pub fn extend(&self, tx: &Transaction<'_, '_>, pairs: impl IntoIterator<Item = (K, V)>) -> StmResult<()>
    where
        V: Clone,
    {
        pairs.into_iter().try_for_each(|(key, value)| self.insert(tx, key, value).map(later))
    }

    /// Returns a copy of the map as it is at one moment, in a [`snapshot`](crate::snapshot()) of its own: whatever others
    /// do meanwhile. O(n); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics inside the body of a transaction, as every transaction does there; use [`range`](Self::range)`(tx, ..)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TOrdMap;
    ///
    /// let map = TOrdMap::from_iter([(2, "b"), (1, "a")]);
    /// let copy = map.snapshot();
    /// assert_eq!(copy.first_key_value(), Some((&1, &"a")));
    /// ```
    #[track_caller]
    pub fn snapshot(&self) -> BTreeMap<K, V>
    where
        K: Clone,
        V: Clone,
    {
        crate::snapshot(|tx| self.range(tx, ..)).into_iter().collect()
    }
}
