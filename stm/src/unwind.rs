//! Running several pieces of user code of which any may panic: all of them run, then the first panic goes on.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// The first panic met so far.
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Runs `f` on every item, putting off panics.
    pub(crate) fn run_each<I: IntoIterator>(&mut self, items: I, mut f: impl FnMut(I::Item)) {
        let mut items = items.into_iter();
        // A panic loses the item it came from, so this ends.
        while let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| items.by_ref().for_each(&mut f))) {
            if self.0.is_none() {
                self.0 = Some(payload);
            } else {
                // Its destructor is user code and may panic in turn; a small leak is the lesser evil.
                std::mem::forget(payload);
            }
        }
    }

    /// Goes on with the first panic, if there was one and the thread is not panicking already.
    pub(crate) fn resume(self) {
        let Some(payload) = self.0 else { return };
        if std::thread::panicking() {
            // As above: a destructor that panics now would end the process.
            std::mem::forget(payload);
        } else {
            panic::resume_unwind(payload);
        }
    }
}
