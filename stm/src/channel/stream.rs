//! Queues as streams.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::tbqueue::TBQueue;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;
use super::tsubscriber::TSubscriber;

/// What a queue hands out, as a `futures_core::Stream`: made by `stream()` of a queue or a subscriber.
///
/// Each item is taken out in a transaction of its own, when it is asked for. While the stream is pending it waits like any other
/// consumer. Dropping it takes nothing out. Any number of streams may be at one queue.
#[must_use = "a stream takes nothing out until it is polled"]
pub struct Items<T> {
    take: Take<T>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<T>> + Send>>>,
    is_over: bool,
}

/// Starts to take an item out.
type Take<T> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Option<T>> + Send>> + Send>;

impl<T> Items<T> {
    fn new<F>(take: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Option<T>> + Send + 'static,
    {
        Self { take: Box::new(move || Box::pin(take())), waiting: None, is_over: false }
    }
}

impl<T> Stream for Items<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // A poll that panics leaves nothing behind that is to be polled again.
        let mut waiting = self.waiting.take().unwrap_or_else(|| (self.take)());
        match waiting.as_mut().poll(cx) {
            Poll::Pending => {
                self.waiting = Some(waiting);
                Poll::Pending
            }
            Poll::Ready(item) => {
                self.is_over = item.is_none();
                Poll::Ready(item)
            }
        }
    }
}

impl<T> Unpin for Items<T> {}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("is_waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> TQueue<T> {
    /// The items that are taken out here, as a stream. It has no end.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item is taken out as by [`recv_async`](Self::recv_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TQueue::from_iter([1, 2]);
    /// let mut stream = queue.stream();
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(1));
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(2));
    /// # }) }
    /// ```
    pub fn stream(&self) -> Items<T> {
        let queue = self.clone();
        Items::new(move || {
            let next = queue.recv_async();
            async { Some(next.await) }
        })
    }
}

impl<T: Clone + Send + Sync + 'static> TBQueue<T> {
    /// The items that are taken out here, as a stream. It ends when the queue is closed and nothing is left.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item is taken out as by [`recv_async`](Self::recv_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// queue.shut();
    /// let mut stream = queue.stream();
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(1));
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, None);
    /// # }) }
    /// ```
    pub fn stream(&self) -> Items<T> {
        let queue = self.clone();
        Items::new(move || queue.recv_async())
    }
}

impl<T: Clone + Send + Sync + 'static> TPriorityQueue<T> {
    /// The items that are taken out here, as a stream. It has no end.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item is taken out as by [`recv_async`](Self::recv_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TPriorityQueue::from_iter([1, 2]);
    /// let mut stream = queue.stream();
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(2));
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(1));
    /// # }) }
    /// ```
    pub fn stream(&self) -> Items<T> {
        let queue = self.clone();
        Items::new(move || {
            let next = queue.recv_async();
            async { Some(next.await) }
        })
    }
}

impl<T: Clone + Send + Sync + 'static> TSubscriber<T> {
    /// The items that are read by this subscriber's position, as a stream. It ends when the channel is closed and everything has
    /// been read.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item is read as by [`next_async`](Self::next_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let news = stm::channel::TBroadcast::new();
    /// let mut stream = news.subscriber().stream();
    /// news.publish(7);
    /// news.shut();
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(7));
    /// assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, None);
    /// # }) }
    /// ```
    pub fn stream(&self) -> Items<T> {
        let subscriber = self.handle();
        Items::new(move || subscriber.next_async())
    }
}
