//! What a body asked to be done after its commit, or after its undoing.

use crate::unwind::Panics;

type Hook = Box<dyn FnOnce() + Send>;

/// Hooks of one attempt, in order of registration.
#[derive(Default)]
pub(crate) struct Hooks {
    on_commit: Vec<Hook>,
    on_rollback: Vec<Hook>,
}

/// A place to roll back to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    on_commit: usize,
    on_rollback: usize,
}

/// Hooks whose time has come. They are user code: whoever runs them holds nothing.
#[must_use = "hooks that are due have to run"]
#[derive(Default)]
pub(crate) struct Due {
    run: Vec<Hook>,
    /// Hooks that will never run. What they captured is dropped behind the others: that is user code too.
    forget: Vec<Hook>,
}

impl Hooks {
    pub(crate) const fn new() -> Self {
        Self { on_commit: Vec::new(), on_rollback: Vec::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.on_commit.is_empty() && self.on_rollback.is_empty()
    }

    pub(crate) fn on_commit(&mut self, hook: Hook) {
        self.on_commit.push(hook);
    }

    pub(crate) fn on_rollback(&mut self, hook: Hook) {
        self.on_rollback.push(hook);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { on_commit: self.on_commit.len(), on_rollback: self.on_rollback.len() }
    }

    /// The attempt has committed.
    pub(crate) fn committed(&mut self) -> Due {
        Due { run: std::mem::take(&mut self.on_commit), forget: std::mem::take(&mut self.on_rollback) }
    }

    /// Everything since `mark` is undone: latest first.
    pub(crate) fn rolled_back(&mut self, mark: Mark) -> Due {
        let mut run = split_off(&mut self.on_rollback, mark.on_rollback);
        run.reverse();
        Due { run, forget: split_off(&mut self.on_commit, mark.on_commit) }
    }
}

/// As [`Vec::split_off`], which would leave as much memory behind where it takes everything.
fn split_off(hooks: &mut Vec<Hook>, at: usize) -> Vec<Hook> {
    if at == 0 { std::mem::take(hooks) } else { hooks.split_off(at) }
}

impl Due {
    pub(crate) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.forget.is_empty()
    }

    /// Runs them all, putting off panics.
    pub(crate) fn run(self, panics: &mut Panics) {
        panics.run_each(self.run, |hook| hook());
        panics.run_each(self.forget, drop);
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Notes `n` when it runs, and one hundred more when it is dropped.
    fn hook(notes: &Sender<u32>, n: u32) -> Hook {
        struct Dropped(Sender<u32>, u32);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.send(100 + self.1).expect("somebody reads it");
            }
        }
        let dropped = Dropped(notes.clone(), n);
        Box::new(move || dropped.0.send(dropped.1).expect("somebody reads it"))
    }

    fn run(due: Due, noted: &Receiver<u32>) -> Vec<u32> {
        let mut panics = Panics::new();
        due.run(&mut panics);
        panics.resume();
        noted.try_iter().collect()
    }

    #[test]
    fn a_commit_runs_its_hooks_in_order_and_then_forgets_the_others() {
        let (notes, noted) = channel();
        let mut hooks = Hooks::new();
        assert!(hooks.is_empty());
        hooks.on_commit(hook(&notes, 1));
        assert!(!hooks.is_empty());
        hooks.on_rollback(hook(&notes, 2));
        hooks.on_commit(hook(&notes, 3));
        let due = hooks.committed();
        assert!(hooks.is_empty() && !due.is_empty());
        assert_eq!(run(due, &noted), [1, 101, 3, 103, 102]);
        assert!(hooks.committed().is_empty());
    }

    #[test]
    fn a_rollback_runs_the_latest_hook_first_and_only_those_behind_its_mark() {
        let (notes, noted) = channel();
        let mut hooks = Hooks::new();
        hooks.on_rollback(hook(&notes, 1));
        assert!(!hooks.is_empty());
        hooks.on_commit(hook(&notes, 2));
        let mark = hooks.mark();
        hooks.on_rollback(hook(&notes, 3));
        hooks.on_commit(hook(&notes, 4));
        hooks.on_rollback(hook(&notes, 5));
        assert_eq!(run(hooks.rolled_back(mark), &noted), [5, 105, 3, 103, 104]);
        assert!(hooks.rolled_back(mark).is_empty());
        let due = hooks.rolled_back(Mark::default());
        assert!(hooks.is_empty());
        assert_eq!(run(due, &noted), [1, 101, 102]);
    }

    #[test]
    fn hooks_are_due_if_any_is_to_run_or_to_be_dropped() {
        let (notes, noted) = channel();
        let mut hooks = Hooks::new();
        hooks.on_rollback(hook(&notes, 1));
        let due = hooks.committed();
        assert!(!due.is_empty());
        assert_eq!(run(due, &noted), [101]);
        hooks.on_commit(hook(&notes, 2));
        let due = hooks.committed();
        assert!(!due.is_empty());
        assert_eq!(run(due, &noted), [2, 102]);
    }

    #[test]
    fn no_memory_is_left_behind_where_everything_is_taken() {
        let (notes, _noted) = channel();
        let mut hooks = vec![hook(&notes, 1), hook(&notes, 2)];
        assert_eq!(split_off(&mut hooks, 1).len(), 1);
        assert_eq!(split_off(&mut hooks, 0).len(), 1);
        assert_eq!((hooks.len(), hooks.capacity()), (0, 0));
    }
}
