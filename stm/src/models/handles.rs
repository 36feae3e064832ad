//! Counted handles: edge E9.

use loom::thread;

use super::{Outcomes, explore, make_statics};
use crate::TVar;

/// A value that counts how often it was dropped.
struct Counted(&'static std::sync::atomic::AtomicUsize);

impl Counted {
    fn new() -> Self {
        Self(Box::leak(Box::default()))
    }

    fn drops(&self) -> &'static std::sync::atomic::AtomicUsize {
        self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// E9: whoever drops the last handle sees the last value that any handle stored.
#[test]
fn the_last_handle_drops_the_last_value() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let (old, new) = (Counted::new(), Counted::new());
        let (old_drops, new_drops) = (old.drops(), new.drops());
        let variable = TVar::new(old);
        let other = {
            let variable = variable.clone();
            thread::spawn(move || {
                variable.store(new);
                drop(variable);
            })
        };
        drop(variable);
        let count = |drops: &std::sync::atomic::AtomicUsize| drops.load(std::sync::atomic::Ordering::Relaxed);
        let early = count(new_drops);
        other.join().unwrap();
        // A pin or a record of the other thread may delay the rest beyond the end of the model.
        crate::collect();
        assert!(count(old_drops) <= 1 && count(new_drops) <= 1, "dropped twice");
        seen.record((early, count(old_drops), count(new_drops)));
    });
    outcomes.assert_all([(1, 0, 1), (0, 1, 1)]);
}
