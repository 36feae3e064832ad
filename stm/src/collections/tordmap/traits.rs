//! What collections implement.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::TOrdMap;
use super::list::List;
use crate::context::Suspended;
use crate::{Shared, atomically, snapshot};

// A panic in a body undoes what the body did, so a map is never seen half changed.
impl<K: 'static, V: 'static> UnwindSafe for TOrdMap<K, V> {}
impl<K: 'static, V: 'static> RefUnwindSafe for TOrdMap<K, V> {}

impl<K: 'static, V: 'static> Clone for TOrdMap<K, V> {
    /// Shares the map.
    fn clone(&self) -> Self {
        Self { list: self.list.clone() }
    }
}

/// By which map it is, not by what is in it.
impl<K: 'static, V: 'static> PartialEq for TOrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.list, &other.list)
    }
}

impl<K: 'static, V: 'static> Eq for TOrdMap<K, V> {}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> Default for TOrdMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows what was committed at one moment: inside a body not what the transaction itself has done.
impl<K: Ord + fmt::Debug + Send + Sync + 'static, V: fmt::Debug + Send + Sync + 'static> fmt::Debug for TOrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond the public API: a transaction of its own in the middle of a body, so that a map can be shown there.
        let _suspended = Suspended::new();
        snapshot(|tx| {
            let mut map = f.debug_map();
            self.scan(tx, &.., |node| {
                map.entry(&node.key, &*node.value.read_ref(tx)?);
                Ok(true)
            })?;
            Ok(map.finish())
        })
    }
}

/// Of pairs with one key the last one counts.
impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> FromIterator<(K, V)> for TOrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        // Not by a `BTreeMap`, which leaks pairs if user code panics while it is made.
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.dedup_by(|later, earlier| {
            let is_same = later.0.cmp(&earlier.0).is_eq();
            if is_same {
                mem::swap(later, earlier);
            }
            is_same
        });
        Self { list: Shared::new(List::of_sorted(pairs.into_iter())) }
    }
}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> From<BTreeMap<K, V>> for TOrdMap<K, V> {
    fn from(map: BTreeMap<K, V>) -> Self {
        Self { list: Shared::new(List::of_sorted(map.into_iter())) }
    }
}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static, const N: usize> From<[(K, V); N]> for TOrdMap<K, V> {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

/// Inserts all pairs in one transaction, which can not be part of another: for that there is
/// [`TOrdMap::extend`](TOrdMap::extend()).
///
/// # Panics
///
/// Panics inside the body of a transaction.
impl<K: Ord + Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Extend<(K, V)> for &TOrdMap<K, V> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        atomically(|tx| TOrdMap::extend(self, tx, pairs.iter().cloned()));
    }
}

/// As for a `&TOrdMap`.
impl<K: Ord + Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Extend<(K, V)> for TOrdMap<K, V> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        Extend::extend(&mut &*self, pairs);
    }
}

/// Goes through a [`snapshot`](TOrdMap::snapshot) of the map.
impl<K: Ord + Clone + Send + Sync + 'static, V: Clone + Send + Sync + 'static> IntoIterator for &TOrdMap<K, V> {
    type Item = (K, V);
    type IntoIter = btree_map::IntoIter<K, V>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        self.snapshot().into_iter()
    }
}

#[cfg(feature = "serde")]
mod serde {
    use std::collections::BTreeMap;

    use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TOrdMap;

    /// As a `BTreeMap`, of one moment.
    impl<K, V> Serialize for TOrdMap<K, V>
    where
        K: Ord + Clone + Serialize + Send + Sync + 'static,
        V: Clone + Serialize + Send + Sync + 'static,
    {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self)
        }
    }

    impl<'de, K, V> Deserialize<'de> for TOrdMap<K, V>
    where
        K: Ord + Deserialize<'de> + Send + Sync + 'static,
        V: Deserialize<'de> + Send + Sync + 'static,
    {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            BTreeMap::deserialize(deserializer).map(Self::from)
        }
    }
}

#[cfg(all(test, feature = "serde", not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_serialised_as_a_map() {
        let map = TOrdMap::from_iter([(2, "b".to_owned()), (1, "a".to_owned())]);
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(text, r#"{"1":"a","2":"b"}"#);
        let back: TOrdMap<i32, String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.snapshot(), map.snapshot());
    }
}
