//! The model: plain values, one program at a time, undoing by copies.

use crate::program::{Fired, Step, Trace, VARIABLES, Value};

/// Why a sequence of steps did not reach its end.
enum Stop {
    Retry,
    Cancel(Value),
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) values: [Value; VARIABLES],
    seen: Vec<Value>,
    commit_hooks: Vec<usize>,
    rollback_hooks: Vec<usize>,
    pub(crate) fired: Vec<Fired>,
    /// How many pairs of hooks were ever registered: the next pair's name.
    pub(crate) named: usize,
}

/// What a scope goes back to when it is undone. `seen` stays: it is the program's own memory.
struct Mark {
    values: [Value; VARIABLES],
    commit_hooks: usize,
    rollback_hooks: usize,
}

impl Model {
    fn mark(&self) -> Mark {
        Mark { values: self.values, commit_hooks: self.commit_hooks.len(), rollback_hooks: self.rollback_hooks.len() }
    }

    fn undo(&mut self, mark: &Mark) {
        self.values = mark.values;
        self.commit_hooks.truncate(mark.commit_hooks);
        self.fired.extend(self.rollback_hooks.drain(mark.rollback_hooks..).rev().map(Fired::Rollback));
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Read(x) | Step::ReadRef(x) => self.seen.push(self.values[*x]),
            Step::Write(x, value) => self.values[*x] = *value,
            Step::Replace(x, value) => {
                self.seen.push(self.values[*x]);
                self.values[*x] = *value;
            }
            Step::Modify(x, by) => self.values[*x] = self.values[*x].wrapping_add(*by),
            Step::Update(x, by) => {
                self.seen.push(self.values[*x]);
                self.values[*x] = self.values[*x].wrapping_mul(3).wrapping_add(*by);
            }
            Step::WriteIfChanged(x, value) => {
                self.seen.push(u8::from(self.values[*x] != *value));
                self.values[*x] = *value;
            }
            Step::Add(x, y) => self.values[*x] = self.values[*x].wrapping_add(self.values[*y]),
            Step::Fresh(_, value) => self.seen.push(*value),
            Step::Hooks => {
                self.commit_hooks.push(self.named);
                self.rollback_hooks.push(self.named);
                self.named += 1;
            }
            Step::OrElse(first, second) => {
                let mark = self.mark();
                match self.steps(first) {
                    Err(Stop::Retry) => {
                        self.undo(&mark);
                        self.steps(second)?;
                    }
                    other => other?,
                }
            }
            Step::Nested(inner) => {
                let mark = self.mark();
                match self.steps(inner) {
                    Err(Stop::Cancel(error)) => {
                        self.undo(&mark);
                        self.seen.push(error);
                    }
                    other => other?,
                }
            }
            Step::Check(x, least) if self.values[*x] >= *least => {}
            Step::Check(..) | Step::Retry | Step::SwallowedRetry | Step::SwallowedRetryThenCancel(_) => {
                return Err(Stop::Retry);
            }
            Step::CancelFrom(x, least) if self.values[*x] < *least => {}
            Step::CancelFrom(x, _) => return Err(Stop::Cancel(self.values[*x])),
            Step::Cancel(error) => return Err(Stop::Cancel(*error)),
            Step::Yield => {}
        }
        Ok(())
    }

    /// Runs a whole program; one that retries as a whole does nothing instead.
    pub(crate) fn run(&mut self, program: &[Step]) -> Trace {
        let mark = self.mark();
        let program = Step::OrElse(program.to_vec(), Vec::new());
        let error = match self.step(&program) {
            Ok(()) => {
                self.fired.extend(self.commit_hooks.drain(..).map(Fired::Commit));
                self.rollback_hooks.clear();
                None
            }
            Err(Stop::Cancel(error)) => {
                self.undo(&mark);
                Some(error)
            }
            Err(Stop::Retry) => unreachable!("the empty branch does not retry"),
        };
        Trace { seen: std::mem::take(&mut self.seen), error }
    }
}
