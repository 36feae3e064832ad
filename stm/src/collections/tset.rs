//! `TSet`: a hash set.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::error::StmResult;
use crate::handed::Handed;
use crate::tx::{ReadTransaction, Transaction};

use super::tmap::TMap;
use super::tset_view::TSetView;

/// A hash set whose operations are parts of transactions: a [`TMap`] without values. What is said there about complexity and
/// conflicts holds here.
///
/// It is a handle: cloning it shares the set, and `==` says whether two handles are of one set. As for a map, there is no
/// `with_capacity`.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TSet};
///
/// let (waiting, running) = (TSet::from(["job"]), TSet::new());
/// atomically(|tx| {
///     waiting.remove(tx, "job")?;
///     running.insert(tx, "job")
/// });
/// assert!(running.snapshot().contains("job"));
/// ```
pub struct TSet<K: 'static, S: 'static = RandomState> {
    map: TMap<K, (), S>,
}

impl<K: Send + Sync + 'static> TSet<K> {
    /// Creates an empty set. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    ///
    /// let set = TSet::new();
    /// atomically(|tx| set.insert(tx, 1));
    /// assert!(set.snapshot().contains(&1));
    /// ```
    pub fn new() -> Self {
        Self { map: TMap::new() }
    }
}

impl<K: Send + Sync + 'static, S: Send + Sync + 'static> TSet<K, S> {
    /// Creates an empty set whose keys are hashed by `hasher`. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use stm::collections::TSet;
    ///
    /// let set: TSet<u32> = TSet::with_hasher(RandomState::new());
    /// assert!(set.snapshot().is_empty());
    /// ```
    pub fn with_hasher(hasher: S) -> Self {
        Self { map: TMap::with_hasher(hasher) }
    }

    /// Whether the two are handles of one set. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TSet;
    ///
    /// let set: TSet<u32> = TSet::new();
    /// assert!(set.ptr_eq(&set.clone()) && !set.ptr_eq(&TSet::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.map.ptr_eq(&other.map)
    }

    /// The number of keys, exactly. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with transactions that add or remove keys. Those do not conflict with each other because of it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1, 2]);
    /// assert_eq!(atomically(|tx| set.len(tx)), 2);
    /// ```
    pub fn len<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        self.map.len(tx)
    }

    /// Whether there is no key. O(1), as a rule.
    ///
    /// # Retry and conflicts
    ///
    /// As [`TMap::is_empty`]: with changes at the first key it finds.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1, 2]);
    /// assert!(!atomically(|tx| set.is_empty(tx)));
    /// ```
    pub fn is_empty<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        self.map.is_empty(tx)
    }

    /// Calls `f` with every key, in no particular order. O(n).
    ///
    /// `f` should not add or remove keys of this set: which keys it is shown after that is not said. To do so go through
    /// [`iter`](Self::iter), or see [`retain`](Self::retain).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every change of the set; in a [`snapshot`](crate::snapshot()) with nothing.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TSet, snapshot};
    /// let set = TSet::from([1, 2]);
    /// let sum = snapshot(|tx| {
    ///     let mut sum = 0;
    ///     set.for_each(tx, |key| sum += key)?;
    ///     Ok(sum)
    /// });
    /// assert_eq!(sum, 3);
    /// ```
    pub fn for_each<'tx>(&self, tx: &ReadTransaction<'tx, '_>, mut f: impl FnMut(&K)) -> StmResult<()> {
        self.map.for_each(tx, |key, ()| f(key))
    }
}

impl<K, S> TSet<K, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Whether the key is there. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with adding and removing the key; if it is not there, with adding one at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1, 2]);
    /// assert!(atomically(|tx| set.contains(tx, &1)));
    /// ```
    pub fn contains<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<bool>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.contains_key(tx, key)
    }

    /// Adds a key, and says whether it is new. A key that is there already stays as it is. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with adding and removing the key, and keys at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::new();
    /// assert!(atomically(|tx| set.insert(tx, 1)));
    /// assert!(!atomically(|tx| set.insert(tx, 1)));
    /// ```
    pub fn insert<'tx>(&self, tx: &Transaction<'tx, '_>, key: K) -> StmResult<bool> {
        let mut key = Handed::new(key);
        Ok(!self.contains(tx, key.get())? && self.map.insert(tx, key.take(), ())?.is_none())
    }

    /// Removes a key, and says whether it was there. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with adding and removing the key, and keys at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1, 2]);
    /// assert!(atomically(|tx| set.remove(tx, &1)));
    /// assert!(!atomically(|tx| set.remove(tx, &1)));
    /// ```
    pub fn remove<'tx, Q>(&self, tx: &Transaction<'tx, '_>, key: &Q) -> StmResult<bool>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Ok(self.map.remove(tx, key)?.is_some())
    }

    /// Waits until the key is there. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`contains`](Self::contains); without the key it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1]);
    /// atomically(|tx| set.wait_for(tx, &1));
    /// ```
    pub fn wait_for<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<()>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.wait_for(tx, key)
    }

    /// Removes a key, waiting until it is there. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`remove`](Self::remove), which is its form that does not wait.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1]);
    /// atomically(|tx| set.take(tx, &1));
    /// assert!(atomically(|tx| set.is_empty(tx)));
    /// ```
    pub fn take<'tx, Q>(&self, tx: &Transaction<'tx, '_>, key: &Q) -> StmResult<()>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.take(tx, key)
    }

    /// Adds all keys. O(1), expected, for each.
    ///
    /// (Outside of a transaction [`Extend`] does so in batches.)
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
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::new();
    /// atomically(|tx| set.extend(tx, 0..5));
    /// assert_eq!(set.snapshot().len(), 5);
    /// ```
    pub fn extend<'tx>(&self, tx: &Transaction<'tx, '_>, keys: impl IntoIterator<Item = K>) -> StmResult<()> {
        keys.into_iter().try_for_each(|key| self.insert(tx, key).map(drop))
    }

    /// Removes the keys for which `f` says no. O(n).
    ///
    /// `f` is called once for each key that is there at the beginning, whatever it does to the set by the same transaction. What it
    /// has refused is removed at the end; what else it does stays.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1, 2, 3]);
    /// atomically(|tx| set.retain(tx, |key| *key != 2));
    /// assert_eq!(set.snapshot().len(), 2);
    /// ```
    pub fn retain<'tx>(&self, tx: &Transaction<'tx, '_>, mut f: impl FnMut(&K) -> bool) -> StmResult<()> {
        self.map.retain(tx, |key, ()| f(key))
    }

    /// Returns clones of all keys, in no particular order. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1]);
    /// assert!(atomically(|tx| set.iter(tx)).eq([1]));
    /// ```
    pub fn iter<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<std::vec::IntoIter<K>> {
        let mut keys = Vec::new();
        self.map.for_each(tx, |key, ()| keys.push(key.clone()))?;
        Ok(keys.into_iter())
    }

    /// Removes all keys and returns them. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every other use of the set.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1]);
    /// assert!(atomically(|tx| set.drain(tx)).eq([1]));
    /// assert!(set.snapshot().is_empty());
    /// ```
    pub fn drain<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<std::vec::IntoIter<K>> {
        let keys = self.iter(tx)?;
        self.clear(tx)?;
        Ok(keys)
    }

    /// Removes all keys. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every other use of the set.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let set = TSet::from([1]);
    /// atomically(|tx| set.clear(tx));
    /// assert!(set.snapshot().is_empty());
    /// ```
    pub fn clear<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.map.clear(tx)
    }

    /// Takes a view: the set as it is at this point of the transaction, for good. O(1). It can be looked at once the
    /// transaction has committed.
    ///
    /// # Retry and conflicts
    ///
    /// As [`TMap::view`]: with all that change the set meanwhile.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TSet};
    /// let (a, b) = (TSet::from([1]), TSet::from([2]));
    /// let (a, b) = atomically(|tx| Ok((a.view(tx)?, b.view(tx)?)));
    /// assert!(a.contains(&1) && b.contains(&2));
    /// ```
    pub fn view<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<TSetView<K, S>> {
        Ok(TSetView { keys: self.map.view(tx)? })
    }

    /// Takes a [view](Self::view) in a transaction of its own.
    ///
    /// Complexity and conflicts: as [`view`](Self::view).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let set = stm::collections::TSet::from([1]);
    /// assert!(set.snapshot().contains(&1));
    /// ```
    #[track_caller]
    pub fn snapshot(&self) -> TSetView<K, S> {
        TSetView { keys: self.map.snapshot() }
    }
}

impl<K: 'static, S: 'static> Clone for TSet<K, S> {
    fn clone(&self) -> Self {
        Self { map: self.map.clone() }
    }
}

/// By which set it is, not by what is in it.
impl<K: 'static, S: 'static> PartialEq for TSet<K, S> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<K: 'static, S: 'static> Eq for TSet<K, S> {}

impl<K: Send + Sync + 'static, S: Default + Send + Sync + 'static> Default for TSet<K, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

/// Shows the committed keys of one moment.
impl<K, S> fmt::Debug for TSet<K, S>
where
    K: fmt::Debug + Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

/// Makes a set, inside a transaction or outside of one.
impl<K, S> FromIterator<K> for TSet<K, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self { map: keys.into_iter().map(|key| (key, ())).collect() }
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, const N: usize> From<[K; N]> for TSet<K> {
    fn from(keys: [K; N]) -> Self {
        keys.into_iter().collect()
    }
}

/// Adds the keys outside of transactions, in batches, as [`Extend`] for a `&TMap` does.
impl<K, S> Extend<K> for &TSet<K, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        Extend::extend(&mut &self.map, keys.into_iter().map(|key| (key, ())));
    }
}

/// As for a `&TSet`.
impl<K, S> Extend<K> for TSet<K, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        Extend::extend(&mut &*self, keys);
    }
}

/// Clones the committed keys of one moment.
impl<K, S> IntoIterator for &TSet<K, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    type Item = K;
    type IntoIter = std::vec::IntoIter<K>;

    fn into_iter(self) -> Self::IntoIter {
        let keys: Vec<K> = self.map.committed().map(|(key, ())| key).collect();
        keys.into_iter()
    }
}
