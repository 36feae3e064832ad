//! `serde` for queues: by their items, as they are at one moment. A bounded queue comes with its capacity and its rule, and is open
//! when it comes back. Its room is allocated at once, so what the data say of it is not trusted beyond a bound.

use serde_core::de::{Error, SeqAccess, Visitor};
use serde_core::ser::SerializeTuple;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

use super::overflow::Overflow;
use super::tbqueue::TBQueue;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;
use crate::context::Suspended;

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

/// So much room a queue gets at most because the data say so: 1 MiB, as much as `serde` reserves for a `Vec` on the word of the
/// data.
const TRUSTED: usize = (1 << 20) / 16;

/// A capacity of more than 65,536, unless so many items come with it, is an error: a few bytes of data could have any amount of
/// memory allocated. Who knows that more is meant calls [`deserialize_within`](TBQueue::deserialize_within).
impl<'de, T: Clone + Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TBQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_within(TRUSTED, deserializer)
    }
}

impl<T: Clone + Send + Sync + 'static> TBQueue<T> {
    /// Deserialises a queue with room for at most so many items, or for as many as come with it. What
    /// [`Deserialize`] does with a bound of 65,536.
    ///
    /// O(capacity); conflicts with nothing, as nobody else knows the queue yet.
    ///
    /// # Errors
    ///
    /// Returns an error of the deserialiser if the data are no queue, or one with a greater capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_core::Deserializer;
    /// use stm::channel::TBQueue;
    ///
    /// fn jobs<'de, D: Deserializer<'de>>(data: D) -> Result<TBQueue<u32>, D::Error> {
    ///     TBQueue::deserialize_within(1_000_000, data)
    /// }
    ///
    /// let text = r#"[500000,"Wait",[1,2]]"#;
    /// let queue = jobs(&mut serde_json::Deserializer::from_str(text)).unwrap();
    /// assert_eq!((queue.capacity(), queue.to_vec()), (500_000, vec![1, 2]));
    /// assert!(serde_json::from_str::<TBQueue<u32>>(text).is_err());
    /// ```
    pub fn deserialize_within<'de, D: Deserializer<'de>>(most: usize, deserializer: D) -> Result<Self, D::Error>
    where
        T: Deserialize<'de>,
    {
        deserializer.deserialize_tuple(3, Parts { most, items: PhantomData })
    }
}

/// Makes a queue of what was written of it.
struct Parts<T> {
    /// So much room it may have.
    most: usize,
    items: PhantomData<T>,
}

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
        let (capacity, most) = (capacity as usize, self.most.max(items.len()));
        if items.len() > capacity {
            return Err(A::Error::custom("there are more items than the queue has room for"));
        }
        if capacity > most {
            let message =
                format!("the queue has room for {capacity} items, which is more than the {most} allowed here");
            return Err(A::Error::custom(message));
        }
        let queue = TBQueue::with_overflow(capacity, *rule);
        // Nobody else knows the queue yet.
        let _outside = Suspended::new();
        for item in items {
            let sent = queue.try_send(item);
            debug_assert!(sent.is_ok(), "there is room for each");
        }
        Ok(queue)
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

    #[test]
    fn a_capacity_that_the_data_make_up_is_an_error_and_no_allocation() {
        let read = |text: &str| serde_json::from_str::<TBQueue<u64>>(text);
        for capacity in [TRUSTED + 1, u32::MAX as usize] {
            let message = read(&format!(r#"[{capacity},"Wait",[1]]"#)).unwrap_err().to_string();
            assert!(message.contains(&format!("room for {capacity} items")), "{message}");
        }
        assert!(read(r#"[4294967296,"Wait",[]]"#).is_err(), "more than any queue has");
        assert_eq!(read(&format!(r#"[{TRUSTED},"Wait",[]]"#)).unwrap().capacity(), TRUSTED);
        // Items speak for themselves.
        let full = TBQueue::from_iter(0..TRUSTED as u64 + 7);
        let back = read(&serde_json::to_string(&full).unwrap()).unwrap();
        assert_eq!(back.capacity(), TRUSTED + 7);
    }

    #[test]
    fn queues_are_read_inside_of_a_body_too() {
        let lengths = crate::atomically(|tx| {
            let bounded: TBQueue<u8> = serde_json::from_str(r#"[2,"Wait",[1]]"#).unwrap();
            let (queue, sorted): (TQueue<u8>, TPriorityQueue<u8>) = serde_json::from_str("[[1,2],[3]]").unwrap();
            Ok((bounded.len(tx)?, queue.len(tx)?, sorted.len(tx)?))
        });
        assert_eq!(lengths, (1, 2, 1));
    }
}
