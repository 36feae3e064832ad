//! What a row is refused for.

use std::error::Error;
use std::fmt;

/// A row was refused: another one has the key already, in an index that has each key once. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict<R> {
    /// The name of the index, or `"primary"`.
    pub index: &'static str,
    /// The row that was refused.
    pub row: R,
}

impl<R> fmt::Display for Conflict<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another row has the same key in the index `{}`", self.index)
    }
}

impl<R: fmt::Debug> Error for Conflict<R> {}
