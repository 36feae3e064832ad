//! `TBroadcast`: everything that is sent goes to everybody who listens.
//!
//! A list of places. A place is filled with an item and a reference to the next place, or is still to be filled; the sender
//! knows the last, and each subscriber its own. References lead forward only. So a place, and the item in it, is freed when
//! the last subscriber has moved on, without anybody keeping count of subscribers. (Where a sender is to wait for them, it has to
//! know them: see `pace`.) A channel that is closed has its end in the last place.

use super::error::TryPushError;
use super::overflow::Overflow;
use super::pace::Pace;
use super::tsubscriber::TSubscriber;
use crate::handed::{Handed, later};
use crate::{Linkage, ReadTransaction, Shared, StmResult, TLink, Transaction};

/// A channel on which each item goes to every subscriber.
///
/// A subscriber gets what is sent from the moment on at which it [subscribed](Self::subscribe). Items are freed once all
/// subscribers have read them, or are gone; while nobody subscribes they are freed at once.
///
/// # Slow subscribers
///
/// A channel that was made by [`new`](Self::new) keeps what a subscriber has not read for as long as that takes. One that was made
/// by [`with_overflow`](Self::with_overflow) has a capacity, and a rule for a subscriber that is so many items behind:
///
/// - [`Wait`](Overflow::Wait): the sender waits until all who are so far behind have read on, have left, or the channel is closed;
/// - [`DropNewest`](Overflow::DropNewest): the new item is sent to nobody;
/// - [`DropOldest`](Overflow::DropOldest), which is that of [`with_capacity`](Self::with_capacity): the channel keeps the latest so
///   many items, also when all have read them. A subscriber that falls back further misses what it has not read of the rest, and is
///   [told](TSubscriber::recv_or_lag) how many items that were.
///
/// While nobody listens there is nobody to wait for. With a capacity of 0 whoever listens is too far behind for every item: `send`
/// waits until nobody listens any more, or drops the item; by `DropOldest` everybody misses everything.
///
/// (Who clones a subscriber, or subscribes in a snapshot, may come to a position that is over already: it gets all that is sent
/// from there, and the sender may be further ahead of it than the capacity until its next send.)
///
/// # The end
///
/// [`close`](Self::close) ends the channel: nothing more is sent, and a subscriber that asks by
/// [`recv_or_end`](TSubscriber::recv_or_end) learns of the end when it has read what is left.
///
/// A handle: cloning it shares the channel, and `==` says whether two handles are of one channel.
///
/// A channel is no collection: what has been sent is each subscriber's. So there is no `FromIterator`, no `IntoIterator`, no
/// `serde`, and `Debug` shows no items; [`Extend`] publishes.
///
/// # Complexity and conflicts
///
/// All operations take O(1), but for two on a channel that waits for its subscribers, or drops new items: to subscribe or to leave
/// is O(subscribers), and so is a send that does not know whether there is room. It knows for as many items as it found room for
/// when it looked last.
///
/// `send` conflicts with other sends and with `subscribe`; with a subscriber only if that has found nothing more to read, or is
/// about to miss something, or when `send` looks at the positions of all. Subscribers do not conflict with each other.
///
/// Senders wait in line: room for an item wakes one of them. (A transaction that has written something before, or read anything but
/// this channel, waits like everybody.)
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::channel::TBroadcast;
///
/// let news = TBroadcast::new();
/// let (early, late);
/// early = news.subscriber();
/// news.publish("one");
/// late = news.subscriber();
/// atomically(|tx| news.send(tx, "two"));
/// assert_eq!(atomically(|tx| Ok((early.recv(tx)?, early.recv(tx)?))), ("one", "two"));
/// assert_eq!(atomically(|tx| late.recv(tx)), "two");
/// ```
pub struct TBroadcast<T: 'static> {
    inner: Shared<Channel<T>>,
}

pub(super) struct Channel<T: 'static> {
    /// The place that is to be filled next.
    pub(super) last: TLink<Place<T>>,
    bound: Bound<T>,
}

/// What becomes of slow subscribers.
enum Bound<T: 'static> {
    None,
    Kept(Kept<T>),
    Paced(Pace<T>),
}

/// What a channel with a capacity keeps.
struct Kept<T: 'static> {
    capacity: u64,
    /// The place before which nothing can be read any more.
    oldest: TLink<Place<T>>,
    /// What is put into those before it.
    lost: Shared<Content<T>>,
}

pub(super) struct Place<T: 'static> {
    /// How many places were before it.
    pub(super) number: u64,
    /// None yet, if it is the last.
    pub(super) content: TLink<Content<T>>,
}

pub(super) enum Content<T: 'static> {
    Item {
        item: T,
        next: Shared<Place<T>>,
    },
    /// There was an item, and it is kept no longer.
    Lost,
    /// The channel is closed: in the last place.
    End,
}

impl<T: Send + Sync + 'static> Place<T> {
    fn new(number: u64) -> Shared<Self> {
        Shared::new(Self { number, content: TLink::empty() })
    }
}

impl<T: Send + Sync + 'static> Channel<T> {
    pub(super) fn last<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Linkage<'tx, Place<T>>> {
        Ok(self.last.read(tx)?.expect("there is always a place to be filled"))
    }

    /// The first place that can be read.
    pub(super) fn oldest<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Linkage<'tx, Place<T>>> {
        match &self.bound {
            Bound::Kept(kept) => Ok(kept.oldest.read(tx)?.expect("there is always an oldest place")),
            Bound::None | Bound::Paced(_) => self.last(tx),
        }
    }

    /// If it keeps to its slowest subscriber.
    pub(super) fn pace(&self) -> Option<&Pace<T>> {
        if let Bound::Paced(pace) = &self.bound { Some(pace) } else { None }
    }
}

impl<T: Send + Sync + 'static> TBroadcast<T> {
    /// Creates a channel that keeps everything until all subscribers have read it. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::new();
    /// let slow = news.subscriber();
    /// (1..=100).for_each(|n| news.publish(n));
    /// assert_eq!(slow.recv_blocking(), 1);
    /// ```
    pub fn new() -> Self {
        Self::with_bound(Place::new(0), Bound::None)
    }

    fn with_bound(place: Shared<Place<T>>, bound: Bound<T>) -> Self {
        Self { inner: Shared::new(Channel { last: TLink::new(Some(place)), bound }) }
    }

    /// Creates a channel that keeps the latest so many items, and no others. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Lagged, TBroadcast};
    ///
    /// let ticker = TBroadcast::with_capacity(2);
    /// let slow = ticker.subscriber();
    /// (1..=5).for_each(|n| ticker.publish(n));
    /// assert_eq!(atomically(|tx| slow.recv_or_lag(tx)), Err(Lagged(3)));
    /// assert_eq!(atomically(|tx| slow.recv_or_lag(tx)), Ok(4));
    /// ```
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_overflow(capacity, Overflow::DropOldest)
    }

    /// Creates a channel with a rule for a subscriber that is so many items behind. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Overflow, TBroadcast, TryPushError};
    ///
    /// let orders = TBroadcast::with_overflow(2, Overflow::Wait);
    /// let slow = orders.subscriber();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| (1..=5).for_each(|n| orders.publish(n))); // never more than two ahead
    ///     (1..=5).for_each(|n| assert_eq!(slow.recv_blocking(), n));
    /// });
    /// assert!(orders.try_publish(6).is_ok() && orders.try_publish(7).is_ok());
    /// assert_eq!(orders.try_publish(8), Err(TryPushError::Full(8)));
    /// drop(slow);
    /// assert_eq!(orders.try_publish(8), Ok(()));
    /// ```
    pub fn with_overflow(capacity: usize, overflow: Overflow) -> Self {
        let place = Place::new(0);
        let bound = match overflow {
            Overflow::Wait | Overflow::DropNewest => Bound::Paced(Pace::new(capacity, overflow)),
            Overflow::DropOldest => {
                let (oldest, lost) = (TLink::new(Some(place.clone())), Shared::new(Content::Lost));
                Bound::Kept(Kept { capacity: capacity as u64, oldest, lost })
            }
        };
        Self::with_bound(place, bound)
    }

    /// How many items it keeps, or a subscriber may be behind, if that is fixed. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::TBroadcast;
    ///
    /// assert_eq!(TBroadcast::<u64>::new().capacity(), None);
    /// assert_eq!(TBroadcast::<u64>::with_capacity(2).capacity(), Some(2));
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        match &self.inner.bound {
            Bound::None => None,
            Bound::Kept(kept) => Some(kept.capacity as usize),
            Bound::Paced(pace) => Some(pace.capacity() as usize),
        }
    }

    /// What happens when a subscriber is too far behind, if anything does. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBroadcast};
    ///
    /// assert_eq!(TBroadcast::<u64>::new().overflow(), None);
    /// assert_eq!(TBroadcast::<u64>::with_capacity(2).overflow(), Some(Overflow::DropOldest));
    /// ```
    pub fn overflow(&self) -> Option<Overflow> {
        match &self.inner.bound {
            Bound::None => None,
            Bound::Kept(_) => Some(Overflow::DropOldest),
            Bound::Paced(pace) => Some(pace.overflow),
        }
    }

    /// Sends an item to all who have subscribed, as [`push`](Self::push) does; drops it if the channel is closed. O(1), or
    /// O(subscribers) when it looks how far they have come: see the [type](Self#complexity-and-conflicts).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while a subscriber is too far behind, if that is the rule. Conflicts with other sends and `close`, with `subscribe`,
    /// with subscribers that have found nothing more to read, and with all of them when it looks how far they have come.
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
    /// atomically(|tx| news.send(tx, 1));
    /// assert_eq!(reader.recv_blocking(), 1);
    /// ```
    #[doc(alias = "writeBroadcastTChan")]
    #[track_caller]
    #[must_use = "a send that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn send(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        later(self.push(tx, item)?.err());
        Ok(())
    }

    /// Sends an item to all who have subscribed. If a subscriber is too far behind, does what the [`Overflow`] rule says; what it
    /// drops is counted by [`dropped`](Self::dropped).
    ///
    /// Returns the item if the channel is closed.
    ///
    /// # Retry and conflicts
    ///
    /// Complexity and conflicts: as [`send`](Self::send).
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
    /// assert_eq!(atomically(|tx| news.push(tx, 1)), Ok(()));
    /// atomically(|tx| news.close(tx));
    /// assert_eq!(atomically(|tx| news.push(tx, 2)), Err(2));
    /// ```
    #[track_caller]
    pub fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), T>> {
        let since = tx.reads();
        match self.try_send(tx, item)? {
            Ok(()) => Ok(Ok(())),
            Err(TryPushError::Closed(item)) => Ok(Err(item)),
            Err(TryPushError::Full(item)) => {
                later(Some(item));
                match Shared::get(&self.inner, tx).pace() {
                    Some(pace) if pace.overflow == Overflow::DropNewest => pace.dropped.modify(tx, |n| n + 1).map(Ok),
                    _ => tx.wait_in_line(since),
                }
            }
        }
    }

    /// Sends an item if no subscriber is too far behind, whatever the rule; else returns it. (By `DropOldest` none ever is.) O(1),
    /// or O(subscribers), as `send`.
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as [`send`](Self::send) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Overflow, TBroadcast, TryPushError};
    ///
    /// let orders = TBroadcast::with_overflow(1, Overflow::Wait);
    /// let reader = orders.subscriber();
    /// assert_eq!(atomically(|tx| orders.try_send(tx, 1)), Ok(()));
    /// assert_eq!(atomically(|tx| orders.try_send(tx, 2)), Err(TryPushError::Full(2)));
    /// assert_eq!(reader.recv_blocking(), 1);
    /// assert_eq!(atomically(|tx| orders.try_send(tx, 2)), Ok(()));
    /// ```
    pub fn try_send(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), TryPushError<T>>> {
        let mut item = Handed::new(item);
        let channel = Shared::get(&self.inner, tx);
        let last = channel.last(tx)?.get();
        // A look is enough if there is nothing, as `close` writes the link to the last place too, which has been read. So who waits
        // for room waits for variables that stay, and does so in line. What there is may be an item, though, from a sender who
        // was faster: it is younger than the view then, and to read it tells the two apart.
        if last.content.peek(tx)?.is_some() && last.content.read(tx)?.is_some() {
            return Ok(Err(TryPushError::Closed(item.take())));
        }
        if let Some(pace) = channel.pace()
            && !pace.admits(tx, last.number)?
        {
            return Ok(Err(TryPushError::Full(item.take())));
        }
        let next = Place::new(last.number + 1);
        last.content.write(tx, Some(Shared::new(Content::Item { item: item.take(), next: next.clone() })))?;
        channel.last.write(tx, Some(next))?;
        if let Bound::Kept(kept) = &channel.bound {
            Self::forget(tx, kept, last.number + 1)?;
        }
        Ok(Ok(()))
    }

    /// Gives up the oldest place if there are now too many.
    fn forget<'tx>(tx: &Transaction<'tx, '_>, kept: &'tx Kept<T>, last: u64) -> StmResult<()> {
        let oldest = kept.oldest.read(tx)?.expect("there is always an oldest place").get();
        if last - oldest.number <= kept.capacity {
            return Ok(());
        }
        let content = oldest.content.read(tx)?.expect("only the last place is not filled").get();
        if let Content::Item { next, .. } = content {
            kept.oldest.write(tx, Some(next.clone()))?;
        }
        oldest.content.write(tx, Some(kept.lost.clone()))
    }

    /// How many items were sent to nobody because a subscriber was too far behind. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with sends that drop their item.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBroadcast};
    ///
    /// let orders = TBroadcast::with_overflow(1, Overflow::DropNewest);
    /// let reader = orders.subscriber();
    /// (1..=3).for_each(|n| orders.publish(n));
    /// assert_eq!(stm::snapshot(|tx| orders.dropped(tx)), 2);
    /// ```
    pub fn dropped(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Shared::get(&self.inner, tx).pace().map_or(Ok(0), |pace| pace.dropped.read(tx))
    }

    /// Whether a subscriber is so far behind that an item can not be sent to all. Never by `DropOldest`, nor without a capacity.
    /// O(1), or O(subscribers) when it looks how far they have come.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with sends and `close`; and with subscribers when it looks how far they have come.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBroadcast};
    ///
    /// let orders = TBroadcast::with_overflow(1, Overflow::Wait);
    /// let reader = orders.subscriber();
    /// orders.publish(1);
    /// assert!(stm::atomically(|tx| orders.is_full(tx)));
    /// ```
    pub fn is_full(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        let channel = Shared::get(&self.inner, tx);
        match channel.pace() {
            Some(pace) => Ok(!pace.has_room(tx, channel.last(tx)?.number)?),
            None => Ok(false),
        }
    }

    /// Ends the channel: from now on nothing is sent, and [`recv_or_end`](TSubscriber::recv_or_end) returns `None` to those who
    /// have read what is left. All who wait are woken. Says whether the channel was open. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with sends, with `subscribe`, and with subscribers that have found nothing more to read.
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
    /// news.publish(1);
    /// assert!(atomically(|tx| news.close(tx)));
    /// assert_eq!((reader.next_blocking(), reader.next_blocking()), (Some(1), None));
    /// ```
    pub fn close(&self, tx: &Transaction<'_, '_>) -> StmResult<bool> {
        let channel = Shared::get(&self.inner, tx);
        let last = channel.last(tx)?;
        let is_open = last.get().content.read(tx)?.is_none();
        if is_open {
            last.get().content.write(tx, Some(Shared::new(Content::End)))?;
            // For the senders, who look at the content only by way of this.
            channel.last.write(tx, Some(last.to_shared()))?;
        }
        Ok(is_open)
    }

    /// Whether the channel is closed. There may be subscribers who have not read everything. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with sends and `close`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let news = stm::channel::TBroadcast::<u64>::new();
    /// news.shut();
    /// assert!(stm::snapshot(|tx| news.is_closed(tx)));
    /// ```
    pub fn is_closed(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(Shared::get(&self.inner, tx).last(tx)?.get().content.read(tx)?.is_some())
    }

    /// Begins to listen: the subscriber gets what is sent from now on. O(1), or O(subscribers) on a channel that waits for them, or
    /// drops new items.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `send` and `close`.
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
    /// let reader = atomically(|tx| news.subscribe(tx));
    /// news.publish(7);
    /// assert_eq!(reader.recv_blocking(), 7);
    /// ```
    #[doc(alias = "dupTChan")]
    pub fn subscribe(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<TSubscriber<T>> {
        let place = Shared::get(&self.inner, tx).last(tx)?.to_shared();
        Ok(TSubscriber::new(self.inner.clone(), place, 0))
    }
}

impl<T: Send + Sync + 'static> Default for TBroadcast<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: 'static> TBroadcast<T> {
    /// Whether the two are handles of one channel. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::TBroadcast;
    ///
    /// let one = TBroadcast::<u64>::new();
    /// assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&TBroadcast::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

impl<T: 'static> Clone for TBroadcast<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
