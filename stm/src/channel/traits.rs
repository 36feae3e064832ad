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

debug_by_snapshot!(TQueue);
debug_by_snapshot!(TBQueue);
debug_by_snapshot!(TPriorityQueue);
iterate_by_snapshot!(TQueue);
iterate_by_snapshot!(TBQueue);
iterate_by_snapshot!(TPriorityQueue);

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

/// Sends one item after the other.
impl<T: Clone + Ord + Send + Sync + 'static> Extend<T> for TPriorityQueue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.send(item));
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

/// Sends one item after the other.
impl<T: Clone + Send + Sync + 'static> Extend<T> for TQueue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.send(item));
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
