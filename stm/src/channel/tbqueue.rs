//! `TBQueue`: a queue with room for so many items.

use super::error::TryPushError;
use super::overflow::Overflow;
use super::ring::Ring;
use crate::handed::{Handed, later};
use crate::{ReadTransaction, Shared, StmResult, TCell, Transaction};

/// A bounded queue, first in, first out.
///
/// It has room for as many items as its capacity says. What [`push`](Self::push) does where there is no room is the queue's
/// [`Overflow`] rule: it waits, drops the new item, or drops the oldest. [`close`](Self::close) ends it: nothing more is taken
/// in, and who has taken out what is left gets `None`.
///
/// A handle: cloning it shares the queue, and `==` says whether two handles are of one queue. All items are in one allocation;
/// items of a word, such as `u64`, are stored in place, others in a box each, which is freed soon after they were taken out.
///
/// There is no `Default`: no capacity is as good as any other. A queue that is collected [from an iterator](FromIterator) is full.
///
/// # Capacity 0
///
/// Such a queue is always empty and always full. `push` waits until the queue is closed ([`Wait`](Overflow::Wait)), or drops the
/// item (both other rules: there is no older one); `pop` waits until the queue is closed.
///
/// # Complexity and conflicts
///
/// | operation | time | conflicts with |
/// |---|---|---|
/// | `push`, `try_push`, `offer` | O(1) | each other; `pop` only where the queue is full, or where `pop` has found it empty |
/// | `pop`, `try_pop` | O(1) | each other; with `push` as above |
/// | `push_front`, `try_push_front` | O(1) | `pop`, and what else is done at the front; `push` where it takes the last place |
/// | `peek`, `try_peek`, `is_empty` | O(1) | `pop`; `push` where the queue is empty |
/// | `is_full`, `is_closed` | O(1) | `push`; `is_full` with `pop` where the queue is full |
/// | `len` | O(1) | everything that changes the length |
/// | `items`, `flush` | O(length) | everything |
/// | `close` | O(1) | `push`, `is_full`, `is_closed`, `len`, `items`, `flush`; `pop` and `peek` where the queue is empty |
/// | `dropped` | O(1) | pushes that drop something |
///
/// Operations that change nothing conflict with none of each other. Those who wait at one end wait in line: an item wakes one of
/// them, however many there are, the one that has waited longest.
/// (A transaction that has written something before, or read anything but this queue, waits like everybody: each change wakes it.)
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::channel::TBQueue;
///
/// let jobs = TBQueue::new(2);
/// std::thread::scope(|threads| {
///     threads.spawn(|| {
///         for job in 1..=5 {
///             jobs.send(job).expect("nobody closes it but this thread");
///         }
///         jobs.shut();
///     });
///     let mut done = vec![];
///     while let Some(job) = atomically(|tx| jobs.pop(tx)) {
///         done.push(job);
///     }
///     assert_eq!(done, [1, 2, 3, 4, 5]);
/// });
/// ```
pub struct TBQueue<T: 'static> {
    inner: Shared<Inner<T>>,
}

struct Inner<T: 'static> {
    ring: Ring<T>,
    overflow: Overflow,
    /// By the rule.
    dropped: TCell<u64>,
}

impl<T: Send + Sync + 'static> TBQueue<T> {
    /// Creates an empty queue whose `push` waits for room. O(capacity); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if the capacity is above `u32::MAX`. All of the room is allocated now, 16 bytes an item.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::new(2);
    /// queue.send(1).unwrap();
    /// assert_eq!((queue.capacity(), queue.to_vec()), (2, vec![1]));
    /// ```
    #[doc(alias = "newTBQueue")]
    pub fn new(capacity: usize) -> Self {
        Self::with_overflow(capacity, Overflow::Wait)
    }

    /// The same as [`new`](Self::new). O(capacity); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// As `new`.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::<u64>::with_capacity(2);
    /// assert_eq!(queue.capacity(), 2);
    /// ```
    pub fn with_capacity(capacity: usize) -> Self {
        Self::new(capacity)
    }

    /// Creates an empty queue with a rule for pushing into it when it is full. O(capacity); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Overflow, TBQueue};
    ///
    /// let latest = TBQueue::with_overflow(2, Overflow::DropOldest);
    /// for n in 1..=5 {
    ///     assert_eq!(atomically(|tx| latest.push(tx, n)), Ok(()));
    /// }
    /// assert_eq!(latest.to_vec(), [4, 5]);
    /// assert_eq!(atomically(|tx| latest.dropped(tx)), 3);
    /// ```
    pub fn with_overflow(capacity: usize, overflow: Overflow) -> Self {
        Self { inner: Shared::new(Inner { ring: Ring::new(capacity), overflow, dropped: TCell::new(0) }) }
    }

    /// How many items there is room for. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::channel::TBQueue::<u64>::new(2).capacity(), 2);
    /// ```
    #[inline]
    #[doc(alias = "capacityTBQueue")]
    pub fn capacity(&self) -> usize {
        self.inner.ring.capacity()
    }

    /// What happens to items for which there is no room. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBQueue};
    ///
    /// assert_eq!(TBQueue::<u64>::new(2).overflow(), Overflow::Wait);
    /// ```
    #[inline]
    pub fn overflow(&self) -> Overflow {
        self.inner.overflow
    }

    #[inline(always)]
    fn ring<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> &'tx Ring<T> {
        &Shared::get(&self.inner, tx).ring
    }

    /// Puts an item behind the others. Where there is no room, does what the [`Overflow`] rule says; what it
    /// drops is counted by [`dropped`](Self::dropped), and returned by [`offer`](Self::offer). O(1).
    ///
    /// Returns the item if the queue is closed.
    ///
    /// # Retry and conflicts
    ///
    /// Waits while the queue is full, if that is the rule. Conflicts with other pushes and `close`; with `pop` only if the queue is
    /// full.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::TBQueue;
    ///
    /// let queue = TBQueue::new(1);
    /// assert_eq!(atomically(|tx| queue.push(tx, "one")), Ok(()));
    /// atomically(|tx| queue.close(tx));
    /// assert_eq!(atomically(|tx| queue.push(tx, "two")), Err("two"));
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "writeTBQueue")]
    pub fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), T>> {
        let since = tx.reads();
        match self.ring(tx).put(tx, item)? {
            Ok(()) => Ok(Ok(())),
            Err(TryPushError::Closed(item)) => Ok(Err(item)),
            Err(TryPushError::Full(item)) => {
                later(self.overflows(tx, item, since)?);
                Ok(Ok(()))
            }
        }
    }

    /// Does what the rule says with an item for which there is no room, as was read `since`. Returns the item if it is the one to
    /// be dropped.
    #[cold]
    fn overflows(&self, tx: &Transaction<'_, '_>, item: T, since: usize) -> StmResult<Option<T>> {
        let inner = Shared::get(&self.inner, tx);
        let mut item = Handed::new(item);
        match inner.overflow {
            Overflow::Wait => tx.wait_in_line(since),
            Overflow::DropOldest if inner.ring.capacity() > 0 => {
                inner.ring.replace_first(tx, item.take())?;
                inner.dropped.modify(tx, |n| n + 1)?;
                Ok(None)
            }
            Overflow::DropNewest | Overflow::DropOldest => {
                inner.dropped.modify(tx, |n| n + 1)?;
                Ok(Some(item.take()))
            }
        }
    }

    /// Puts an item behind the others as [`push`](Self::push) does, and returns what had to be dropped for lack of room, if
    /// anything: the item itself or the oldest. `Err` brings the item back if the queue is closed. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As `push`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{Overflow, TBQueue};
    ///
    /// let queue = TBQueue::with_overflow(1, Overflow::DropOldest);
    /// assert_eq!(atomically(|tx| queue.offer(tx, 1)), Ok(None));
    /// assert_eq!(atomically(|tx| queue.offer(tx, 2)), Ok(Some(1)));
    /// ```
    pub fn offer(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<Option<T>, T>>
    where
        T: Clone,
    {
        let since = tx.reads();
        match self.ring(tx).put(tx, item)? {
            Ok(()) => Ok(Ok(None)),
            Err(TryPushError::Closed(item)) => Ok(Err(item)),
            Err(TryPushError::Full(item)) => {
                let oldest = match self.inner.overflow {
                    Overflow::DropOldest => self.try_peek(tx)?,
                    _ => None,
                };
                Ok(Ok(self.overflows(tx, item, since)?.or(oldest)))
            }
        }
    }

    /// Puts an item behind the others if there is room, whatever the rule; else returns it. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts with other pushes and `close`; with `pop` only if the queue is full.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::{TBQueue, TryPushError};
    ///
    /// let queue = TBQueue::new(1);
    /// assert_eq!(atomically(|tx| queue.try_push(tx, 1)), Ok(()));
    /// assert_eq!(atomically(|tx| queue.try_push(tx, 2)), Err(TryPushError::Full(2)));
    /// ```
    #[inline]
    pub fn try_push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), TryPushError<T>>> {
        self.ring(tx).put(tx, item)
    }

    /// Puts an item before the others, as if it had not been taken out; also if the queue is closed, for it does not add to what
    /// has been taken in. Waits if there is no room. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while the queue is full, whatever the rule. Conflicts with `pop` and what else is done at the front; with `push` where
    /// it takes the last place.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::TBQueue;
    ///
    /// let queue = TBQueue::new(2);
    /// queue.send(2).unwrap();
    /// atomically(|tx| queue.push_front(tx, 1));
    /// assert_eq!(queue.to_vec(), [1, 2]);
    /// ```
    #[track_caller]
    #[doc(alias = "unGetTBQueue")]
    pub fn push_front(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        match self.ring(tx).put_first(tx, item)? {
            Ok(()) => Ok(()),
            Err(item) => {
                later(Some(item));
                tx.retry()
            }
        }
    }

    /// Puts an item before the others if there is room; else returns it. See [`push_front`](Self::push_front). O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as `push_front` does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBQueue};
    ///
    /// let queue = TBQueue::new(1);
    /// assert_eq!(atomically(|tx| queue.try_push_front(tx, 1)), Ok(()));
    /// assert_eq!(atomically(|tx| queue.try_push_front(tx, 2)), Err(2));
    /// ```
    pub fn try_push_front(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), T>> {
        self.ring(tx).put_first(tx, item)
    }

    /// How many items [`push`](Self::push) has dropped for lack of room. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with pushes that drop something.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::{Overflow, TBQueue};
    ///
    /// let queue = TBQueue::with_overflow(1, Overflow::DropNewest);
    /// (1..=3).for_each(|n| queue.send(n).unwrap());
    /// assert_eq!(stm::snapshot(|tx| queue.dropped(tx)), 2);
    /// ```
    pub fn dropped(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Shared::get(&self.inner, tx).dropped.read(tx)
    }

    /// How many items there are. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out, and with `close`. [`is_empty`](Self::is_empty) and
    /// [`is_full`](Self::is_full) conflict less.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{channel::TBQueue, snapshot};
    ///
    /// let queue = TBQueue::new(4);
    /// queue.send('a').unwrap();
    /// assert_eq!(snapshot(|tx| queue.len(tx)), 1);
    /// ```
    #[doc(alias = "lengthTBQueue")]
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.ring(tx).len(tx)
    }

    /// Whether there is no item. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `pop`; with `push` and `close` if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::<u64>::new(4);
    /// assert!(stm::snapshot(|tx| queue.is_empty(tx)));
    /// ```
    #[doc(alias = "isEmptyTBQueue")]
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(self.ring(tx).first(tx)?.is_none())
    }

    /// Whether there is no room. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `push` and `close`; with `pop` if the queue is full.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1, 2]);
    /// assert!(stm::snapshot(|tx| queue.is_full(tx)));
    /// ```
    #[doc(alias = "isFullTBQueue")]
    pub fn is_full(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        self.ring(tx).is_full(tx)
    }

    /// Ends the queue: from now on `push` returns what it is given, and `pop` returns `None` once nothing is left. All who
    /// wait are woken. Says whether the queue was open. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `push`, [`is_closed`](Self::is_closed), [`is_full`](Self::is_full) and what looks at all items or counts
    /// them; with `pop` and `peek` if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::TBQueue;
    ///
    /// let queue = TBQueue::new(4);
    /// queue.send(1).unwrap();
    /// atomically(|tx| queue.close(tx));
    /// assert_eq!(queue.send(2), Err(2));
    /// assert_eq!((queue.recv(), queue.recv()), (Some(1), None));
    /// ```
    pub fn close(&self, tx: &Transaction<'_, '_>) -> StmResult<bool> {
        self.ring(tx).close(tx)
    }

    /// Whether the queue is closed. There may be items in it still. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `push` and `close`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1]);
    /// queue.shut();
    /// assert!(stm::snapshot(|tx| queue.is_closed(tx)));
    /// ```
    pub fn is_closed(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        self.ring(tx).is_closed(tx)
    }
}

impl<T: Clone + Send + Sync + 'static> TBQueue<T> {
    /// Takes the first item out, and waits for one if there is none. `None` says that the queue is closed and nothing is left.
    /// O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits in line while the queue is empty. Conflicts with other pops; with `push` and `close` only if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::TBQueue;
    ///
    /// let (urgent, normal) = (TBQueue::new(4), TBQueue::new(4));
    /// normal.send("sweep").unwrap();
    /// let job = atomically(|tx| tx.or_else(|tx| urgent.pop(tx), |tx| normal.pop(tx)));
    /// assert_eq!(job, Some("sweep"));
    /// ```
    #[inline]
    #[doc(alias = "readTBQueue")]
    pub fn pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        let (ring, since) = (self.ring(tx), tx.reads());
        match ring.take(tx)? {
            Some(item) => Ok(Some(item)),
            None if ring.is_closed(tx)? => Ok(None),
            None => tx.wait_in_line(since),
        }
    }

    /// Takes the first item out, if there is one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as [`pop`](Self::pop) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TBQueue};
    ///
    /// let queue = TBQueue::from_iter([1]);
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), Some(1));
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), None);
    /// ```
    #[inline]
    #[doc(alias = "tryReadTBQueue")]
    pub fn try_pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        self.ring(tx).take(tx)
    }

    /// Returns a clone of the first item, which stays, and waits for one if there is none. `None` says that the queue is closed
    /// and nothing is left. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while the queue is empty. Conflicts with `pop`; with `push` and `close` only if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([7, 8]);
    /// assert_eq!(stm::snapshot(|tx| queue.peek(tx)), Some(7));
    /// assert_eq!(queue.recv(), Some(7));
    /// ```
    #[doc(alias = "peekTBQueue")]
    pub fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        match self.try_peek(tx)? {
            Some(item) => Ok(Some(item)),
            None if self.is_closed(tx)? => Ok(None),
            None => tx.retry(),
        }
    }

    /// Returns a clone of the first item, if there is one. It stays. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Does not wait. Conflicts as [`peek`](Self::peek) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{channel::TBQueue, snapshot};
    ///
    /// let queue = TBQueue::new(4);
    /// assert_eq!(snapshot(|tx| queue.try_peek(tx)), None);
    /// queue.send(7).unwrap();
    /// assert_eq!(snapshot(|tx| queue.try_peek(tx)), Some(7));
    /// ```
    #[doc(alias = "tryPeekTBQueue")]
    pub fn try_peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        Ok(self.ring(tx).first(tx)?.map(|item| (*item).clone()))
    }

    /// Takes all items out, first to last. There is room for as many again. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out, and with `close`.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::channel::TBQueue;
    ///
    /// let queue = TBQueue::new(2);
    /// queue.send(1).unwrap();
    /// queue.send(2).unwrap();
    /// assert_eq!(atomically(|tx| queue.flush(tx)), [1, 2]);
    /// assert!(!atomically(|tx| queue.is_full(tx)));
    /// ```
    #[doc(alias = "flushTBQueue")]
    #[doc(alias = "drain")]
    #[doc(alias = "clear")]
    pub fn flush(&self, tx: &Transaction<'_, '_>) -> StmResult<Vec<T>> {
        self.ring(tx).take_all(tx)
    }

    /// Returns clones of all items, first to last. They stay. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out, and with `close`, except in a [`snapshot`](crate::snapshot()).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TBQueue::from_iter([1, 2]);
    /// assert_eq!(stm::snapshot(|tx| queue.items(tx)), [1, 2]);
    /// ```
    pub fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>> {
        self.ring(tx).items(tx)
    }
}

impl<T: 'static> TBQueue<T> {
    /// Whether the two are handles of one queue. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::TBQueue;
    ///
    /// let one = TBQueue::<u64>::new(4);
    /// assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&TBQueue::new(4)));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

impl<T: 'static> Clone for TBQueue<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
