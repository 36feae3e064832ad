//! Loom: the same names, every access a scheduling point of the model.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use loom::sync::MutexGuard;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
pub(crate) use loom::thread::{ThreadId, yield_now};

shared_static! {
    static FENCES: AtomicU64 = AtomicU64::new(0)
}

/// Loom's fence. Loom switches threads at accesses only, and so never between an access and the fence behind it; hence a
/// sequentially consistent fence, whose order among its kind matters, is an access too. Relaxed: it must order nothing.
pub(crate) fn fence(order: Ordering) {
    if order == Ordering::SeqCst {
        FENCES.fetch_add(1, Ordering::Relaxed);
    }
    loom::sync::atomic::fence(order);
}

/// A spin is a yield: the model must run somebody else before it looks again.
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

/// Time does not pass in a model.
pub(crate) fn sleep_micros(_micros: u64) {
    loom::thread::yield_now();
}

/// Loom's mutex with parking_lot's signature: a panic of the model ends the execution, so there is no poison to see.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// Loom's condition variable with the shim's signature.
#[derive(Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap()
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A modelled thread, to be woken. Not loom's own, whose `unpark` also releases a thread that is blocked in a mutex, and
/// passes on what its caller has seen before the thread parks, or if it never does.
#[derive(Clone)]
pub(crate) struct Thread(Arc<Parker>);

struct Parker {
    token: Mutex<bool>,
    given: Condvar,
}

loom::thread_local! {
    static PARKER: Thread = Thread(Arc::new(Parker { token: Mutex::new(false), given: Condvar::new() }));
}

impl Thread {
    pub(crate) fn unpark(&self) {
        *self.0.token.lock() = true;
        self.0.given.notify_all();
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").finish_non_exhaustive()
    }
}

pub(crate) fn current() -> Thread {
    PARKER.with(Thread::clone)
}

pub(crate) fn park() {
    let Thread(parker) = current();
    let mut token = parker.token.lock();
    while !*token {
        token = parker.given.wait(token);
    }
    *token = false;
}

/// Modelled threads share one thread of the machine, so `std` can not tell them apart.
pub(crate) fn thread_id() -> ThreadId {
    loom::thread::current().id()
}

/// A thread-local pointer of a modelled thread.
pub(crate) type PointerKey<T> = loom::thread::LocalKey<Cell<*const T>>;

pub(crate) fn get_pointer<T>(key: &'static PointerKey<T>) -> *const T {
    key.try_with(Cell::get).unwrap_or(std::ptr::null())
}

pub(crate) fn set_pointer<T>(key: &'static PointerKey<T>, pointer: *const T) {
    // A destroyed key reads as null already.
    let _ = key.try_with(|cell| cell.set(pointer));
}

macro_rules! thread_pointer {
    ($(#[$meta:meta])* static $name:ident: $target:ty) => {
        loom::thread_local! {
            $(#[$meta])*
            static $name: std::cell::Cell<*const $target> = std::cell::Cell::new(std::ptr::null());
        }
    };
}

macro_rules! thread_owner {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        loom::thread_local! {
            $(#[$meta])*
            static $name: $target = $init;
        }
    };
}

macro_rules! shared_static {
    ($(#[$meta:meta])* static $name:ident: $target:ty = $init:expr) => {
        loom::lazy_static! {
            $(#[$meta])*
            static ref $name: $target = $init;
        }
    };
}

pub(crate) use {shared_static, thread_owner, thread_pointer};
