//! `Ring`: what a bounded queue consists of.
//!
//! Slots in a circle, and two positions: where the first item is, and where the next is to go. A slot holds an item if it is
//! between them, and else nothing. So a producer looks at its own position and at the slot there: nothing in it means that there is
//! room. A consumer does the same: something in it is the first item. Hence they touch the same variables only
//! where the queue is full or empty: there the other's position proves that it is.
//!
//! Who waits is to wait for the two positions alone, which are the same variables for ever, while the slot is another one with each
//! item: waiting in line then costs the same however many wait. So the slot is read only if a look at what was committed last
//! says that it is worth it. Nothing else depends on that look.

use crossbeam_utils::CachePadded;

use super::error::TryPushError;
use super::position::Position;
use super::slot::{Aside, Slot, Slots, catch_up};
use crate::handed::Handed;
use crate::{ReadTransaction, Ref, StmResult, TCell, Transaction};

/// In the word of the tail: the queue is closed.
const CLOSED: u64 = 1 << 63;

pub(super) struct Ring<T: 'static> {
    head: CachePadded<TCell<u64>>,
    tail: CachePadded<TCell<u64>>,
    slots: Box<[Slot<T>]>,
    aside: Aside,
}

impl<T: Send + Sync + 'static> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity <= Position::MOST, "a queue has room for at most {} items", Position::MOST);
        Self {
            head: CachePadded::new(TCell::new(Position::START.bits())),
            tail: CachePadded::new(TCell::new(Position::START.bits())),
            slots: (0..capacity).map(|_| Slot::empty()).collect(),
            aside: Aside::new(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    #[inline(always)]
    fn slots(&self) -> Slots<'_, T> {
        Slots::new(&self.slots, &self.aside)
    }

    #[inline(always)]
    fn head<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Position> {
        Ok(Position::from_bits(self.head.read(tx)?))
    }

    /// The position, and whether the queue is closed.
    #[inline(always)]
    fn tail<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<(Position, bool)> {
        let bits = self.tail.read(tx)?;
        Ok((Position::from_bits(bits & !CLOSED), bits & CLOSED != 0))
    }

    #[inline(always)]
    fn set_head<'tx>(&'tx self, tx: &Transaction<'tx, '_>, head: Position) -> StmResult<()> {
        self.head.write(tx, head.bits())
    }

    /// Of a queue that is open.
    #[inline(always)]
    fn set_tail<'tx>(&'tx self, tx: &Transaction<'tx, '_>, tail: Position) -> StmResult<()> {
        self.tail.write(tx, tail.bits())
    }

    /// The head, and the first item if there is one. If there is none, it has read both positions and, as far as that can be
    /// told before, no slot.
    #[inline(always)]
    fn front<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<(Position, Option<Ref<'tx, T>>)> {
        let head = self.head(tx)?;
        if !self.slots.is_empty() && self.slots().is_likely(head.place()) {
            if self.slots().is_ahead(head.place()) {
                catch_up(&self.tail);
            }
            if let Some(item) = self.slots().read(tx, head.place())? {
                return Ok((head, Some(item)));
            }
        }
        let is_empty = self.tail(tx)?.0 == head;
        Ok((head, if is_empty { None } else { self.slots().read(tx, head.place())? }))
    }

    /// A look at the first item.
    #[inline(always)]
    pub(super) fn first<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Ref<'tx, T>>> {
        Ok(self.front(tx)?.1)
    }

    /// Takes the first item out.
    #[inline(always)]
    pub(super) fn take<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        let (head, Some(item)) = self.front(tx)? else { return Ok(None) };
        let mut item = Handed::new((*item).clone());
        self.slots().clear(tx, head.place())?;
        self.set_head(tx, head.next(self.capacity()))?;
        Ok(Some(item.take()))
    }

    /// Puts an item behind the others.
    #[inline(always)]
    pub(super) fn put<'tx>(&'tx self, tx: &Transaction<'tx, '_>, item: T) -> StmResult<Result<(), TryPushError<T>>> {
        let mut item = Handed::new(item);
        let (tail, closed) = self.tail(tx)?;
        if closed {
            return Ok(Err(TryPushError::Closed(item.take())));
        }
        if self.is_full_at(tx, tail)? {
            return Ok(Err(TryPushError::Full(item.take())));
        }
        self.slots().fill(tx, tail.place(), item.take())?;
        self.set_tail(tx, tail.next(self.capacity()))?;
        Ok(Ok(()))
    }

    /// Whether there is no room at the tail. If there is none, it has read both positions and, as far as that can be told
    /// before, no slot.
    #[inline(always)]
    fn is_full_at<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, tail: Position) -> StmResult<bool> {
        if !self.slots.is_empty() && !self.slots().is_likely(tail.place()) {
            if self.slots().is_ahead(tail.place()) {
                catch_up(&self.head);
            }
            if self.slots().read(tx, tail.place())?.is_none() {
                return Ok(false);
            }
        }
        // It is in use, and has been since the round before, if the head is just there.
        let is_full = self.head(tx)?.distance(tail, self.capacity()) == self.capacity();
        if !is_full {
            let item = self.slots().read(tx, tail.place())?;
            debug_assert!(item.is_none(), "the head says that there is room");
        }
        Ok(is_full)
    }

    /// Puts an item behind the others, in the place of the first, of a queue that is full.
    pub(super) fn replace_first<'tx>(&'tx self, tx: &Transaction<'tx, '_>, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let (head, (tail, _)) = (self.head(tx)?, self.tail(tx)?);
        debug_assert_eq!(head.place(), tail.place());
        self.slots().fill(tx, tail.place(), item.take())?;
        self.set_head(tx, head.next(self.capacity()))?;
        self.set_tail(tx, tail.next(self.capacity()))
    }

    /// Puts an item before the others.
    pub(super) fn put_first<'tx>(&'tx self, tx: &Transaction<'tx, '_>, item: T) -> StmResult<Result<(), T>> {
        let mut item = Handed::new(item);
        if self.slots.is_empty() {
            self.tail(tx)?;
            return Ok(Err(item.take()));
        }
        let head = self.head(tx)?;
        let place = head.previous(self.capacity());
        if self.slots().is_likely(place.place()) || self.slots().read(tx, place.place())?.is_some() {
            if head.distance(self.tail(tx)?.0, self.capacity()) == self.capacity() {
                return Ok(Err(item.take()));
            }
            let before = self.slots().read(tx, place.place())?;
            debug_assert!(before.is_none(), "the tail says that there is room");
        }
        self.slots().fill(tx, place.place(), item.take())?;
        self.set_head(tx, place)?;
        Ok(Ok(()))
    }

    /// All items, first to last.
    pub(super) fn items<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Vec<T>>
    where
        T: Clone,
    {
        let (mut at, (tail, _)) = (self.head(tx)?, self.tail(tx)?);
        let mut items = Vec::with_capacity(at.distance(tail, self.capacity()));
        while at != tail {
            items.extend(self.slots().read(tx, at.place())?.map(|item| (*item).clone()));
            at = at.next(self.capacity());
        }
        Ok(items)
    }

    /// Takes all items out.
    pub(super) fn take_all<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Vec<T>>
    where
        T: Clone,
    {
        let items = self.items(tx)?;
        let (mut at, (tail, _)) = (self.head(tx)?, self.tail(tx)?);
        while at != tail {
            self.slots().clear(tx, at.place())?;
            at = at.next(self.capacity());
        }
        if !items.is_empty() {
            self.set_head(tx, tail)?;
        }
        Ok(items)
    }

    pub(super) fn len<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        let (head, (tail, _)) = (self.head(tx)?, self.tail(tx)?);
        Ok(head.distance(tail, self.capacity()))
    }

    pub(super) fn is_full<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        let (tail, _) = self.tail(tx)?;
        self.is_full_at(tx, tail)
    }

    /// Says whether it was open.
    pub(super) fn close<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<bool> {
        let bits = self.tail.read(tx)?;
        if bits & CLOSED == 0 {
            self.tail.write(tx, bits | CLOSED)?;
        }
        Ok(bits & CLOSED == 0)
    }

    pub(super) fn is_closed<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        Ok(self.tail(tx)?.1)
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::{Shared, atomically, clock};

    /// The clock is the process's, and other tests move it as well: so this can not fail for another reason than it is meant to.
    fn is_known(end: &TCell<u64>) -> bool {
        end.raw().lock.load().version() <= clock::now().version()
    }

    #[test]
    fn whoever_meets_a_new_slot_brings_the_clock_up_to_all_that_the_other_end_has_committed() {
        let ring = Shared::new(Ring::new(8));
        let put = |item| atomically(|tx| Shared::get(&ring, tx).put(tx, item));
        let take = || atomically(|tx| Shared::get(&ring, tx).take(tx));
        (0..8).for_each(|item| assert_eq!(put(item), Ok(())));
        assert_eq!(take(), Some(0));
        assert!(is_known(&ring.tail), "by the first item");
        (1..6).for_each(|item| assert_eq!(take(), Some(item)));
        assert_eq!(put(8), Ok(()));
        assert!(is_known(&ring.head), "by the first free place");
        assert_eq!(std::iter::from_fn(take).collect::<Vec<_>>(), [6, 7, 8]);
    }
}
