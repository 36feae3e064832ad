//! `TMapView`: a map as it was.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::shared::Shared;
use crate::shim::{AtomicBool, Ordering};

use super::trie::frozen::{Entries, FrozenTrie};
use super::trie::{Path, Root};

/// A [`TMap`](super::TMap) as it was at one moment: made by [`TMap::view`](super::TMap::view) or
/// [`TMap::snapshot`](super::TMap::snapshot). It never changes, and is read without transactions, also inside of bodies of later
/// ones. Cloning it shares it.
///
/// It keeps alive the entries of that moment, and not the map: that may be gone, or have the view as one of its values.
///
/// # Panics
///
/// All methods panic as long as the transaction that took the view has not committed.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TMap};
///
/// let map: TMap<_, _> = (0..3).map(|n| (n, n * 10)).collect();
/// let view = map.snapshot();
/// atomically(|tx| map.clear(tx));
/// let mut all: Vec<_> = view.iter().collect();
/// all.sort();
/// assert_eq!(all, [(&0, &0), (&1, &10), (&2, &20)]);
/// ```
pub struct TMapView<K: 'static, V: 'static, S: 'static = RandomState> {
    hasher: Shared<S>,
    root: Shared<Root<K, V>>,
    /// The view has been found to be frozen: its transaction, or another that froze the same, has committed.
    is_frozen: AtomicBool,
}

impl<K, V, S> TMapView<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    pub(super) fn new(hasher: Shared<S>, root: Shared<Root<K, V>>) -> Self {
        Self { hasher, root, is_frozen: AtomicBool::new(false) }
    }

    #[inline]
    #[track_caller]
    fn frozen(&self) -> FrozenTrie<'_, K, V> {
        // Acquire: pairs with the release in `freeze`. What that thread had seen of commits this one sees, too.
        if !self.is_frozen.load(Ordering::Acquire) {
            self.freeze();
        }
        // SAFETY: the generation is over, as was seen in `freeze`.
        unsafe { FrozenTrie::new(&self.root) }
    }

    #[cold]
    #[track_caller]
    fn freeze(&self) {
        assert!(
            self.root.is_frozen(),
            "a view was looked at before the transaction that took it has committed: return it from the body"
        );
        self.is_frozen.store(true, Ordering::Release);
    }

    /// The number of entries. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = stm::collections::TMap::from([(1, "one"), (2, "two")]);
    /// assert_eq!(map.snapshot().len(), 2);
    /// ```
    #[track_caller]
    pub fn len(&self) -> usize {
        self.frozen().len()
    }

    /// Whether there are no entries. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(stm::collections::TMap::<u64, u64>::new().snapshot().is_empty());
    /// ```
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes through the entries, in no particular order. O(n) in all; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = stm::collections::TMap::from([(1, 10), (2, 20)]);
    /// assert_eq!(map.snapshot().iter().map(|(key, value)| key * value).sum::<i32>(), 50);
    /// ```
    #[track_caller]
    pub fn iter(&self) -> TMapIter<'_, K, V> {
        let frozen = self.frozen();
        TMapIter { entries: frozen.entries(), left: frozen.len() }
    }

    /// Goes through the keys, in no particular order. O(n) in all; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let map: stm::collections::TMap<_, _> = (1..=3).map(|n| (n, n * n)).collect();
    /// assert_eq!(map.snapshot().keys().sum::<i32>(), 6);
    /// assert_eq!(map.snapshot().values().sum::<i32>(), 14);
    /// ```
    #[track_caller]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// Goes through the values, in no particular order. O(n) in all; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = stm::collections::TMap::from([(1, 10), (2, 20)]);
    /// assert_eq!(map.snapshot().values().sum::<i32>(), 30);
    /// ```
    #[track_caller]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }
}

impl<K, V, S> TMapView<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Borrows a key's value. O(1), as in the map; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let map: stm::collections::TMap<_, _> = [("one".to_owned(), 1)].into_iter().collect();
    /// assert_eq!(map.snapshot().get("one"), Some(&1));
    /// ```
    #[track_caller]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.frozen().get(Path::of_hash(self.hasher.hash_one(key)), key)
    }

    /// Whether the key is there. O(1), as in the map; conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let view = stm::collections::TMap::from([(1, "one")]).snapshot();
    /// assert!(view.contains_key(&1) && !view.contains_key(&2));
    /// ```
    #[track_caller]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }
}

impl<K: 'static, V: 'static, S: 'static> UnwindSafe for TMapView<K, V, S> {}
impl<K: 'static, V: 'static, S: 'static> RefUnwindSafe for TMapView<K, V, S> {}

impl<K: 'static, V: 'static, S: 'static> Clone for TMapView<K, V, S> {
    fn clone(&self) -> Self {
        let is_frozen = AtomicBool::new(self.is_frozen.load(Ordering::Acquire));
        Self { hasher: Shared::clone(&self.hasher), root: Shared::clone(&self.root), is_frozen }
    }
}

/// Shows the entries.
impl<K, V, S> fmt::Debug for TMapView<K, V, S>
where
    K: fmt::Debug + Send + Sync + 'static,
    V: fmt::Debug + Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// By what is in them.
impl<K, V, S> PartialEq for TMapView<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: PartialEq + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K, V, S> Eq for TMapView<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Eq + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
}

impl<'a, K, V, S> IntoIterator for &'a TMapView<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    type Item = (&'a K, &'a V);
    type IntoIter = TMapIter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Goes through the entries of a [`TMapView`].
pub struct TMapIter<'a, K: 'static, V: 'static> {
    entries: Entries<'a, K, V>,
    left: usize,
}

impl<K: 'static, V: 'static> Clone for TMapIter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), left: self.left }
    }
}

impl<'a, K: Send + Sync + 'static, V: Send + Sync + 'static> Iterator for TMapIter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        self.left -= 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> ExactSizeIterator for TMapIter<'_, K, V> {}
impl<K: Send + Sync + 'static, V: Send + Sync + 'static> FusedIterator for TMapIter<'_, K, V> {}

impl<K, V> fmt::Debug for TMapIter<'_, K, V>
where
    K: fmt::Debug + Send + Sync + 'static,
    V: fmt::Debug + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
