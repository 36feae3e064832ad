//! One value type for each way a variable may store its value.

use std::fmt::Debug;

/// Values a test makes from a number, so that one test covers each storage.
pub trait Sample: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Returns the value that stands for `number`; different numbers give different values.
    fn of(number: u64) -> Self;
}

/// One word: stored in the variable.
impl Sample for u64 {
    fn of(number: u64) -> Self {
        number
    }
}

/// Several words: a read could see half of a write.
impl Sample for [u64; 3] {
    fn of(number: u64) -> Self {
        [number, !number, number.rotate_left(32)]
    }
}

/// Has drop glue: stored behind a pointer.
impl Sample for String {
    fn of(number: u64) -> Self {
        format!("value {number}")
    }
}
