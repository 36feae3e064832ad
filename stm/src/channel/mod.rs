//! Queues that transactions pass things on by. Waiting for an item, or for room, is a [`retry`](crate::ReadTransaction::retry):
//! it composes with `or_else`, timeouts and tasks like any other.
//!
//! Each is a handle: cloning it shares the queue. Any number of threads and tasks may be at either end.

mod block;
mod ends;
mod error;
mod overflow;
mod position;
mod ring;
mod slot;
mod tbqueue;
mod tqueue;
mod traits;

pub use error::TryPushError;
pub use overflow::Overflow;
pub use tbqueue::TBQueue;
pub use tqueue::TQueue;
