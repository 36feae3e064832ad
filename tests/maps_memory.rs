//! A map takes as much memory as its entries need, whatever it has held before.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{scaled, watchdog};
use stm::atomically;
use stm::collections::TMap;

/// Counts the bytes that are allocated.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does all but count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn bytes() -> usize {
    while stm::collect() > 0 {}
    BYTES.load(Ordering::Relaxed)
}

/// The only test of this program: others would allocate beside it.
#[test]
fn memory_follows_the_number_of_entries() {
    let _watchdog = watchdog();
    let map: TMap<u64, u64> = TMap::new();
    let insert = |key| assert_eq!(atomically(|tx| map.insert(tx, key, key)), None);
    let remove = |key| assert_eq!(atomically(|tx| map.remove(tx, &key)), Some(key));
    insert(0);
    remove(0);
    let empty = bytes();

    let many = scaled(100_000) as u64;
    (0..many).for_each(insert);
    let full = bytes() - empty;
    assert!(full < 160 * many as usize, "{full} bytes for {many} entries of two words");
    (0..many).for_each(remove);
    let left = bytes() - empty;
    assert!(left < 64 << 10, "{left} bytes are left of {full}");

    // Fresh keys come, and go when there are so many.
    let mut level = 0;
    for round in 0..6 {
        for n in 0..many {
            let key = (round + 1) * many + n;
            insert(key);
            if round > 0 || n >= 1000 {
                remove(key - 1000);
            }
            if n % 5_000 == 0 {
                drop(map.snapshot());
            }
        }
        let now = bytes() - empty;
        if round == 0 {
            level = now;
        }
        assert!(now < level + level / 4, "{now} bytes in round {round}, {level} after the first");
    }
    atomically(|tx| map.clear(tx));
    drop(map.snapshot());
    let left = bytes().saturating_sub(empty);
    assert!(left < 64 << 10, "{left} bytes are left of an empty map");
}
