//! The system's allocator, counting: what a thread asks of it, and what the whole process has.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static ALLOCATING: Cell<bool> = const { Cell::new(false) };
}

/// Goes on to the system's allocator, and says meanwhile that the thread is there.
fn within<R>(call: impl FnOnce() -> R) -> R {
    let _ = ALLOCATING.try_with(|allocating| allocating.set(true));
    let result = call();
    let _ = ALLOCATING.try_with(|allocating| allocating.set(false));
    result
}

/// Whether this thread is in the allocator, for a signal handler. A thread that is stopped there may hold a lock of the
/// allocator's that others need.
#[allow(dead_code, reason = "not every test program that uses this file asks")]
pub(crate) fn is_allocating() -> bool {
    ALLOCATING.get()
}

static LIVE: AtomicI64 = AtomicI64::new(0);

fn count(allocations: u64, bytes: i64) {
    // Not while the thread-local itself is being destroyed.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    LIVE.fetch_add(bytes, Ordering::Relaxed);
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

// SAFETY: every call goes on to the system's allocator with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, signed(layout.size()));
        // SAFETY: passed on to the caller.
        within(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -signed(layout.size()));
        // SAFETY: passed on to the caller.
        within(|| unsafe { System.dealloc(pointer, layout) });
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, signed(size) - signed(layout.size()));
        // SAFETY: passed on to the caller.
        within(|| unsafe { System.realloc(pointer, layout, size) })
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread has allocated.
#[allow(dead_code, reason = "not every test program that uses this file asks")]
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// How many bytes the process has allocated and not freed.
pub(crate) fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
