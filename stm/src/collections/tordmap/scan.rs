//! Ranges.

use std::cmp::Ordering as Order;
use std::ops::{Bound, ControlFlow, RangeBounds};

use super::TOrdMap;
use super::list::Found;
use super::node::Node;
use crate::{Linkage, ReadTransaction, Shared, StmResult};

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Returns the keys in the range, in order, with their values. O(log n) and O(1) for each of them.
    ///
    /// # Retry and conflicts
    ///
    /// See [`for_range`](Self::for_range).
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
    /// let map = TOrdMap::from_iter([(1, "a"), (3, "c"), (5, "e")]);
    /// assert_eq!(atomically(|tx| map.range(tx, 2..=5)), [(3, "c"), (5, "e")]);
    /// assert_eq!(atomically(|tx| map.range(tx, ..)).len(), 3);
    /// ```
    pub fn range(&self, tx: &ReadTransaction<'_, '_>, range: impl RangeBounds<K>) -> StmResult<Vec<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        let mut found = Vec::new();
        self.scan(tx, &range, |node| {
            found.push((node.key.clone(), node.value.read(tx)?));
            Ok(true)
        })?;
        Ok(found)
    }

    /// Calls `f` for the keys in the range, in order, until it breaks. Returns what it broke with. O(log n) and O(1) for each key
    /// that it goes through.
    ///
    /// A range whose start is behind its end is empty. `f` must not change the map itself: it may then miss keys.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes in the range, as far as it was gone through: also of keys that were not there. Of changes outside, it
    /// conflicts with those next to a bound alone:
    ///
    /// - A bound that is a key of the map: the removal of that key, even if the bound excludes it.
    /// - A bound that is not: inserts between it and the key next to it outside of the range, and the removal of that key.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use stm::{StmResult, Transaction, atomically, collections::TOrdMap};
    ///
    /// /// The first order, by price, of at least that size.
    /// fn offer(tx: &Transaction, orders: &TOrdMap<u64, u64>, size: u64) -> StmResult<Option<u64>> {
    ///     let found = orders.for_range(tx, .., |price, offered| {
    ///         if *offered >= size { ControlFlow::Break(*price) } else { ControlFlow::Continue(()) }
    ///     })?;
    ///     Ok(found.break_value())
    /// }
    ///
    /// let orders = TOrdMap::from_iter([(100, 5), (101, 20), (102, 50)]);
    /// assert_eq!(atomically(|tx| offer(tx, &orders, 10)), Some(101));
    /// assert_eq!(atomically(|tx| offer(tx, &orders, 99)), None);
    /// ```
    pub fn for_range<B>(
        &self,
        tx: &ReadTransaction<'_, '_>,
        range: impl RangeBounds<K>,
        mut f: impl FnMut(&K, &V) -> ControlFlow<B>,
    ) -> StmResult<ControlFlow<B>> {
        let mut result = ControlFlow::Continue(());
        self.scan(tx, &range, |node| {
            result = f(&node.key, &*node.value.read_ref(tx)?);
            Ok(result.is_continue())
        })?;
        Ok(result)
    }

    /// Calls `f` for the nodes in the range until it returns false.
    #[inline(always)]
    pub(super) fn scan<'tx>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        range: &impl RangeBounds<K>,
        mut f: impl FnMut(&'tx Node<K, V>) -> StmResult<bool>,
    ) -> StmResult<()> {
        let mut next = self.start(tx, range.start_bound())?;
        let end = range.end_bound();
        while let Some(node) = next {
            // Behind a last key that is in the map nothing has to be looked at.
            let (inside, last) = match end {
                Bound::Unbounded => (true, false),
                Bound::Included(end) => {
                    let order = node.key.cmp(end);
                    (order != Order::Greater, order == Order::Equal)
                }
                Bound::Excluded(end) => (node.key < *end, false),
            };
            if !inside || !f(node)? || last {
                return Ok(());
            }
            next = node.next.read(tx)?.map(Linkage::get);
        }
        Ok(())
    }

    /// Calls `f` for the keys that are neither `before` what is searched nor behind it, as `within` says, until it breaks.
    pub(in crate::collections) fn for_part<B>(
        &self,
        tx: &ReadTransaction<'_, '_>,
        before: impl Fn(&K) -> bool,
        within: impl Fn(&K) -> bool,
        mut f: impl FnMut(&K) -> StmResult<ControlFlow<B>>,
    ) -> StmResult<ControlFlow<B>> {
        let list = Shared::get(&self.list, tx);
        let (_, mut next) = list.gap(tx, |key| if before(key) { Order::Less } else { Order::Greater })?;
        while let Some(node) = next.map(Linkage::get).filter(|node| within(&node.key)) {
            if let ControlFlow::Break(result) = f(&node.key)? {
                return Ok(ControlFlow::Break(result));
            }
            next = node.next.read(tx)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The first node that is not before the range.
    fn start<'tx>(&self, tx: &ReadTransaction<'tx, '_>, bound: Bound<&K>) -> StmResult<Option<&'tx Node<K, V>>> {
        let list = Shared::get(&self.list, tx);
        let (key, included) = match bound {
            Bound::Unbounded => return Ok(list.link(None, 0).read(tx)?.map(Linkage::get)),
            Bound::Included(key) => (key, true),
            Bound::Excluded(key) => (key, false),
        };
        match list.find(tx, |other| other.cmp(key))? {
            Found::Gap(gap) => Ok(gap.1.map(Linkage::get)),
            Found::Node(node) if included => Ok(Some(node)),
            Found::Node(node) => Ok(node.next.read(tx)?.map(Linkage::get)),
        }
    }
}
