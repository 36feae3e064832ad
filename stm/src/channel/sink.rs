//! A bounded queue as a sink.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;

use super::closed::Closed;
use super::tbqueue::TBQueue;

/// The producers' end of a [`TBQueue`], as a `futures_sink::Sink`: made by [`TBQueue::sink`].
///
/// It holds one item that waits for room. What it has been given is in the queue when it has been flushed. Closing it flushes
/// it, and does not close the queue, at which there may be others. Dropping it drops the item that waits.
#[must_use = "a sink does nothing until it is given something"]
pub struct Intake<T: 'static> {
    queue: TBQueue<T>,
    sending: Option<Sending<T>>,
}

/// An item on its way.
type Sending<T> = Pin<Box<dyn Future<Output = Result<(), T>> + Send>>;

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
        Intake { queue: self.clone(), sending: None }
    }
}

impl<T: Clone + Send + Sync + 'static> Intake<T> {
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

impl<T: Clone + Send + Sync + 'static> Sink<T> for Intake<T> {
    type Error = Closed<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed<T>>> {
        self.get_mut().poll_sent(cx)
    }

    /// # Panics
    ///
    /// Panics if the sink is not ready: the item before still waits.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Closed<T>> {
        let this = self.get_mut();
        assert!(this.sending.is_none(), "`start_send` was called on a sink that was not ready");
        this.sending = Some(Box::pin(this.queue.send_async(item)));
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
