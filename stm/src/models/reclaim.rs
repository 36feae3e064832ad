//! Reclamation: edges E7 and E8.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;

use super::{Canary, Outcomes, explore, make_statics};
use crate::probe::{self, Point};
use crate::reclaim::{Handle, collect};
use crate::shim::{AtomicPtr, Ordering};
use crate::{TVar, atomically};

/// Ends a canary, and leaves its memory to those who may still look at it: they are to fail by their own assertion.
///
/// # Safety
///
/// `object` is a leaked [`Canary`].
unsafe fn end_canary(object: *mut ()) {
    // SAFETY: it was leaked and is never freed.
    unsafe { &*object.cast::<Canary>() }.end();
}

fn leak_canary() -> *mut () {
    (&raw mut *Box::leak(Box::new(Canary::new()))).cast()
}

/// A shared pointer to a canary.
struct Place(AtomicPtr<()>);

impl Place {
    fn new() -> Self {
        Self(AtomicPtr::new(leak_canary()))
    }

    /// Looks at the canary, if there is one. The caller is pinned.
    fn look(&self) -> bool {
        // Acquire: the edge of the cell, E1. It is not what these models are about.
        let pointer = self.0.load(Ordering::Acquire);
        // SAFETY: a canary is never freed.
        unsafe { pointer.cast::<Canary>().as_ref() }.map(Canary::look).is_some()
    }

    /// Takes the canary away and frees it as soon as possible. Returns whether that was within `attempts` collections.
    fn clear(&self, attempts: usize) -> bool {
        let handle = Handle::current();
        let pointer = self.0.load(Ordering::Relaxed);
        self.0.store(std::ptr::null_mut(), Ordering::Release);
        // SAFETY: only this thread clears the place, and whoever comes later finds it empty.
        unsafe { handle.local().retire(pointer, end_canary) };
        (0..attempts).any(|_| collect(handle.local()) != 0)
    }
}

/// E7: what a pinned thread can reach is not freed; what it looked at was not freed before (E8).
#[test]
fn what_a_pinned_thread_reaches_is_not_freed() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let place = Arc::new(Place::new());
        let reader = {
            let place = Arc::clone(&place);
            thread::spawn(move || {
                let handle = Handle::current();
                let _pin = handle.local().pin();
                place.look()
            })
        };
        let freed = place.clear(1);
        seen.record((freed, reader.join().unwrap()));
    });
    outcomes.assert_exactly([(true, true), (true, false), (false, true), (false, false)]);
}

/// E8: a pin that was seen says that the one before it is over, and everything looked at under it.
#[test]
fn a_later_pin_ends_the_earlier() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let place = Arc::new(Place::new());
        let reader = {
            let place = Arc::clone(&place);
            thread::spawn(move || {
                let handle = Handle::current();
                let looks: [bool; 2] = std::array::from_fn(|_| {
                    let _pin = handle.local().pin();
                    place.look()
                });
                // Pinned in a later epoch, but with nothing to look at any more.
                let _pin = handle.local().pin();
                looks
            })
        };
        let freed = place.clear(2);
        seen.record((freed, reader.join().unwrap()));
    });
    outcomes.assert_all([(true, [true, true]), (true, [true, false]), (true, [false, false]), (false, [true, true])]);
}

/// E7: a thread that pins itself in a new epoch knows what was unlinked before it.
#[test]
fn a_new_epoch_shows_what_was_unlinked_before_it() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let place = Arc::new(Place::new());
        let reader = {
            let place = Arc::clone(&place);
            thread::spawn(move || {
                let handle = Handle::current();
                // Pinned at every moment that a scan may see.
                let looks: [bool; 2] = std::array::from_fn(|_| {
                    let pin = handle.local().pin();
                    let look = place.look();
                    std::mem::forget(pin);
                    handle.local().unpin();
                    look
                });
                looks
            })
        };
        let freed = place.clear(2);
        seen.record((freed, reader.join().unwrap()));
    });
    outcomes.assert_all([(true, [true, true]), (true, [false, false])]);
}

/// What a thread leaves behind is freed by another, and not too early.
#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let place = Arc::new(Place::new());
        let leaver = {
            let place = Arc::clone(&place);
            // Not collected here: the thread ends with it.
            thread::spawn(move || place.clear(0))
        };
        let (freed, looked) = {
            let handle = Handle::current();
            let looked = {
                let _pin = handle.local().pin();
                place.look()
            };
            (collect(handle.local()) != 0, looked)
        };
        assert!(!leaver.join().unwrap());
        seen.record((freed, looked));
    });
    outcomes.assert_exactly([(true, true), (true, false), (false, true), (false, false)]);
}

/// A value with a canary in it.
struct Watched(&'static Canary);

impl Watched {
    fn new() -> Self {
        Self(Box::leak(Box::new(Canary::new())))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The whole way: a reference into a variable outlives the variable's last handle, within the transaction.
#[test]
fn a_reference_outlives_the_variable() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let slot = TVar::new(Some(TVar::new(Watched::new())));
        let reader = {
            let slot = slot.clone();
            thread::spawn(move || {
                atomically(|tx| {
                    let Some(inner) = slot.read(tx)? else { return Ok(false) };
                    let value = inner.read_ref(tx)?;
                    drop(inner);
                    value.0.look();
                    Ok(true)
                })
            })
        };
        slot.store(None);
        // The slot's old value, and then the variable in it.
        let freed = crate::collect();
        seen.record((freed, reader.join().unwrap()));
    });
    outcomes.assert_all([(0, true), (2, true), (2, false)]);
}

/// A value of two words, which loom watches.
struct Halves([UnsafeCell<usize>; 2]);

// SAFETY: loom checks every access.
unsafe impl Sync for Halves {}

impl Halves {
    fn new(value: usize) -> Self {
        Self([UnsafeCell::new(value), UnsafeCell::new(value)])
    }

    fn read(&self) -> [usize; 2] {
        // SAFETY: loom checks that nobody writes meanwhile.
        [0, 1].map(|half| self.0[half].with(|value| unsafe { *value }))
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        // SAFETY: loom checks that nobody else has it.
        self.0.iter().for_each(|half| half.with_mut(|value| unsafe { *value = usize::MAX }));
    }
}

/// E1 and E7 together: of a value of several words a reader sees one moment, and all of it.
#[test]
fn a_value_of_two_words_is_never_torn() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let slot = TVar::new(Halves::new(0));
        let reader = {
            let slot = slot.clone();
            thread::spawn(move || atomically(|tx| Ok(slot.read_ref(tx)?.read())))
        };
        slot.store(Halves::new(1));
        let freed = crate::collect();
        let read = reader.join().unwrap();
        assert_eq!(read[0], read[1], "half of a value was seen");
        seen.record((freed, read[0]));
    });
    outcomes.assert_all([(0, 0), (1, 0), (1, 1)]);
}

/// A variable whose last handle is dropped while an attempt has it in its log is there until that attempt has committed:
/// validation looks at it.
#[test]
fn a_variable_dropped_while_it_is_logged_outlives_the_commit() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let (slot, count) = (TVar::new(None), TVar::new(0_usize));
        let canary: &'static Canary = Box::leak(Box::new(Canary::new()));
        slot.store(Some(TVar::new(Watched(canary))));
        let reader = {
            let slot = slot.clone();
            thread::spawn(move || {
                let me = thread::current().id();
                let logged = Arc::new(Flag::new(false));
                let held = Arc::clone(&logged);
                probe::set(move |step| {
                    let in_commit = [Point::Lock, Point::Locked, Point::Stamped].contains(&step);
                    if in_commit && thread::current().id() == me && held.load(Relaxed) {
                        canary.look();
                    }
                });
                atomically(|tx| {
                    logged.store(false, Relaxed);
                    let Some(inner) = slot.read(tx)? else { return Ok(false) };
                    inner.read_ref(tx)?;
                    drop(inner);
                    logged.store(true, Relaxed);
                    count.write(tx, 1)?;
                    Ok(true)
                })
            })
        };
        slot.store(None);
        let freed = crate::collect();
        // The first value of the slot is freed early, or together with the second and the variable in it.
        seen.record((freed > 1, reader.join().unwrap()));
        probe::clear();
    });
    outcomes.assert_exactly([(true, true), (true, false), (false, true), (false, false)]);
}
