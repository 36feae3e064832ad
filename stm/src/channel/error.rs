//! Why an item was not taken in.

use std::error::Error;
use std::fmt;

/// The item that [`TBQueue::try_push`](super::TBQueue::try_push) could not put in, or
/// [`TBroadcast::try_send`](super::TBroadcast::try_send) could not send, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPushError<T> {
    /// The queue is full, or a subscriber too far behind.
    Full(T),
    /// The queue or channel is closed.
    Closed(T),
}

impl<T> TryPushError<T> {
    /// The item. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// assert_eq!(queue.try_send(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }

    /// Whether it was for lack of room. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// assert!(queue.try_send(2).unwrap_err().is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether it was because the queue is closed. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// queue.shut();
    /// assert!(queue.try_send(2).unwrap_err().is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// Without the item, which need not be `Debug`.
impl<T> fmt::Debug for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Closed(..)" })
    }
}

impl<T> fmt::Display for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "the queue is full" } else { "the queue is closed" })
    }
}

impl<T> Error for TryPushError<T> {}
