//! `TSubscriber`: a position on a broadcast channel.

use super::lagged::Lagged;
use super::pace::{Presence, listen};
use super::tbroadcast::{Channel, Content, Place};
use crate::context::Suspended;
use crate::handed::Handed;
use crate::{Linkage, ReadTransaction, Shared, StmResult, TCell, TLink, Transaction, snapshot};

/// Who listens to a [`TBroadcast`](super::TBroadcast): a position in what is sent. Made by
/// [`TBroadcast::subscribe`](super::TBroadcast::subscribe).
///
/// Cloning it makes a position of its own, which is at first the same (as committed; [`fork`](Self::fork) does the same as a
/// part of a transaction). Threads that share one subscriber by reference share its position: each item goes to one of them.
///
/// Where the channel [waits](super::Overflow::Wait) for its subscribers, a sender may wait for this one until it reads on or is
/// dropped. To drop it is a step of its own, possible anywhere; inside a body it acts at once and is not undone. (A body that has
/// found the channel full because of it, and then drops it, is run again.)
///
/// # Complexity and conflicts
///
/// All operations take O(1). On a channel that waits for its subscribers, or drops new items, [`fork`](Self::fork), to clone it and
/// to drop it take O(subscribers).
///
/// Operations on one subscriber conflict where one of them reads on. With those who send they conflict where there is nothing more
/// to read, where something is about to be missed, where they ask how far the sender is ([`len`](Self::len), [`skip`](Self::skip)),
/// and, if they read on, where a sender looks how far all have come. Different subscribers do not conflict with each other.
///
/// # Examples
///
/// ```
/// use stm::{atomically, channel::TBroadcast};
///
/// let news = TBroadcast::new();
/// let reader = news.subscriber();
/// (1..=3).for_each(|n| news.publish(n));
/// assert_eq!(atomically(|tx| Ok(reader.recv(tx)? + reader.recv(tx)?)), 3);
/// assert_eq!(stm::snapshot(|tx| reader.len(tx)), 1);
/// ```
pub struct TSubscriber<T: 'static> {
    channel: Shared<Channel<T>>,
    position: Shared<Position<T>>,
    listening: Option<Presence>,
}

pub(super) struct Position<T: 'static> {
    /// What is to be read next.
    place: TLink<Place<T>>,
    missed: TCell<u64>,
    /// Nobody reads by it any more.
    pub(super) is_gone: TCell<bool>,
}

impl<T: Send + Sync + 'static> Position<T> {
    /// The number of what is to be read next.
    pub(super) fn number<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<u64> {
        Ok(self.place.read(tx)?.expect("a position is at a place").number)
    }
}

/// What is to be read next.
enum Next<'tx, T: 'static> {
    Item(&'tx T, &'tx Shared<Place<T>>),
    Lost,
    Nothing,
    /// Nor will there be.
    End,
}

impl<T: Send + Sync + 'static> TSubscriber<T> {
    pub(super) fn new(channel: Shared<Channel<T>>, place: Shared<Place<T>>, missed: u64) -> Self {
        let (next, missed, is_gone) = (place.number, TCell::new(missed), TCell::new(false));
        let position = Shared::new(Position { place: TLink::new(Some(place)), missed, is_gone });
        let listening = listen(&channel, &position, next);
        Self { channel, position, listening }
    }

    /// A second handle to the same position.
    pub(super) fn handle(&self) -> Self {
        Self { channel: self.channel.clone(), position: self.position.clone(), listening: self.listening.clone() }
    }

    fn place<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<&'tx Place<T>> {
        Ok(Shared::get(&self.position, tx).place.read(tx)?.expect("a position is at a place").get())
    }

    fn next<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Next<'tx, T>> {
        Ok(match self.place(tx)?.content.read(tx)? {
            None => Next::Nothing,
            Some(content) => match content.get() {
                Content::Item { item, next } => Next::Item(item, next),
                Content::Lost => Next::Lost,
                Content::End => Next::End,
            },
        })
    }

    /// Goes to the oldest item there is. Returns how many it has gone past.
    fn catch_up(&self, tx: &Transaction<'_, '_>) -> StmResult<u64> {
        let oldest = Shared::get(&self.channel, tx).oldest(tx)?;
        self.go_to(tx, oldest)
    }

    /// Goes on to a place, and counts what it has gone past.
    fn go_to<'tx>(&self, tx: &Transaction<'tx, '_>, place: Linkage<'tx, Place<T>>) -> StmResult<u64> {
        let missed = place.number.saturating_sub(self.place(tx)?.number);
        if missed > 0 {
            let position = Shared::get(&self.position, tx);
            position.missed.modify(tx, |n| n + missed)?;
            position.place.write(tx, Some(place.to_shared()))?;
        }
        Ok(missed)
    }

    /// A second subscriber at the same position. O(1), or O(subscribers) on a channel that waits for them, or drops new items.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with who reads by this one.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish(7);
    /// let second = atomically(|tx| reader.fork(tx));
    /// assert_eq!((reader.recv_blocking(), second.recv_blocking()), (7, 7));
    /// ```
    #[doc(alias = "cloneTChan")]
    pub fn fork(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Self> {
        let position = Shared::get(&self.position, tx);
        let place = position.place.read(tx)?.expect("a position is at a place").to_shared();
        Ok(Self::new(self.channel.clone(), place, position.missed.read(tx)?))
    }

    /// Whether everything that was sent has been read. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with who reads by this subscriber; with `send` and `close` if there is nothing to read, and with `send` if the
    /// next item is about to be missed.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// assert!(stm::snapshot(|tx| reader.is_empty(tx)));
    /// news.publish(7);
    /// assert!(!stm::snapshot(|tx| reader.is_empty(tx)));
    /// ```
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(matches!(self.next(tx)?, Next::Nothing | Next::End))
    }

    /// How many items were sent that have not been read, those that are missed by now included. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `send` and `close`, and with who reads by this subscriber.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// (1..=3).for_each(|n| news.publish(n));
    /// assert_eq!(stm::snapshot(|tx| reader.len(tx)), 3);
    /// ```
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        let last = Shared::get(&self.channel, tx).last(tx)?.number;
        Ok(last.saturating_sub(self.place(tx)?.number) as usize)
    }

    /// Whether the channel is closed and everything has been read. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with who reads by this subscriber; with `send` and `close` if there is nothing to read, and with `send` if the
    /// next item is about to be missed.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish(7);
    /// news.shut();
    /// assert!(!stm::snapshot(|tx| reader.is_over(tx)));
    /// reader.recv_blocking();
    /// assert!(stm::snapshot(|tx| reader.is_over(tx)));
    /// ```
    pub fn is_over(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(matches!(self.next(tx)?, Next::End))
    }

    /// Passes over everything that has not been read, and returns how many items that were; [`missed`](Self::missed) counts them.
    /// O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `send` and `close`, and with who reads by this subscriber.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let reader = news.subscriber();
    /// (1..=3).for_each(|n| news.publish(n));
    /// assert_eq!(atomically(|tx| reader.skip(tx)), 3);
    /// assert_eq!(atomically(|tx| reader.try_recv(tx)), None);
    /// ```
    pub fn skip(&self, tx: &Transaction<'_, '_>) -> StmResult<u64> {
        let last = Shared::get(&self.channel, tx).last(tx)?;
        self.go_to(tx, last)
    }

    /// How many items it has missed in all, as far as it has come. Always 0 if the channel has no capacity. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with who reads by this subscriber and misses something.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let ticker = stm::channel::TBroadcast::with_capacity(2);
    /// let slow = ticker.subscriber();
    /// (1..=5).for_each(|n| ticker.publish(n));
    /// assert_eq!(slow.recv_blocking(), 4);
    /// assert_eq!(stm::snapshot(|tx| slow.missed(tx)), 3);
    /// ```
    pub fn missed(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Shared::get(&self.position, tx).missed.read(tx)
    }
}

impl<T: Clone + Send + Sync + 'static> TSubscriber<T> {
    /// Returns the next item, and waits for one if everything has been read; for ever, if the channel is closed (see
    /// [`recv_or_end`](Self::recv_or_end)). What was missed is passed over in silence, and counted by [`missed`](Self::missed).
    /// O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while there is nothing to read. Conflicts with who reads by this subscriber; with `send` and `close` only if there is
    /// nothing more to read, or something is missed.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let readers = [news.subscriber(), news.subscriber()];
    /// news.publish(7);
    /// for reader in readers {
    ///     assert_eq!(atomically(|tx| reader.recv(tx)), 7);
    /// }
    /// ```
    #[doc(alias = "readTChan")]
    pub fn recv(&self, tx: &Transaction<'_, '_>) -> StmResult<T> {
        match self.try_recv(tx)? {
            Some(item) => Ok(item),
            None => tx.retry(),
        }
    }

    /// Returns the next item, and waits for one if everything has been read, as [`recv`](Self::recv) does. `None` says that the
    /// channel is [closed](super::TBroadcast::close) and everything has been read. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As `recv`. At the end it does not wait.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish(7);
    /// news.shut();
    /// assert_eq!(atomically(|tx| reader.recv_or_end(tx)), Some(7));
    /// assert_eq!(atomically(|tx| reader.recv_or_end(tx)), None);
    /// ```
    pub fn recv_or_end(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        match self.try_recv(tx)? {
            Some(item) => Ok(Some(item)),
            None if self.is_over(tx)? => Ok(None),
            None => tx.retry(),
        }
    }

    /// Returns the next item, if there is one. What was missed is passed over, as by [`recv`](Self::recv). O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as `recv` does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish(7);
    /// assert_eq!(atomically(|tx| Ok((reader.try_recv(tx)?, reader.try_recv(tx)?))), (Some(7), None));
    /// ```
    #[doc(alias = "tryReadTChan")]
    pub fn try_recv(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        match self.try_recv_or_lag(tx)? {
            Some(Ok(item)) => Ok(Some(item)),
            Some(Err(Lagged(_))) => Ok(self.try_recv_or_lag(tx)?.and_then(Result::ok)),
            None => Ok(None),
        }
    }

    /// Returns the next item, and waits for one if everything has been read. If some were missed that would come first, says so
    /// instead; then it goes on with the oldest that is left. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Lagged, TBroadcast};
    ///
    /// let ticker = TBroadcast::with_capacity(1);
    /// let slow = ticker.subscriber();
    /// (1..=3).for_each(|n| ticker.publish(n));
    /// assert_eq!(atomically(|tx| slow.recv_or_lag(tx)), Err(Lagged(2)));
    /// assert_eq!(atomically(|tx| slow.recv_or_lag(tx)), Ok(3));
    /// ```
    pub fn recv_or_lag(&self, tx: &Transaction<'_, '_>) -> StmResult<Result<T, Lagged>> {
        match self.try_recv_or_lag(tx)? {
            Some(received) => Ok(received),
            None => tx.retry(),
        }
    }

    /// As [`recv_or_lag`](Self::recv_or_lag), if there is an item or something was missed. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Lagged, TBroadcast};
    ///
    /// let ticker = TBroadcast::with_capacity(1);
    /// let slow = ticker.subscriber();
    /// (1..=3).for_each(|n| ticker.publish(n));
    /// assert_eq!(atomically(|tx| slow.try_recv_or_lag(tx)), Some(Err(Lagged(2))));
    /// assert_eq!(atomically(|tx| slow.try_recv_or_lag(tx)), Some(Ok(3)));
    /// assert_eq!(atomically(|tx| slow.try_recv_or_lag(tx)), None);
    /// ```
    pub fn try_recv_or_lag(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<Result<T, Lagged>>> {
        match self.next(tx)? {
            Next::Item(item, next) => {
                let mut item = Handed::new(item.clone());
                Shared::get(&self.position, tx).place.write(tx, Some(next.clone()))?;
                Ok(Some(Ok(item.take())))
            }
            Next::Lost => Ok(Some(Err(Lagged(self.catch_up(tx)?)))),
            Next::Nothing | Next::End => Ok(None),
        }
    }

    /// Returns a clone of the next item, and waits for one if there is none. The position stays. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while there is nothing to read. Conflicts as [`try_peek`](Self::try_peek) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBroadcast};
    ///
    /// let news = TBroadcast::new();
    /// let reader = news.subscriber();
    /// news.publish("one");
    /// assert_eq!(atomically(|tx| reader.peek(tx)), "one");
    /// assert_eq!(atomically(|tx| reader.recv(tx)), "one");
    /// ```
    #[doc(alias = "peekTChan")]
    pub fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        match self.try_peek(tx)? {
            Some(item) => Ok(item),
            None => tx.retry(),
        }
    }

    /// Returns a clone of the next item, if there is one. The position stays. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with who reads by this subscriber; with `send` and `close` if there is nothing to read, or something is missed.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let reader = news.subscriber();
    /// assert_eq!(stm::snapshot(|tx| reader.try_peek(tx)), None);
    /// news.publish(7);
    /// assert_eq!(stm::snapshot(|tx| reader.try_peek(tx)), Some(7));
    /// ```
    #[doc(alias = "tryPeekTChan")]
    pub fn try_peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        let mut next = self.next(tx)?;
        if let Next::Lost = next {
            let oldest = Shared::get(&self.channel, tx).oldest(tx)?.get();
            next = match oldest.content.read(tx)?.map(crate::Linkage::get) {
                Some(Content::Item { item, next }) => Next::Item(item, next),
                _ => Next::Nothing,
            };
        }
        Ok(match next {
            Next::Item(item, _) => Some(item.clone()),
            Next::Lost | Next::Nothing | Next::End => None,
        })
    }
}

/// A position of its own, which is at first the same: that which was committed last.
impl<T: Send + Sync + 'static> Clone for TSubscriber<T> {
    fn clone(&self) -> Self {
        // Both parts of the position as of one moment, also in the middle of a body.
        let _outside = Suspended::new();
        snapshot(|tx| self.fork(tx))
    }
}
