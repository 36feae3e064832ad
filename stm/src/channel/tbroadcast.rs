//! `TBroadcast`: everything that is sent goes to everybody who listens.
//!
//! A list of places. A place is filled with an item and a reference to the next place, or is still to be filled; the sender
//! knows the last, and each subscriber its own. References lead forward only. So a place, and the item in it, is freed when
//! the last subscriber has moved on, without anybody keeping count of subscribers.

use super::tsubscriber::TSubscriber;
use crate::handed::Handed;
use crate::{ReadTransaction, Shared, StmResult, TLink, Transaction};

/// A channel on which each item goes to every subscriber.
///
/// A subscriber gets what is sent from the moment on at which it [subscribed](Self::subscribe). Items are freed once all
/// subscribers have read them, or are gone; while nobody subscribes they are freed at once.
///
/// # Slow subscribers
///
/// A sender never waits. On a channel that was made by [`new`](Self::new), what a subscriber has not read is kept for as long as
/// that takes. One that was made by [`with_capacity`](Self::with_capacity) keeps the latest so many items, also when all have
/// read them: a subscriber that falls back further misses what it has not read of the rest, and is
/// [told](TSubscriber::recv_or_lag) how many items that were.
///
/// A handle: cloning it shares the channel, and `==` says whether two handles are of one channel.
///
/// A channel is no collection: what has been sent is each subscriber's. So there is no `FromIterator`, no `IntoIterator`, no
/// `serde`, and `Debug` shows no items; [`Extend`] publishes.
///
/// # Complexity and conflicts
///
/// All operations take O(1). `send` conflicts with other sends and with `subscribe`; with a subscriber only if that has found
/// nothing more to read, or, on a channel with a capacity, is about to miss something. Subscribers do not conflict with each
/// other.
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
    kept: Option<Kept<T>>,
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
}

impl<T: Send + Sync + 'static> Place<T> {
    fn new(number: u64) -> Shared<Self> {
        Shared::new(Self { number, content: TLink::empty() })
    }
}

impl<T: Send + Sync + 'static> Channel<T> {
    pub(super) fn last<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<crate::Linkage<'tx, Place<T>>> {
        Ok(self.last.read(tx)?.expect("there is always a place to be filled"))
    }

    /// The first place that can be read.
    pub(super) fn oldest<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<crate::Linkage<'tx, Place<T>>> {
        match &self.kept {
            Some(kept) => Ok(kept.oldest.read(tx)?.expect("there is always an oldest place")),
            None => self.last(tx),
        }
    }
}

impl<T: Send + Sync + 'static> TBroadcast<T> {
    /// Creates a channel that keeps everything until all subscribers have read it.
    pub fn new() -> Self {
        Self { inner: Shared::new(Channel { last: TLink::new(Some(Place::new(0))), kept: None }) }
    }

    /// Creates a channel that keeps the latest so many items, and no others.
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
        let place = Place::new(0);
        let (capacity, lost) = (capacity as u64, Shared::new(Content::Lost));
        let kept = Some(Kept { capacity, oldest: TLink::new(Some(place.clone())), lost });
        Self { inner: Shared::new(Channel { last: TLink::new(Some(place)), kept }) }
    }

    /// How many items it keeps, if that is fixed.
    pub fn capacity(&self) -> Option<usize> {
        self.inner.kept.as_ref().map(|kept| kept.capacity as usize)
    }

    /// Sends an item to all who have subscribed.
    ///
    /// # Retry and conflicts
    ///
    /// Never waits. Conflicts with other sends, with `subscribe`, and with subscribers that have found nothing more to read.
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
    #[must_use = "a send that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn send(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let channel = Shared::get(&self.inner, tx);
        let last = channel.last(tx)?.get();
        let next = Place::new(last.number + 1);
        last.content.write(tx, Some(Shared::new(Content::Item { item: item.take(), next: next.clone() })))?;
        channel.last.write(tx, Some(next))?;
        match &channel.kept {
            Some(kept) => Self::forget(tx, kept, last.number + 1),
            None => Ok(()),
        }
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

    /// Begins to listen: the subscriber gets what is sent from now on.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `send`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
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
    /// Whether the two are handles of one channel. So says `==`, too.
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
