//! `TPriorityQueue`: a queue whose greatest item comes first.
//!
//! A skip list (Pugh, 1990) in order of priority. An item is put in by links beside its place, and the greatest is taken out
//! at the head; so those who do the one and those who do the other mostly touch different links. A heap would have all of
//! them meet at its root.

use std::array;

use crate::handed::Handed;
use crate::height;
use crate::{Linkage, ReadTransaction, Shared, StmResult, TLink, Transaction};

/// An unbounded queue from which the greatest item is taken first, and of equal ones the one that has been in it for longest.
///
/// For the least first, have items of [`Reverse`](std::cmp::Reverse).
///
/// A handle: cloning it shares the queue, and `==` says whether two handles are of one queue. Each item has a node of its own.
///
/// # Complexity and conflicts
///
/// | operation | time | conflicts with |
/// |---|---|---|
/// | `push`, `push_all` | O(log length), expected, each | who puts in or takes out a neighbour; at times, in a short queue often, who does so on the way |
/// | `pop`, `try_pop` | O(1), expected | each other; `push` of what comes first or second |
/// | `peek`, `try_peek`, `is_empty` | O(1) | `pop`; `push` of what comes first |
/// | `len`, `items`, `flush` | O(length) | everything |
///
/// The way are the links that a search passes: of the nodes that are on a level, about four on each level, and one node in
/// four is on the next level.
///
/// The order must be a total one. If it is not, or changes while items are in the queue, they come in no particular order,
/// and nothing else happens. A comparison that panics leaves the queue as it was.
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::channel::TPriorityQueue;
///
/// let jobs = TPriorityQueue::new();
/// atomically(|tx| {
///     jobs.push(tx, (1, "sweep"))?;
///     jobs.push(tx, (9, "put out the fire"))?;
///     jobs.push(tx, (5, "lock up"))
/// });
/// assert_eq!(jobs.recv(), (9, "put out the fire"));
/// assert_eq!(jobs.recv(), (5, "lock up"));
/// ```
pub struct TPriorityQueue<T: 'static> {
    inner: Shared<Head<T>>,
}

/// One node in four of a level is on the next one too, so this is enough for 4 to the power of 16 items.
const LEVELS: usize = 16;

/// The links to the first node on each level.
struct Head<T: 'static> {
    links: [TLink<Node<T>>; LEVELS],
}

struct Node<T: 'static> {
    item: T,
    /// On the lowest level, where all nodes are.
    next: TLink<Node<T>>,
    /// On those above, as many as the node is on.
    higher: Box<[TLink<Node<T>>]>,
}

impl<T: 'static> Node<T> {
    fn height(&self) -> usize {
        1 + self.higher.len()
    }

    /// On a level that the node is on.
    fn link(&self, level: usize) -> &TLink<Node<T>> {
        match level {
            0 => &self.next,
            _ => &self.higher[level - 1],
        }
    }
}

/// A link into which a node is to be put, and where it leads.
type Place<'tx, T> = (&'tx TLink<Node<T>>, Option<Linkage<'tx, Node<T>>>);

impl<T: Send + Sync + 'static> TPriorityQueue<T> {
    /// Creates an empty queue. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::new();
    /// queue.send(1);
    /// assert_eq!(queue.recv(), 1);
    /// ```
    pub fn new() -> Self {
        Self { inner: Shared::new(Head { links: array::from_fn(|_| TLink::empty()) }) }
    }

    /// Whether there is no item. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with `pop`, and with `push` of what comes first.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::from_iter([1]);
    /// assert!(!stm::snapshot(|tx| queue.is_empty(tx)));
    /// ```
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(self.first(tx)?.is_none())
    }

    /// How many items there are, by counting them: O(n). To know whether there is any ask [`is_empty`](Self::is_empty), which takes
    /// O(1).
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
    /// use stm::{channel::TPriorityQueue, snapshot};
    ///
    /// let queue = TPriorityQueue::from_iter([3, 1, 2]);
    /// assert_eq!(snapshot(|tx| queue.len(tx)), 3);
    /// ```
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        let (mut node, mut count) = (self.first(tx)?, 0);
        while let Some(present) = node {
            count += 1;
            node = present.get().next.read(tx)?;
        }
        Ok(count)
    }

    #[inline]
    fn first<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<Linkage<'tx, Node<T>>>> {
        Shared::get(&self.inner, tx).links[0].read(tx)
    }
}

impl<T: Ord + Send + Sync + 'static> TPriorityQueue<T> {
    /// Puts an item in, behind those that are as great. O(log length), expected.
    ///
    /// # Retry and conflicts
    ///
    /// Never waits. Conflicts with who puts in or takes out an item beside it, and now and then with others: see the
    /// [type](Self).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, channel::TPriorityQueue};
    ///
    /// let queue = TPriorityQueue::new();
    /// atomically(|tx| {
    ///     queue.push(tx, 1)?;
    ///     queue.push(tx, 2)
    /// });
    /// assert_eq!(queue.to_vec(), [2, 1]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()> {
        let mut item = Handed::new(item);
        let head = Shared::get(&self.inner, tx);
        let height = height::draw(LEVELS);
        let places = Self::search(tx, head, height, item.get())?;
        let link = |(_, next): &Place<'_, T>| TLink::new(next.map(Linkage::to_shared));
        let (next, higher) = (link(&places[0]), places[1..height].iter().map(link).collect());
        let node = Shared::new(Node { item: item.take(), next, higher });
        for (link, _) in &places[..height] {
            link.write(tx, Some(node.clone()))?;
        }
        Ok(())
    }

    /// Puts items in, one after the other. O(log length), expected, for each.
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
    /// use stm::{atomically, channel::TPriorityQueue};
    ///
    /// let queue = TPriorityQueue::new();
    /// atomically(|tx| queue.push_all(tx, [2, 3, 1]));
    /// assert_eq!(queue.to_vec(), [3, 2, 1]);
    /// ```
    #[must_use = "a push that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn push_all(&self, tx: &Transaction<'_, '_>, items: impl IntoIterator<Item = T>) -> StmResult<()> {
        items.into_iter().try_for_each(|item| self.push(tx, item))
    }

    /// Finds the links into which an item is to be put, level by level, by going past all that are not less.
    fn search<'tx>(
        tx: &ReadTransaction<'tx, '_>,
        head: &'tx Head<T>,
        height: usize,
        item: &T,
    ) -> StmResult<[Place<'tx, T>; LEVELS]> {
        let mut places = array::from_fn(|level| (&head.links[level], None));
        let mut before: Option<&'tx Node<T>> = None;
        // The node that is less. It is not asked again further down: the levels agree, whatever it would say.
        let mut behind = None;
        for level in (0..Self::likely_levels(tx, head)?.max(height)).rev() {
            places[level] = loop {
                let link = before.map_or(&head.links[level], |node| node.link(level));
                match link.read(tx)? {
                    Some(node) if Some(node) != behind && node.item >= *item => before = Some(node.get()),
                    next => break (link, next),
                }
            };
            behind = places[level].1.or(behind);
        }
        Ok(places)
    }

    /// How many levels are in use: a search may begin further up or down, for it ends at the lowest.
    fn likely_levels<'tx>(tx: &ReadTransaction<'tx, '_>, head: &'tx Head<T>) -> StmResult<usize> {
        let mut levels = 1;
        while levels < LEVELS && head.links[levels].peek(tx)?.is_some() {
            levels += 1;
        }
        Ok(levels)
    }
}

impl<T: Clone + Send + Sync + 'static> TPriorityQueue<T> {
    /// Takes the greatest item out, and waits for one if there is none. O(1), expected.
    ///
    /// # Retry and conflicts
    ///
    /// Waits in line while the queue is empty. Conflicts with other pops, and with `push` of what comes first or second.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Reverse;
    /// use stm::{atomically, channel::TPriorityQueue};
    ///
    /// let earliest = TPriorityQueue::from_iter([Reverse(30), Reverse(10), Reverse(20)]);
    /// assert_eq!(atomically(|tx| earliest.pop(tx)), Reverse(10));
    /// ```
    pub fn pop(&self, tx: &Transaction<'_, '_>) -> StmResult<T> {
        let since = tx.reads();
        match self.try_pop(tx)? {
            Some(item) => Ok(item),
            None => tx.wait_in_line(since),
        }
    }

    /// Takes the greatest item out, if there is one. O(1), expected.
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
    /// use stm::{atomically, channel::TPriorityQueue};
    ///
    /// let queue = TPriorityQueue::from_iter([3, 5]);
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), Some(5));
    /// assert_eq!(atomically(|tx| queue.try_pop(tx)), Some(3));
    /// ```
    pub fn try_pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        let Some(first) = self.first(tx)? else { return Ok(None) };
        let (head, first) = (Shared::get(&self.inner, tx), first.get());
        let mut item = Handed::new(first.item.clone());
        // On every level that it is on, it is the first.
        for level in 0..first.height() {
            let next = first.link(level).read(tx)?;
            head.links[level].write(tx, next.map(Linkage::to_shared))?;
        }
        Ok(Some(item.take()))
    }

    /// Returns a clone of the greatest item, which stays, and waits for one if there is none. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Waits while the queue is empty. Conflicts with `pop`, and with `push` of what comes first.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = stm::channel::TPriorityQueue::from_iter([3, 5]);
    /// assert_eq!(stm::snapshot(|tx| queue.peek(tx)), 5);
    /// assert_eq!(queue.recv(), 5);
    /// ```
    pub fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        match self.try_peek(tx)? {
            Some(item) => Ok(item),
            None => tx.retry(),
        }
    }

    /// Returns a clone of the greatest item, if there is one. It stays. O(1).
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
    /// use stm::{channel::TPriorityQueue, snapshot};
    ///
    /// let queue = TPriorityQueue::from_iter([3, 5, 4]);
    /// assert_eq!(snapshot(|tx| queue.try_peek(tx)), Some(5));
    /// ```
    pub fn try_peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        Ok(self.first(tx)?.map(|first| first.item.clone()))
    }

    /// Returns clones of all items, greatest first. They stay. O(length).
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
    /// let queue = stm::channel::TPriorityQueue::from_iter([3, 5, 4]);
    /// assert_eq!(stm::snapshot(|tx| queue.items(tx)), [5, 4, 3]);
    /// ```
    pub fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>> {
        let (mut node, mut items) = (self.first(tx)?, Vec::new());
        while let Some(present) = node {
            items.push(present.item.clone());
            node = present.get().next.read(tx)?;
        }
        Ok(items)
    }

    /// Takes all items out, greatest first. O(length).
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
    /// use stm::{atomically, channel::TPriorityQueue};
    ///
    /// let queue = TPriorityQueue::from_iter([3, 5, 4]);
    /// assert_eq!(atomically(|tx| queue.flush(tx)), [5, 4, 3]);
    /// assert!(atomically(|tx| queue.is_empty(tx)));
    /// ```
    #[doc(alias = "drain")]
    #[doc(alias = "clear")]
    pub fn flush(&self, tx: &Transaction<'_, '_>) -> StmResult<Vec<T>> {
        let items = self.items(tx)?;
        // Whoever is about to put something behind one of them has come by one of these.
        for link in &Shared::get(&self.inner, tx).links {
            if link.read(tx)?.is_some() {
                link.write(tx, None)?;
            }
        }
        Ok(items)
    }
}

impl<T: 'static> TPriorityQueue<T> {
    /// Whether the two are handles of one queue. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::channel::TPriorityQueue;
    ///
    /// let one = TPriorityQueue::<u64>::new();
    /// assert!(one.ptr_eq(&one.clone()) && !one.ptr_eq(&TPriorityQueue::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

impl<T: 'static> Clone for TPriorityQueue<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}
