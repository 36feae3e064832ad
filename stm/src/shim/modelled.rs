//! Under a model checker, loom or shuttle: the same names, every access a point at which the checker may switch threads.
//!
//! What the two do not have in common is in `loomed` and `shuttled`.

use std::cell::Cell;
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

#[cfg(stm_loom)]
pub(crate) use super::loomed::{Thread, checker, current, fence, park};
#[cfg(stm_shuttle)]
pub(crate) use super::shuttled::{Thread, checker, current, fence, park};

pub(crate) use checker::sync::MutexGuard;
pub(crate) use checker::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
pub(crate) use checker::thread::{ThreadId, yield_now};

/// A spin is a yield: the checker must run somebody else before the thread looks again.
pub(crate) fn spin_loop() {
    yield_now();
}

/// Time does not pass in a model.
pub(crate) fn sleep_micros(_micros: u64) {
    yield_now();
}

/// Nor does it here.
pub(crate) fn park_timeout(_limit: Duration) {
    park();
}

/// The checker's mutex with parking_lot's signature. Modelled threads share one thread of the machine, so the panic of one
/// poisons what another holds: poison says nothing here.
#[derive(Debug)]
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// The checker's condition variable with the shim's signature.
#[derive(Debug)]
pub(crate) struct Condvar(checker::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(checker::sync::Condvar::new())
    }

    pub(super) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Time does not pass in a model, so no deadline does.
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _deadline: Option<Instant>,
    ) -> (MutexGuard<'a, T>, bool) {
        (self.wait(guard), false)
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Modelled threads share one thread of the machine, so `std` can not tell them apart.
pub(crate) fn thread_id() -> ThreadId {
    checker::thread::current().id()
}

/// A thread-local pointer of a modelled thread.
pub(crate) type PointerKey<T> = checker::thread::LocalKey<Cell<*const T>>;

pub(crate) fn get_pointer<T>(key: &'static PointerKey<T>) -> *const T {
    key.try_with(Cell::get).unwrap_or(std::ptr::null())
}

pub(crate) fn set_pointer<T>(key: &'static PointerKey<T>, pointer: *const T) {
    // A destroyed key reads as null already.
    let _ = key.try_with(|cell| cell.set(pointer));
}

macro_rules! thread_pointer {
    ($(#[$meta:meta])* static $name:ident: $target:ty) => {
        $crate::shim::checker::thread_local! {
            $(#[$meta])*
            static $name: std::cell::Cell<*const $target> = std::cell::Cell::new(std::ptr::null());
        }
    };
}

macro_rules! thread_owner {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        $crate::shim::checker::thread_local! {
            $(#[$meta])*
            static $name: $target = $init;
        }
    };
}

macro_rules! shared_static {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        $crate::shim::checker::lazy_static! {
            $(#[$meta])*
            static ref $name: $target = $init;
        }
    };
}

pub(crate) use {shared_static, thread_owner, thread_pointer};
