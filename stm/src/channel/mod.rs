//! Queues that transactions pass things on by. Waiting for an item, or for room, is a [`retry`](crate::ReadTransaction::retry):
//! it composes with `or_else`, timeouts and tasks like any other.
//!
//! Each is a handle: cloning it shares the queue. Any number of threads and tasks may be at either end.

mod block;
mod ends;
mod error;
mod lagged;
mod overflow;
mod position;
mod ring;
mod slot;
mod tbqueue;
mod tbroadcast;
mod tpriority_queue;
mod tqueue;
mod traits;
mod tsubscriber;

pub use error::TryPushError;
pub use lagged::Lagged;
pub use overflow::Overflow;
pub use tbqueue::TBQueue;
pub use tbroadcast::TBroadcast;
pub use tpriority_queue::TPriorityQueue;
pub use tqueue::TQueue;
pub use tsubscriber::TSubscriber;
