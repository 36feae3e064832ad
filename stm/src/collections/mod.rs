//! Collections whose operations are parts of transactions, and conflict only where they meet.
//!
//! Each is a handle: cloning it shares the collection. All of them work in a [`snapshot`](crate::snapshot()), and compose with
//! each other and with variables.

mod tarray;
mod tcounter;
mod tdeque;

pub use tarray::TArray;
pub use tcounter::TCounter;
pub use tdeque::TDeque;
