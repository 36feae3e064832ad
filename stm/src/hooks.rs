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
