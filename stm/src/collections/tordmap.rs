//! `TOrdMap`: an ordered map, as a skip list.

mod ends;
mod height;
mod list;
mod node;
mod scan;
mod traits;
mod whole;

use std::borrow::Borrow;

use crate::{ReadTransaction, Ref, Shared, StmResult, Transaction};
use list::{Found, List};

/// An ordered map.
///
/// It does what a `BTreeMap` does, as parts of transactions. Cloning it shares the map. Keys are never cloned but where they are
/// handed out.
///
/// # Complexity
///
/// It is a skip list: to search a key takes O(log n), expected, over the heights of nodes, which are random. [`len`](Self::len)
/// counts. A search is not tracked: a transaction reads two variables for a key and its value, and two for each key of a range.
///
/// # Conflicts
///
/// - Operations on a key that is there conflict with changes of that key, and with nothing else. A change is an insert, a
///   removal, or a write of its value.
/// - One that finds no key there conflicts with changes of the gap that it is in: with inserts between the same two keys, and
///   with the removal of either of them.
/// - An insert of a new key and a removal conflict with other inserts and removals next to them. One in four also looks to the next
///   neighbours that are on a higher level, some four keys away, one in sixteen to those sixteen keys away, and so on.
/// - A range conflicts with changes in it, and at its bounds: see [`for_range`](Self::for_range).
///
/// # The order of keys
///
/// A key must not change its order while it is in the map. Nothing undefined happens if it does, but operations may miss keys or
/// panic. `Ord` and `Clone` of keys and values may panic: as with every panic in a body, the transaction has not happened.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TOrdMap};
///
/// let scores = TOrdMap::new();
/// atomically(|tx| {
///     scores.insert(tx, 70, "Ada")?;
///     scores.insert(tx, 90, "Grace")?;
///     scores.insert(tx, 80, "Barbara")
/// });
/// let (best, middle) = atomically(|tx| Ok((scores.pop_last(tx)?, scores.range(tx, 75..85)?)));
/// assert_eq!(best, Some((90, "Grace")));
/// assert_eq!(middle, [(80, "Barbara")]);
/// ```
pub struct TOrdMap<K: 'static, V: 'static> {
    list: Shared<List<K, V>>,
}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Creates an empty map. Inside a transaction or outside of one makes no difference: nobody knows it yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map: TOrdMap<u64, String> = TOrdMap::new();
    /// assert!(atomically(|tx| map.is_empty(tx)));
    /// ```
    pub fn new() -> Self {
        Self { list: Shared::new(List::new()) }
    }

    /// Returns a clone of the value of `key`. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key or, if it is not in the map, of the gap it is in.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, Transaction, atomically, collections::TOrdMap};
    ///
    /// /// Waits until the key is there.
    /// fn wait_for(tx: &Transaction, map: &TOrdMap<String, u64>, key: &str) -> StmResult<u64> {
    ///     match map.get(tx, key)? {
    ///         Some(value) => Ok(value),
    ///         None => tx.retry(),
    ///     }
    /// }
    ///
    /// let map = TOrdMap::from_iter([("a".to_owned(), 1)]);
    /// assert_eq!(atomically(|tx| wait_for(tx, &map, "a")), 1);
    /// ```
    #[inline]
    #[doc(alias = "lookup")]
    pub fn get<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        self.with(tx, key, V::clone)
    }

    /// Borrows the value of `key` for as long as the run lasts. Otherwise as [`get`](Self::get).
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
    /// let map = TOrdMap::from_iter([(1, vec![5; 1_000])]);
    /// let last = atomically(|tx| Ok(map.get_ref(tx, &1)?.and_then(|items| items.last().copied())));
    /// assert_eq!(last, Some(5));
    /// ```
    #[inline]
    pub fn get_ref<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<Ref<'tx, V>>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        match list.find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => node.value.read_ref(tx).map(Some),
            Found::Gap(_) => Ok(None),
        }
    }

    /// Calls `f` with the value of `key`, if it is in the map. Otherwise as [`get`](Self::get).
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
    /// let map = TOrdMap::from_iter([(1, "one".to_owned())]);
    /// assert_eq!(atomically(|tx| map.with(tx, &1, String::len)), Some(3));
    /// ```
    #[inline]
    pub fn with<Q, R>(&self, tx: &ReadTransaction<'_, '_>, key: &Q, f: impl FnOnce(&V) -> R) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Ok(self.get_ref(tx, key)?.map(|value| f(&value)))
    }

    /// Returns whether `key` is in the map. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with the removal of the key or, if it is not in the map, with changes of the gap it is in. A change of the value
    /// is none.
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
    /// let map = TOrdMap::from_iter([(1, ())]);
    /// assert!(atomically(|tx| map.contains_key(tx, &1)));
    /// ```
    #[inline]
    #[doc(alias = "member")]
    pub fn contains_key<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<bool>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        Ok(matches!(list.find(tx, |other| other.borrow().cmp(key))?, Found::Node(_)))
    }

    /// Gives `key` a value, and returns the one it had. A key that is there already is not replaced, as in `BTreeMap`. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key and, if it is not in the map, with inserts and removals next to it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The key and the value are dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::new();
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "a")), None);
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "b")), Some("a"));
    /// ```
    #[inline]
    pub fn insert(&self, tx: &Transaction<'_, '_>, key: K, value: V) -> StmResult<Option<V>>
    where
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let height = height::draw();
        let mut gaps = list::no_gaps();
        if let Some(node) = list.slot(tx, |other| other.cmp(&key), height, &mut gaps)? {
            return node.value.replace(tx, value).map(Some);
        }
        list.put(tx, &gaps[..height], key, value)?;
        Ok(None)
    }

    /// Removes `key` and returns its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key, and with inserts and removals next to it.
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
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), Some("a"));
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), None);
    /// ```
    #[inline]
    #[doc(alias = "delete")]
    pub fn remove<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        list.take(tx, |other| other.borrow().cmp(key), |node| node.value.read(tx))
    }

    /// Changes the value of `key` in place, on a clone, and returns what `f` returned: nothing if the key is not in the map.
    /// O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key or, if it is not in the map, of the gap it is in.
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
    /// let map = TOrdMap::from_iter([(1, 10)]);
    /// atomically(|tx| map.update(tx, &1, |n| *n += 1));
    /// assert_eq!(atomically(|tx| map.get(tx, &1)), Some(11));
    /// ```
    #[doc(alias = "adjust")]
    pub fn update<Q, R>(&self, tx: &Transaction<'_, '_>, key: &Q, f: impl FnOnce(&mut V) -> R) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        match list.find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => node.value.update(tx, f).map(Some),
            Found::Gap(_) => Ok(None),
        }
    }

    /// Makes of a key's value, or of its absence, what `f` says: the key is added, changed, removed or left out. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As those of [`get`](Self::get) and of what is done: [`insert`](Self::insert) or [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, Transaction, atomically, collections::TOrdMap};
    ///
    /// /// Takes one, and the last one out of the list.
    /// fn take(tx: &Transaction, stock: &TOrdMap<&'static str, u32>, item: &'static str) -> StmResult<()> {
    ///     stock.alter(tx, item, |count| count.filter(|count| *count > 1).map(|count| count - 1))
    /// }
    ///
    /// let stock = TOrdMap::from_iter([("pen", 2)]);
    /// atomically(|tx| take(tx, &stock, "pen"));
    /// assert_eq!(atomically(|tx| stock.get(tx, "pen")), Some(1));
    /// atomically(|tx| take(tx, &stock, "pen"));
    /// assert!(atomically(|tx| stock.is_empty(tx)));
    /// ```
    #[doc(alias = "focus")]
    pub fn alter(&self, tx: &Transaction<'_, '_>, key: K, f: impl FnOnce(Option<V>) -> Option<V>) -> StmResult<()>
    where
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let found = match list.find(tx, |other| other.cmp(&key))? {
            Found::Node(node) => Some(node),
            Found::Gap(_) => None,
        };
        let before = found.map(|node| node.value.read(tx)).transpose()?;
        match (found, f(before)) {
            (Some(node), Some(value)) => node.value.write(tx, value),
            (Some(_), None) => list.take(tx, |other| other.cmp(&key), |_| Ok(())).map(drop),
            (None, Some(value)) => self.insert(tx, key, value).map(drop),
            (None, None) => Ok(()),
        }
    }
}
