//! `serde` for what is a value: a slot as an `Option`, a lock as what it protects, a latch as what is left to count.
//! Each is taken as it is at that moment.

use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use super::latch::TLatch;
use super::mvar::TMVar;
use super::rwlock::TRwLock;

impl<T: Serialize + Send + Sync + 'static> Serialize for TMVar<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.now().as_deref().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TMVar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or_else(Self::new_empty, Self::new))
    }
}

impl<T: Serialize + Send + Sync + 'static> Serialize for TRwLock<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (*self.current()).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TRwLock<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for TLatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.now().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TLatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn each_is_serialised_as_its_value() {
        let text =
            serde_json::to_string(&(TMVar::new(1), TMVar::<u32>::new_empty(), TRwLock::new("x"), TLatch::new(3)));
        assert_eq!(text.unwrap(), r#"[1,null,"x",3]"#);
    }

    #[test]
    fn each_comes_back() {
        let text = r#"[1,null,"x",0]"#;
        let (full, empty, lock, latch): (TMVar<u32>, TMVar<u32>, TRwLock<String>, TLatch) =
            serde_json::from_str(text).unwrap();
        assert_eq!((full.now().as_deref(), empty.now().as_deref()), (Some(&1), None));
        assert_eq!(*lock.read(), "x");
        latch.wait_blocking();
    }
}
