//! `TQueue`: a queue without a bound.

use crossbeam_utils::CachePadded;

use super::block::{Block, SLOTS};
use crate::handed::Handed;
use crate::{Linkage, ReadTransaction, Ref, Shared, StmResult, TCell, TLink, Transaction};

/// An unbounded queue, first in, first out.
///
/// A handle: cloning it shares the queue, and `==` says whether two handles are of one queue. Items are kept in blocks of 32. Those
/// of a word, such as `u64`, are stored in place, others in a box each, which is freed soon after they were taken out.
///
/// # Complexity and conflicts
///
/// | operation | time | conflicts with |
/// |---|---|---|
/// | `push`, `push_all` | O(1) each | other pushes; `pop` only where that has found the queue empty |
/// | `pop`, `try_pop` | O(1) | each other; `push` only where the queue is empty |
/// | `push_front` | O(1) | `pop`, and what else is done at the front |
/// | `peek`, `try_peek`, `is_empty` | O(1) | `pop`; `push` where the queue is empty |
/// | `len` | O(1) | everything that changes the length |
/// | `items`, `flush` | O(length) | everything |
///
/// Operations that change nothing do not conflict with each other. Those who wait for an item wait in line: an item wakes one of
/// them, however many there are, the one that has waited longest.
/// (A transaction that has written something before, or read anything but this queue, waits like everybody: each change wakes it.)
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::channel::TQueue;
///
/// let (urgent, normal) = (TQueue::new(), TQueue::new());
/// normal.send("sweep");
/// normal.send("dust");
/// urgent.send("put out the fire");
/// let next = || atomically(|tx| tx.or_else(|tx| urgent.pop(tx), |tx| normal.pop(tx)));
/// assert_eq!([next(), next(), next()], ["put out the fire", "sweep", "dust"]);
/// ```
pub struct TQueue<T: 'static> {
    inner: Shared<Inner<T>>,
}

struct Inner<T: 'static> {
    head: CachePadded<End<T>>,
    tail: CachePadded<End<T>>,
}

/// Where the first item is, or where the next is to go.
struct End<T: 'static> {
    position: TCell<u64>,
    /// The block in which that is, or the one before it, if that has been used up.
    block: TLink<Block<T>>,
}

/// Far from both ends of the numbers.
const START: u64 = 1 << 62;

impl<T: Send + Sync + 'static> TQueue<T> {
    /// Creates an empty queue. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::new();
    /// queue.send(1);
    /// assert_eq!(queue.recv(), 1);
    /// ```
    #[doc(alias = "newTQueue")]
    pub fn new() -> Self {
        let block = Shared::new(Block::new(START, TLink::empty()));
        let end = |block| CachePadded::new(End { position: TCell::new(START), block: TLink::new(Some(block)) });
        Self { inner: Shared::new(Inner { head: end(block.clone()), tail: end(block) }) }
    }

    /// Puts an item behind the others. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never waits. Conflicts with other pushes; with `pop` only if that has found the queue empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::new();
    /// atomically(|tx| {
    ///     queue.push(tx, 1)?;
    ///     queue.push(tx, 2)
    /// });
    /// assert_eq!(queue.to_vec(), [1, 2]);
    /// ```
    #[inline]
    #[doc(alias = "writeTQueue")]
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let tail = &Shared::get(&self.inner, tx).tail;
        let position = tail.position.read(tx)?;
        let block = likely_block_of(tail, tx)?;
        if !block.covers(position) {
            return Self::push_at_the_edge(tx, tail, position, item.take());
        }
        Self::put(tx, block, position, item.take())?;
        tail.position.write(tx, position + 1)
    }

    /// Puts items behind the others, one after the other. O(1) for each.
    ///
    /// (Outside of a transaction [`Extend`] does so in a transaction for each.)
    ///
    /// # Retry and conflicts
    ///
    /// As [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::new();
    /// atomically(|tx| queue.push_all(tx, 1..=3));
    /// assert_eq!(queue.to_vec(), [1, 2, 3]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push_all(&self, tx: &Transaction<'_, '_>, items: impl IntoIterator<Item = T>) -> StmResult<()> {
        items.into_iter().try_for_each(|item| self.push(tx, item))
    }

    #[inline(always)]
    fn put<'tx>(tx: &Transaction<'tx, '_>, block: &'tx Block<T>, position: u64, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let (slots, place) = (block.slots(), block.place(position));
        // Nothing is there. But a write of what was read just now costs less than one out of the blue.
        slots.read(tx, place)?;
        slots.fill(tx, place, item.take())
    }

    /// Puts an item behind the others where a new block has to be begun, or has been just now.
    #[inline(never)]
    fn push_at_the_edge<'tx>(tx: &Transaction<'tx, '_>, tail: &'tx End<T>, position: u64, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let last = block_of(tail, tx)?;
        if last.ends_at(position) {
            let block = Shared::new(Block::new(position, TLink::empty()));
            Self::put(tx, Shared::get(&block, tx), position, item.take())?;
            last.next.write(tx, Some(block.clone()))?;
            tail.block.write(tx, Some(block))?;
        } else {
            Self::put(tx, last, position, item.take())?;
        }
        tail.position.write(tx, position + 1)
    }

    /// Puts an item before the others, as if it had not been taken out. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never waits. Conflicts with `pop` and what else is done at the front.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::from_iter([2, 3]);
    /// atomically(|tx| queue.push_front(tx, 1));
    /// assert_eq!(queue.to_vec(), [1, 2, 3]);
    /// ```
    #[doc(alias = "unGetTQueue")]
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push_front(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let head = &Shared::get(&self.inner, tx).head;
        let position = head.position.read(tx)? - 1;
        let mut block = block_of(head, tx)?;
        if block.starts_at(position + 1) {
            let next = head.block.read(tx)?.map(|first| first.to_shared());
            let before = Shared::new(Block::new(position + 1 - SLOTS, TLink::new(next)));
            block = Shared::get(&before, tx);
            head.block.write(tx, Some(before))?;
        }
        Self::put(tx, block, position, item.take())?;
        head.position.write(tx, position)
    }

    /// How many items there are. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out. [`is_empty`](Self::is_empty) conflicts less.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{channel::TQueue, snapshot};
    ///
    /// let queue = TQueue::from_iter(['a', 'b']);
    /// assert_eq!(snapshot(|tx| queue.len(tx)), 2);
    /// ```
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        let inner = Shared::get(&self.inner, tx);
        Ok((inner.tail.position.read(tx)? - inner.head.position.read(tx)?) as usize)
    }

    /// Whether there is no item. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `pop`; with `push` if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::<u64>::new();
    /// assert!(stm::snapshot(|tx| queue.is_empty(tx)));
    /// ```
    #[doc(alias = "isEmptyTQueue")]
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(self.front(tx)?.is_none())
    }

    /// Looks for the first item. If there is none, it has read the positions of both ends and, as far as that can be told before,
    /// nothing else.
    #[inline(always)]
    fn front<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Front<'tx, T>>> {
        let inner = Shared::get(&self.inner, tx);
        let position = inner.head.position.read(tx)?;
        let block = likely_block_of(&inner.head, tx)?;
        if block.covers(position)
            && block.slots().is_likely(block.place(position))
            && let Some(item) = block.slots().read(tx, block.place(position))?
        {
            return Ok(Some(Front { head: &inner.head, block, position, item }));
        }
        Self::front_at_the_edge(tx, inner, position)
    }

    /// Looks for the first item at the beginning of a block, or where there is nothing likely about it.
    #[inline(never)]
    fn front_at_the_edge<'tx>(
        tx: &ReadTransaction<'tx, '_>,
        inner: &'tx Inner<T>,
        position: u64,
    ) -> StmResult<Option<Front<'tx, T>>> {
        let head = &inner.head;
        let mut likely = Some(likely_block_of(head, tx)?);
        if let Some(block) = likely
            && block.ends_at(position)
        {
            likely = block.next.peek(tx)?.map(Linkage::get);
        }
        let is_likely =
            likely.is_some_and(|block| block.covers(position) && block.slots().is_likely(block.place(position)));
        if !is_likely && inner.tail.position.read(tx)? == position {
            return Ok(None);
        }
        let mut block = Some(block_of(head, tx)?);
        if let Some(last) = block
            && last.ends_at(position)
        {
            block = last.next.read(tx)?.map(Linkage::get);
        }
        if let Some(block) = block
            && let Some(item) = block.slots().read(tx, block.place(position))?
        {
            return Ok(Some(Front { head, block, position, item }));
        }
        let tail = inner.tail.position.read(tx)?;
        debug_assert_eq!(tail, position, "there is a slot for each item");
        Ok(None)
    }
}

/// What is at the head of a queue.
struct Front<'tx, T: 'static> {
    head: &'tx End<T>,
    /// In which the item is.
    block: &'tx Block<T>,
    position: u64,
    item: Ref<'tx, T>,
}

#[inline(always)]
fn next_of<'tx, T: Send + Sync + 'static>(
    block: &'tx Block<T>,
    tx: &ReadTransaction<'tx, '_>,
) -> StmResult<&'tx Block<T>> {
    Ok(block.next.read(tx)?.expect("there is a block for each item").get())
}

/// The block that an end was in of late, which the transaction need not see. If it covers the position that the transaction does
/// see, it is the block that belongs to that: no two blocks are for the same positions at once. One block comes after another
/// for the same positions where items are put back; and the slots of the earlier are empty by then, and those of the later
/// before, or out of sight.
#[inline(always)]
fn likely_block_of<'tx, T: Send + Sync + 'static>(
    end: &'tx End<T>,
    tx: &ReadTransaction<'tx, '_>,
) -> StmResult<&'tx Block<T>> {
    Ok(end.block.peek(tx)?.expect("an end is in a block").get())
}

#[inline(always)]
fn block_of<'tx, T: Send + Sync + 'static>(
    end: &'tx End<T>,
    tx: &ReadTransaction<'tx, '_>,
) -> StmResult<&'tx Block<T>> {
    Ok(end.block.read(tx)?.expect("an end is in a block").get())
}

impl<T: Clone + Send + Sync + 'static> TQueue<T> {
    /// Takes the first item out, and waits for one if there is none. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits in line while the queue is empty. Conflicts with other pops; with `push` only if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::new();
    /// let sum = std::thread::scope(|threads| {
    ///     threads.spawn(|| { queue.send(3); queue.send(4) });
    ///     atomically(|tx| Ok(queue.pop(tx)? + queue.pop(tx)?))
    /// });
    /// assert_eq!(sum, 7);
    /// ```
    #[inline]
    #[doc(alias = "readTQueue")]
    pub fn pop(&self, tx: &Transaction<'_, '_>) -> StmResult<T> {
        let since = tx.reads();
        match self.try_pop(tx)? {
            Some(item) => Ok(item),
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
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::from_iter([1]);
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), Some(1));
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), None);
    /// ```
    #[inline]
    #[doc(alias = "tryReadTQueue")]
    pub fn try_pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        let Some(Front { head, block, position, item }) = self.front(tx)? else { return Ok(None) };
        let mut item = Handed::new((*item).clone());
        block.slots().clear(tx, block.place(position))?;
        head.position.write(tx, position + 1)?;
        if block.starts_at(position) {
            Self::move_on(tx, head, position)?;
        }
        Ok(Some(item.take()))
    }

    /// Lets the head's link lead to the block that starts at the position, if it does not do so yet.
    #[inline(never)]
    fn move_on<'tx>(tx: &Transaction<'tx, '_>, head: &'tx End<T>, position: u64) -> StmResult<()> {
        let first = block_of(head, tx)?;
        if first.ends_at(position) {
            head.block.write(tx, first.next.read(tx)?.map(|next| next.to_shared()))?;
        }
        Ok(())
    }

    /// Returns a clone of the first item, which stays, and waits for one if there is none. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while the queue is empty. Conflicts with `pop`; with `push` only if the queue is empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::from_iter([7, 8]);
    /// assert_eq!(stm::snapshot(|tx| queue.peek(tx)), 7);
    /// assert_eq!(queue.recv(), 7);
    /// ```
    #[doc(alias = "peekTQueue")]
    pub fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        match self.try_peek(tx)? {
            Some(item) => Ok(item),
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
    /// use stm::{channel::TQueue, snapshot};
    ///
    /// let queue = TQueue::from_iter([7, 8]);
    /// assert_eq!(snapshot(|tx| queue.try_peek(tx)), Some(7));
    /// ```
    #[doc(alias = "tryPeekTQueue")]
    pub fn try_peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        Ok(self.front(tx)?.map(|front| (*front.item).clone()))
    }

    /// Returns clones of all items, first to last. They stay. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out, except in a [`snapshot`](crate::snapshot()).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TQueue::from_iter([1, 2]);
    /// assert_eq!(stm::snapshot(|tx| queue.items(tx)), [1, 2]);
    /// ```
    pub fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>> {
        let inner = Shared::get(&self.inner, tx);
        let (head, tail) = (inner.head.position.read(tx)?, inner.tail.position.read(tx)?);
        let mut block = block_of(&inner.head, tx)?;
        let mut items = Vec::with_capacity((tail - head) as usize);
        for position in head..tail {
            if block.ends_at(position) {
                block = next_of(block, tx)?;
            }
            items.extend(block.slots().read(tx, block.place(position))?.map(|item| (*item).clone()));
        }
        Ok(items)
    }

    /// Takes all items out, first to last. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with everything that puts in or takes out.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TQueue};
    ///
    /// let queue = TQueue::from_iter([1, 2]);
    /// assert_eq!(atomically(|tx| queue.flush(tx)), [1, 2]);
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), None);
    /// ```
    #[doc(alias = "flushTQueue")]
    #[doc(alias = "drain")]
    #[doc(alias = "clear")]
    pub fn flush(&self, tx: &Transaction<'_, '_>) -> StmResult<Vec<T>> {
        let items = self.items(tx)?;
        if !items.is_empty() {
            // Blocks before the last are left as they are, and go: nobody who sees the new head comes by one of them again.
            let inner = Shared::get(&self.inner, tx);
            let (head, tail) = (inner.head.position.read(tx)?, inner.tail.position.read(tx)?);
            let last = inner.tail.block.read(tx)?.expect("an end is in a block");
            for position in head.max(last.start())..tail {
                last.get().slots().clear(tx, last.place(position))?;
            }
            inner.head.block.write(tx, Some(last.to_shared()))?;
            inner.head.position.write(tx, tail)?;
        }
        Ok(items)
    }
}

impl<T: 'static> TQueue<T> {
    /// Whether the two are handles of one queue. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::TQueue;
    ///
    /// let one = TQueue::<u64>::new();
    /// assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&TQueue::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

impl<T: 'static> Clone for TQueue<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
