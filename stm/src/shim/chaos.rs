//! Atomics that now and then yield or sleep before an access, so that a stress test on few processors meets the rare
//! interleavings. Orderings are passed on unchanged.

use std::cell::Cell;
use std::sync::atomic::{self, Ordering};
use std::time::Duration;

/// One access in this many is delayed.
const PERIOD: u64 = 64;

std::thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Advances a per-thread xorshift generator and delays one access in [`PERIOD`].
fn disturb() {
    let state = STATE.with(|cell| {
        let mut x = cell.get();
        if x == 0 {
            // The address of a thread-local differs between threads: enough of a seed.
            x = (cell as *const Cell<u64> as u64) | 1;
        }
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        cell.set(x);
        x
    });
    if state.is_multiple_of(PERIOD) {
        if (state >> 32).is_multiple_of(16) {
            std::thread::sleep(Duration::from_micros(20));
        } else {
            std::thread::yield_now();
        }
    }
}

macro_rules! disturbed {
    ($name:ident, $value:ty) => {
        /// The std atomic of the same name, with delays.
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code, reason = "each type offers the same set; not every one is used")]
        impl $name {
            pub(crate) const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }
            pub(crate) fn load(&self, order: Ordering) -> $value {
                disturb();
                self.0.load(order)
            }
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                disturb();
                self.0.store(value, order);
            }
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                disturb();
                self.0.swap(value, order)
            }
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                disturb();
                self.0.compare_exchange(current, new, success, failure)
            }
        }
    };
}

macro_rules! disturbed_integer {
    ($name:ident, $value:ty) => {
        disturbed!($name, $value);

        #[allow(dead_code, reason = "each type offers the same set; not every one is used")]
        impl $name {
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                disturb();
                self.0.fetch_add(value, order)
            }
            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                disturb();
                self.0.fetch_sub(value, order)
            }
            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                disturb();
                self.0.fetch_or(value, order)
            }
            pub(crate) fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                disturb();
                self.0.fetch_max(value, order)
            }
        }
    };
}

disturbed!(AtomicBool, bool);
disturbed_integer!(AtomicU32, u32);
disturbed_integer!(AtomicU64, u64);

/// The std atomic of the same name, with delays.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(atomic::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(atomic::AtomicPtr::new(value))
    }
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        disturb();
        self.0.load(order)
    }
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        disturb();
        self.0.store(value, order);
    }
}
