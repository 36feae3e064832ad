//! `TDeque`: a queue with two ends.

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests;

use std::array;
use std::fmt;
use std::vec;

use crossbeam_utils::CachePadded;

use crate::{Linkage, ReadTransaction, Shared, StmResult, TCell, TLink, Transaction, atomically, snapshot};

/// Items per block.
const BLOCK: u64 = 64;

/// How many blocks there is room for at first. A power of two.
const ROOM: usize = 4;

/// Where the first item goes: in the middle of all places there are, at the beginning of a block.
const MIDDLE: u64 = 1 << 63;

/// A queue with two ends: items come in and go out at either.
///
/// It is a handle: cloning it shares the deque, and `==` says whether two handles are of one deque.
///
/// # Complexity and conflicts
///
/// What is done at the front does not conflict with what is done at the back, unless there is at most one item, or the end of a
/// block meets the beginning of another in the table of blocks (once in 64 operations at most), or once for each doubling of the
/// most items there have been: then that table is replaced.
///
/// | operation | complexity | conflicts with |
/// |---|---|---|
/// | push, pop, take, [`extend_back`](Self::extend_back) for each item, [`front`](Self::front), [`back`](Self::back), [`is_empty`](Self::is_empty) | O(1); O(n/64) when the table grows | changes at the same end |
/// | [`get`](Self::get) | O(1) | changes at the front, and of that item |
/// | [`len`](Self::len) | O(1) | changes at either end |
/// | [`for_each`](Self::for_each), [`to_vec`](Self::to_vec), [`drain`](Self::drain) | O(n) | every change |
/// | [`clear`](Self::clear) | O(1) | everybody with it, it with nobody |
///
/// (A table that has grown has room for twice as many items, so a push is O(1) on average.)
///
/// # Items
///
/// Items are handed out by reference for the rest of the run, or as clones: others may see an item for a while after it was taken
/// out, and it is dropped when none can any more.
///
/// # How
///
/// Items have consecutive places, in blocks of 64, which a table finds by the number of the block. An end knows the place it
/// has come to, and whether there is an item by looking at it: it need not know of the other end. References lead from the
/// table to blocks to items and nowhere back, so there are no cycles to leak, and no chains to be dropped recursively.
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::collections::TDeque;
///
/// let tasks = TDeque::new();
/// atomically(|tx| {
///     tasks.push_back(tx, "later")?;
///     tasks.push_front(tx, "now")
/// });
/// assert_eq!(atomically(|tx| tasks.pop_front(tx)), Some("now"));
/// assert_eq!(atomically(|tx| tasks.take_back(tx)), "later");
/// assert_eq!(atomically(|tx| tasks.pop_back(tx)), None);
/// ```
pub struct TDeque<T: 'static> {
    inner: Shared<Inner<T>>,
}

struct Inner<T: 'static> {
    /// The place of the first item.
    front: CachePadded<TCell<u64>>,
    /// The place behind the last item. The same as the first if there is none.
    back: CachePadded<TCell<u64>>,
    /// Never empty.
    table: CachePadded<TLink<Table<T>>>,
}

/// Finds blocks. The block of number n is at n modulo the length, which is a power of two. Those that have items are there; some
/// that have none any more may be, until they are in the way.
struct Table<T: 'static> {
    blocks: Box<[TLink<Block<T>>]>,
}

struct Block<T: 'static> {
    /// Its places are from here times [`BLOCK`] on.
    number: u64,
    /// Places without an item are empty.
    items: [TLink<T>; BLOCK as usize],
}

/// A run at work on a deque, whose lifetime is that of what it finds.
struct Inside<'tx, T: 'static> {
    inner: &'tx Inner<T>,
    table: &'tx Table<T>,
}

impl<T: Send + Sync + 'static> TDeque<T> {
    /// Creates a deque without items. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let deque = stm::collections::TDeque::new();
    /// stm::atomically(|tx| deque.push_back(tx, 1));
    /// assert_eq!(stm::snapshot(|tx| deque.to_vec(tx)), [1]);
    /// ```
    pub fn new() -> Self {
        Self::from_blocks(Table::new(ROOM), 0)
    }

    fn from_blocks(table: Table<T>, length: u64) -> Self {
        let inner = Inner {
            front: CachePadded::new(TCell::new(MIDDLE)),
            back: CachePadded::new(TCell::new(MIDDLE + length)),
            table: CachePadded::new(TLink::new(Some(Shared::new(table)))),
        };
        Self { inner: Shared::new(inner) }
    }

    fn inside<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Inside<'tx, T>> {
        let inner = Shared::get(&self.inner, tx);
        let table = inner.table.read(tx)?.map(Linkage::get);
        Ok(Inside { inner, table: table.expect("there is a table from the beginning") })
    }

    /// Puts an item in front of all others. O(1), on average: see the [type](Self#complexity-and-conflicts).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with what others do at the front, and with those who have found the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter([2, 3]);
    /// atomically(|tx| deque.push_front(tx, 1));
    /// assert_eq!(deque.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push_front(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        let item = Shared::new(item);
        let mut inside = self.inside(tx)?;
        let place = inside.inner.front.read(tx)?.wrapping_sub(1);
        inside.put(tx, place, item)?;
        inside.inner.front.write(tx, place)
    }

    /// Puts an item behind all others. O(1), on average: see the [type](Self#complexity-and-conflicts).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with what others do at the back, and with those who have found the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter([1, 2]);
    /// atomically(|tx| deque.push_back(tx, 3));
    /// assert_eq!(deque.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push_back(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        self.push_shared(tx, Shared::new(item))
    }

    fn push_shared(&self, tx: &Transaction<'_, '_>, item: Shared<T>) -> StmResult<()> {
        let mut inside = self.inside(tx)?;
        let place = inside.inner.back.read(tx)?;
        inside.put(tx, place, item)?;
        inside.inner.back.write(tx, place.wrapping_add(1))
    }

    /// Puts items behind all others, one after the other. O(1) for each, on average.
    ///
    /// # Retry and conflicts
    ///
    /// As [`push_back`](Self::push_back) of each.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::new();
    /// atomically(|tx| deque.extend_back(tx, 1..4));
    /// assert_eq!(deque.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn extend_back(&self, tx: &Transaction<'_, '_>, items: impl IntoIterator<Item = T>) -> StmResult<()> {
        items.into_iter().try_for_each(|item| self.push_back(tx, item))
    }

    /// Takes out the first item, if there is one. [`take_front`](Self::take_front) waits for one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with what others do at the front, and with pushes at the back if it finds the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter([1, 2]);
    /// assert_eq!(atomically(|tx| deque.pop_front(tx)), Some(1));
    /// ```
    pub fn pop_front(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        let inside = self.inside(tx)?;
        let place = inside.inner.front.read(tx)?;
        let item = inside.remove(tx, place, place.wrapping_sub(BLOCK))?;
        if item.is_some() {
            inside.inner.front.write(tx, place.wrapping_add(1))?;
        }
        Ok(item)
    }

    /// Takes out the last item, if there is one. [`take_back`](Self::take_back) waits for one. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with what others do at the back, and with pushes at the front if it finds the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter([1, 2]);
    /// assert_eq!(atomically(|tx| deque.pop_back(tx)), Some(2));
    /// ```
    pub fn pop_back(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        let inside = self.inside(tx)?;
        let place = inside.inner.back.read(tx)?.wrapping_sub(1);
        let item = inside.remove(tx, place, place.wrapping_add(BLOCK))?;
        if item.is_some() {
            inside.inner.back.write(tx, place)?;
        }
        Ok(item)
    }

    /// Takes out the first item; waits until there is one. Its `try_` form is [`pop_front`](Self::pop_front). O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As for [`pop_front`](Self::pop_front). It waits by [`retry`](ReadTransaction::retry), or, if the transaction has written
    /// nothing yet, [in line](ReadTransaction::retry_in_line): an item wakes one of those who wait.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| deque.push_back(tx, 7)));
    ///     assert_eq!(atomically(|tx| deque.take_front(tx)), 7);
    /// });
    /// ```
    pub fn take_front(&self, tx: &Transaction<'_, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        let since = tx.reads();
        match self.pop_front(tx)? {
            Some(item) => Ok(item),
            None => tx.wait_in_line(since),
        }
    }

    /// Takes out the last item; waits until there is one. Its `try_` form is [`pop_back`](Self::pop_back). O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As for [`pop_back`](Self::pop_back); it waits as [`take_front`](Self::take_front) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let (urgent, normal) = (TDeque::new(), TDeque::from_iter([7]));
    /// assert_eq!(atomically(|tx| tx.or_else(|tx| urgent.take_back(tx), |tx| normal.take_back(tx))), 7);
    /// ```
    pub fn take_back(&self, tx: &Transaction<'_, '_>) -> StmResult<T>
    where
        T: Clone,
    {
        let since = tx.reads();
        match self.pop_back(tx)? {
            Some(item) => Ok(item),
            None => tx.wait_in_line(since),
        }
    }

    /// Borrows the first item for the rest of the run. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes at the front, and with pushes at the back if it finds the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TDeque;
    /// use stm::snapshot;
    ///
    /// let deque = TDeque::from_iter(["a", "b"].map(String::from));
    /// assert!(snapshot(|tx| Ok(deque.front(tx)?.is_some_and(|first| first == "a"))));
    /// ```
    pub fn front<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<&'tx T>> {
        let inside = self.inside(tx)?;
        inside.item(tx, inside.inner.front.read(tx)?)
    }

    /// Borrows the last item for the rest of the run. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes at the back, and with pushes at the front if it finds the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TDeque;
    /// use stm::snapshot;
    ///
    /// let deque = TDeque::from_iter(["a", "b"].map(String::from));
    /// assert!(snapshot(|tx| Ok(deque.back(tx)?.is_some_and(|last| last == "b"))));
    /// ```
    pub fn back<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<&'tx T>> {
        let inside = self.inside(tx)?;
        inside.item(tx, inside.inner.back.read(tx)?.wrapping_sub(1))
    }

    /// Borrows the item that so many others are in front of, for the rest of the run. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes at the front, and of that item; not with pushes at the back, if there is such an item.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter([10, 20, 30]);
    /// assert_eq!(atomically(|tx| Ok((deque.get(tx, 1)?.copied(), deque.get(tx, 3)?.copied()))), (Some(20), None));
    /// ```
    pub fn get<'tx>(&self, tx: &ReadTransaction<'tx, '_>, index: usize) -> StmResult<Option<&'tx T>> {
        let inside = self.inside(tx)?;
        inside.item(tx, inside.inner.front.read(tx)?.wrapping_add(index as u64))
    }

    /// How many items there are. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes at either end.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let deque = stm::collections::TDeque::from_iter(1..4);
    /// assert_eq!(stm::snapshot(|tx| deque.len(tx)), 3);
    /// ```
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        let inner = Shared::get(&self.inner, tx);
        // In memory, so it fits.
        Ok(inner.back.read(tx)?.wrapping_sub(inner.front.read(tx)?) as usize)
    }

    /// Whether there are no items. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes at the front, and with pushes at the back if it finds the deque empty.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let deque = stm::collections::TDeque::<u8>::new();
    /// assert!(stm::snapshot(|tx| deque.is_empty(tx)));
    /// ```
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(self.front(tx)?.is_none())
    }

    /// Runs `f` on each item, from the first to the last. O(n).
    ///
    /// `f` should not take out or put in items of this deque: which ones it is shown after that is not said. To do so go through
    /// [`to_vec`](Self::to_vec).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TDeque;
    /// use stm::snapshot;
    ///
    /// let deque = TDeque::from_iter(["a", "b"]);
    /// let text = snapshot(|tx| {
    ///     let mut text = String::new();
    ///     deque.for_each(tx, |item| text.push_str(item))?;
    ///     Ok(text)
    /// });
    /// assert_eq!(text, "ab");
    /// ```
    pub fn for_each<'tx>(&self, tx: &ReadTransaction<'tx, '_>, mut f: impl FnMut(&'tx T)) -> StmResult<()> {
        let inside = self.inside(tx)?;
        let (mut place, end) = (inside.inner.front.read(tx)?, inside.inner.back.read(tx)?);
        while place != end {
            let here = (BLOCK - place % BLOCK).min(end.wrapping_sub(place));
            // There is a block where there are items, and from the front to the back there are, unless `f` has taken them out.
            if let Some(block) = inside.block(tx, place)? {
                for step in 0..here {
                    if let Some(item) = block.link(place + step).read(tx)? {
                        f(item.get());
                    }
                }
            }
            place = place.wrapping_add(here);
        }
        Ok(())
    }

    /// Returns clones of all items, from the first to the last. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let deque = stm::collections::TDeque::from_iter(1..4);
    /// assert_eq!(stm::snapshot(|tx| deque.to_vec(tx)), [1, 2, 3]);
    /// ```
    pub fn to_vec(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>>
    where
        T: Clone,
    {
        let mut items = Vec::new();
        self.for_each(tx, |item| items.push(item.clone()))?;
        Ok(items)
    }

    /// Takes out all items. O(n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter(1..4);
    /// assert_eq!(atomically(|tx| deque.drain(tx)), [1, 2, 3]);
    /// assert!(atomically(|tx| deque.is_empty(tx)));
    /// ```
    pub fn drain(&self, tx: &Transaction<'_, '_>) -> StmResult<Vec<T>>
    where
        T: Clone,
    {
        let items = self.to_vec(tx)?;
        self.clear(tx)?;
        Ok(items)
    }

    /// Drops all items, once no transaction can see them any more, and the table that has grown with them. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Writes, and reads nothing: everybody conflicts with it, but it with nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TDeque;
    ///
    /// let deque = TDeque::from_iter(1..4);
    /// atomically(|tx| deque.clear(tx));
    /// assert!(atomically(|tx| deque.is_empty(tx)));
    /// ```
    #[must_use = "a clear that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        let inner = Shared::get(&self.inner, tx);
        // Whoever is at work has read the table. The places start anew, so that all is as at first.
        inner.table.write(tx, Some(Shared::new(Table::new(ROOM))))?;
        inner.front.write(tx, MIDDLE)?;
        inner.back.write(tx, MIDDLE)
    }
}

impl<'tx, T: Send + Sync + 'static> Inside<'tx, T> {
    /// The block that the place is in, if there is one.
    fn block(&self, tx: &ReadTransaction<'tx, '_>, place: u64) -> StmResult<Option<&'tx Block<T>>> {
        let block = self.table.link(place / BLOCK).read(tx)?.map(Linkage::get);
        Ok(block.filter(|block| block.number == place / BLOCK))
    }

    /// The item at the place, if there is one.
    fn item(&self, tx: &ReadTransaction<'tx, '_>, place: u64) -> StmResult<Option<&'tx T>> {
        let Some(block) = self.block(tx, place)? else { return Ok(None) };
        Ok(block.link(place).read(tx)?.map(Linkage::get))
    }

    /// Puts an item at a place beside the others.
    fn put(&mut self, tx: &Transaction<'tx, '_>, place: u64, item: Shared<T>) -> StmResult<()> {
        let number = place / BLOCK;
        loop {
            match self.table.link(number).read(tx)?.map(Linkage::get) {
                Some(block) if block.number == number => return block.link(place).write(tx, Some(item)),
                // Blocks have neighbours, unless they are left over, so this one is as far from it as the table is long.
                Some(other) if !other.is_left_over(tx)? => self.grow(tx)?,
                _ => {
                    let block = Shared::new(Block::new(number, |at| (at == place % BLOCK).then(|| item.clone())));
                    return self.table.link(number).write(tx, Some(block));
                }
            }
        }
    }

    /// Takes out the item at a place, if there is one; with the last item of its block the block at `beyond`, which has been left
    /// over. This block itself is kept: the next push may want it.
    fn remove(&self, tx: &Transaction<'tx, '_>, place: u64, beyond: u64) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        let Some(block) = self.block(tx, place)? else { return Ok(None) };
        let link = block.link(place);
        let Some(item) = link.read(tx)? else { return Ok(None) };
        // Before anything is written: a panic of it that is caught within the body leaves all as it was.
        let item = item.get().clone();
        link.write(tx, None)?;
        // Of the block's places the one farthest from `beyond`.
        let last = if beyond < place { BLOCK - 1 } else { 0 };
        if place % BLOCK == last && self.block(tx, beyond)?.is_some() {
            self.table.link(beyond / BLOCK).write(tx, None)?;
        }
        Ok(Some(item))
    }

    /// Makes room for twice as many blocks.
    #[cold]
    fn grow(&mut self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        let mut table = Table::new(2 * self.table.blocks.len());
        for link in &self.table.blocks {
            if let Some(block) = link.read(tx)? {
                *table.link_mut(block.number) = TLink::new(Some(block.to_shared()));
            }
        }
        self.inner.table.write(tx, Some(Shared::new(table)))?;
        self.table = self.inner.table.read(tx)?.map(Linkage::get).expect("it was written just now");
        Ok(())
    }
}

impl<T: Send + Sync + 'static> Table<T> {
    fn new(room: usize) -> Self {
        Self { blocks: (0..room).map(|_| TLink::empty()).collect() }
    }

    fn at(&self, number: u64) -> usize {
        (number % self.blocks.len() as u64) as usize
    }

    fn link(&self, number: u64) -> &TLink<Block<T>> {
        &self.blocks[self.at(number)]
    }

    fn link_mut(&mut self, number: u64) -> &mut TLink<Block<T>> {
        let at = self.at(number);
        &mut self.blocks[at]
    }
}

impl<T: Send + Sync + 'static> Block<T> {
    fn new(number: u64, mut item: impl FnMut(u64) -> Option<Shared<T>>) -> Self {
        Self { number, items: array::from_fn(|at| TLink::new(item(at as u64))) }
    }

    fn link(&self, place: u64) -> &TLink<T> {
        &self.items[(place % BLOCK) as usize]
    }

    /// Whether there is no item in it.
    fn is_left_over<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        for link in &self.items {
            if link.read(tx)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<T: 'static> Clone for TDeque<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: 'static> TDeque<T> {
    /// Whether the two are handles of one deque. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TDeque;
    ///
    /// let deque: TDeque<u32> = TDeque::new();
    /// assert!(deque.ptr_eq(&deque.clone()) && !deque.ptr_eq(&TDeque::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

/// By which deque it is, not by what is in it.
impl<T: 'static> PartialEq for TDeque<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<T: 'static> Eq for TDeque<T> {}

impl<T: Send + Sync + 'static> Default for TDeque<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + Sync + 'static> FromIterator<T> for TDeque<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let (mut items, mut blocks, mut length) = (items.into_iter().fuse(), Vec::new(), 0);
        let mut next = items.next();
        while next.is_some() {
            let number = (MIDDLE + length) / BLOCK;
            blocks.push(Block::new(number, |_| {
                let item = next.take().map(Shared::new);
                length += u64::from(item.is_some());
                next = items.next();
                item
            }));
        }
        let mut table = Table::new(blocks.len().next_power_of_two().max(ROOM));
        for block in blocks {
            let link = table.link_mut(block.number);
            *link = TLink::from(Shared::new(block));
        }
        Self::from_blocks(table, length)
    }
}

impl<T: Send + Sync + 'static, const N: usize> From<[T; N]> for TDeque<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

/// In one transaction, which can not be part of another: for that there is [`extend_back`](TDeque::extend_back).
///
/// # Panics
///
/// Panics inside the body of a transaction.
impl<T: Send + Sync + 'static> Extend<T> for &TDeque<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let items: Vec<_> = items.into_iter().map(Shared::new).collect();
        atomically(|tx| items.iter().try_for_each(|item| self.push_shared(tx, item.clone())));
    }
}

/// As for a `&TDeque`.
impl<T: Send + Sync + 'static> Extend<T> for TDeque<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        Extend::extend(&mut &*self, items);
    }
}

/// Clones of all items, of one moment.
///
/// # Panics
///
/// Making the iterator panics inside the body of a transaction; there is [`to_vec`](TDeque::to_vec) for that.
impl<T: Clone + Send + Sync + 'static> IntoIterator for &TDeque<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        snapshot(|tx| self.to_vec(tx)).into_iter()
    }
}

/// As that of `&TDeque`: other handles keep the items.
impl<T: Clone + Send + Sync + 'static> IntoIterator for TDeque<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        (&self).into_iter()
    }
}

/// Shows what is committed, one item after the other: not all of one moment.
impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for TDeque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let (mut place, end) = (self.inner.front.load(), self.inner.back.load());
        if let Some(table) = self.inner.table.load() {
            while place != end {
                let block = table.link(place / BLOCK).load().filter(|block| block.number == place / BLOCK);
                // Whoever has changed it meanwhile may have taken it away.
                let Some(item) = block.and_then(|block| block.link(place).load()) else { break };
                list.entry(&*item);
                place = place.wrapping_add(1);
            }
        }
        list.finish()
    }
}

/// By value, as it is at one moment.
#[cfg(feature = "serde")]
impl<T: serde_core::Serialize + Clone + Send + Sync + 'static> serde_core::Serialize for TDeque<T> {
    fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde_core::Deserialize<'de> + Send + Sync + 'static> serde_core::Deserialize<'de> for TDeque<T> {
    fn deserialize<D: serde_core::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}
