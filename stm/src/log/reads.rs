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
    /// Its word, perhaps with the waiter bit: compare it without.
    pub(crate) seen: Word,
}

/// Entries in order of reading.
#[derive(Debug, Default)]
pub(crate) struct ReadLog {
    entries: Vec<ReadEntry>,
    /// Up to which length [`ReadLog::push_within_room`] may be used: the capacity, or 0 while the log is closed to it.
    room: usize,
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
        Self { entries: Vec::new(), room: 0, compact_at: Self::COMPACT_FROM }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline(always)]
    pub(crate) fn entries(&self) -> &[ReadEntry] {
        &self.entries
    }

    /// Opens or closes the log to [`ReadLog::push_within_room`]. One comparison then tells a reader both that there is
    /// room and that nothing else has to be looked after.
    #[inline(always)]
    pub(crate) fn set_open(&mut self, open: bool) {
        self.room = if open { self.entries.capacity() } else { 0 };
    }

    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.room
    }

    /// Whether there is room although the log may be closed.
    #[inline(always)]
    pub(crate) fn has_capacity(&self) -> bool {
        self.entries.len() < self.entries.capacity()
    }

    /// Adds an entry without looking at the capacity.
    ///
    /// # Safety
    ///
    /// [`ReadLog::has_room`] or [`ReadLog::has_capacity`] is true.
    #[inline(always)]
    pub(crate) unsafe fn push_within_room(&mut self, entry: ReadEntry) {
        let length = self.entries.len();
        // SAFETY: the caller has seen that `length` is below the capacity, which `room` does not exceed: the slot is
        // allocated, and it is initialised before the length covers it.
        unsafe {
            self.entries.as_mut_ptr().add(length).write(entry);
            self.entries.set_len(length + 1);
        }
    }

    pub(crate) fn push(&mut self, entry: ReadEntry) {
        if self.entries.len() >= self.compact_at && self.entries.len() == self.entries.capacity() {
            self.compact();
        }
        self.entries.push(entry);
        if self.room != 0 {
            self.room = self.entries.capacity();
        }
    }

    /// Removes duplicates, so that a loop over few variables does not grow the log for ever.
    #[cold]
    fn compact(&mut self) {
        let mut known = HashSet::with_capacity(self.entries.len());
        self.entries.retain(|entry| known.insert(entry.cell));
        self.compact_at = (self.entries.len() * 2).max(Self::COMPACT_FROM);
    }

    /// What a write of the variable is to expect, in the plain cases: it was read just now, and then its entry is taken
    /// out, or nothing is in the log. Its word is without the waiter bit.
    #[inline(always)]
    pub(crate) fn take_last(&mut self, cell: *const RawCell) -> Option<Word> {
        let Some(&ReadEntry { cell: last, seen }) = self.entries.last() else { return Some(Word::NONE) };
        if last != cell {
            return None;
        }
        self.entries.truncate(self.entries.len() - 1);
        Some(seen.without_waiters())
    }

    /// Takes out the entry of a variable that was read just now, for the write that follows it.
    pub(crate) fn take_recent(&mut self, cell: *const RawCell) -> Option<Word> {
        let oldest = self.entries.len().saturating_sub(Self::RECENT);
        let position = self.entries[oldest..].iter().rposition(|entry| entry.cell == cell)?;
        Some(self.entries.swap_remove(oldest + position).seen.without_waiters())
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Whether the log has grown beyond what is worth keeping.
    pub(crate) fn is_outsized(&self) -> bool {
        self.entries.capacity() > Self::KEEP
    }

    /// Gives the memory of an unusually large transaction back. The log is empty.
    pub(crate) fn shrink(&mut self) {
        self.room = 0;
        self.entries.shrink_to(Self::KEEP);
        self.compact_at = Self::COMPACT_FROM;
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::clock::Version;

    fn entry(n: usize) -> ReadEntry {
        let seen = Word::of_version(Version::from_raw(n as u64));
        ReadEntry { cell: std::ptr::without_provenance(n * 32), seen }
    }

    #[test]
    fn a_loop_over_few_variables_does_not_grow_the_log() {
        let mut log = ReadLog::new();
        (0..1_000_000).for_each(|n| log.push(entry(n % 10)));
        assert!(log.entries.capacity() <= 2 * ReadLog::COMPACT_FROM, "{}", log.entries.capacity());
        (0..10).for_each(|n| assert!(log.entries().iter().any(|read| read.cell == entry(n).cell)));
    }

    #[test]
    fn only_recent_reads_are_taken_and_each_once() {
        let mut log = ReadLog::new();
        (1..=6).for_each(|n| log.push(entry(n)));
        assert_eq!(log.take_last(entry(5).cell), None);
        assert_eq!(log.take_last(entry(6).cell), Some(entry(6).seen));
        assert_eq!(log.take_recent(entry(3).cell), Some(entry(3).seen));
        assert_eq!(log.take_recent(entry(3).cell), None);
        assert_eq!(log.entries().len(), 4);
    }

    #[test]
    fn a_closed_log_has_no_room_and_an_outlier_is_given_back() {
        let mut log = ReadLog::new();
        log.push(entry(1));
        assert!(!log.has_room());
        log.set_open(true);
        assert!(log.has_room());
        (0..200_000).for_each(|n| log.push(entry(n)));
        assert!(log.is_outsized());
        log.clear();
        log.shrink();
        assert!(!log.is_outsized() && !log.has_room());
    }
}
