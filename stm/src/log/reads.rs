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

/// Entries in order of reading. A plain read adds one by two stores and moves one pointer; everything else goes through
/// the vector that owns the memory.
#[derive(Debug)]
pub(crate) struct ReadLog {
    /// Owns the memory. Its length is 0 but for the time of [`ReadLog::with_vec`].
    memory: Vec<ReadEntry>,
    /// Behind the last entry.
    next: *mut ReadEntry,
    /// Up to where [`ReadLog::push_within_room`] may be used: the end of the memory, or its start while the log is closed.
    room_end: *mut ReadEntry,
    /// The end of the memory.
    end: *mut ReadEntry,
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

    pub(crate) fn new() -> Self {
        let mut memory = Vec::new();
        let start = memory.as_mut_ptr();
        Self { memory, next: start, room_end: start, end: start, compact_at: Self::COMPACT_FROM }
    }

    pub(crate) fn len(&self) -> usize {
        (self.next.addr() - self.memory.as_ptr().addr()) / size_of::<ReadEntry>()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.next.cast_const() == self.memory.as_ptr()
    }

    #[inline(always)]
    pub(crate) fn entries(&self) -> &[ReadEntry] {
        // SAFETY: every slot before `next` was written, and stays while the log is borrowed.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.len()) }
    }

    /// Runs `f` on the entries as a vector. The log is closed or open as before.
    fn with_vec<R>(&mut self, f: impl FnOnce(&mut Vec<ReadEntry>) -> R) -> R {
        let open = self.room_end.cast_const() != self.memory.as_ptr();
        let length = self.len();
        // SAFETY: every slot before `next` was written.
        unsafe { self.memory.set_len(length) };
        let result = f(&mut self.memory);
        let length = self.memory.len();
        // SAFETY: shortened; entries have no destructors, and `next` keeps count of them.
        unsafe { self.memory.set_len(0) };
        // SAFETY: within the allocation, or nothing added to a dangling pointer.
        self.next = unsafe { self.memory.as_mut_ptr().add(length) };
        let capacity = self.memory.capacity();
        // SAFETY: likewise.
        self.end = unsafe { self.memory.as_mut_ptr().add(capacity) };
        self.set_open(open);
        result
    }

    /// Opens or closes the log to [`ReadLog::push_within_room`]. One comparison then tells a reader both that there is
    /// room and that nothing else has to be looked after.
    #[inline(always)]
    pub(crate) fn set_open(&mut self, open: bool) {
        self.room_end = if open { self.end } else { self.memory.as_mut_ptr() };
    }

    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.next < self.room_end
    }

    /// Whether there is room although the log may be closed.
    #[inline(always)]
    pub(crate) fn has_capacity(&self) -> bool {
        self.next < self.end
    }

    /// Adds an entry without looking at the capacity.
    ///
    /// # Safety
    ///
    /// [`ReadLog::has_room`] or [`ReadLog::has_capacity`] is true.
    #[inline(always)]
    pub(crate) unsafe fn push_within_room(&mut self, entry: ReadEntry) {
        // SAFETY: the caller has seen that `next` is before the end of the allocation, which `room_end` does not exceed.
        unsafe {
            self.next.write(entry);
            self.next = self.next.add(1);
        }
    }

    pub(crate) fn push(&mut self, entry: ReadEntry) {
        if self.len() >= self.compact_at && !self.has_capacity() {
            self.compact();
        }
        self.with_vec(|entries| entries.push(entry));
    }

    /// Removes duplicates, so that a loop over few variables does not grow the log for ever.
    #[cold]
    fn compact(&mut self) {
        let mut known = HashSet::with_capacity(self.len());
        self.with_vec(|entries| entries.retain(|entry| known.insert(entry.cell)));
        self.compact_at = (self.len() * 2).max(Self::COMPACT_FROM);
    }

    /// Takes out the last entry if it is of this variable, and returns its word without the waiter bit.
    #[inline(always)]
    pub(crate) fn take_last(&mut self, cell: *const RawCell) -> Option<Word> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: there is an entry before `next`, and it was written.
        let last = unsafe { self.next.sub(1) };
        // SAFETY: as above.
        let ReadEntry { cell: last_cell, seen } = unsafe { last.read() };
        if last_cell != cell {
            return None;
        }
        self.next = last;
        Some(seen.without_waiters())
    }

    /// Takes out the entry of a variable that was read just now, for the write that follows it.
    pub(crate) fn take_recent(&mut self, cell: *const RawCell) -> Option<Word> {
        self.with_vec(|entries| {
            let oldest = entries.len().saturating_sub(Self::RECENT);
            let position = entries[oldest..].iter().rposition(|entry| entry.cell == cell)?;
            Some(entries.swap_remove(oldest + position).seen.without_waiters())
        })
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.next = self.memory.as_mut_ptr();
    }

    /// Whether the log has grown beyond what is worth keeping.
    pub(crate) fn is_outsized(&self) -> bool {
        self.memory.capacity() > Self::KEEP
    }

    /// Gives the memory of an unusually large transaction back. The log is empty, and closed afterwards.
    pub(crate) fn shrink(&mut self) {
        self.with_vec(|entries| {
            entries.clear();
            entries.shrink_to(Self::KEEP);
        });
        self.set_open(false);
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
        assert!(log.memory.capacity() <= 2 * ReadLog::COMPACT_FROM, "{}", log.memory.capacity());
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

    #[test]
    fn duplicates_are_looked_for_before_a_long_log_grows_and_not_sooner() {
        let mut log = ReadLog::new();
        while log.len() < ReadLog::COMPACT_FROM || log.has_capacity() {
            let length = log.len();
            log.push(entry(length % 10));
            assert_eq!(log.len(), length + 1);
        }
        let capacity = log.memory.capacity();
        log.push(entry(0));
        assert_eq!((log.len(), log.memory.capacity()), (11, capacity));
    }

    #[test]
    fn a_log_with_few_duplicates_grows_before_they_are_looked_for_again() {
        let mut log = ReadLog::new();
        let mut compactions = 0;
        for n in 0..2 * ReadLog::COMPACT_FROM {
            let length = log.len();
            log.push(entry(n % (ReadLog::COMPACT_FROM / 4 * 3)));
            compactions += usize::from(log.len() <= length);
        }
        assert_eq!(compactions, 1);
        assert!(log.memory.capacity() > ReadLog::COMPACT_FROM);
    }

    #[test]
    fn an_empty_log_has_nothing_to_take_and_keeps_its_memory() {
        let mut log = ReadLog::new();
        assert!(log.is_empty() && !log.has_capacity());
        assert_eq!((log.take_last(entry(1).cell), log.take_recent(entry(1).cell)), (None, None));
        (0..5).for_each(|n| log.push(entry(n)));
        assert!(!log.is_empty() && log.has_capacity() && !log.is_outsized());
        log.clear();
        assert!(log.is_empty() && log.has_capacity());
        assert_eq!(log.entries().len(), 0);
        assert_eq!(log.take_last(entry(4).cell), None);
    }
}
