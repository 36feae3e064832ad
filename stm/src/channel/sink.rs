//! Queues as sinks.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;

use super::closed::Closed;
use super::tbqueue::TBQueue;
use super::tbroadcast::TBroadcast;
use super::tpriority_queue::TPriorityQueue;
use super::tqueue::TQueue;

/// The producers' end of a queue, as a `futures_sink::Sink`: made by `sink()` of a queue or a [`TBroadcast`].
///
/// Of what can be full it holds one item that waits for room: what it has been given is in the queue when it has been flushed.
/// Dropping it drops the item that waits. Into an unbounded queue an item is put at once, and the sink is always ready.
///
/// Closing it flushes it, and does not close the queue, at which there may be others.
#[must_use = "a sink does nothing until it is given something"]
pub struct Intake<T: 'static> {
    send: Start<T>,
    sending: Option<Sending<T>>,
}

/// An item on its way.
type Sending<T> = Pin<Box<dyn Future<Output = Result<(), T>> + Send>>;

/// Sends an item, or starts to.
type Start<T> = Box<dyn Fn(T) -> Option<Sending<T>> + Send>;

impl<T: Clone + Send + Sync + 'static> TBQueue<T> {
    /// The end at which items are put in, as a sink. Where there is no room, it does what the [`Overflow`](super::Overflow) rule
    /// says.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item goes in as by [`send_async`](Self::send_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_sink::Sink;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let queue = stm::channel::TBQueue::new(2);
    /// let mut sink = queue.sink();
    /// poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).await.unwrap();
    /// Pin::new(&mut sink).start_send(1).unwrap();
    /// poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx)).await.unwrap();
    /// assert_eq!(queue.to_vec(), [1]);
    /// # }) }
    /// ```
    pub fn sink(&self) -> Intake<T> {
        let queue = self.clone();
        Intake::waiting(move |item| queue.send_async(item))
    }
}

impl<T: Clone + Send + Sync + 'static> TBroadcast<T> {
    /// The end at which items are sent, as a sink. Where a subscriber is too far behind, it does what the
    /// [`Overflow`](super::Overflow) rule says.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item goes in as by [`send_async`](Self::send_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use futures_sink::Sink;
    /// use stm::channel::{Overflow, TBroadcast};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let orders = TBroadcast::with_overflow(1, Overflow::Wait);
    /// let (reader, mut sink) = (orders.subscriber(), orders.sink());
    /// Pin::new(&mut sink).start_send(1).unwrap();
    /// poll_fn(|cx| Pin::new(&mut sink).poll_flush(cx)).await.unwrap();
    /// assert_eq!(reader.recv_async().await, 1);
    /// # }) }
    /// ```
    pub fn sink(&self) -> Intake<T> {
        let channel = self.clone();
        Intake::waiting(move |item| channel.send_async(item))
    }
}

impl<T: Clone + Send + Sync + 'static> TQueue<T> {
    /// The end at which items are put in, as a sink. It is always ready.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item goes in as by [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::Pin;
    /// use futures_sink::Sink;
    ///
    /// let queue = stm::channel::TQueue::new();
    /// Pin::new(&mut queue.sink()).start_send(1).unwrap();
    /// assert_eq!(queue.recv(), 1);
    /// ```
    pub fn sink(&self) -> Intake<T> {
        let queue = self.clone();
        Intake::prompt(move |item| queue.send(item))
    }
}

impl<T: Clone + Ord + Send + Sync + 'static> TPriorityQueue<T> {
    /// The end at which items are put in, as a sink. It is always ready.
    ///
    /// To make it is O(1), and conflicts with nothing. Each item goes in as by [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::Pin;
    /// use futures_sink::Sink;
    ///
    /// let queue = stm::channel::TPriorityQueue::new();
    /// let mut sink = queue.sink();
    /// Pin::new(&mut sink).start_send(1).unwrap();
    /// Pin::new(&mut sink).start_send(2).unwrap();
    /// assert_eq!(queue.recv(), 2);
    /// ```
    pub fn sink(&self) -> Intake<T> {
        let queue = self.clone();
        Intake::prompt(move |item| queue.send(item))
    }
}

impl<T> Intake<T> {
    fn waiting<F>(send: impl Fn(T) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), T>> + Send + 'static,
    {
        Self { send: Box::new(move |item| Some(Box::pin(send(item)))), sending: None }
    }

    fn prompt(send: impl Fn(T) + Send + 'static) -> Self {
        let send = move |item| {
            send(item);
            None
        };
        Self { send: Box::new(send), sending: None }
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed<T>>> {
        // A poll that panics leaves nothing behind that is to be polled again.
        let Some(mut sending) = self.sending.take() else { return Poll::Ready(Ok(())) };
        match sending.as_mut().poll(cx) {
            Poll::Pending => {
                self.sending = Some(sending);
                Poll::Pending
            }
            Poll::Ready(sent) => Poll::Ready(sent.map_err(Closed)),
        }
    }
}

impl<T> Sink<T> for Intake<T> {
    type Error = Closed<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed<T>>> {
        self.get_mut().poll_sent(cx)
    }

    /// # Panics
    ///
    /// Panics if the sink is not ready: the item before still waits. For an unbounded queue also inside the body of a transaction.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Closed<T>> {
        let this = self.get_mut();
        assert!(this.sending.is_none(), "`start_send` was called on a sink that was not ready");
        this.sending = (this.send)(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed<T>>> {
        self.get_mut().poll_sent(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed<T>>> {
        self.get_mut().poll_sent(cx)
    }
}

impl<T> Unpin for Intake<T> {}

impl<T> fmt::Debug for Intake<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("is_waiting", &self.sending.is_some()).finish_non_exhaustive()
    }
}
