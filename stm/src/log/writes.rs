//! The write log: what the attempt will store, one entry a variable.

use super::index::Index;
use crate::cell::RawCell;
use crate::storage::{Bits, Kind};
use crate::word::Word;

/// One variable to be written.
#[derive(Debug)]
pub(crate) struct WriteEntry {
    pub(crate) cell: *const RawCell,
    /// The value to store, owned by the entry. After write-back, if it is boxed: the value that was replaced.
    pub(crate) value: Bits,
    /// The word the variable had when the attempt read it, or [`Word::NONE`] if it never did.
    pub(crate) expected: Word,
    /// The word found when the variable was locked. Before that: which scope last replaced the value.
    pub(crate) held: Word,
    /// The type of a boxed value; `None` for inline ones.
    pub(crate) kind: Option<&'static Kind>,
}

impl WriteEntry {
    /// Whether a panic cut its commit short after it was decided: then it has taken effect.
    pub(crate) fn is_done(&self) -> bool {
        self.expected == Word::DONE
    }
}

/// A value an inner scope replaced in an outer scope's entry.
#[derive(Debug)]
struct Replaced {
    position: usize,
    value: Bits,
}

/// A place in the log to roll back to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    entries: usize,
    replaced: usize,
    filter: u64,
    /// Where the enclosing scope begins, and its number.
    outer_floor: usize,
    outer_scope: u64,
}

/// Entries in order of first writing.
#[derive(Debug)]
pub(crate) struct WriteLog {
    entries: Vec<WriteEntry>,
    /// One bit for each hash a cell of the log may have: most variables read were not written, and this says so at once.
    filter: u64,
    /// Up to which length [`WriteLog::push_within_room`] may be used: `SCANNED`, or 0 while the log is closed to it.
    room: usize,
    index: Index,
    /// Entries below this position belong to an enclosing scope: what they held is kept in `replaced`.
    floor: usize,
    /// The number of the innermost scope, and how many there were.
    scope: u64,
    scopes: u64,
    replaced: Vec<Replaced>,
}

impl WriteLog {
    /// Up to here a scan is faster than the index.
    const SCANNED: usize = 8;
    /// Capacity kept between transactions, in entries.
    const KEEP: usize = 100_000;

    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::with_capacity(Self::SCANNED),
            filter: 0,
            room: Self::SCANNED,
            index: Index::new(),
            floor: 0,
            scope: 0,
            scopes: 0,
            replaced: Vec::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &[WriteEntry] {
        &self.entries
    }

    #[inline(always)]
    pub(crate) fn entries_mut(&mut self) -> &mut [WriteEntry] {
        &mut self.entries
    }

    #[inline(always)]
    fn filter_bit(cell: *const RawCell) -> u64 {
        // Cells lie 16 bytes apart or more.
        1 << (cell.addr() >> 4 & 63)
    }

    /// Whether `cell` may have an entry. False alarms are rare.
    #[inline(always)]
    pub(crate) fn may_contain(&self, cell: *const RawCell) -> bool {
        self.filter & Self::filter_bit(cell) != 0
    }

    pub(crate) fn find(&self, cell: *const RawCell) -> Option<usize> {
        if !self.may_contain(cell) {
            return None;
        }
        if self.entries.len() <= Self::SCANNED {
            return self.entries.iter().rposition(|entry| entry.cell == cell);
        }
        self.index.find(cell, |position| self.entries[position].cell)
    }

    /// The value the attempt has written to `cell`.
    pub(crate) fn pending(&self, cell: *const RawCell) -> Option<Bits> {
        self.find(cell).map(|position| self.entries[position].value)
    }

    /// Opens or closes the log to [`WriteLog::push_within_room`].
    pub(crate) fn set_open(&mut self, open: bool) {
        self.room = if open { Self::SCANNED } else { 0 };
    }

    /// Whether the next entry needs neither memory nor the index, and the log is open.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.room
    }

    /// What the filter will be with an entry for `cell`, unless there may be one already.
    #[inline(always)]
    pub(crate) fn filter_with(&self, cell: *const RawCell) -> Option<u64> {
        let filter = self.filter | Self::filter_bit(cell);
        (filter != self.filter).then_some(filter)
    }

    /// Adds an entry for a cell that has none, without looking at the capacity.
    ///
    /// # Safety
    ///
    /// [`WriteLog::has_room`] is true, and `filter` came from [`WriteLog::filter_with`].
    #[inline(always)]
    pub(crate) unsafe fn push_within_room(&mut self, entry: WriteEntry, filter: u64) {
        self.filter = filter;
        let length = self.entries.len();
        // SAFETY: the caller has seen that `length` is below `SCANNED`, and `new` and `shrink` leave a capacity of at
        // least that: the slot is allocated, and it is initialised before the length covers it.
        unsafe {
            self.entries.as_mut_ptr().add(length).write(entry);
            self.entries.set_len(length + 1);
        }
    }

    /// Adds an entry for a cell that has none.
    pub(crate) fn push(&mut self, entry: WriteEntry) {
        self.filter |= Self::filter_bit(entry.cell);
        let position = self.entries.len();
        if position >= Self::SCANNED {
            if position == Self::SCANNED || !self.index.has_room(position) {
                self.index.rebuild(self.entries.iter().map(|entry| entry.cell));
            }
            self.index.insert(entry.cell, position);
        }
        self.entries.push(entry);
    }

    /// Gives an existing entry a new value. Returns the one it had, unless an enclosing scope may want it back.
    pub(crate) fn replace(&mut self, position: usize, value: Bits) -> Option<Displaced> {
        let entry = &mut self.entries[position];
        let previous = std::mem::replace(&mut entry.value, value);
        // What the enclosing scope had is kept once; what this scope has replaced since was its own.
        if position < self.floor
            && std::mem::replace(&mut entry.held, Word::of_scope(self.scope)) != Word::of_scope(self.scope)
        {
            self.replaced.push(Replaced { position, value: previous });
            return None;
        }
        entry.kind.map(|kind| Displaced { value: previous, kind })
    }

    /// Opens a scope that can be rolled back.
    pub(crate) fn mark(&mut self) -> Mark {
        let mark = Mark {
            entries: self.entries.len(),
            replaced: self.replaced.len(),
            filter: self.filter,
            outer_floor: self.floor,
            outer_scope: self.scope,
        };
        self.scopes += 1;
        self.scope = self.scopes;
        self.floor = mark.entries;
        mark
    }

    /// Closes a scope and keeps its writes. Values it replaced in entries of its own parent are handed to `discard`;
    /// those of scopes further out are kept for them.
    pub(crate) fn merge(&mut self, mark: Mark, mut discard: impl FnMut(Displaced)) {
        self.floor = mark.outer_floor;
        self.scope = mark.outer_scope;
        let mut kept = mark.replaced;
        for position in mark.replaced..self.replaced.len() {
            let Replaced { position: entry, value } = self.replaced[position];
            if entry < self.floor {
                self.replaced[kept] = Replaced { position: entry, value };
                kept += 1;
            } else if let Some(kind) = self.entries[entry].kind {
                discard(Displaced { value, kind });
            }
        }
        self.replaced.truncate(kept);
    }

    /// Closes a scope and undoes its writes. Values it wrote go to `discard`, and reads that its entries stood for to
    /// `read`.
    pub(crate) fn roll_back(
        &mut self,
        mark: Mark,
        mut discard: impl FnMut(Displaced),
        mut read: impl FnMut(*const RawCell, Word),
    ) {
        for Replaced { position, value } in self.replaced.drain(mark.replaced..).rev() {
            let entry = &mut self.entries[position];
            let undone = std::mem::replace(&mut entry.value, value);
            if let Some(kind) = entry.kind {
                discard(Displaced { value: undone, kind });
            }
        }
        while self.entries.len() > mark.entries {
            let Some(entry) = self.entries.pop() else { break };
            let position = self.entries.len();
            // The index knows all entries or, after the log has shrunk to a scan, none that matters.
            if position >= Self::SCANNED {
                self.index.remove_last(entry.cell, position);
            }
            if entry.expected != Word::NONE {
                read(entry.cell, entry.expected);
            }
            if let Some(kind) = entry.kind {
                discard(Displaced { value: entry.value, kind });
            }
        }
        self.floor = mark.outer_floor;
        self.scope = mark.outer_scope;
        self.filter = mark.filter;
    }

    /// Whether there are more entries than a scan looks through.
    #[inline(always)]
    pub(crate) fn is_large(&self) -> bool {
        self.entries.len() > Self::SCANNED
    }

    /// Forgets everything. The caller has taken what the entries owned.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        if self.is_large() {
            self.entries.clear();
            self.shrink();
        }
        self.entries.clear();
        self.filter = 0;
        debug_assert!(self.floor == 0 && self.replaced.is_empty(), "every scope has been merged or rolled back");
    }

    /// Whether the log has grown beyond what is worth keeping: a rollback empties it entry by entry, and leaves its memory.
    pub(crate) fn is_outsized(&self) -> bool {
        self.entries.capacity() > Self::KEEP || self.replaced.capacity() > Self::KEEP
    }

    /// Gives the memory of an unusually large transaction back. The log is empty.
    #[cold]
    pub(crate) fn shrink(&mut self) {
        self.index.shrink();
        self.entries.shrink_to(Self::KEEP);
        self.replaced.shrink_to(Self::KEEP);
    }
}

/// A value written by an attempt and never stored in its variable.
#[derive(Debug)]
pub(crate) struct Displaced {
    pub(crate) value: Bits,
    pub(crate) kind: &'static Kind,
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::storage::kind;

    /// Entries pretend to own something, so that displaced values are reported. The log destroys nothing itself.
    fn cell(n: usize) -> *const RawCell {
        std::ptr::without_provenance(n * 32)
    }

    fn bits(n: usize) -> Bits {
        std::ptr::without_provenance_mut(n)
    }

    fn entry(n: usize, value: usize) -> WriteEntry {
        WriteEntry { cell: cell(n), value: bits(value), expected: Word::NONE, held: Word::NONE, kind: kind::<String>() }
    }

    fn write(log: &mut WriteLog, n: usize, value: usize) -> Option<usize> {
        match log.find(cell(n)) {
            Some(position) => log.replace(position, bits(value)).map(|displaced| displaced.value.addr()),
            None => {
                log.push(entry(n, value));
                None
            }
        }
    }

    fn undo(log: &mut WriteLog, mark: Mark) -> Vec<usize> {
        let mut displaced = Vec::new();
        log.roll_back(mark, |value| displaced.push(value.value.addr()), |_, _| {});
        displaced.sort_unstable();
        displaced
    }

    fn merge(log: &mut WriteLog, mark: Mark) -> Vec<usize> {
        let mut displaced = Vec::new();
        log.merge(mark, |value| displaced.push(value.value.addr()));
        displaced
    }

    #[test]
    fn a_scope_undone_leaves_no_trace_at_any_size() {
        for outer in [0, 1, 7, 8, 9, 100] {
            for inner in [0, 1, 8, 200] {
                let mut log = WriteLog::new();
                (0..outer).for_each(|n| assert_eq!(write(&mut log, n + 1, n), None));
                let mark = log.mark();
                (0..inner).for_each(|n| assert_eq!(write(&mut log, n + 1, 1000 + n), None));
                assert_eq!(undo(&mut log, mark), (1000..1000 + inner).collect::<Vec<_>>());
                assert_eq!(log.entries().len(), outer);
                (0..outer).for_each(|n| assert_eq!(log.pending(cell(n + 1)), Some(bits(n))));
                (outer..outer + inner).for_each(|n| assert_eq!(log.pending(cell(n + 1)), None));
            }
        }
    }

    #[test]
    fn a_scope_keeps_the_outer_value_once_however_often_it_writes() {
        let mut log = WriteLog::new();
        write(&mut log, 1, 10);
        let mark = log.mark();
        assert_eq!(write(&mut log, 1, 11), None, "the outer scope may want 10 back");
        assert_eq!(write(&mut log, 1, 12), Some(11));
        assert_eq!(write(&mut log, 1, 13), Some(12));
        assert_eq!(log.replaced.len(), 1);
        assert_eq!(undo(&mut log, mark), [13]);
        assert_eq!(log.pending(cell(1)), Some(bits(10)));
    }

    #[test]
    fn merging_hands_on_what_scopes_further_out_may_want_back() {
        let mut log = WriteLog::new();
        write(&mut log, 1, 10);
        let outer = log.mark();
        write(&mut log, 2, 20);
        let inner = log.mark();
        assert_eq!(write(&mut log, 1, 11), None);
        assert_eq!(write(&mut log, 2, 21), None);
        assert_eq!(merge(&mut log, inner), [20], "20 was the outer scope's own");
        assert_eq!(undo(&mut log, outer), [11, 21]);
        assert_eq!(log.pending(cell(1)), Some(bits(10)));
        assert_eq!(log.pending(cell(2)), None);
    }

    #[test]
    fn reads_that_entries_stood_for_come_back() {
        let mut log = WriteLog::new();
        let mark = log.mark();
        let seen = Word::of_version(crate::clock::Version::from_raw(5));
        log.push(WriteEntry { expected: seen, ..entry(1, 10) });
        log.push(entry(2, 20));
        let mut reads = Vec::new();
        log.roll_back(mark, |_| {}, |cell, word| reads.push((cell, word)));
        assert_eq!(reads, [(cell(1), seen)]);
    }

    #[test]
    fn without_a_scope_every_displaced_value_is_handed_back() {
        let mut log = WriteLog::new();
        (0..3).for_each(|n| assert_eq!(write(&mut log, n + 1, n), None));
        (0..3).for_each(|n| assert_eq!(write(&mut log, n + 1, 10 + n), Some(n)));
        (0..3).for_each(|n| assert_eq!(write(&mut log, n + 1, 20 + n), Some(10 + n)));
        assert!(log.replaced.is_empty());
    }

    #[test]
    fn every_scope_keeps_what_it_found() {
        let mut log = WriteLog::new();
        write(&mut log, 1, 10);
        let first = log.mark();
        assert_eq!(write(&mut log, 1, 11), None);
        assert_eq!(merge(&mut log, first), [10]);
        let second = log.mark();
        assert_eq!(write(&mut log, 1, 12), None);
        let inner = log.mark();
        assert_eq!(write(&mut log, 1, 13), None);
        assert_eq!(undo(&mut log, inner), [13]);
        assert_eq!(log.pending(cell(1)), Some(bits(12)));
        assert_eq!(undo(&mut log, second), [12]);
        assert_eq!(log.pending(cell(1)), Some(bits(11)));
        assert_eq!(write(&mut log, 1, 14), Some(11), "the outermost writes in its own right again");
    }

    #[test]
    fn a_log_that_is_used_again_knows_nothing_of_before() {
        let mut log = WriteLog::new();
        for start in [0, 1000, 5] {
            (0..20).for_each(|n| assert_eq!(write(&mut log, start + n + 1, n), None));
            (0..20).for_each(|n| assert_eq!(log.pending(cell(start + n + 1)), Some(bits(n))));
            assert!(log.is_large() && !log.is_empty());
            log.clear();
            assert!(!log.is_large() && log.is_empty());
            (0..20).for_each(|n| assert!(!log.may_contain(cell(start + n + 1))));
        }
    }

    #[test]
    fn the_filter_names_few_that_were_not_written() {
        let neighbour = |n| std::ptr::without_provenance(0x1000 + n * 16);
        let mut log = WriteLog::new();
        for n in [3, 5, 63] {
            assert!(log.filter_with(neighbour(n)).is_some());
            log.push(WriteEntry { cell: neighbour(n), ..entry(0, n) });
            assert!(log.filter_with(neighbour(n)).is_none());
        }
        let named: Vec<usize> = (0..64).filter(|&n| log.may_contain(neighbour(n))).collect();
        assert_eq!(named, [3, 5, 63]);
    }

    #[test]
    fn a_plain_push_is_one_like_any_other_as_long_as_the_log_is_open_and_short() {
        let mut log = WriteLog::new();
        for n in 0..WriteLog::SCANNED {
            log.set_open(false);
            assert!(!log.has_room());
            log.set_open(true);
            assert!(log.has_room());
            let filter = log.filter_with(cell(n)).unwrap();
            // SAFETY: there is room, and the filter is the log's.
            unsafe { log.push_within_room(entry(n, 10 + n), filter) };
            (0..=n).for_each(|n| assert_eq!(log.pending(cell(n)), Some(bits(10 + n))));
        }
        assert!(!log.has_room());
        write(&mut log, 20, 30);
        assert!(!log.has_room());
        (0..WriteLog::SCANNED).for_each(|n| assert_eq!(log.pending(cell(n)), Some(bits(10 + n))));
        assert_eq!(log.pending(cell(20)), Some(bits(30)));
    }

    #[test]
    fn an_entry_is_done_when_it_says_so() {
        assert!(!entry(1, 10).is_done());
        assert!(WriteEntry { expected: Word::DONE, ..entry(1, 10) }.is_done());
    }

    #[test]
    fn a_log_is_large_when_a_scan_is_not_enough() {
        let mut log = WriteLog::new();
        (0..WriteLog::SCANNED).for_each(|n| log.push(entry(n, n)));
        assert!(!log.is_large());
        log.push(entry(WriteLog::SCANNED, 0));
        assert!(log.is_large());
    }

    #[test]
    fn memory_is_kept_up_to_a_size_and_given_back_beyond_it() {
        let mut log = WriteLog::new();
        assert!(!log.is_outsized());
        log.entries.reserve_exact(WriteLog::KEEP + 1);
        assert!(log.is_outsized());
        log.shrink();
        assert!(!log.is_outsized());
        log.replaced.reserve_exact(WriteLog::KEEP + 1);
        assert!(log.is_outsized());
        log.shrink();
        assert!(!log.is_outsized());
        assert!(log.entries.capacity() >= WriteLog::KEEP && log.replaced.capacity() >= WriteLog::KEEP);
        (0..WriteLog::KEEP + 1).for_each(|n| log.push(entry(n, n)));
        log.clear();
        assert!(!log.is_outsized(), "clearing does it too");
    }
}
