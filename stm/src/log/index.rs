//! Finds the write-log entry of a cell in constant time, however many there are.
//!
//! Open addressing with linear probing. Keys are removed only in the reverse order of insertion, so a removal just
//! empties its slot. Clearing starts a new generation and touches nothing.

use crate::cell::RawCell;

/// A slot holds the generation in its upper half and the entry's position in its lower half.
#[derive(Debug, Default)]
pub(crate) struct Index {
    slots: Vec<u64>,
    /// Slots of other generations are empty. Starts at 1, so that a zeroed slot is empty.
    generation: u32,
}

/// Where to look for a cell first. Fibonacci hashing (Knuth, TAOCP volume 3, section 6.4) of the 4 KiB of memory the cell
/// lies in, and within those in order of address: a transaction that writes thousands of neighbours goes through the
/// table as it goes through memory, not by one cache miss each. (Cells are 16-byte aligned.)
#[inline]
fn hash(cell: *const RawCell) -> usize {
    let address = cell.addr();
    let region = (address as u64 >> 12).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (region >> 32) as usize + (address >> 4 & 0xFF)
}

impl Index {
    /// Slots kept between transactions.
    const KEEP: usize = 1 << 18;
    const SMALLEST: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), generation: 1 }
    }

    fn position(slot: u64) -> usize {
        (slot & u64::from(u32::MAX)) as usize
    }

    fn is_used(&self, slot: u64) -> bool {
        (slot >> 32) as u32 == self.generation
    }

    /// The slots from the one the hash names onwards.
    fn probe(&self, cell: *const RawCell) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let first = hash(cell);
        (0..).map(move |step| (first + step) & mask)
    }

    /// The position of `cell`, where `cell_at` tells which cell a position holds.
    #[inline]
    pub(crate) fn find(&self, cell: *const RawCell, cell_at: impl Fn(usize) -> *const RawCell) -> Option<usize> {
        for slot in self.probe(cell) {
            let content = self.slots[slot];
            if !self.is_used(content) {
                return None;
            }
            let position = Self::position(content);
            if cell_at(position) == cell {
                return Some(position);
            }
        }
        None
    }

    /// Whether one more than `length` keys leave half of the slots empty.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        (length + 1) * 2 <= self.slots.len()
    }

    /// Makes room and inserts all of `cells`, in order, and nothing else.
    #[cold]
    pub(crate) fn rebuild(&mut self, cells: impl ExactSizeIterator<Item = *const RawCell>) {
        let wanted = ((cells.len() + 1) * 4).next_power_of_two().max(Self::SMALLEST);
        self.clear();
        if self.slots.len() < wanted {
            self.slots.clear();
            self.slots.resize(wanted, 0);
        }
        for (position, cell) in cells.enumerate() {
            self.insert(cell, position);
        }
    }

    /// Adds a cell that is not there yet.
    #[inline]
    pub(crate) fn insert(&mut self, cell: *const RawCell, position: usize) {
        debug_assert!(position < u32::MAX as usize);
        for slot in self.probe(cell) {
            if !self.is_used(self.slots[slot]) {
                self.slots[slot] = (u64::from(self.generation) << 32) | position as u64;
                return;
            }
        }
    }

    /// Removes the cell that was inserted last of those still there.
    pub(crate) fn remove_last(&mut self, cell: *const RawCell, position: usize) {
        for slot in self.probe(cell) {
            let content = self.slots[slot];
            if !self.is_used(content) {
                return;
            }
            if Self::position(content) == position {
                self.slots[slot] = 0;
                return;
            }
        }
    }

    /// Gives back the memory of an unusually large transaction.
    pub(crate) fn shrink(&mut self) {
        if self.slots.len() > Self::KEEP {
            self.slots = Vec::new();
        }
    }

    fn clear(&mut self) {
        if self.generation == u32::MAX {
            self.slots.fill(0);
            self.generation = 0;
        }
        self.generation += 1;
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    /// Addresses of cells that do not exist; the index never looks behind them.
    fn cells(count: usize) -> Vec<*const RawCell> {
        (1..=count).map(|n| std::ptr::without_provenance(n * 48)).collect()
    }

    #[test]
    fn every_cell_is_found_at_its_position_and_no_other() {
        let cells = cells(10_000);
        let mut index = Index::new();
        for (position, &cell) in cells.iter().enumerate() {
            if !index.has_room(position) {
                index.rebuild(cells[..position].iter().copied());
            }
            index.insert(cell, position);
        }
        for (position, &cell) in cells.iter().enumerate() {
            assert_eq!(index.find(cell, |position| cells[position]), Some(position));
        }
        assert_eq!(index.find(std::ptr::without_provenance(8), |position| cells[position]), None);
    }

    #[test]
    fn removing_the_latest_leaves_the_earlier_ones_reachable() {
        let cells = cells(500);
        let mut index = Index::new();
        index.rebuild(cells.iter().copied());
        for position in (100..500).rev() {
            index.remove_last(cells[position], position);
        }
        for (position, &cell) in cells.iter().enumerate() {
            let found = index.find(cell, |position| cells[position]);
            assert_eq!(found, (position < 100).then_some(position));
        }
    }

    #[test]
    fn a_new_generation_forgets_the_old_one() {
        let cells = cells(40);
        let mut index = Index::new();
        index.rebuild(cells.iter().copied());
        index.generation = u32::MAX;
        index.rebuild(cells[..1].iter().copied());
        assert_eq!(index.generation, 1, "the slots were wiped before the generation wrapped");
        assert_eq!(index.find(cells[0], |position| cells[position]), Some(0));
        assert_eq!(index.find(cells[1], |position| cells[position]), None);
    }

    #[test]
    fn a_rebuilt_index_has_room_for_as_many_again() {
        for count in [0, 1, 15, 16, 63, 64, 1000] {
            let mut index = Index::new();
            index.rebuild(cells(count).into_iter());
            assert!(index.has_room(2 * count + 1), "{count} in {}", index.slots.len());
            assert!(!index.has_room(index.slots.len() / 2), "half of the slots stay empty");
        }
    }

    #[test]
    fn few_slots_are_looked_at_whether_cells_are_neighbours_or_not() {
        const COUNT: usize = 1_000;
        for distance in [16, 32, 48, 64, 128, 1024, 4096, 4112, 1 << 16, 1 << 21] {
            let cells: Vec<*const RawCell> =
                (1..=COUNT).map(|n| std::ptr::without_provenance(0x7F12_3456_0000 + n * distance)).collect();
            let mut index = Index::new();
            index.rebuild(cells.iter().copied());
            let looks = std::cell::Cell::new(0);
            let cell_at = |position| {
                looks.set(looks.get() + 1);
                cells[position]
            };
            cells.iter().for_each(|&cell| assert!(index.find(cell, cell_at).is_some()));
            assert!(looks.get() < 3 * COUNT, "{} looks at a distance of {distance}", looks.get());
        }
    }

    #[test]
    fn an_index_is_kept_up_to_a_size_and_given_back_beyond_it() {
        let largest = Index::KEEP / 4 - 1;
        for (count, kept) in [(100, true), (largest, true), (largest + 1, false)] {
            let mut index = Index::new();
            index.rebuild(cells(count).into_iter());
            index.shrink();
            assert_eq!(!index.slots.is_empty(), kept, "{count}");
        }
    }
}
