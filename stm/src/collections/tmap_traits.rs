//! Traits of the standard library, and `serde`'s, for `TMap`.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::context::Suspended;
use crate::run::{atomically, snapshot};
use crate::shared::Shared;

use super::TMap;
use super::trie::Trie;
use super::trie::build::Seed;

/// So many items are inserted in one transaction where the caller has none.
pub(super) const BATCH: usize = 32;

// A panic in an operation undoes the transaction, so nothing half done is seen afterwards.
impl<K: 'static, V: 'static, S: 'static> UnwindSafe for TMap<K, V, S> {}
impl<K: 'static, V: 'static, S: 'static> RefUnwindSafe for TMap<K, V, S> {}

/// By which map it is, not by what is in it.
impl<K: 'static, V: 'static, S: 'static> PartialEq for TMap<K, V, S> {
    fn eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

impl<K: 'static, V: 'static, S: 'static> Eq for TMap<K, V, S> {}

impl<K, V, S> Default for TMap<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: Default + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

/// Shows the entries as of one moment, also inside of a body: what is committed.
impl<K, V, S> fmt::Debug for TMap<K, V, S>
where
    K: fmt::Debug + Hash + Eq + Clone + Send + Sync + 'static,
    V: fmt::Debug + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.committed()).finish()
    }
}

impl<K, V, S> TMap<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// The committed entries of one moment, also inside of a body.
    pub(super) fn committed(&self) -> std::vec::IntoIter<(K, V)> {
        let _suspended = Suspended::new();
        snapshot(|tx| self.iter(tx))
    }
}

/// Makes a map, inside a transaction or outside of one. Of several values of one key it has the last.
impl<K, V, S> FromIterator<(K, V)> for TMap<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let hasher = S::default();
        let trie = Trie::build(items.into_iter().map(|(key, value)| {
            let path = super::trie::Path::of_hash(hasher.hash_one(&key));
            Seed { path, key, value }
        }));
        Self::with_trie(hasher, trie)
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for TMap<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn from(items: [(K, V); N]) -> Self {
        items.into_iter().collect()
    }
}

/// Inserts the items outside of transactions: a few in one step, and then the next few. In a transaction use
/// [`TMap::extend`](TMap::extend()).
///
/// # Panics
///
/// Panics inside the body of a transaction.
impl<K, V, S> Extend<(K, V)> for &TMap<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, items: I) {
        let mut items = items.into_iter();
        loop {
            let batch: Vec<(K, V)> = items.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return;
            }
            atomically(|tx| TMap::extend(self, tx, batch.iter().cloned()));
        }
    }
}

/// As for a `&TMap`.
impl<K, V, S> Extend<(K, V)> for TMap<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, items: I) {
        Extend::extend(&mut &*self, items);
    }
}

/// Clones the committed entries of one moment.
impl<K, V, S> IntoIterator for &TMap<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.committed()
    }
}
