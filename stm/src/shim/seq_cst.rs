//! Sequentially consistent accesses: the real ones, and for loom the same access next to a `SeqCst` fence.
//!
//! With a fence in front of every such access, or one behind it, any two of a thread have a fence between them, and that
//! orders at least what the access form orders (Lahav et al., "Repairing Sequential Consistency in C/C++11", PLDI 2017,
//! section 3). Both mappings are right, and each hides what the other shows when an access is weakened: so the models
//! run with either. docs/memory-model.md, "Loom and sequential consistency", says why neither covers up for an access of
//! the real build.

use super::{AtomicU64, Ordering};

/// Orderings of the access itself; under loom a fence does the rest.
#[cfg(not(stm_loom))]
mod order {
    use super::Ordering;
    pub(super) const LOAD: Ordering = Ordering::SeqCst;
    pub(super) const UPDATE: Ordering = Ordering::SeqCst;

    #[inline(always)]
    pub(super) fn before() {}
    #[inline(always)]
    pub(super) fn after() {}
}
#[cfg(stm_loom)]
mod order {
    use std::sync::LazyLock;

    use super::Ordering;
    use crate::shim::fence;

    pub(super) const LOAD: Ordering = Ordering::Acquire;
    pub(super) const UPDATE: Ordering = Ordering::AcqRel;

    static TRAILING: LazyLock<bool> =
        LazyLock::new(|| std::env::var("STM_LOOM_FENCES").is_ok_and(|mapping| mapping == "trailing"));

    pub(super) fn before() {
        if !*TRAILING {
            fence(Ordering::SeqCst);
        }
    }
    pub(super) fn after() {
        if *TRAILING {
            fence(Ordering::SeqCst);
        }
    }
}

#[inline(always)]
pub(crate) fn load(atomic: &AtomicU64) -> u64 {
    order::before();
    let value = atomic.load(order::LOAD);
    order::after();
    value
}

/// A failed exchange is a relaxed load: callers load again before they rely on what it saw.
#[inline(always)]
pub(crate) fn compare_exchange(atomic: &AtomicU64, current: u64, new: u64) -> Result<u64, u64> {
    order::before();
    let previous = atomic.compare_exchange(current, new, order::UPDATE, Ordering::Relaxed)?;
    order::after();
    Ok(previous)
}

pub(crate) fn fetch_or(atomic: &AtomicU64, bits: u64) -> u64 {
    order::before();
    let previous = atomic.fetch_or(bits, order::UPDATE);
    order::after();
    previous
}
