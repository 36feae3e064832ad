//! The read log: every variable read, with the exact word it had.
//!
//! Words and not only versions are kept, because the rule that accepts a first read of any version (docs/design.md,
//! "Reading") needs equality. The order of entries means nothing, and entries are never taken back: what a branch has
//! read justifies what is done after it.

use std::collections::HashSet;

use crate::cell::RawCell;
use crate::word::Word;

/// One variable read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadEntry {
    pub(crate) cell: *const RawCell,
    /// Its word, without the waiter bit.
    pub(crate) seen: Word,
}

/// Entries in order of reading.
#[derive(Debug, Default)]
pub(crate) struct ReadLog {
    entries: Vec<ReadEntry>,
    /// The length at which duplicates are removed before the log grows further.
    compact_at: usize,
}

impl ReadLog {
    /// Below this many entries duplicates cost less than finding them.
    const COMPACT_FROM: usize = 4096;
    /// Capacity kept between transactions, in entries.
    const KEEP: usize = 1 << 16;
    /// How far back a write looks for the read of the same variable.
    const RECENT: usize = 4;

    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), compact_at: Self::COMPACT_FROM }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline(always)]
    pub(crate) fn entries(&self) -> &[ReadEntry] {
        &self.entries
    }

    /// Whether [`ReadLog::push_within_capacity`] may be called.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.entries.capacity()
    }

    /// Adds an entry without looking at the capacity.
    ///
    /// # Safety
    ///
    /// [`ReadLog::has_room`] is true.
    #[inline(always)]
    pub(crate) unsafe fn push_within_capacity(&mut self, entry: ReadEntry) {
        let length = self.entries.len();
        // SAFETY: the caller has seen that `length < capacity`, so the slot is allocated, and it is initialised before
        // the length covers it.
        unsafe {
            self.entries.as_mut_ptr().add(length).write(entry);
            self.entries.set_len(length + 1);
        }
    }

    pub(crate) fn push(&mut self, entry: ReadEntry) {
        if self.entries.len() >= self.compact_at && !self.has_room() {
            self.compact();
        }
        self.entries.push(entry);
    }

    /// Removes duplicates, so that a loop over few variables does not grow the log for ever.
    #[cold]
    fn compact(&mut self) {
        let mut known = HashSet::with_capacity(self.entries.len());
        self.entries.retain(|entry| known.insert(entry.cell));
        self.compact_at = (self.entries.len() * 2).max(Self::COMPACT_FROM);
    }

    /// Takes out the entry of a variable that was read just now, for the write that follows it.
    #[inline(always)]
    pub(crate) fn take_recent(&mut self, cell: *const RawCell) -> Option<Word> {
        let length = self.entries.len();
        let oldest = length.saturating_sub(Self::RECENT);
        for position in (oldest..length).rev() {
            if self.entries[position].cell == cell {
                return Some(self.entries.swap_remove(position).seen);
            }
        }
        None
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        if self.entries.capacity() > Self::KEEP {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.entries.shrink_to(Self::KEEP);
        self.compact_at = Self::COMPACT_FROM;
    }
}
