//! The skip list (Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990).
//!
//! A search looks through the levels without keeping track, so it conflicts with nothing; what it comes to may be stale. The facts that
//! the answer depends on are then read for good. They are of two kinds:
//!
//! - *A node is in the list*: its [`owner`](Node::owner) says so. It is written when the node is put in and when it is taken out.
//! - *Nothing is between two nodes*: the first is in the list, and its link leads to the second.
//!
//! A fact that does not hold means that somebody was faster, and the search begins anew. A node that was reached by a link read for
//! good, from a node that is in the list, is in the list too: to take it out is to write that link.
//!
//! The links of a new node have no version that tells of its birth, and an attempt might take them for older than they are. That is why
//! the owner of the node in front is always read first: it does have that version.

use std::cmp::Ordering as Order;
use std::ptr;

use super::node::Node;
use crate::contention::Spin;
use crate::shim::{AtomicU32, Ordering};
use crate::{Linkage, ReadTransaction, StmResult, TLink, Transaction};

/// How many levels there are at most: enough for 4^16 keys.
pub(super) const LEVELS: usize = 16;

/// Where a search has come to: a node, or the head of the list.
pub(super) type Place<'tx, K, V> = Option<&'tx Node<K, V>>;

/// A place on one level, and what its link leads to.
pub(super) type Gap<'tx, K, V> = (Place<'tx, K, V>, Option<Linkage<'tx, Node<K, V>>>);

pub(super) struct List<K: 'static, V: 'static> {
    head: [TLink<Node<K, V>>; LEVELS],
    /// A hint from which level to search: no level from here on has a node, if the hint is up to date.
    height: AtomicU32,
}

/// What a search by key has found, for good.
pub(super) enum Found<'tx, K: 'static, V: 'static> {
    /// It is there.
    Node(&'tx Node<K, V>),
    /// It is not: nothing is in this gap.
    Gap(Gap<'tx, K, V>),
}

impl<K: 'static, V: 'static> List<K, V> {
    pub(super) fn new() -> Self {
        Self { head: std::array::from_fn(|_| TLink::empty()), height: AtomicU32::new(1) }
    }

    /// What the nodes of this list have as their owner. Lists are not moved: each is in a `Shared`. The nodes that are in a list when it
    /// is dropped are out of everybody's reach, so no list takes them for its own if it comes to the same address.
    pub(super) fn id(&self) -> usize {
        ptr::from_ref(self).addr()
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
    /// Searches from level `top` down to 0, without keeping track. `order` tells where a key is from what is searched. Returns the
    /// node for which it said `Equal`, or the place behind which such a node would be; `note` is told that place on each level.
    #[inline(always)]
    fn walk<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        top: usize,
        order: impl Fn(&K) -> Order,
        mut note: impl FnMut(usize, Place<'tx, K, V>),
    ) -> StmResult<Result<&'tx Node<K, V>, Place<'tx, K, V>>> {
        // Without a log to keep short the other way to look is the faster one.
        let logged = tx.attempt().is_logged();
        let look = |link: &'tx TLink<Node<K, V>>| if logged { link.peek(tx) } else { link.read(tx) };
        let (mut place, mut behind) = (None, None);
        for level in (0..top).rev() {
            let mut next = look(self.link(place, level))?;
            while let Some(node) = next {
                // The level above has led to it already.
                if next == behind {
                    break;
                }
                match order(&node.key) {
                    Order::Less => {
                        place = Some(node.get());
                        next = look(node.get().link(level))?;
                    }
                    Order::Equal => return Ok(Ok(node.get())),
                    Order::Greater => break,
                }
            }
            behind = next;
            note(level, place);
        }
        Ok(Err(place))
    }

    /// Whether the place is in the list, for good.
    #[inline(always)]
    fn has<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, place: Place<'tx, K, V>) -> StmResult<bool> {
        place.map_or(Ok(true), |node| Ok(node.owner.read(tx)? == self.id()))
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
            match self.walk(tx, self.top(), &order, |_, _| ())? {
                Ok(node) if self.has(tx, Some(node))? => return Ok(Found::Node(node)),
                Err(place) if self.has(tx, place)? => {
                    let gap = self.settle(tx, 0, place, &order)?;
                    return Ok(match gap.1 {
                        Some(node) if order(&node.key) == Order::Equal => Found::Node(node.get()),
                        _ => Found::Gap(gap),
                    });
                }
                // Somebody is just taking it out.
                _ => spin.wait(),
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
        // Never equal, so that the search goes on to the gap.
        let order = |key: &K| if order(key) == Order::Less { Order::Less } else { Order::Greater };
        match self.find(tx, order)? {
            Found::Gap(gap) => Ok(gap),
            Found::Node(_) => unreachable!("no node is equal"),
        }
    }

    /// The gaps of so many levels, as `levels` tells of the one at level 0, before the first node that is not `Less`. If `hits`, a node that is
    /// `Equal` is returned instead.
    #[inline(always)]
    fn gaps<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        hits: bool,
        levels: impl Fn(&Gap<'tx, K, V>) -> usize,
    ) -> StmResult<Result<&'tx Node<K, V>, [Gap<'tx, K, V>; LEVELS]>> {
        let search = |key: &K| match order(key) {
            Order::Equal if !hits => Order::Greater,
            other => other,
        };
        let mut spin = Spin::new();
        loop {
            let mut places = [None; LEVELS];
            match self.walk(tx, self.top(), search, |level, place| places[level] = place)? {
                Ok(node) if self.has(tx, Some(node))? => return Ok(Ok(node)),
                Err(place) if self.has(tx, place)? => {
                    let mut gaps = [(None, None); LEVELS];
                    gaps[0] = self.settle(tx, 0, place, &order)?;
                    if let Some(node) = gaps[0].1
                        && hits
                        && order(&node.key) == Order::Equal
                    {
                        return Ok(Ok(node.get()));
                    }
                    let levels = levels(&gaps[0]);
                    if self.settle_above(tx, &places, &mut gaps[..levels], &order)? {
                        return Ok(Err(gaps));
                    }
                }
                _ => {}
            }
            spin.wait();
        }
    }

    /// [`settle`](Self::settle) for the levels from 1. Returns false if somebody was faster.
    fn settle_above<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        places: &[Place<'tx, K, V>; LEVELS],
        gaps: &mut [Gap<'tx, K, V>],
        order: impl Fn(&K) -> Order,
    ) -> StmResult<bool> {
        for level in 1..gaps.len() {
            if !self.has(tx, places[level])? {
                return Ok(false);
            }
            gaps[level] = self.settle(tx, level, places[level], &order)?;
        }
        Ok(true)
    }

    /// Where to put a node of so many levels, or the node that is `Equal`.
    #[inline]
    pub(super) fn slot<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
        height: usize,
    ) -> StmResult<Result<&'tx Node<K, V>, [Gap<'tx, K, V>; LEVELS]>> {
        self.raise(height);
        self.gaps(tx, order, true, |_| height)
    }

    /// The gaps of all levels before the first node that is not `Less`.
    pub(super) fn cut<'tx>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<[Gap<'tx, K, V>; LEVELS]> {
        match self.gaps(tx, order, false, |_| LEVELS)? {
            Err(gaps) => Ok(gaps),
            Ok(_) => unreachable!("no node is equal"),
        }
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
        let mut next = [None; LEVELS];
        next.iter_mut().zip(gaps).for_each(|(next, gap)| *next = gap.1);
        let node = Node::new(key, value, &next[..gaps.len()]);
        let new = crate::Shared::get(&node, tx);
        for (level, gap) in gaps.iter().enumerate().skip(1) {
            self.link(gap.0, level).write(tx, Some(node.clone()))?;
        }
        self.link(gaps[0].0, 0).write(tx, Some(node))?;
        new.owner.write(tx, self.id())
    }

    /// Takes the node that is `Equal` out of the list.
    #[inline]
    pub(super) fn take<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        order: impl Fn(&K) -> Order,
    ) -> StmResult<Option<&'tx Node<K, V>>> {
        let wanted = |gap: &Gap<'tx, K, V>| gap.1.filter(|node| order(&node.key) == Order::Equal);
        let height = |gap: &Gap<'tx, K, V>| wanted(gap).map_or(1, |node| node.get().height());
        let Err(gaps) = self.gaps(tx, &order, false, height)? else { unreachable!("no node is equal") };
        let Some(node) = wanted(&gaps[0]) else { return Ok(None) };
        self.unlink(tx, node, |level| gaps[level])?;
        Ok(Some(node.get()))
    }

    /// Takes the first node out of the list.
    #[inline]
    pub(super) fn take_first<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Option<&'tx Node<K, V>>> {
        let Some(node) = self.head[0].read(tx)? else { return Ok(None) };
        let mut gaps = [(None, None); LEVELS];
        for (level, gap) in gaps.iter_mut().enumerate().take(node.get().height()) {
            gap.1 = self.head[level].read(tx)?;
        }
        self.unlink(tx, node, |level| gaps[level])?;
        Ok(Some(node.get()))
    }

    /// Takes a node out, given the gaps before it.
    fn unlink<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        node: Linkage<'tx, Node<K, V>>,
        gaps: impl Fn(usize) -> Gap<'tx, K, V>,
    ) -> StmResult<()> {
        let gone = node.get();
        for level in 0..gone.height() {
            let (place, next) = gaps(level);
            assert!(next == Some(node), "the order of the keys has changed: a key is not where it was put");
            let behind = gone.link(level).read(tx)?.map(Linkage::to_shared);
            self.link(place, level).write(tx, behind)?;
        }
        self.strip(tx, gone, 0)
    }

    /// Gives a node another owner, and cuts its links if it has none.
    pub(super) fn strip<'tx>(&self, tx: &Transaction<'tx, '_>, node: &'tx Node<K, V>, owner: usize) -> StmResult<()> {
        for level in 0..node.height() {
            node.link(level).write(tx, None)?;
        }
        node.owner.write(tx, owner)
    }
}
