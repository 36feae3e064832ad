//! Queues that transactions pass things on by. Waiting for an item, or for room, is a [`retry`](crate::ReadTransaction::retry):
//! it composes with `or_else`, timeouts and tasks like any other.
//!
//! Each is a handle: cloning it shares the queue. Any number of threads and tasks may be at either end.
