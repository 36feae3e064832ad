//! The first and the last, and what is next to a key.

use std::borrow::Borrow;
use std::cmp::Ordering as Order;

use super::TOrdMap;
use super::list::Found;
use super::node::Node;
use crate::{ReadTransaction, Shared, StmResult, Transaction};

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Returns the first key and its value. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the first key and of what is before it.
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
    /// assert_eq!(atomically(|tx| map.first_key_value(tx)), Some((1, "a")));
    /// ```
    #[doc(alias = "first")]
    #[doc(alias = "lookupMin")]
    pub fn first_key_value(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let first = list.link(None, 0).read(tx)?;
        first.map(|node| pair(tx, node.get())).transpose()
    }

    /// Returns the last key and its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the last key and of what is behind it.
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
    /// assert_eq!(atomically(|tx| map.last_key_value(tx)), Some((2, "b")));
    /// ```
    #[doc(alias = "last")]
    #[doc(alias = "lookupMax")]
    pub fn last_key_value(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        let last = self.last(tx)?;
        last.map(|node| pair(tx, node)).transpose()
    }

    /// Returns the first key that is greater than `key`, and its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key that it returns and of what is between the two. If `key` itself is not in the map, it also
    /// conflicts with inserts between the key before it and `key`, and with the removal of the former; if it is, with its
    /// removal.
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
    /// let map = TOrdMap::from_iter([(1, "a"), (3, "c")]);
    /// assert_eq!(atomically(|tx| map.next_after(tx, &1)), Some((3, "c")));
    /// assert_eq!(atomically(|tx| map.next_after(tx, &2)), Some((3, "c")));
    /// assert_eq!(atomically(|tx| map.next_after(tx, &3)), None);
    /// ```
    #[doc(alias = "lookupGT")]
    pub fn next_after<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<(K, V)>>
    where
        K: Borrow<Q> + Clone,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let next = match list.find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => node.next.read(tx)?,
            Found::Gap(gap) => gap.1,
        };
        next.map(|node| pair(tx, node.get())).transpose()
    }

    /// Returns the last key that is less than `key`, and its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key that it returns and of what is between the two. It also conflicts with the removal of
    /// `key` or, if that is not in the map, with inserts between `key` and the next key and the removal of the latter.
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
    /// let map = TOrdMap::from_iter([(1, "a"), (3, "c")]);
    /// assert_eq!(atomically(|tx| map.prev_before(tx, &3)), Some((1, "a")));
    /// assert_eq!(atomically(|tx| map.prev_before(tx, &1)), None);
    /// ```
    #[doc(alias = "lookupLT")]
    pub fn prev_before<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<(K, V)>>
    where
        K: Borrow<Q> + Clone,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let (place, _) = list.gap(tx, |other| other.borrow().cmp(key))?;
        place.map(|node| pair(tx, node)).transpose()
    }

    /// Removes the first key and returns it with its value. O(1), expected: it takes time for the key's levels, of which there are
    /// 4/3 on average.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the first two keys and of what is before them, so with every other `pop_first`.
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
    /// assert_eq!(atomically(|tx| map.pop_first(tx)), Some((1, "a")));
    /// assert_eq!(atomically(|tx| map.pop_first(tx)), Some((2, "b")));
    /// assert_eq!(atomically(|tx| map.pop_first(tx)), None);
    /// ```
    #[doc(alias = "minViewWithKey")]
    pub fn pop_first(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        Shared::get(&self.list, tx).take_first(tx, |node| pair(tx, node))
    }

    /// Removes the last key and returns it with its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the last key, with inserts next to it, and with the removal of the one before it.
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
    /// assert_eq!(atomically(|tx| map.pop_last(tx)), Some((2, "b")));
    /// ```
    #[doc(alias = "maxViewWithKey")]
    pub fn pop_last(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        let Some(last) = self.last(tx)? else { return Ok(None) };
        Shared::get(&self.list, tx).take(tx, |other| other.cmp(&last.key), |node| pair(tx, node))
    }

    fn last<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<&'tx Node<K, V>>> {
        Ok(Shared::get(&self.list, tx).gap(tx, |_| Order::Less)?.0)
    }
}

fn pair<'tx, K: Clone, V: Clone + Send + Sync>(
    tx: &ReadTransaction<'tx, '_>,
    node: &'tx Node<K, V>,
) -> StmResult<(K, V)> {
    Ok((node.key.clone(), node.value.read(tx)?))
}
