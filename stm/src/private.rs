//! What the macros of `stm-macros` expand to. Not part of the public interface.

pub use crate::{
    Abort, ReadTransaction, StmResult, Transaction, TxError, TxResult, atomically, atomically_async, snapshot,
    try_atomically, try_atomically_async,
};
pub use std::convert::Infallible;
pub use std::result::Result::{self, Err, Ok};
