//! The ends of queues outside of transactions: for threads, which block, and for tasks, which wait.

use std::future::Future;

use super::error::TryPushError;
use super::tbqueue::TBQueue;
use super::tbroadcast::TBroadcast;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;
use super::tsubscriber::TSubscriber;
use crate::{atomically, atomically_async, snapshot};

impl<T: Clone + Send + Sync + 'static> TQueue<T> {
    /// Puts an item behind the others, in a transaction of its own.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction: that is what [`push`](Self::push) is for. So do all functions here that
    /// take no transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::new();
    /// queue.send(1);
    /// assert_eq!(queue.recv(), 1);
    /// ```
    #[track_caller]
    pub fn send(&self, item: T) {
        atomically(|tx| self.push(tx, item.clone()));
    }

    /// Takes the first item out, in a transaction of its own; blocks the thread while there is none.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::from_iter([1, 2]);
    /// assert_eq!((queue.recv(), queue.recv()), (1, 2));
    /// ```
    #[track_caller]
    pub fn recv(&self) -> T {
        atomically(|tx| self.pop(tx))
    }

    /// Takes the first item out, in a transaction of its own, if there is one.
    ///
    /// Complexity and conflicts: as [`try_pop`](Self::try_pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::from_iter([1]);
    /// assert_eq!((queue.try_recv(), queue.try_recv()), (Some(1), None));
    /// ```
    #[track_caller]
    pub fn try_recv(&self) -> Option<T> {
        atomically(|tx| self.try_pop(tx))
    }

    /// Takes the first item out in a task, which waits while there is none. Dropping the future takes nothing out.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TQueue::new();
    /// let item = queue.recv_async();
    /// queue.send(1);
    /// assert_eq!(item.await, 1);
    /// # }) }
    /// ```
    #[track_caller]
    pub fn recv_async(&self) -> impl Future<Output = T> + Send + use<T> {
        let queue = self.clone();
        atomically_async(move |tx| queue.pop(tx))
    }

    /// Returns clones of all items, first to last, as they are at one moment. O(length). It is a [`snapshot`](crate::snapshot()),
    /// so it conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::from_iter([1, 2]);
    /// assert_eq!(queue.to_vec(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        snapshot(|tx| self.items(tx))
    }
}

impl<T: Clone + Send + Sync + 'static> TBQueue<T> {
    /// Puts an item behind the others, in a transaction of its own. Where there is no room, does what the
    /// [`Overflow`](super::Overflow) rule says; to wait, it blocks the thread.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is closed.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction: that is what [`push`](Self::push) is for. So do all functions here that
    /// take no transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::new(1);
    /// assert_eq!(queue.send(1), Ok(()));
    /// queue.shut();
    /// assert_eq!(queue.send(2), Err(2));
    /// assert_eq!((queue.recv(), queue.recv()), (Some(1), None));
    /// ```
    #[track_caller]
    pub fn send(&self, item: T) -> Result<(), T> {
        atomically(|tx| self.push(tx, item.clone()))
    }

    /// Puts an item behind the others if there is room, in a transaction of its own.
    ///
    /// Complexity and conflicts: as [`try_push`](Self::try_push).
    ///
    /// # Errors
    ///
    /// Returns the item if there is no room or the queue is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{TBQueue, TryPushError};
    ///
    /// let queue = TBQueue::new(1);
    /// assert_eq!(queue.try_send(1), Ok(()));
    /// assert_eq!(queue.try_send(2), Err(TryPushError::Full(2)));
    /// queue.shut();
    /// assert_eq!(queue.try_send(2), Err(TryPushError::Closed(2)));
    /// ```
    #[track_caller]
    pub fn try_send(&self, item: T) -> Result<(), TryPushError<T>> {
        atomically(|tx| self.try_push(tx, item.clone()))
    }

    /// Takes the first item out, in a transaction of its own; blocks the thread while there is none. `None` says that the queue is
    /// closed and nothing is left.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// queue.shut();
    /// assert_eq!((queue.recv(), queue.recv()), (Some(1), None));
    /// ```
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        atomically(|tx| self.pop(tx))
    }

    /// Takes the first item out, in a transaction of its own, if there is one.
    ///
    /// Complexity and conflicts: as [`try_pop`](Self::try_pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// assert_eq!((queue.try_recv(), queue.try_recv()), (Some(1), None));
    /// ```
    #[track_caller]
    pub fn try_recv(&self) -> Option<T> {
        atomically(|tx| self.try_pop(tx))
    }

    /// Puts an item behind the others in a task. Where there is no room, does what the [`Overflow`](super::Overflow) rule says;
    /// to wait, it is pending. The output is as that of [`send`](Self::send). Dropping the future before it is ready puts
    /// nothing in.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TBQueue::new(1);
    /// assert_eq!(queue.send_async(1).await, Ok(()));
    /// let second = queue.send_async(2);
    /// assert_eq!(queue.recv_async().await, Some(1));
    /// assert_eq!(second.await, Ok(()));
    /// # }) }
    /// ```
    #[track_caller]
    pub fn send_async(&self, item: T) -> impl Future<Output = Result<(), T>> + Send + use<T> {
        let queue = self.clone();
        atomically_async(move |tx| queue.push(tx, item.clone()))
    }

    /// Takes the first item out in a task, which waits while there is none. Dropping the future takes nothing out.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TBQueue::new(1);
    /// let item = queue.recv_async();
    /// queue.send(1).unwrap();
    /// assert_eq!(item.await, Some(1));
    /// # }) }
    /// ```
    #[track_caller]
    pub fn recv_async(&self) -> impl Future<Output = Option<T>> + Send + use<T> {
        let queue = self.clone();
        atomically_async(move |tx| queue.pop(tx))
    }

    /// Closes the queue, in a transaction of its own: see [`close`](Self::close).
    ///
    /// Complexity and conflicts: as [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::new(1);
    /// assert!(queue.shut() && !queue.shut());
    /// assert_eq!(queue.send(1), Err(1));
    /// ```
    #[track_caller]
    pub fn shut(&self) -> bool {
        atomically(|tx| self.close(tx))
    }

    /// Returns clones of all items, first to last, as they are at one moment. O(length). It is a [`snapshot`](crate::snapshot()),
    /// so it conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1, 2]);
    /// assert_eq!(queue.to_vec(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        snapshot(|tx| self.items(tx))
    }
}

impl<T: Clone + Ord + Send + Sync + 'static> TPriorityQueue<T> {
    /// Puts an item in, in a transaction of its own.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction: that is what [`push`](Self::push) is for. So do all functions here that
    /// take no transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::new();
    /// queue.send(1);
    /// queue.send(2);
    /// assert_eq!((queue.recv(), queue.recv(), queue.try_recv()), (2, 1, None));
    /// ```
    #[track_caller]
    pub fn send(&self, item: T) {
        atomically(|tx| self.push(tx, item.clone()));
    }
}

impl<T: Clone + Send + Sync + 'static> TPriorityQueue<T> {
    /// Takes the greatest item out, in a transaction of its own; blocks the thread while there is none.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::from_iter([1, 2]);
    /// assert_eq!((queue.recv(), queue.recv()), (2, 1));
    /// ```
    #[track_caller]
    pub fn recv(&self) -> T {
        atomically(|tx| self.pop(tx))
    }

    /// Takes the greatest item out, in a transaction of its own, if there is one.
    ///
    /// Complexity and conflicts: as [`try_pop`](Self::try_pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::from_iter([1]);
    /// assert_eq!((queue.try_recv(), queue.try_recv()), (Some(1), None));
    /// ```
    #[track_caller]
    pub fn try_recv(&self) -> Option<T> {
        atomically(|tx| self.try_pop(tx))
    }

    /// Takes the greatest item out in a task, which waits while there is none. Dropping the future takes nothing out.
    ///
    /// Complexity and conflicts: as [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TPriorityQueue::new();
    /// let item = queue.recv_async();
    /// queue.send(1);
    /// queue.send(2);
    /// assert_eq!(item.await, 2);
    /// # }) }
    /// ```
    #[track_caller]
    pub fn recv_async(&self) -> impl Future<Output = T> + Send + use<T> {
        let queue = self.clone();
        atomically_async(move |tx| queue.pop(tx))
    }

    /// Returns clones of all items, greatest first, as they are at one moment. O(length). It is a [`snapshot`](crate::snapshot()),
    /// so it conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::from_iter([1, 3, 2]);
    /// assert_eq!(queue.to_vec(), [3, 2, 1]);
    /// ```
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        snapshot(|tx| self.items(tx))
    }
}

impl<T: Send + Sync + 'static> TBroadcast<T> {
    /// Begins to listen, in a transaction of its own: see [`subscribe`](Self::subscribe).
    ///
    /// O(1), or O(subscribers), as `subscribe`. It is a [`snapshot`](crate::snapshot()), so it conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction. So do all functions here that take no transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// news.publish("early");
    /// let reader = news.subscriber();
    /// news.publish("late");
    /// assert_eq!(reader.recv_blocking(), "late");
    /// ```
    #[track_caller]
    pub fn subscriber(&self) -> TSubscriber<T> {
        snapshot(|tx| self.subscribe(tx))
    }

    /// Closes the channel, in a transaction of its own: see [`close`](Self::close).
    ///
    /// Complexity and conflicts: as [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// assert!(news.shut() && !news.shut());
    /// news.publish("late"); // is dropped
    /// assert_eq!(reader.next_blocking(), None);
    /// ```
    #[track_caller]
    pub fn shut(&self) -> bool {
        atomically(|tx| self.close(tx))
    }
}

impl<T: Clone + Send + Sync + 'static> TBroadcast<T> {
    /// Sends an item to all who have subscribed, in a transaction of its own: see [`send`](Self::send). Where it is to wait, it
    /// blocks the thread.
    ///
    /// Complexity and conflicts: as [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let (one, other) = (news.subscriber(), news.subscriber());
    /// news.publish(7);
    /// assert_eq!((one.recv_blocking(), other.recv_blocking()), (7, 7));
    /// ```
    #[track_caller]
    pub fn publish(&self, item: T) {
        atomically(|tx| self.send(tx, item.clone()));
    }

    /// Sends an item to all who have subscribed, in a transaction of its own: see [`push`](Self::push). Where it is to wait, it
    /// blocks the thread.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// Returns the item if the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// assert_eq!(news.send_blocking(1), Ok(()));
    /// news.shut();
    /// assert_eq!(news.send_blocking(2), Err(2));
    /// ```
    #[track_caller]
    pub fn send_blocking(&self, item: T) -> Result<(), T> {
        atomically(|tx| self.push(tx, item.clone()))
    }

    /// Sends an item, in a transaction of its own, if no subscriber is too far behind: see [`try_send`](Self::try_send).
    ///
    /// Complexity and conflicts: as [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// Returns the item if one is, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBroadcast, TryPushError};
    ///
    /// let orders = TBroadcast::with_overflow(1, Overflow::Wait);
    /// let reader = orders.subscriber();
    /// assert_eq!(orders.try_publish(1), Ok(()));
    /// assert_eq!(orders.try_publish(2), Err(TryPushError::Full(2)));
    /// assert_eq!(reader.recv_blocking(), 1);
    /// ```
    #[track_caller]
    pub fn try_publish(&self, item: T) -> Result<(), TryPushError<T>> {
        atomically(|tx| self.try_send(tx, item.clone()))
    }

    /// Sends an item in a task: see [`push`](Self::push). Where it is to wait, it is pending. The output is as that of
    /// [`send_blocking`](Self::send_blocking). Dropping the future before it is ready sends nothing.
    ///
    /// Complexity and conflicts: as [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBroadcast};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let orders = TBroadcast::with_overflow(1, Overflow::Wait);
    /// let reader = orders.subscriber();
    /// orders.send_async(1).await.unwrap();
    /// let second = orders.send_async(2);
    /// assert_eq!(reader.recv_async().await, 1);
    /// assert_eq!(second.await, Ok(()));
    /// # }) }
    /// ```
    #[track_caller]
    pub fn send_async(&self, item: T) -> impl Future<Output = Result<(), T>> + Send + use<T> {
        let channel = self.clone();
        atomically_async(move |tx| channel.push(tx, item.clone()))
    }
}

impl<T: Clone + Send + Sync + 'static> TSubscriber<T> {
    /// Returns the next item, in a transaction of its own; blocks the thread while there is none.
    ///
    /// Complexity and conflicts: as [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction: that is what [`recv`](Self::recv) is for.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| news.publish(7));
    ///     assert_eq!(reader.recv_blocking(), 7);
    /// });
    /// ```
    #[track_caller]
    pub fn recv_blocking(&self) -> T {
        atomically(|tx| self.recv(tx))
    }

    /// Returns the next item, in a transaction of its own; blocks the thread while there is none. `None` says that the channel is
    /// closed and everything has been read.
    ///
    /// Complexity and conflicts: as [`recv_or_end`](Self::recv_or_end).
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish(7);
    /// news.shut();
    /// assert_eq!((reader.next_blocking(), reader.next_blocking()), (Some(7), None));
    /// ```
    #[track_caller]
    pub fn next_blocking(&self) -> Option<T> {
        atomically(|tx| self.recv_or_end(tx))
    }

    /// Returns the next item to a task, which waits while there is none. `None` says that the channel is closed and everything has
    /// been read. Dropping the future before it is ready reads nothing.
    ///
    /// Complexity and conflicts: as [`recv_or_end`](Self::recv_or_end).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// let next = reader.next_async();
    /// news.publish(7);
    /// news.shut();
    /// assert_eq!((next.await, reader.next_async().await), (Some(7), None));
    /// # }) }
    /// ```
    #[track_caller]
    pub fn next_async(&self) -> impl Future<Output = Option<T>> + Send + use<T> {
        let subscriber = self.handle();
        atomically_async(move |tx| subscriber.recv_or_end(tx))
    }

    /// Returns the next item to a task, which waits while there is none. The future reads by this subscriber's position;
    /// dropping it before it is ready reads nothing.
    ///
    /// Complexity and conflicts: as [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// let next = reader.recv_async();
    /// news.publish(1);
    /// assert_eq!(next.await, 1);
    /// # }) }
    /// ```
    #[track_caller]
    pub fn recv_async(&self) -> impl Future<Output = T> + Send + use<T> {
        let subscriber = self.handle();
        atomically_async(move |tx| subscriber.recv(tx))
    }
}
