//! `serde` for collections: by content, as of one moment.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use serde_core::de::{MapAccess, SeqAccess, Visitor};
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use super::{TMap, TMapView, TSet, TSetView};

impl<K, V, S> Serialize for TMap<K, V, S>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_map(self)
    }
}

impl<K, V, S> Serialize for TMapView<K, V, S>
where
    K: Serialize + Send + Sync + 'static,
    V: Serialize + Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_map(self)
    }
}

impl<K, S> Serialize for TSet<K, S>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_seq(self)
    }
}

impl<K, S> Serialize for TSetView<K, S>
where
    K: Serialize + Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_seq(self)
    }
}

/// Collects what is read.
struct Collecting<C>(PhantomData<C>);

impl<'de, K, V, S> Visitor<'de> for Collecting<TMap<K, V, S>>
where
    K: Deserialize<'de> + Hash + Eq + Send + Sync + 'static,
    V: Deserialize<'de> + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    type Value = TMap<K, V, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries.into_iter().collect())
    }
}

impl<'de, K, S> Visitor<'de> for Collecting<TSet<K, S>>
where
    K: Deserialize<'de> + Hash + Eq + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    type Value = TSet<K, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = items.next_element()? {
            keys.push(key);
        }
        Ok(keys.into_iter().collect())
    }
}

impl<'de, K, V, S> Deserialize<'de> for TMap<K, V, S>
where
    K: Deserialize<'de> + Hash + Eq + Send + Sync + 'static,
    V: Deserialize<'de> + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collecting::<Self>(PhantomData))
    }
}

impl<'de, K, S> Deserialize<'de> for TSet<K, S>
where
    K: Deserialize<'de> + Hash + Eq + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Collecting::<Self>(PhantomData))
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_serialised_as_a_map_and_a_set_as_a_sequence() {
        let map: TMap<String, u32> = [("one".to_owned(), 1)].into();
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(text, r#"{"one":1}"#);
        assert_eq!(serde_json::to_string(&map.snapshot()).unwrap(), text);
        let back: TMap<String, u32> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.snapshot().get("one"), Some(&1));
        assert_ne!(back, map, "a map of its own");
        let set: TSet<u32> = serde_json::from_str("[7,7]").unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), "[7]");
        assert_eq!(serde_json::to_string(&set.snapshot()).unwrap(), "[7]");
    }
}
