//! When what was retired is freed, and at which pace.

use super::*;

/// There is nothing to free.
unsafe fn nothing(_object: *mut ()) {}

fn retire(local: &Local, objects: usize) {
    for _ in 0..objects {
        // SAFETY: freeing it does nothing.
        unsafe { local.retire(ptr::null_mut(), nothing) };
    }
}

#[test]
fn pins_nest_to_any_depth() {
    let handle = Handle::current();
    let local = handle.local();
    for full in [false, true] {
        retire(local, if full { BATCH } else { 0 });
        let pins: Vec<_> = (0..6).map(|_| local.pin()).collect();
        for pin in pins {
            assert!(local.is_pinned());
            drop(pin);
        }
        assert_eq!((local.is_pinned(), local.is_full()), (false, full));
        local.enter();
        assert_eq!(local.unpin_plainly(), !full, "a full batch is to be looked after");
        if full {
            local.unpin();
        }
        assert!(!local.is_pinned());
    }
    collect(local);
}

#[test]
fn a_batch_is_gathered_before_it_is_collected() {
    let handle = Handle::current();
    let local = handle.local();
    collect(local);
    retire(local, BATCH - 1);
    assert!(!local.is_full());
    keep_up(local);
    assert_eq!(local.bag().fresh.len(), BATCH - 1, "less than a batch is kept");
    retire(local, 1);
    assert!(local.is_full());
    keep_up(local);
    assert!(!local.is_full());
    assert_eq!(local.bag().fresh.len(), 0, "a batch is stamped");
    // Other tests may hold it back for a while.
    retire(local, 3);
    let freed: usize = (0..1_000).map(|_| collect(local)).sum();
    assert!(freed >= BATCH + 3, "{freed}");
}

#[test]
fn so_many_dropped_variables_are_freed_at_once() {
    let handle = Handle::current();
    let local = handle.local();
    collect(local);
    assert!((0..PROMPT).all(|_| local.may_collect_promptly()));
    assert!((0..3).all(|_| !local.may_collect_promptly()));
    collect(local);
    assert!(local.may_collect_promptly());
}

fn harmless() -> Garbage {
    Garbage { object: ptr::null_mut(), destroy: nothing }
}

#[test]
fn surplus_is_what_exceeds_a_batch_and_is_ripe() {
    let mut bag = Bag::default();
    assert!(bag.surplus().is_none());
    bag.fresh.extend((0..BATCH + 3).map(|_| harmless()));
    assert!(bag.surplus().is_none(), "nothing is ripe");
    bag.ripe.extend([harmless(), harmless()]);
    assert!(bag.surplus().is_some() && bag.surplus().is_some() && bag.surplus().is_none());
    bag.fresh.clear();
    bag.ripe.extend((0..BATCH + 1).map(|_| harmless()));
    assert!(bag.surplus().is_some() && bag.surplus().is_none());
    assert_eq!(bag.ripe.len(), BATCH);
}

#[test]
fn a_list_that_was_long_once_is_given_back_when_it_is_short() {
    let (several, most) = (8 * BATCH, Bag::KEEP);
    for (capacity, length, kept) in [
        (several, 0, true),
        (most, 0, true),
        (most + 1, BATCH + 1, true),
        (most + 1, BATCH, false),
        (most + 1, 0, false),
    ] {
        let mut bag = Bag::default();
        bag.ripe.reserve_exact(capacity);
        bag.ripe.extend((0..length).map(|_| harmless()));
        bag.shrink();
        assert_eq!(bag.ripe.capacity() >= capacity, kept, "{length} of {capacity}");
        assert_eq!(bag.ripe.len(), length);
    }
}

#[test]
fn what_is_ripe_is_freed_at_the_pace_of_what_is_retired() {
    let handle = Handle::current();
    let local = handle.local();
    collect(local);
    local.bag().ripe.extend((0..BATCH).map(|_| harmless()));
    keep_up(local);
    assert_eq!(local.bag().ripe.len(), BATCH);
    for retired in 1..BATCH {
        retire(local, 1);
        keep_up(local);
        assert_eq!(local.bag().ripe.len(), BATCH - retired);
    }
    collect(local);
}

#[test]
fn nothing_is_freed_while_the_thread_is_pinned_or_frees_already() {
    let handle = Handle::current();
    let local = handle.local();
    collect(local);
    for pinned in [true, false] {
        let pin = pinned.then(|| local.pin());
        local.collecting.set(!pinned);
        local.bag().ripe.extend((0..BATCH).map(|_| harmless()));
        retire(local, 5);
        keep_up(local);
        assert_eq!(collect(local), 0);
        assert_eq!((local.bag().fresh.len(), local.bag().ripe.len()), (5, BATCH));
        drop(pin);
        local.collecting.set(false);
        assert!(collect(local) >= BATCH);
    }
}

#[test]
fn nothing_is_freed_at_the_end_of_an_operation_while_the_thread_unwinds() {
    struct Guard<'l>(&'l Local);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            retire(self.0, BATCH + 5);
            keep_up(self.0);
        }
    }
    let handle = Handle::current();
    let local = handle.local();
    collect(local);
    local.bag().ripe.extend((0..BATCH).map(|_| harmless()));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = Guard(local);
        std::panic::resume_unwind(Box::new("a panic"));
    }));
    assert!(panic.is_err());
    assert_eq!((local.bag().fresh.len(), local.bag().ripe.len()), (BATCH + 5, BATCH));
    keep_up(local);
    assert!(local.bag().fresh.len() + local.bag().ripe.len() < 2 * BATCH + 5, "it makes up for it later");
    while collect(local) > 0 {}
}

#[test]
fn destructors_that_retire_more_make_the_next_batch_a_collection() {
    /// As one of a variable that holds the last handle to another.
    unsafe fn cause(_object: *mut ()) {
        with_local(|local| retire(local, 1));
    }
    let handle = Handle::current();
    let local = handle.local();
    for (destroy, cascading) in [(nothing as Destroy, false), (cause, true)] {
        collect(local);
        local.bag().ripe.extend((0..=BATCH).map(|_| Garbage { object: ptr::null_mut(), destroy }));
        keep_up(local);
        assert_eq!(local.cascading.get(), cascading);
    }
    collect(local);
    assert!(!local.cascading.get());
}

#[test]
fn a_pin_holds_back_what_is_retired_in_its_epoch() {
    let handle = Handle::current();
    let local = handle.local();
    // Other tests may move the epoch in between, but not every time.
    for _ in 0..100 {
        collect(local);
        let other = Handle::register();
        other.local().enter();
        retire(local, 1);
        local.ripen(REGISTRY.lock());
        assert!(!local.bag().stamped.is_empty());
        other.local().unpin();
    }
    collect(local);
}

#[test]
fn a_record_lasts_until_its_last_share_and_what_is_left_is_freed_by_others() {
    static FREED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    unsafe fn count(_object: *mut ()) {
        FREED.fetch_add(1, Ordering::Relaxed);
    }
    let ended = std::thread::spawn(|| {
        let first = Handle::current();
        let shares = first.local().handles.get();
        let second = Handle::current();
        assert!(ptr::eq(first.local(), second.local()));
        assert_eq!(first.local().handles.get(), shares + 1);
        drop(second);
        assert_eq!(first.local().handles.get(), shares);
        assert!(ptr::eq(get_pointer(&LOCAL), first.local()));
        // SAFETY: freeing it counts, and no more.
        unsafe { first.local().retire(ptr::null_mut(), count) };
    });
    ended.join().expect("its assertions hold");
    let handle = Handle::current();
    let begin = std::time::Instant::now();
    // Other tests may hold it back for a while, or free it.
    while FREED.load(Ordering::Relaxed) == 0 && begin.elapsed().as_secs() < 10 {
        collect(handle.local());
        std::thread::yield_now();
    }
    assert_eq!(FREED.load(Ordering::Relaxed), 1);
}
