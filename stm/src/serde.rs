//! `serde` for `TVar`: by value, as for `Mutex`. Serialising takes the committed value as it is at that moment.

use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use crate::var::TVar;

impl<T: Serialize> Serialize for TVar<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.peek(|value| value.serialize(serializer))
    }
}

impl<'de, T: Deserialize<'de> + Send + Sync + 'static> Deserialize<'de> for TVar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_serialised_as_its_value() {
        let variable = TVar::new(vec![1, 2, 3]);
        let text = serde_json::to_string(&variable).unwrap();
        assert_eq!(text, "[1,2,3]");
        let back: TVar<Vec<i32>> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.load(), [1, 2, 3]);
        assert_ne!(back, variable, "a variable of its own");
    }
}
