//! Shuttle: the same names, every access a scheduling point of a random or systematic schedule.

use std::cell::Cell;

pub(crate) use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, fence};
pub(crate) use shuttle::thread::{Thread, ThreadId, current, park, yield_now};

/// A spin is a yield: the schedule must run somebody else before it looks again.
pub(crate) fn spin_loop() {
    shuttle::thread::yield_now();
}

/// Time does not pass in a model.
pub(crate) fn sleep_micros(_micros: u64) {
    shuttle::thread::yield_now();
}

/// Shuttle's mutex with parking_lot's signature: a panic of the model ends the execution, so there is no poison to see.
#[derive(Debug)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// Shuttle's condition variable with the shim's signature.
#[derive(Debug)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(shuttle::sync::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap()
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Modelled threads share one thread of the machine, so `std` can not tell them apart.
pub(crate) fn thread_id() -> ThreadId {
    current().id()
}

/// A thread-local pointer of a modelled thread.
pub(crate) type PointerKey<T> = shuttle::thread::LocalKey<Cell<*const T>>;

pub(crate) fn get_pointer<T>(key: &'static PointerKey<T>) -> *const T {
    key.try_with(Cell::get).unwrap_or(std::ptr::null())
}

pub(crate) fn set_pointer<T>(key: &'static PointerKey<T>, pointer: *const T) {
    // A destroyed key reads as null already.
    let _ = key.try_with(|cell| cell.set(pointer));
}

macro_rules! thread_pointer {
    ($(#[$meta:meta])* static $name:ident: $target:ty) => {
        shuttle::thread_local! {
            $(#[$meta])*
            static $name: std::cell::Cell<*const $target> = std::cell::Cell::new(std::ptr::null());
        }
    };
}

macro_rules! thread_owner {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        shuttle::thread_local! {
            $(#[$meta])*
            static $name: $target = $init;
        }
    };
}

macro_rules! shared_static {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        shuttle::lazy_static! {
            $(#[$meta])*
            static ref $name: $target = $init;
        }
    };
}

pub(crate) use {shared_static, thread_owner, thread_pointer};
