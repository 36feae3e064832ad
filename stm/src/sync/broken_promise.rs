//! `BrokenPromise`: why there will be no value.

use std::error::Error;
use std::fmt;

/// Nobody can keep the promise any more: it was dropped before it was set.
///
/// # Examples
///
/// ```
/// use stm::sync::{BrokenPromise, TPromise};
///
/// let future = TPromise::<u32>::new().future();
/// assert_eq!(future.get_blocking(), Err(BrokenPromise));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokenPromise;

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise was dropped before it was set")
    }
}

impl Error for BrokenPromise {}
