//! Where cells lie in a model: at the same places in each execution, counted from where the first one lies.
//!
//! A model has to take the same way whenever it is repeated, and an attempt goes by the addresses of cells: which bit of its
//! filter is theirs, and in which order it waits for their locks. So what is aligned as cells are gets its memory from a
//! region that begins anew with each execution. The rest, loom's own above all, is allocated as ever.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What one execution may need. Beyond that it gets memory from elsewhere.
const REGION: usize = 1 << 17;
/// Regions are allocated by so many bytes at a time.
const BLOCK: usize = 1 << 26;
/// In front of a region: how many allocations in it are in use, and the next region that is free.
const HEADER: usize = 1 << 10;
/// The alignment of cells.
const ALIGN: usize = 16;

/// The blocks, from the front.
static BLOCKS: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];

std::thread_local! {
    /// The next free byte of the execution's region, or 0.
    static NEXT: Cell<usize> = const { Cell::new(0) };
    static FREE: Cell<usize> = const { Cell::new(0) };
}

struct Places;

#[global_allocator]
static PLACES: Places = Places;

/// The two words of a region's header.
fn header(region: usize) -> &'static [AtomicUsize; 2] {
    // SAFETY: regions are never given back, and zeroed in the beginning; all access to headers is atomic.
    unsafe { &*std::ptr::with_exposed_provenance(region) }
}

fn region_of(address: usize) -> Option<usize> {
    let mut blocks = BLOCKS.iter().map(|block| block.load(Relaxed)).take_while(|block| *block != 0);
    blocks.any(|block| (block..block + BLOCK).contains(&address)).then_some(address & !(REGION - 1))
}

fn give_back(region: usize) {
    header(region)[1].store(FREE.replace(region), Relaxed);
}

fn free_region() -> usize {
    if FREE.get() == 0 {
        let layout = Layout::from_size_align(BLOCK, REGION).expect("both are powers of two");
        // SAFETY: the layout is not empty.
        let block = unsafe { System.alloc_zeroed(layout) }.expose_provenance();
        let place = BLOCKS.iter().find(|place| place.load(Relaxed) == 0);
        place.filter(|_| block != 0).expect("a model needs less memory").store(block, Relaxed);
        (block..block + BLOCK).step_by(REGION).for_each(give_back);
    }
    let region = FREE.get();
    FREE.set(header(region)[1].load(Relaxed));
    region
}

/// Begins an execution.
pub(super) fn begin() {
    end();
    NEXT.set(free_region() + HEADER);
}

/// What is allocated from now on is not a part of an execution.
pub(super) fn end() {
    let next = NEXT.replace(0);
    if let Some(region) = region_of(next)
        && header(region)[0].load(Relaxed) == 0
    {
        give_back(region);
    }
}

// SAFETY: memory of a region is given out once, and again only when all that was given out of the region has come back; else it
// is that of the system's allocator.
unsafe impl GlobalAlloc for Places {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let next = NEXT.try_with(Cell::get).unwrap_or(0);
        let start = next.next_multiple_of(layout.align());
        let end = start.saturating_add(layout.size());
        if layout.align() < ALIGN || next == 0 || layout.align() > HEADER || end >= (next & !(REGION - 1)) + REGION {
            // SAFETY: passed on to the caller.
            return unsafe { System.alloc(layout) };
        }
        NEXT.set(end);
        header(next & !(REGION - 1))[0].fetch_add(1, Relaxed);
        std::ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(region) = region_of(pointer.addr()).filter(|_| layout.align() >= ALIGN) else {
            // SAFETY: passed on to the caller; it came from the system's allocator.
            return unsafe { System.dealloc(pointer, layout) };
        };
        let is_last = header(region)[0].fetch_sub(1, Relaxed) == 1;
        if is_last && NEXT.try_with(Cell::get).is_ok_and(|next| next & !(REGION - 1) != region) {
            give_back(region);
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() < ALIGN {
            // SAFETY: passed on to the caller; it came from the system's allocator.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // SAFETY: the alignment is a valid one, and the size is by the caller's contract.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: passed on to the caller; both are at least as long as what is copied.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                new.copy_from_nonoverlapping(pointer, size.min(layout.size()));
                self.dealloc(pointer, layout);
            }
            new
        }
    }
}
