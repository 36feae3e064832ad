//! `TMap`: a hash map.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::ControlFlow;

use crate::error::StmResult;
use crate::handed::{Handed, later};
use crate::reference::Ref;
use crate::run::atomically;
use crate::shared::Shared;
use crate::tx::{ReadTransaction, Transaction};

use super::tmap_view::TMapView;
use super::trie::entry::Entry;
use super::trie::{Path, Root, Trie};

/// A hash map whose operations are parts of transactions: those on different keys do not conflict, also while it grows.
///
/// It is a handle: cloning it shares the map, and `==` says whether two handles are of one map. A map is a trie of the keys'
/// hashes, 32 ways at each node, so it grows (and shrinks) in places of a few entries and never as a whole. Each value is a
/// variable of its own; plain values of a word (`u64`, say) are stored in place.
///
/// Keys and values are cloned where they are handed out, and when something is changed that a [view](Self::view) has.
///
/// There is no `with_capacity`: room that was made in advance would be an empty trie of that size, which everybody who asks whether
/// the map is empty, or goes through it, would have to look at in full. [`FromIterator`] makes a map of any size in one go.
///
/// # Complexity and conflicts
///
/// | operation | time | conflicts with changes of |
/// |---|---|---|
/// | [`get`](Self::get), [`get_ref`](Self::get_ref), [`with`](Self::with), [`contains_key`](Self::contains_key), [`wait_for`](Self::wait_for) | O(1) (O(log n) with a base of 32) | the key |
/// | [`insert`](Self::insert), [`remove`](Self::remove), [`take`](Self::take), [`alter`](Self::alter), [`get_or_insert_with`](Self::get_or_insert_with) | O(1), as above | the key |
/// | [`update`](Self::update) | O(1), as above | the key |
/// | [`extend`](Self::extend) | O(1) each, as above | these keys |
/// | [`is_empty`](Self::is_empty) | O(1), as a rule | the entry it finds |
/// | [`len`](Self::len) | O(1) | which keys there are |
/// | [`for_each`](Self::for_each), [`iter`](Self::iter), [`retain`](Self::retain), [`drain`](Self::drain) | O(n) | everything |
/// | [`clear`](Self::clear), [`view`](Self::view), [`snapshot`](Self::snapshot) | O(1) | everything, see there |
///
/// Transactions that only use keys that are there conflict over the same key and nothing else. One that *adds or removes* a key
/// also conflicts, now and then, with one that uses another key at the same place: if both add one at the end of the same chain
/// of a few entries; if the one removes the entry in front of the other; if a chain has become too long and is distributed over
/// a new node. In a map of `n` keys that is one pair of overlapping transactions in about `n`. (Measured, with 8 threads that
/// fill an empty map with keys of their own: of 160,000 bodies on 2 cores 0.01 % run twice, and 0.1 % of 40,000 of which each
/// overlaps with seven others.) And it writes one of several counts, that of its thread: there are four for each core, rounded
/// up to a power of two, at least 16 and at most 64, of 64 bytes each. If more threads are alive than that, two that share a
/// count conflict when they add or remove at the same time, whatever the keys.
///
/// All keys with one hash are in one list. The hasher should not be one that others can make collide.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TMap};
///
/// let (stock, sold) = (TMap::new(), TMap::new());
/// atomically(|tx| stock.insert(tx, "apples", 3));
/// // In one step: no transaction and no view finds the apples in both or in neither.
/// atomically(|tx| {
///     if let Some(count) = stock.remove(tx, "apples")? {
///         sold.insert(tx, "apples", count)?;
///     }
///     Ok(())
/// });
/// assert_eq!(sold.snapshot().get("apples"), Some(&3));
/// assert_eq!(stock.snapshot().len(), 0);
/// ```
pub struct TMap<K: 'static, V: 'static, S: 'static = RandomState> {
    pub(super) inner: Shared<Inner<K, V, S>>,
}

pub(super) struct Inner<K: 'static, V: 'static, S: 'static> {
    /// Shared with the views, which outlive the map.
    pub(super) hasher: Shared<S>,
    pub(super) trie: Trie<K, V>,
}

impl<K, V, S: BuildHasher + 'static> Inner<K, V, S> {
    #[inline(always)]
    pub(super) fn path<Q: Hash + ?Sized>(&self, key: &Q) -> Path {
        Path::of_hash(self.hasher.hash_one(key))
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> TMap<K, V> {
    /// Creates an empty map. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map = TMap::new();
    /// atomically(|tx| map.insert(tx, 1, "one"));
    /// assert_eq!(map.snapshot().get(&1), Some(&"one"));
    /// ```
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }
}

impl<K, V, S> TMap<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    /// Creates an empty map whose keys are hashed by `hasher`. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use stm::collections::TMap;
    ///
    /// let map: TMap<u32, u32> = TMap::with_hasher(RandomState::new());
    /// # let _ = map;
    /// ```
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_trie(hasher, Trie::new(Root::empty(0)))
    }

    pub(super) fn with_trie(hasher: S, trie: Trie<K, V>) -> Self {
        Self { inner: Shared::new(Inner { hasher: Shared::new(hasher), trie }) }
    }

    /// Whether the two are handles of one map. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TMap;
    ///
    /// let map: TMap<u32, u32> = TMap::new();
    /// assert!(map.ptr_eq(&map.clone()) && !map.ptr_eq(&TMap::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }

    /// The number of entries, exactly. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with transactions that add or remove keys. Those do not conflict with each other because of it: each of 16
    /// threads counts for itself. To know whether there is anything ask [`is_empty`](Self::is_empty).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let map: TMap<_, _> = [(1, "one"), (2, "two")].into_iter().collect();
    /// assert_eq!(snapshot(|tx| map.len(tx)), 2);
    /// ```
    pub fn len<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        Shared::get(&self.inner, tx).trie.len(tx)
    }

    /// Whether there is no entry. O(1), as a rule.
    ///
    /// # Retry and conflicts
    ///
    /// If there is one, it conflicts with changes of the first entry it has found and of the empty places before that; if there
    /// is none, with whoever adds one.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let jobs: TMap<u32, String> = TMap::new();
    /// assert!(atomically(|tx| jobs.is_empty(tx)));
    /// ```
    pub fn is_empty<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        Shared::get(&self.inner, tx).trie.is_empty(tx)
    }

    /// Calls `f` with every entry, in no particular order, without cloning anything. O(n).
    ///
    /// `f` should not add or remove keys of this map: which entries it is shown after that is not said. To do so go through
    /// [`iter`](Self::iter), or see [`retain`](Self::retain).
    ///
    /// # Retry and conflicts
    ///
    /// It takes note of the whole map, and so conflicts with every change: a long transaction. In a
    /// [`snapshot`](crate::snapshot()) it conflicts with nothing; nor does going through a [view](Self::view).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let map: TMap<_, _> = (0..10).map(|n| (n, n * n)).collect();
    /// let sum = snapshot(|tx| {
    ///     let mut sum = 0;
    ///     map.for_each(tx, |_, square| sum += square)?;
    ///     Ok(sum)
    /// });
    /// assert_eq!(sum, 285);
    /// ```
    pub fn for_each<'tx>(&self, tx: &ReadTransaction<'tx, '_>, mut f: impl FnMut(&K, &V)) -> StmResult<()> {
        self.visit(tx, |entry| {
            f(&entry.key, &*entry.value.read_ref(tx)?);
            Ok(())
        })
    }

    fn visit<'tx>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        mut f: impl FnMut(&'tx Entry<K, V>) -> StmResult<()>,
    ) -> StmResult<()> {
        let each = |entry| f(entry).map(ControlFlow::<()>::Continue);
        Shared::get(&self.inner, tx).trie.visit(tx, each).map(drop)
    }
}

impl<K, V, S> TMap<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[inline(always)]
    fn find<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<&'tx Entry<K, V>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = Shared::get(&self.inner, tx);
        inner.trie.find(tx, inner.path(key), key)
    }

    /// Returns a clone of a key's value. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with changes of the key, and if the key is not there, with adding one at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let ages: TMap<_, _> = [("Ada".to_owned(), 36)].into_iter().collect();
    /// assert_eq!(snapshot(|tx| ages.get(tx, "Ada")), Some(36));
    /// assert_eq!(snapshot(|tx| ages.get(tx, "Bob")), None);
    /// ```
    #[inline]
    pub fn get<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(tx, key)?.map(|entry| entry.value.read(tx)).transpose()
    }

    /// Borrows a key's value from the transaction: no clone. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let names: TMap<_, _> = [(1, "Ada".to_owned())].into_iter().collect();
    /// let length = snapshot(|tx| Ok(names.get_ref(tx, &1)?.map_or(0, |name| name.len())));
    /// assert_eq!(length, 3);
    /// ```
    #[inline]
    pub fn get_ref<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<Ref<'tx, V>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(tx, key)?.map(|entry| entry.value.read_ref(tx)).transpose()
    }

    /// Runs `f` on a key's value, if there is one, without cloning it. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let names: TMap<_, _> = [(1, "Ada".to_owned())].into_iter().collect();
    /// assert_eq!(snapshot(|tx| names.with(tx, &1, String::len)), Some(3));
    /// ```
    #[inline]
    pub fn with<'tx, Q, R>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        key: &Q,
        f: impl FnOnce(&V) -> R,
    ) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Ok(self.get_ref(tx, key)?.map(|value| f(&value)))
    }

    /// Whether the key is there. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with adding and removing the key; not with changes of its value.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TMap, snapshot};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// assert!(snapshot(|tx| Ok(map.contains_key(tx, &1)? && !map.contains_key(tx, &2)?)));
    /// ```
    #[inline]
    pub fn contains_key<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<bool>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Ok(self.find(tx, key)?.is_some())
    }

    /// Returns a key's value, waiting until there is one. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get); without a value it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let results = TMap::new();
    /// let found = std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| results.insert(tx, "answer", 42)));
    ///     atomically(|tx| results.wait_for(tx, "answer"))
    /// });
    /// assert_eq!(found, 42);
    /// ```
    pub fn wait_for<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.get(tx, key)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        }
    }

    /// Gives a key a value, and returns the one it had. The key of an entry that is there already stays as it is. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with other uses of the key; and if the key is new, with adding and removing keys at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map = TMap::new();
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "one")), None);
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "uno")), Some("one"));
    /// ```
    #[inline]
    pub fn insert<'tx>(&self, tx: &Transaction<'tx, '_>, key: K, value: V) -> StmResult<Option<V>> {
        let inner = Shared::get(&self.inner, tx);
        inner.trie.insert(tx, inner.path(&key), key, value, |key| inner.path(key))
    }

    /// Removes a key, and returns the value it had. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with other uses of the key; and if the key is there, with adding and removing keys at the same place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), Some("one"));
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), None);
    /// ```
    #[inline]
    pub fn remove<'tx, Q>(&self, tx: &Transaction<'tx, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = Shared::get(&self.inner, tx);
        inner.trie.remove(tx, inner.path(key), key)
    }

    /// Removes a key and returns its value, waiting until there is one. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// As [`remove`](Self::remove), which is its form that does not wait; without a value it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let answers: TMap<_, _> = [(7, "yes")].into_iter().collect();
    /// assert_eq!(atomically(|tx| answers.take(tx, &7)), "yes");
    /// ```
    pub fn take<'tx, Q>(&self, tx: &Transaction<'tx, '_>, key: &Q) -> StmResult<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.remove(tx, key)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        }
    }

    /// Changes a clone of a key's value in place, if there is one, writes it, and returns what `f` returned. O(1), expected.
    ///
    /// As all operations here that write what a closure has made, it is what you would write by hand: [`get`](Self::get), then `f`,
    /// then [`insert`](Self::insert). So `f` may use the map by the same transaction, and what the operation writes comes last:
    /// afterwards the key has the value that `f` has made of the clone, even if `f` has changed or removed the key meanwhile. What
    /// else `f` does stays.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with other uses of the key.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [("hits", 1)].into_iter().collect();
    /// let hits = atomically(|tx| map.update(tx, "hits", |hits| { *hits += 1; *hits }));
    /// assert_eq!(hits, Some(2));
    /// assert_eq!(atomically(|tx| map.update(tx, "misses", |misses| *misses += 1)), None);
    /// ```
    #[inline]
    #[doc(alias = "adjust")]
    pub fn update<'tx, Q, R>(
        &self,
        tx: &Transaction<'tx, '_>,
        key: &Q,
        f: impl FnOnce(&mut V) -> R,
    ) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = Shared::get(&self.inner, tx);
        inner.trie.update(tx, inner.path(key), key, f, |key| inner.path(key))
    }

    /// Makes of a key's value, or of its absence, what `f` says: the key is added, changed, removed or left out. O(1), expected.
    ///
    /// That comes last, as with [`update`](Self::update): whatever `f` does to the map by the same transaction, the key is as `f`
    /// says afterwards.
    ///
    /// # Retry and conflicts
    ///
    /// As [`insert`](Self::insert) or [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let holders: TMap<&str, u32> = TMap::new();
    /// atomically(|tx| holders.alter(tx, "file", |count| Some(count.unwrap_or(0) + 1)));
    /// assert_eq!(holders.snapshot().get("file"), Some(&1));
    /// atomically(|tx| holders.alter(tx, "file", |count| count.filter(|count| *count > 1).map(|count| count - 1)));
    /// assert_eq!(holders.snapshot().get("file"), None);
    /// ```
    pub fn alter<'tx>(
        &self,
        tx: &Transaction<'tx, '_>,
        key: K,
        f: impl FnOnce(Option<V>) -> Option<V>,
    ) -> StmResult<()> {
        let mut key = Handed::new(key);
        match f(self.get(tx, key.get())?) {
            Some(value) => self.insert(tx, key.take(), value).map(later),
            // Also if it was not there: `f` may have added it.
            None => self.remove(tx, key.get()).map(later),
        }
    }

    /// Returns a key's value; if there is none, adds what `f` makes. O(1), expected.
    ///
    /// That comes last, as with [`update`](Self::update): the key has the value that `f` returned, even if `f` has given it another
    /// one by the same transaction.
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get), or [`insert`](Self::insert).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, collections::TMap};
    ///
    /// let rooms: TMap<&str, TVar<u32>> = TMap::new();
    /// atomically(|tx| rooms.get_or_insert_with(tx, "hall", || TVar::new(0))?.modify(tx, |guests| guests + 1));
    /// assert_eq!(rooms.snapshot().get("hall").map(TVar::load), Some(1));
    /// ```
    pub fn get_or_insert_with<'tx>(&self, tx: &Transaction<'tx, '_>, key: K, f: impl FnOnce() -> V) -> StmResult<V> {
        let mut key = Handed::new(key);
        if let Some(value) = self.get(tx, key.get())? {
            return Ok(value);
        }
        let value = f();
        self.insert(tx, key.take(), value.clone()).map(later)?;
        Ok(value)
    }

    /// Inserts all items. O(1), expected, for each.
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
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map = TMap::new();
    /// atomically(|tx| map.extend(tx, (0..5).map(|n| (n, n))));
    /// assert_eq!(map.snapshot().len(), 5);
    /// ```
    pub fn extend<'tx>(&self, tx: &Transaction<'tx, '_>, items: impl IntoIterator<Item = (K, V)>) -> StmResult<()> {
        items.into_iter().try_for_each(|(key, value)| self.insert(tx, key, value).map(later))
    }

    /// Removes the entries for which `f` says no. O(n).
    ///
    /// `f` is called once for each entry that is there at the beginning, whatever it does to the map by the same transaction. What
    /// it has refused is removed at the end, even if it has given the key another value; what else it does stays.
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every change, as [`for_each`](Self::for_each) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = (0..10).map(|n| (n, n)).collect();
    /// atomically(|tx| map.retain(tx, |key, _| key % 2 == 0));
    /// assert_eq!(map.snapshot().len(), 5);
    /// ```
    pub fn retain<'tx>(&self, tx: &Transaction<'tx, '_>, mut f: impl FnMut(&K, &V) -> bool) -> StmResult<()> {
        let mut entries = Vec::new();
        self.visit(tx, |entry| {
            entries.push((&entry.key, entry.value.read_ref(tx)?));
            Ok(())
        })?;
        // Only now: `f` may change what leads from one entry to the next.
        entries.retain(|(key, value)| !f(key, value));
        entries.into_iter().try_for_each(|(key, _)| self.remove(tx, key).map(later))
    }

    /// Returns clones of all entries, in no particular order. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every change, as [`for_each`](Self::for_each) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// assert!(atomically(|tx| map.iter(tx)).eq([(1, "one")]));
    /// ```
    pub fn iter<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<std::vec::IntoIter<(K, V)>> {
        let mut entries = Vec::new();
        self.visit(tx, |entry| {
            entries.push((entry.key.clone(), entry.value.read(tx)?));
            Ok(())
        })?;
        Ok(entries.into_iter())
    }

    /// Removes all entries and returns them. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every other use of the map.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// assert!(atomically(|tx| map.drain(tx)).eq([(1, "one")]));
    /// assert!(atomically(|tx| map.is_empty(tx)));
    /// ```
    pub fn drain<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<std::vec::IntoIter<(K, V)>> {
        let entries = self.iter(tx)?;
        self.clear(tx)?;
        Ok(entries)
    }

    /// Removes all entries. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// It conflicts with every other use of the map.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// atomically(|tx| map.clear(tx));
    /// assert_eq!(map.snapshot().len(), 0);
    /// ```
    pub fn clear<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        Shared::get(&self.inner, tx).trie.clear(tx)
    }

    /// Takes a view: the map as it is at this point of the transaction, for good. Writers go on, and copy what the view has
    /// before they change it.
    ///
    /// The view can be looked at once the transaction has committed, not in its body.
    ///
    /// # Complexity
    ///
    /// O(1). Afterwards the first change at each place copies the nodes on the way there: about as many entries and links as 32
    /// for each level of the trie. A view keeps alive what it has, and nothing of the map as it is later: so it may be kept in its
    /// own map.
    ///
    /// # Retry and conflicts
    ///
    /// Taking a view conflicts with all transactions that use the map and overlap: those that commit after it run again, if
    /// they change anything. Unless the map was not changed since the last view: then it conflicts with nothing but such a
    /// change. For a view every now and then this does not matter; to look at a few keys at one moment use a
    /// [`snapshot`](crate::snapshot()).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TMap};
    ///
    /// let (odd, even): (TMap<_, _>, TMap<_, _>) = ([(1, 'a')].into_iter().collect(), [(2, 'b')].into_iter().collect());
    /// let (odd_then, even_then) = atomically(|tx| Ok((odd.view(tx)?, even.view(tx)?)));
    /// atomically(|tx| odd.insert(tx, 3, 'c'));
    /// assert_eq!((odd_then.len(), even_then.len()), (1, 1));
    /// ```
    pub fn view<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<TMapView<K, V, S>> {
        let inner = Shared::get(&self.inner, tx);
        Ok(TMapView::new(Shared::clone(&inner.hasher), inner.trie.freeze(tx)?))
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
    /// use stm::{atomically, collections::TMap};
    ///
    /// let map: TMap<_, _> = [(1, "one")].into_iter().collect();
    /// let view = map.snapshot();
    /// atomically(|tx| map.insert(tx, 1, "uno"));
    /// assert_eq!(view.get(&1), Some(&"one"));
    /// ```
    #[track_caller]
    pub fn snapshot(&self) -> TMapView<K, V, S> {
        atomically(|tx| self.view(tx))
    }
}

impl<K: 'static, V: 'static, S: 'static> Clone for TMap<K, V, S> {
    fn clone(&self) -> Self {
        Self { inner: Shared::clone(&self.inner) }
    }
}
