//! Queues that transactions pass things on by. Waiting for an item, or for room, is a [`retry`](crate::ReadTransaction::retry):
//! it composes with `or_else`, timeouts and tasks like any other.
//!
//! Each is a handle: cloning it shares the queue. Any number of threads and tasks may be at either end.

mod block;
#[cfg(feature = "sink")]
mod closed;
mod ends;
mod error;
mod lagged;
mod overflow;
mod pace;
mod position;
mod ring;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "sink")]
mod sink;
mod slot;
#[cfg(feature = "stream")]
mod stream;
mod tbqueue;
mod tbroadcast;
mod tpriority_queue;
mod tqueue;
mod traits;
mod tsubscriber;

#[cfg(all(test, stm_loom))]
pub(crate) use block::SLOTS;
#[cfg(feature = "sink")]
pub use closed::Closed;
pub use error::TryPushError;
pub use lagged::Lagged;
pub use overflow::Overflow;
#[cfg(feature = "sink")]
pub use sink::Intake;
#[cfg(all(test, stm_loom))]
pub(crate) use slot::{ESCAPED, NOTHING};
#[cfg(feature = "stream")]
pub use stream::Items;
pub use tbqueue::TBQueue;
pub use tbroadcast::TBroadcast;
pub use tpriority_queue::TPriorityQueue;
pub use tqueue::TQueue;
pub use tsubscriber::TSubscriber;
