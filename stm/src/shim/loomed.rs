//! Loom's part of [`super::modelled`]: fences and parked threads.

use std::fmt;
use std::sync::Arc;

use super::Ordering;
use super::modelled::{AtomicU64, Condvar, Mutex, shared_static};

pub(crate) use ::loom as checker;

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
