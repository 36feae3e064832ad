//! `Block`: what an unbounded queue is a chain of.

use super::slot::{Aside, Slot, Slots};
use crate::TLink;

/// How many slots a block has. A model comes to the edge of one sooner.
pub(crate) const SLOTS: u64 = if cfg!(stm_loom) { 2 } else { 32 };

/// A stretch of a queue. Each slot is used once, but for items that are put back.
pub(super) struct Block<T: 'static> {
    /// Of the first slot.
    start: u64,
    slots: [Slot<T>; SLOTS as usize],
    aside: Aside,
    pub(super) next: TLink<Block<T>>,
}

impl<T: Send + Sync + 'static> Block<T> {
    pub(super) fn new(start: u64, next: TLink<Block<T>>) -> Self {
        Self { start, slots: std::array::from_fn(|_| Slot::empty()), aside: Aside::new(), next }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Whether there is a slot for the position.
    #[inline(always)]
    pub(super) fn covers(&self, position: u64) -> bool {
        position.wrapping_sub(self.start) < SLOTS
    }

    /// Which slot is that of a position that the block covers.
    #[inline(always)]
    pub(super) fn place(&self, position: u64) -> usize {
        position.wrapping_sub(self.start) as usize
    }

    /// Whether a position is just behind the last slot.
    pub(super) fn ends_at(&self, position: u64) -> bool {
        position.wrapping_sub(self.start) == SLOTS
    }

    #[inline(always)]
    pub(super) fn starts_at(&self, position: u64) -> bool {
        position == self.start
    }

    #[inline(always)]
    pub(super) fn slots(&self) -> Slots<'_, T> {
        Slots::new(&self.slots, &self.aside)
    }
}
