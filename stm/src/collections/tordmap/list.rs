//! The skip list (Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990).
//!
//! A search looks through the levels without keeping track, so it conflicts with nothing; what it comes to may be stale. The
//! facts that the answer depends on are then read for good. They are of two kinds:
//!
//! - *A node is in the list*: it says so itself ([`Node::is_in`]). It is written when the node is put in and when it is taken out.
//! - *Nothing is between two nodes*: the first is in the list, and its link leads to the second.
//!
//! A fact that does not hold means that somebody was faster, and the search begins anew. A node that was reached by a link read for
//! good, from a node that is in the list, is in the list too: to take it out is to write that link.
//!
//! The links of a new node have no version that tells of its birth, and an attempt might take them for older than they are. That
//! is why the owner of the node in front is always read first: it does have that version.

use std::cmp::Ordering as Order;
use std::ptr;

use super::node::{Node, Owner};
use crate::contention::Spin;
use crate::height;
use crate::shim::{AtomicU32, AtomicU64, Ordering, shared_static};
use crate::{Linkage, ReadTransaction, Shared, StmResult, TLink, Transaction};

shared_static! {
    static NEXT_ID: AtomicU64 = AtomicU64::new(LEVELS as u64)
}

/// An [`Owner`] that no list has had yet, with room for the number of levels.
fn new_id() -> Owner {
    // Relaxed: only that they differ counts.
    NEXT_ID.fetch_add(LEVELS as u64, Ordering::Relaxed)
}

/// How many levels there are at most: enough for 4^16 keys.
pub(super) const LEVELS: usize = 16;

/// Where a search has come to: a node, or the head of the list.
pub(super) type Place<'tx, K, V> = Option<&'tx Node<K, V>>;

/// A place on one level, and what its link leads to.
pub(super) type Gap<'tx, K, V> = (Place<'tx, K, V>, Option<Linkage<'tx, Node<K, V>>>);

/// The gaps of all levels, as far as they are filled in. What is not filled in is a search from the head.
pub(super) type Gaps<'tx, K, V> = [Gap<'tx, K, V>; LEVELS];

#[inline(always)]
pub(super) fn no_gaps<'tx, K, V>() -> Gaps<'tx, K, V> {
    [(None, None); LEVELS]
}

/// Lets somebody go on with taking a node out, before a search begins anew. Unless the run is over: by links that others have
/// committed since a look comes to a node that the run itself has taken out, and as all that is read then is the run's own, nothing
/// else would ever tell it of the conflict.
#[cold]
fn again(tx: &ReadTransaction<'_, '_>, spin: &mut Spin) -> StmResult<()> {
    spin.wait();
    tx.attempt().revalidate()
}

/// What gaps are wanted for.
#[derive(Clone, Copy)]
enum Aim {
    /// To put a node of so many levels there.
    Put(usize),
    /// To take a node out.
    Take,
    /// To cut the list in two.
    Cut,
}

/// An order in which nothing is `Equal`, so that a search goes on to the gap.
#[inline(always)]
fn past<K>(order: impl Fn(&K) -> Order) -> impl Fn(&K) -> Order {
    move |key| if order(key) == Order::Less { Order::Less } else { Order::Greater }
}

pub(super) struct List<K: 'static, V: 'static> {
    head: [TLink<Node<K, V>>; LEVELS],
    id: Owner,
    /// A hint from which level to search: no level from here on has a node, if the hint is up to date.
    height: AtomicU32,
}

/// A search under way. Without a log to keep short (`LOGGED`) it reads for good, which is the faster way to look then.
struct Walk<'tx, K: 'static, V: 'static, const LOGGED: bool> {
    place: Place<'tx, K, V>,
    /// What is behind the place on the level above.
    behind: Option<Linkage<'tx, Node<K, V>>>,
}

impl<'tx, K: Send + Sync + 'static, V: Send + Sync + 'static, const LOGGED: bool> Walk<'tx, K, V, LOGGED> {
    /// Goes on along one level, to the last node that is `Less`. Returns the one that is `Equal`, if it comes to it.
    #[inline(always)]
    fn along(
        &mut self,
        tx: &ReadTransaction<'tx, '_>,
        head: &'tx TLink<Node<K, V>>,
        link: impl Fn(&'tx Node<K, V>) -> &'tx TLink<Node<K, V>>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Option<&'tx Node<K, V>>> {
        let look = |link: &'tx TLink<Node<K, V>>| if LOGGED { link.peek(tx) } else { link.read(tx) };
        let mut next = look(self.place.map_or(head, &link))?;
        while let Some(node) = next {
            // The level above has led to it already.
            if next == self.behind {
                break;
            }
            match order(&node.key) {
                Order::Less => {
                    self.place = Some(node.get());
                    next = look(link(node.get()))?;
                }
                Order::Equal => return Ok(Some(node.get())),
                Order::Greater => break,
            }
        }
        self.behind = next;
        Ok(None)
    }

    /// From level `top` down to 0.
    #[inline(always)]
    fn down(
        mut self,
        tx: &ReadTransaction<'tx, '_>,
        head: &'tx [TLink<Node<K, V>>],
        order: impl Fn(&K) -> Order,
        mut note: impl FnMut(usize, Place<'tx, K, V>),
    ) -> StmResult<Walked<'tx, K, V>> {
        for (level, head) in head.iter().enumerate().rev() {
            let hit = match level {
                0 => self.along(tx, head, |node| &node.next, &order)?,
                1 => self.along(tx, head, |node| &node.second, &order)?,
                _ => self.along(tx, head, |node| node.above(level), &order)?,
            };
            if let Some(node) = hit {
                return Ok(Ok(node));
            }
            note(level, self.place);
        }
        Ok(Err(self.place))
    }
}

/// The node that is `Equal`, or the place behind which it would be.
type Walked<'tx, K, V> = Result<&'tx Node<K, V>, Place<'tx, K, V>>;

/// What a search by key has found, for good.
pub(super) enum Found<'tx, K: 'static, V: 'static> {
    /// It is there.
    Node(&'tx Node<K, V>),
    /// It is not: nothing is in this gap.
    Gap(Gap<'tx, K, V>),
}

impl<K: 'static, V: 'static> List<K, V> {
    /// What the nodes of this list have as their owner: not 0, and no other list's.
    #[inline(always)]
    pub(super) fn id(&self) -> Owner {
        self.id
    }

    #[inline(always)]
    pub(super) fn link<'tx>(&'tx self, place: Place<'tx, K, V>, level: usize) -> &'tx TLink<Node<K, V>> {
        place.map_or(&self.head[level], |node| node.link(level))
    }

    /// From which level to search.
    #[inline]
    pub(super) fn top(&self) -> usize {
        // Relaxed: a hint.
        (self.height.load(Ordering::Relaxed) as usize).min(LEVELS)
    }

    /// Notes that there may be a node of this height.
    #[inline]
    pub(super) fn raise(&self, height: usize) {
        if height > self.top() {
            // Relaxed: a hint.
            self.height.fetch_max(height as u32, Ordering::Relaxed);
        }
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> List<K, V> {
    pub(super) fn new() -> Self {
        Self::with(new_id(), 1, [const { None }; LEVELS])
    }

    fn with(id: Owner, height: usize, first: [Option<Shared<Node<K, V>>>; LEVELS]) -> Self {
        Self { head: first.map(TLink::new), id, height: AtomicU32::new(height as u32) }
    }

    /// Searches without keeping track. `order` tells where a key is from what is searched; `note` is told the last place before
    /// that on each level.
    #[inline(always)]
    fn walk<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        note: impl FnMut(usize, Place<'tx, K, V>),
    ) -> StmResult<Walked<'tx, K, V>> {
        let head = &self.head[..self.top()];
        if tx.attempt().is_logged() {
            Walk::<K, V, true> { place: None, behind: None }.down(tx, head, order, note)
        } else {
            Walk::<K, V, false> { place: None, behind: None }.down(tx, head, order, note)
        }
    }

    /// Whether the place is in the list, for good.
    #[inline(always)]
    fn has<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, place: Place<'tx, K, V>) -> StmResult<bool> {
        place.map_or(Ok(true), |node| node.is_in(tx, self.id()))
    }

    /// The gap on `level`, for good, before the first node that is not `Less`. Begins at `place`, which is in the list.
    #[inline(always)]
    pub(super) fn settle<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        level: usize,
        mut place: Place<'tx, K, V>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Gap<'tx, K, V>> {
        loop {
            match self.link(place, level).read(tx)? {
                Some(node) if order(&node.key) == Order::Less => place = Some(node.get()),
                next => return Ok((place, next)),
            }
        }
    }

    /// Searches a node.
    #[inline]
    pub(super) fn find<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Found<'tx, K, V>> {
        let mut spin = Spin::new();
        loop {
            match self.walk(tx, &order, |_, _| ())? {
                Ok(node) if self.has(tx, Some(node))? => return Ok(Found::Node(node)),
                Err(place) if self.has(tx, place)? => {
                    let gap = self.settle(tx, 0, place, &order)?;
                    return Ok(match gap.1 {
                        Some(node) if order(&node.key) == Order::Equal => Found::Node(node.get()),
                        _ => Found::Gap(gap),
                    });
                }
                // Somebody is just taking it out.
                _ => again(tx, &mut spin)?,
            }
        }
    }

    /// The gap before the first node that is not `Less`.
    #[inline]
    pub(super) fn gap<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Gap<'tx, K, V>> {
        match self.find(tx, past(order))? {
            Found::Gap(gap) => Ok(gap),
            Found::Node(_) => unreachable!("no node is equal"),
        }
    }

    /// Searches the node that is `Equal`, and fills in the gaps before it that are wanted. Who has come to put a node there gets
    /// none if there is one.
    #[inline(always)]
    fn gaps<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        gaps: &mut Gaps<'tx, K, V>,
        aim: Aim,
    ) -> StmResult<Option<&'tx Node<K, V>>> {
        let search = |key: &K| match order(key) {
            Order::Equal if !matches!(aim, Aim::Put(_)) => Order::Greater,
            other => other,
        };
        let mut spin = Spin::new();
        loop {
            match self.walk(tx, search, |level, place| gaps[level].0 = place)? {
                Ok(node) if self.has(tx, Some(node))? => return Ok(Some(node)),
                Err(place) if self.has(tx, place)? => {
                    gaps[0] = self.settle(tx, 0, place, &order)?;
                    let hit = gaps[0].1.filter(|node| order(&node.key) == Order::Equal).map(Linkage::get);
                    let levels = match (aim, hit) {
                        (Aim::Put(height), None) => height,
                        (Aim::Take, Some(node)) => node.height(tx)?,
                        (Aim::Put(_), Some(_)) | (Aim::Take, None) => 1,
                        (Aim::Cut, _) => LEVELS,
                    };
                    if self.settle_above(tx, &mut gaps[..levels], &order)? {
                        return Ok(hit);
                    }
                }
                _ => {}
            }
            // Somebody is just taking it out.
            again(tx, &mut spin)?;
            *gaps = no_gaps();
        }
    }

    /// [`settle`](Self::settle) for the levels from 1. Returns false if somebody was faster.
    #[inline]
    fn settle_above<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        gaps: &mut [Gap<'tx, K, V>],
        order: impl Fn(&K) -> Order,
    ) -> StmResult<bool> {
        for (level, gap) in gaps.iter_mut().enumerate().skip(1) {
            if !self.has(tx, gap.0)? {
                return Ok(false);
            }
            *gap = self.settle(tx, level, gap.0, &order)?;
        }
        Ok(true)
    }

    /// Fills in where to put a node of so many levels, unless there is one that is `Equal`: returns that.
    #[inline]
    pub(super) fn slot<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        height: usize,
        gaps: &mut Gaps<'tx, K, V>,
    ) -> StmResult<Option<&'tx Node<K, V>>> {
        self.raise(height);
        self.gaps(tx, order, gaps, Aim::Put(height))
    }

    /// Fills in the gaps of all levels before the first node that is not `Less`.
    pub(super) fn cut<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Gaps<'tx, K, V>> {
        let mut gaps = no_gaps();
        self.gaps(tx, order, &mut gaps, Aim::Cut)?;
        Ok(gaps)
    }

    /// Puts a new node into gaps that were read for good.
    #[inline]
    pub(super) fn put<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        gaps: &[Gap<'tx, K, V>],
        key: K,
        value: V,
    ) -> StmResult<()> {
        let node = Node::new(key, value, gaps);
        let new = Shared::get(&node, tx);
        for (level, gap) in gaps.iter().enumerate().skip(1) {
            self.link(gap.0, level).write(tx, Some(node.clone()))?;
        }
        self.link(gaps[0].0, 0).write(tx, Some(node))?;
        new.belong(tx, self.id(), gaps.len())
    }

    /// Takes the node that is `Equal` out of the list, and returns what `f` has made of it. That comes first: a panic of it that
    /// is caught within the body leaves all as it was.
    #[inline]
    pub(super) fn take<'tx, R>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        f: impl FnOnce(&'tx Node<K, V>) -> StmResult<R>,
    ) -> StmResult<Option<R>> {
        let mut gaps = no_gaps();
        let Some(node) = self.gaps(tx, order, &mut gaps, Aim::Take)? else { return Ok(None) };
        let result = f(node)?;
        self.unlink(tx, node, &gaps)?;
        Ok(Some(result))
    }

    /// Takes the first node out of the list; otherwise as [`take`](Self::take).
    #[inline]
    pub(super) fn take_first<'tx, R>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        f: impl FnOnce(&'tx Node<K, V>) -> StmResult<R>,
    ) -> StmResult<Option<R>> {
        let Some(node) = self.head[0].read(tx)? else { return Ok(None) };
        let mut gaps = no_gaps();
        for (gap, head) in gaps.iter_mut().zip(&self.head).take(node.get().height(tx)?) {
            gap.1 = head.read(tx)?;
        }
        let result = f(node.get())?;
        self.unlink(tx, node.get(), &gaps)?;
        Ok(Some(result))
    }

    /// Takes a node out, given the gaps before it.
    #[inline]
    fn unlink<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        gone: &'tx Node<K, V>,
        gaps: &Gaps<'tx, K, V>,
    ) -> StmResult<()> {
        let height = gone.height(tx)?;
        for (level, (place, next)) in gaps.iter().enumerate().take(height) {
            let found = next.is_some_and(|next| ptr::eq(next.get(), gone));
            assert!(found, "a key is not where it was put: the order of the keys has changed");
            let link = gone.link(level);
            let behind = link.read(tx)?.map(Linkage::to_shared);
            link.write(tx, None)?;
            self.link(*place, level).write(tx, behind)?;
        }
        gone.belong(tx, 0, height)
    }

    /// Takes everything out at once. The nodes still say that they are in the list, and hang together.
    pub(super) fn take_all<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Option<Linkage<'tx, Node<K, V>>>> {
        let first = self.head[0].read(tx)?;
        for link in &self.head {
            if link.read(tx)?.is_some() {
                link.write(tx, None)?;
            }
        }
        Ok(first)
    }

    /// Gives up a node that was taken out by [`take_all`](Self::take_all).
    pub(super) fn give_up<'tx>(tx: &Transaction<'tx, '_>, node: &'tx Node<K, V>) -> StmResult<()> {
        let height = node.height(tx)?;
        for level in 0..height {
            node.link(level).write(tx, None)?;
        }
        node.belong(tx, 0, height)
    }

    /// Puts a node that was in another list into gaps that were read for good.
    pub(super) fn adopt<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        node: Linkage<'tx, Node<K, V>>,
        gaps: &[Gap<'tx, K, V>],
    ) -> StmResult<()> {
        let new = node.get();
        for (level, (place, next)) in gaps.iter().enumerate() {
            new.link(level).write(tx, next.map(Linkage::to_shared))?;
            self.link(*place, level).write(tx, Some(node.to_shared()))?;
        }
        new.belong(tx, self.id(), gaps.len())
    }

    /// A list of pairs in ascending order.
    pub(super) fn of_sorted(pairs: impl DoubleEndedIterator<Item = (K, V)>) -> Self {
        let (id, mut top, mut first) = (new_id(), 1, [const { None }; LEVELS]);
        for (key, value) in pairs.rev() {
            let height = height::draw(LEVELS);
            top = top.max(height);
            let node = Node::with_links(key, value, id, height, |level| TLink::new(first[level].take()));
            first[..height].fill(Some(node));
        }
        Self::with(id, top, first)
    }
}
