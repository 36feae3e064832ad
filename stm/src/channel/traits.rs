//! What a queue can do as a collection: by snapshots, and by transactions of their own.

use std::fmt;

use super::tbqueue::TBQueue;
use super::tbroadcast::TBroadcast;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;
use super::tsubscriber::TSubscriber;
use crate::context::Suspended;
use crate::snapshot;

/// Shows the items as they are at one moment, also in the middle of a body: what has been committed, not what the body has done.
macro_rules! debug_by_snapshot {
    ($queue:ident) => {
        impl<T: Clone + Send + Sync + fmt::Debug + 'static> fmt::Debug for $queue<T> {
            /// Shows the committed items.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let items = {
                    let _outside = Suspended::new();
                    snapshot(|tx| self.items(tx))
                };
                f.debug_list().entries(&items).finish()
            }
        }
    };
}

/// Iterates over clones of the items as they are at one moment.
macro_rules! iterate_by_snapshot {
    ($queue:ident) => {
        impl<T: Clone + Send + Sync + 'static> IntoIterator for &$queue<T> {
            type Item = T;
            type IntoIter = std::vec::IntoIter<T>;

            /// Iterates over clones of the items as they are now. They stay in the queue.
            #[track_caller]
            fn into_iter(self) -> Self::IntoIter {
                self.to_vec().into_iter()
            }
        }
    };
}

/// Compares handles by what they are handles of.
macro_rules! equal_by_identity {
    ($channel:ident) => {
        /// By which one it is, not by what is in it.
        impl<T: 'static> PartialEq for $channel<T> {
            fn eq(&self, other: &Self) -> bool {
                self.ptr_eq(other)
            }
        }

        impl<T: 'static> Eq for $channel<T> {}
    };
}

/// Extends by any handle as by a reference to one.
macro_rules! extend_by_reference {
    ($channel:ident $(: $bound:ident)?) => {
        #[doc = concat!("As for a `&", stringify!($channel), "`.")]
        impl<T: $($bound +)? Clone + Send + Sync + 'static> Extend<T> for $channel<T> {
            #[track_caller]
            fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
                Extend::extend(&mut &*self, items);
            }
        }
    };
}

debug_by_snapshot!(TQueue);
debug_by_snapshot!(TBQueue);
debug_by_snapshot!(TPriorityQueue);
iterate_by_snapshot!(TQueue);
iterate_by_snapshot!(TBQueue);
iterate_by_snapshot!(TPriorityQueue);
equal_by_identity!(TQueue);
equal_by_identity!(TBQueue);
equal_by_identity!(TPriorityQueue);
equal_by_identity!(TBroadcast);
extend_by_reference!(TQueue);
extend_by_reference!(TBQueue);
extend_by_reference!(TPriorityQueue: Ord);
extend_by_reference!(TBroadcast);

/// Without the items: each subscriber has its own.
impl<T: 'static> fmt::Debug for TBroadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TBroadcast").finish_non_exhaustive()
    }
}

impl<T: 'static> fmt::Debug for TSubscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TSubscriber").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Default for TPriorityQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Ord + Send + Sync + 'static> FromIterator<T> for TPriorityQueue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let (queue, items) = (Self::new(), Vec::from_iter(items));
        // Nobody else knows the queue yet.
        let _outside = Suspended::new();
        items.into_iter().for_each(|item| queue.send(item));
        queue
    }
}

impl<T: Clone + Ord + Send + Sync + 'static, const N: usize> From<[T; N]> for TPriorityQueue<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

/// Sends one item after the other, each in a transaction of its own.
///
/// # Panics
///
/// Panics inside the body of a transaction; there is [`push_all`](TPriorityQueue::push_all) for that.
impl<T: Clone + Ord + Send + Sync + 'static> Extend<T> for &TPriorityQueue<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        // A loop, for a panic is to name the caller.
        for item in items {
            self.send(item);
        }
    }
}

impl<T: Send + Sync + 'static> Default for TQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + Sync + 'static> FromIterator<T> for TQueue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let (queue, items) = (Self::new(), Vec::from_iter(items));
        // Nobody else knows the queue yet.
        let _outside = Suspended::new();
        items.into_iter().for_each(|item| queue.send(item));
        queue
    }
}

impl<T: Clone + Send + Sync + 'static, const N: usize> From<[T; N]> for TQueue<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

/// Sends one item after the other, each in a transaction of its own.
///
/// # Panics
///
/// Panics inside the body of a transaction; there is [`push_all`](TQueue::push_all) for that.
impl<T: Clone + Send + Sync + 'static> Extend<T> for &TQueue<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.send(item);
        }
    }
}

/// A queue that is full: its capacity is the number of items.
impl<T: Clone + Send + Sync + 'static> FromIterator<T> for TBQueue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        let queue = Self::new(items.len());
        let _outside = Suspended::new();
        for item in items {
            let sent = queue.try_send(item);
            debug_assert!(sent.is_ok(), "there is room for each");
        }
        queue
    }
}

/// Sends one item after the other, each in a transaction of its own, as [`send`](TBQueue::send) does: where there is no room the
/// [`Overflow`](super::Overflow) rule says what becomes of it, and to wait blocks the thread. Once the queue is closed it takes no
/// more items from the iterator, and drops the one that it has.
///
/// # Panics
///
/// Panics inside the body of a transaction.
///
/// # Examples
///
/// ```
/// use stm::channel::{Overflow, TBQueue};
///
/// let latest = TBQueue::with_overflow(2, Overflow::DropOldest);
/// (&latest).extend(1..=5);
/// assert_eq!(latest.to_vec(), [4, 5]);
/// latest.shut();
/// (&latest).extend(6..);
/// assert_eq!(latest.to_vec(), [4, 5]);
/// ```
impl<T: Clone + Send + Sync + 'static> Extend<T> for &TBQueue<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            if self.send(item).is_err() {
                return;
            }
        }
    }
}

/// Publishes one item after the other, each in a transaction of its own.
///
/// # Panics
///
/// Panics inside the body of a transaction.
impl<T: Clone + Send + Sync + 'static> Extend<T> for &TBroadcast<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.publish(item);
        }
    }
}
