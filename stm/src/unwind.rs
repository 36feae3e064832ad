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
                discard(payload);
            }
        }
    }

    /// Goes on with the first panic, if there was one and the thread is not panicking already.
    pub(crate) fn resume(self) {
        let Some(payload) = self.0 else { return };
        if std::thread::panicking() {
            discard(payload);
        } else {
            panic::resume_unwind(payload);
        }
    }
}

impl Panics {
    /// Ends here, for a thread that nobody waits for.
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    pub(crate) fn swallow(self) {
        if let Some(payload) = self.0 {
            discard(payload);
        }
    }
}

/// Drops the payload of a panic, which is user code too: it may panic with another payload.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..8 {
        match panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // Somebody means it. A small leak is the lesser evil.
    std::mem::forget(payload);
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn all_run_and_the_first_panic_goes_on() {
        let ran = Cell::new(0);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut panics = Panics::new();
            panics.run_each(0..5, |n| {
                ran.set(ran.get() + 1);
                if n % 2 == 1 {
                    panic::resume_unwind(Box::new(n));
                }
            });
            panics.resume();
        }));
        assert_eq!(ran.get(), 5);
        assert_eq!(outcome.unwrap_err().downcast_ref::<i32>(), Some(&1));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_stops_nobody() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the payload itself panics");
            }
        }
        let ran = Cell::new(0);
        let mut panics = Panics::new();
        panics.run_each(0..3, |_| {
            ran.set(ran.get() + 1);
            panic::resume_unwind(Box::new(Bomb));
        });
        assert_eq!(ran.get(), 3);
        assert!(panics.0.take().is_some_and(|first| first.is::<Bomb>() && {
            std::mem::forget(first);
            true
        }));
    }
}
