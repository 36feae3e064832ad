//! `TSetView`: a set as it was.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::iter;

use super::tmap_view::{TMapIter, TMapView};

/// A [`TSet`](super::TSet) as it was at one moment: made by [`TSet::view`](super::TSet::view) or
/// [`TSet::snapshot`](super::TSet::snapshot). It never changes, and is read without transactions. Cloning it shares it. It keeps
/// alive the keys of that moment, and not the set.
///
/// # Panics
///
/// All methods panic as long as the transaction that took the view has not committed.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TSet};
///
/// let set = TSet::from([1, 2]);
/// let view = set.snapshot();
/// atomically(|tx| set.remove(tx, &1));
/// assert!(view.contains(&1) && !set.snapshot().contains(&1));
/// assert_eq!(view.iter().sum::<i32>(), 3);
/// ```
pub struct TSetView<K: 'static, S: 'static = RandomState> {
    pub(super) keys: TMapView<K, (), S>,
}

impl<K: Send + Sync + 'static, S: Send + Sync + 'static> TSetView<K, S> {
    /// The number of keys. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let set = stm::collections::TSet::from([1, 2]);
    /// assert_eq!(set.snapshot().len(), 2);
    /// ```
    #[track_caller]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(stm::collections::TSet::<u64>::new().snapshot().is_empty());
    /// ```
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Goes through the keys, in no particular order. O(n) in all; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let set = stm::collections::TSet::from([1, 2]);
    /// assert_eq!(set.snapshot().iter().sum::<i32>(), 3);
    /// ```
    #[track_caller]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.keys.keys()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, S: BuildHasher + Send + Sync + 'static> TSetView<K, S> {
    /// Whether the key is there. O(1), as in the set; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let view = stm::collections::TSet::from([1]).snapshot();
    /// assert!(view.contains(&1) && !view.contains(&2));
    /// ```
    #[track_caller]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.keys.contains_key(key)
    }
}

impl<K: 'static, S: 'static> Clone for TSetView<K, S> {
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone() }
    }
}

impl<'a, K: Send + Sync + 'static, S: Send + Sync + 'static> IntoIterator for &'a TSetView<K, S> {
    type Item = &'a K;
    type IntoIter = iter::Map<TMapIter<'a, K, ()>, fn((&'a K, &'a ())) -> &'a K>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.iter().map(|(key, ())| key)
    }
}

/// Shows the keys.
impl<K: fmt::Debug + Send + Sync + 'static, S: Send + Sync + 'static> fmt::Debug for TSetView<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// By what is in them.
impl<K: Hash + Eq + Send + Sync + 'static, S: BuildHasher + Send + Sync + 'static> PartialEq for TSetView<K, S> {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, S: BuildHasher + Send + Sync + 'static> Eq for TSetView<K, S> {}
