//! `serde` for queues: by their items, as they are at one moment. A bounded queue comes with its capacity and its rule, and is open
//! when it comes back.

use serde_core::de::{Error, SeqAccess, Visitor};
use serde_core::ser::SerializeTuple;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

use super::overflow::Overflow;
use super::tbqueue::TBQueue;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;

impl<T: Clone + Serialize + Send + Sync + 'static> Serialize for TQueue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_vec().serialize(serializer)
    }
}

impl<'de, T: Clone + Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}

impl<T: Clone + Serialize + Send + Sync + 'static> Serialize for TPriorityQueue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_vec().serialize(serializer)
    }
}

impl<'de, T: Clone + Ord + Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TPriorityQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}

const RULES: [(&str, Overflow); 3] =
    [("Wait", Overflow::Wait), ("DropNewest", Overflow::DropNewest), ("DropOldest", Overflow::DropOldest)];

/// As `(capacity, rule, items)`.
impl<T: Clone + Serialize + Send + Sync + 'static> Serialize for TBQueue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = RULES.iter().find(|(_, rule)| *rule == self.overflow()).map_or("Wait", |(name, _)| name);
        let mut parts = serializer.serialize_tuple(3)?;
        parts.serialize_element(&self.capacity())?;
        parts.serialize_element(rule)?;
        parts.serialize_element(&self.to_vec())?;
        parts.end()
    }
}

impl<'de, T: Clone + Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TBQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);

        impl<'de, T: Clone + Deserialize<'de> + Send + Sync + 'static> Visitor<'de> for Parts<T> {
            type Value = TBQueue<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the capacity of a queue, its overflow rule and its items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<TBQueue<T>, A::Error> {
                let missing = |place| move || A::Error::invalid_length(place, &"three parts");
                let capacity: u32 = parts.next_element()?.ok_or_else(missing(0))?;
                let rule: String = parts.next_element()?.ok_or_else(missing(1))?;
                let items: Vec<T> = parts.next_element()?.ok_or_else(missing(2))?;
                let rule = RULES.iter().find(|(name, _)| *name == rule);
                let (_, rule) = rule.ok_or_else(|| A::Error::custom("there is no such overflow rule"))?;
                if items.len() > capacity as usize {
                    return Err(A::Error::custom("there are more items than the queue has room for"));
                }
                let queue = TBQueue::with_overflow(capacity as usize, *rule);
                for item in items {
                    let sent = queue.try_send(item);
                    debug_assert!(sent.is_ok(), "there is room for each");
                }
                Ok(queue)
            }
        }

        deserializer.deserialize_tuple(3, Parts(PhantomData))
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn queues_are_serialised_as_their_items() {
        let text = serde_json::to_string(&TQueue::from_iter([1, 2, 3])).unwrap();
        assert_eq!(text, "[1,2,3]");
        assert_eq!(serde_json::from_str::<TQueue<u8>>(&text).unwrap().to_vec(), [1, 2, 3]);
        let text = serde_json::to_string(&TPriorityQueue::from_iter([1, 2, 3])).unwrap();
        assert_eq!(text, "[3,2,1]");
        assert_eq!(serde_json::from_str::<TPriorityQueue<u8>>(&text).unwrap().to_vec(), [3, 2, 1]);
    }

    #[test]
    fn a_bounded_queue_keeps_its_capacity_and_its_rule() {
        let queue = TBQueue::with_overflow(3, Overflow::DropOldest);
        queue.send(7).unwrap();
        let text = serde_json::to_string(&queue).unwrap();
        assert_eq!(text, r#"[3,"DropOldest",[7]]"#);
        let back: TBQueue<u8> = serde_json::from_str(&text).unwrap();
        assert_eq!((back.capacity(), back.overflow(), back.to_vec()), (3, Overflow::DropOldest, vec![7]));
        for wrong in [r#"[1,"Wait",[1,2]]"#, r#"[1,"Hope",[1]]"#, r#"[1,"Wait"]"#] {
            assert!(serde_json::from_str::<TBQueue<u8>>(wrong).is_err());
        }
    }
}
