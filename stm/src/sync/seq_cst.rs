//! Sequentially consistent accesses: the real ones, and for loom the same access behind a `SeqCst` fence.
//!
//! A fence in front of every such access is the classic "leading sync" mapping: two accesses of one thread always have
//! a fence between them, which orders at least what the access form orders (Lahav et al., "Repairing Sequential
//! Consistency in C/C++11", PLDI 2017, section 3).

use super::{AtomicU64, Ordering};

#[cfg(stm_loom)]
use super::fence;

/// Orderings of the access itself; under loom the fence in front of it does the rest.
#[cfg(not(stm_loom))]
mod order {
    use super::Ordering;
    pub(super) const LOAD: Ordering = Ordering::SeqCst;
    pub(super) const UPDATE: Ordering = Ordering::SeqCst;
}
#[cfg(stm_loom)]
mod order {
    use super::Ordering;
    pub(super) const LOAD: Ordering = Ordering::Acquire;
    pub(super) const UPDATE: Ordering = Ordering::AcqRel;
}

#[inline(always)]
fn leading_fence() {
    #[cfg(stm_loom)]
    fence(Ordering::SeqCst);
}

#[inline(always)]
pub(crate) fn load(atomic: &AtomicU64) -> u64 {
    leading_fence();
    atomic.load(order::LOAD)
}

/// A failed exchange is a relaxed load: callers load again before they rely on what it saw.
#[inline(always)]
pub(crate) fn compare_exchange(atomic: &AtomicU64, current: u64, new: u64) -> Result<u64, u64> {
    leading_fence();
    atomic.compare_exchange(current, new, order::UPDATE, Ordering::Relaxed)
}

pub(crate) fn fetch_or(atomic: &AtomicU64, bits: u64) -> u64 {
    leading_fence();
    atomic.fetch_or(bits, order::UPDATE)
}

pub(crate) fn fetch_and(atomic: &AtomicU64, bits: u64) -> u64 {
    leading_fence();
    atomic.fetch_and(bits, order::UPDATE)
}
