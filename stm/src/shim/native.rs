//! The real machine: std atomics, parking_lot locks, std threads.

use std::cell::Cell;
use std::time::Instant;

#[cfg(stm_chaos)]
pub(crate) use super::chaos::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
#[cfg(not(stm_chaos))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};

pub(crate) use parking_lot::{Mutex, MutexGuard};
pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::fence;
pub(crate) use std::thread::{Thread, ThreadId, current, park, park_timeout, yield_now};

/// Waits without using the processor, for a holder that seems to have been descheduled.
pub(crate) fn sleep_micros(micros: u64) {
    std::thread::sleep(std::time::Duration::from_micros(micros));
}

/// A condition variable whose `wait` has one signature on every platform of the shim.
#[derive(Debug)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    /// Waits until the deadline, if there is one. Says whether it has passed.
    pub(crate) fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, T>, bool) {
        let late = match deadline {
            Some(deadline) => self.0.wait_until(&mut guard, deadline).timed_out(),
            None => {
                self.0.wait(&mut guard);
                false
            }
        };
        (guard, late)
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

pub(crate) fn thread_id() -> ThreadId {
    current().id()
}

/// A thread-local pointer that stays readable while the thread's destructors run.
pub(crate) type PointerKey<T> = std::thread::LocalKey<Cell<*const T>>;

#[inline(always)]
pub(crate) fn get_pointer<T>(key: &'static PointerKey<T>) -> *const T {
    key.with(Cell::get)
}

pub(crate) fn set_pointer<T>(key: &'static PointerKey<T>, pointer: *const T) {
    key.with(|cell| cell.set(pointer));
}

macro_rules! thread_pointer {
    ($(#[$meta:meta])* static $name:ident: $target:ty) => {
        std::thread_local! {
            $(#[$meta])*
            static $name: std::cell::Cell<*const $target> = const { std::cell::Cell::new(std::ptr::null()) };
        }
    };
}

/// A thread-local with a destructor. It may be gone while other destructors of the thread still run.
macro_rules! thread_owner {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        std::thread_local! {
            $(#[$meta])*
            static $name: $target = $init;
        }
    };
}

/// A static that loom and shuttle make anew for each execution.
macro_rules! shared_static {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $target:ty = $init:expr) => {
        $(#[$meta])*
        $vis static $name: $target = $init;
    };
}

pub(crate) use {shared_static, thread_owner, thread_pointer};
