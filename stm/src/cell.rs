//! The shared part of a variable: its word and its stored value, and how both are read together.
//!
//! A cell knows nothing of its value's type; `storage` gives the bits their meaning. The logs and the commit work on
//! cells alone, so they exist once and not once per type.

use crate::contention::Spin;
use crate::shim::{AtomicPtr, Ordering};
use crate::storage::Bits;
use crate::word::{VersionedLock, Word};

/// Word and value of one variable. Whoever embeds it keeps both on one cache line by an alignment of 16.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RawCell {
    pub(crate) lock: VersionedLock,
    /// Written only by the owner of the lock, after its commit has been decided.
    value: AtomicPtr<()>,
}

impl RawCell {
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    pub(crate) const fn new(word: Word, value: Bits) -> Self {
        Self { lock: VersionedLock::new(word), value: AtomicPtr::new(value) }
    }
    #[cfg(any(stm_loom, stm_shuttle))]
    pub(crate) fn new(word: Word, value: Bits) -> Self {
        Self { lock: VersionedLock::new(word), value: AtomicPtr::new(value) }
    }

    /// The stored value. Acquire: edge E1, pairs with [`RawCell::set`]; whoever reads a value a commit has just stored
    /// also sees that commit's lock when it looks at the word again, and the contents of a new node.
    #[inline(always)]
    pub(crate) fn value(&self) -> Bits {
        self.value.load(Ordering::Acquire)
    }

    /// Stores a value. The caller owns the lock. Release: edge E1, pairs with [`RawCell::value`].
    #[inline(always)]
    pub(crate) fn set(&self, value: Bits) {
        self.value.store(value, Ordering::Release);
    }

    /// Reads word and value as they were at one moment, or reports the word when a commit was in between.
    #[inline(always)]
    pub(crate) fn read(&self, word: Word) -> Option<Bits> {
        let value = self.value();
        (self.lock.load_again() == word).then_some(value)
    }

    /// Reads the committed value outside of any transaction, waiting for a commit that is storing one.
    ///
    /// One look at the word before the value is enough here. A value stored after that look belongs to a commit that is
    /// decided, and whoever has seen it finds every other variable of that commit locked or new (edge E1).
    #[inline]
    pub(crate) fn load(&self) -> Bits {
        if self.lock.load().is_locked() {
            self.wait_until_free();
        }
        self.value()
    }

    /// Waits for the owner of the lock, which never waits while it holds one, to let go.
    #[cold]
    pub(crate) fn wait_until_free(&self) -> Word {
        let mut spin = Spin::new();
        loop {
            let word = self.lock.load();
            if !word.is_locked() {
                return word;
            }
            spin.wait();
        }
    }
}
