//! A node of the skip list.

use super::list::{Gap, LEVELS};
use crate::{Linkage, ReadTransaction, Shared, StmResult, TCell, TLink, Transaction};

/// How many levels a [`Block`] has links of.
const BLOCK: usize = 4;

/// How many levels a node has links of in place.
const IN_PLACE: usize = 2;

/// A key with its value. What a search looks at comes first, and mostly is in one cache line.
///
/// Its links keep alive what comes behind it, so they are cut when it is taken out: else each node of a long queue of removed ones
/// would wait for the one before it.
#[repr(C)]
pub(super) struct Node<K: 'static, V: 'static> {
    pub(super) key: K,
    /// Of the levels from 2, for one node in sixteen.
    upper: Option<Box<Block<K, V>>>,
    pub(super) next: TLink<Node<K, V>>,
    /// Of level 1, for one node in four.
    pub(super) second: TLink<Node<K, V>>,
    /// Written when the node is put into a list and when it is taken out, so who has read it knows of both.
    owner: TCell<Owner>,
    pub(super) value: TCell<V>,
}

/// Which list the node is in ([`List::id`](super::list::List::id)), or 0, and in the low bits how many levels it has, less one. The
/// latter never changes.
pub(super) type Owner = u64;

/// The part of an [`Owner`] that tells the number of levels.
const HEIGHT: Owner = LEVELS as Owner - 1;

fn owner(list: Owner, height: usize) -> Owner {
    list | (height as Owner - 1)
}

/// Links of some levels.
struct Block<K: 'static, V: 'static> {
    links: [TLink<Node<K, V>>; BLOCK],
    more: Option<Box<Block<K, V>>>,
}

impl<K: 'static, V: 'static> Block<K, V> {
    /// Links of the levels from `first` to before `height`.
    fn new(first: usize, height: usize, link: &mut impl FnMut(usize) -> TLink<Node<K, V>>) -> Option<Box<Self>> {
        if first >= height {
            return None;
        }
        let links = std::array::from_fn(|level| own(first + level, height, link));
        Some(Box::new(Self { links, more: Self::new(first + BLOCK, height, link) }))
    }
}

impl<K: 'static, V: 'static> Block<K, V> {
    /// The link of a level that is not in this block.
    #[cold]
    fn far(&self, mut level: usize) -> &TLink<Node<K, V>> {
        let mut block = self;
        while level >= BLOCK {
            (block, level) = (block.more.as_deref().expect(ON_LEVEL), level - BLOCK);
        }
        &block.links[level]
    }
}

const ON_LEVEL: &str = "the node is on that level";

/// The link of a level, if the node is on it.
fn own<T>(level: usize, height: usize, link: &mut impl FnMut(usize) -> TLink<T>) -> TLink<T> {
    if level < height { link(level) } else { TLink::empty() }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Node<K, V> {
    /// A node for these gaps, one for each level. It is in no list yet.
    #[inline]
    pub(super) fn new(key: K, value: V, gaps: &[Gap<'_, K, V>]) -> Shared<Self> {
        Self::with_links(key, value, 0, gaps.len(), |level| TLink::new(gaps[level].1.map(Linkage::to_shared)))
    }

    /// A node with these links, in this list.
    #[inline]
    pub(super) fn with_links(
        key: K,
        value: V,
        list: Owner,
        height: usize,
        mut link: impl FnMut(usize) -> TLink<Self>,
    ) -> Shared<Self> {
        Shared::new(Self {
            next: link(0),
            second: own(1, height, &mut link),
            owner: TCell::new(owner(list, height)),
            value: TCell::new(value),
            key,
            upper: Block::new(IN_PLACE, height, &mut link),
        })
    }

    /// On how many levels it is.
    #[inline]
    pub(super) fn height<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        // What does not change may be looked at without keeping track.
        Ok((*self.owner.peek(tx)? & HEIGHT) as usize + 1)
    }

    /// Whether it is in this list, for good.
    #[inline(always)]
    pub(super) fn is_in<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, list: Owner) -> StmResult<bool> {
        Ok(self.owner.read(tx)? & !HEIGHT == list)
    }

    /// Whether it is in this list, as far as the latest changes say: those of the run itself, if it has changed that. For a node
    /// that the run has found in the list for good; if others have changed it since, the run can not commit anyway.
    #[inline]
    pub(super) fn is_still_in<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, list: Owner) -> StmResult<bool> {
        Ok(*self.owner.peek(tx)? & !HEIGHT == list)
    }

    /// Says that it is in this list, or in none.
    #[inline(always)]
    pub(super) fn belong<'tx>(&'tx self, tx: &Transaction<'tx, '_>, list: Owner, height: usize) -> StmResult<()> {
        self.owner.write(tx, owner(list, height))
    }
}

impl<K: 'static, V: 'static> Node<K, V> {
    /// Its link on a level on which it is.
    #[inline]
    pub(super) fn link(&self, level: usize) -> &TLink<Self> {
        match level {
            0 => &self.next,
            1 => &self.second,
            _ => self.above(level),
        }
    }

    /// Its link on a level from 2.
    #[inline(always)]
    pub(super) fn above(&self, level: usize) -> &TLink<Self> {
        let (block, level) = (self.upper.as_deref().expect(ON_LEVEL), level - IN_PLACE);
        if level < BLOCK { &block.links[level] } else { block.far(level) }
    }
}
