//! What programs mean: plain values, one program at a time, undoing by copies.

use super::kinds::{Kind, Value, changed};
use super::program::{Action, Fired, Outcome, Program, Shot, Step, Trace, Var};

/// Why a sequence of steps did not reach its end.
enum Stop {
    Retry,
    Restart,
    Cancel(Value),
}

/// A variable.
#[derive(Clone, Debug)]
struct Plain {
    kind: Kind,
    committed: Value,
    /// What the transaction has written.
    pending: Option<Value>,
    /// The transaction depends on the committed value, and waits for another one if it retries.
    read: bool,
    /// The transaction has looked at the value, committed or its own.
    looked: bool,
}

impl Plain {
    fn new(kind: Kind, value: Value) -> Self {
        Self { kind, committed: kind.keep(value), pending: None, read: false, looked: false }
    }
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    variables: Vec<Plain>,
    /// Which variable each of the world's handles is for, if it still exists.
    handles: Vec<Option<usize>>,
    made: Vec<usize>,
    seen: Vec<Value>,
    commit_hooks: Vec<Value>,
    rollback_hooks: Vec<Value>,
    fired: Vec<Fired>,
    attempts: u32,
}

/// What a scope goes back to when it is undone. What was seen stays: it is the program's own memory.
struct Mark {
    pending: Vec<Option<Value>>,
    commit_hooks: usize,
    rollback_hooks: usize,
}

/// The world outside of transactions.
impl Model {
    /// Adds a variable with one handle, and returns which.
    pub(crate) fn add(&mut self, kind: Kind, value: Value) -> usize {
        self.variables.push(Plain::new(kind, value));
        self.handles.push(Some(self.variables.len() - 1));
        self.handles.len() - 1
    }

    /// Adds a handle to the variable of another.
    pub(crate) fn share(&mut self, handle: usize) {
        self.handles.push(self.handles[handle]);
    }

    pub(crate) fn drop_handle(&mut self, handle: usize) {
        self.handles[handle] = None;
    }

    /// The variable of a handle.
    pub(crate) fn variable(&self, handle: usize) -> Option<usize> {
        self.handles.get(handle).copied().flatten()
    }

    pub(crate) fn kind(&self, handle: usize) -> Option<Kind> {
        Some(self.variables[self.variable(handle)?].kind)
    }

    pub(crate) fn value(&self, handle: usize) -> Option<Value> {
        Some(self.variables[self.variable(handle)?].committed)
    }

    pub(crate) fn set(&mut self, handle: usize, value: Value) {
        self.shot(&Shot::Store(Var::World(handle), value));
    }

    pub(crate) fn values(&self) -> Vec<Option<Value>> {
        (0..self.handles.len()).map(|handle| self.value(handle)).collect()
    }

    /// The kinds of all variables that have a handle.
    pub(crate) fn live_kinds(&self) -> Vec<Kind> {
        let alive = |index: &usize| self.handles.contains(&Some(*index));
        (0..self.variables.len()).filter(alive).map(|index| self.variables[index].kind).collect()
    }

    /// How often the body of the last program ran.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether the last program, which waits, waits for this handle's variable.
    pub(crate) fn awaits(&self, handle: usize) -> bool {
        self.variable(handle).is_some_and(|index| self.variables[index].read)
    }

    pub(crate) fn take_fired(&mut self) -> Vec<Fired> {
        std::mem::take(&mut self.fired)
    }

    /// Does one thing, and tells what is seen of it.
    pub(crate) fn act(&mut self, action: &Action) -> Trace {
        match action {
            Action::Transaction(program) | Action::Snapshot(program) => self.run(program),
            Action::Shot(shot) => {
                self.shot(shot);
                self.trace(Outcome::Done)
            }
        }
    }

    fn trace(&mut self, outcome: Outcome) -> Trace {
        let made = self.made.drain(..).map(|index| self.variables[index].committed).collect();
        Trace { seen: std::mem::take(&mut self.seen), made, outcome }
    }

    fn find(&self, x: Var) -> Option<usize> {
        match x {
            Var::World(handle) => self.variable(handle),
            Var::Made(number) => self.made.get(number).copied(),
        }
    }

    fn shot(&mut self, shot: &Shot) {
        let Some(index) = self.find(shot.variable()) else { return };
        let variable = &mut self.variables[index];
        let old = variable.committed;
        let new = match *shot {
            Shot::Load(_) => old,
            Shot::Store(_, value) | Shot::Swap(_, value) => value,
            Shot::FetchUpdate(_, by) => changed(old, by),
        };
        variable.committed = variable.kind.keep(new);
        if !matches!(shot, Shot::Store(..)) {
            self.seen.push(old);
        }
    }

    /// Runs a whole program.
    pub(crate) fn run(&mut self, program: &Program) -> Trace {
        let lasting = self.variables.len();
        self.attempts = 0;
        loop {
            self.attempts += 1;
            self.seen.clear();
            self.made.clear();
            self.variables.truncate(lasting);
            for variable in &mut self.variables {
                (variable.read, variable.looked) = (false, false);
            }
            let mark = self.mark();
            let outcome = match self.steps(&program.0) {
                Ok(()) => Outcome::Done,
                Err(Stop::Cancel(error)) => Outcome::Cancelled(error),
                Err(Stop::Retry) => Outcome::Waits,
                Err(Stop::Restart) => {
                    self.undo(&mark);
                    continue;
                }
            };
            if outcome == Outcome::Done {
                self.fired.extend(self.commit_hooks.drain(..).map(Fired::Commit));
                self.rollback_hooks.clear();
                for variable in &mut self.variables {
                    variable.committed = variable.pending.take().unwrap_or(variable.committed);
                }
            } else {
                self.undo(&mark);
            }
            let trace = self.trace(outcome);
            self.variables.truncate(lasting);
            return trace;
        }
    }
}

/// The inside of a transaction.
impl Model {
    fn mark(&self) -> Mark {
        Mark {
            pending: self.variables.iter().map(|variable| variable.pending).collect(),
            commit_hooks: self.commit_hooks.len(),
            rollback_hooks: self.rollback_hooks.len(),
        }
    }

    fn undo(&mut self, mark: &Mark) {
        // What was made since stays, with the value it was made with.
        let before = mark.pending.iter().copied().chain(std::iter::repeat(None));
        for (variable, pending) in self.variables.iter_mut().zip(before) {
            variable.pending = pending;
        }
        self.commit_hooks.truncate(mark.commit_hooks);
        self.fired.extend(self.rollback_hooks.drain(mark.rollback_hooks..).rev().map(Fired::Rollback));
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn read(&mut self, x: Var) -> Option<Value> {
        let index = self.find(x)?;
        let variable = &mut self.variables[index];
        variable.looked = true;
        variable.read |= variable.pending.is_none();
        Some(variable.pending.unwrap_or(variable.committed))
    }

    fn write(&mut self, x: Var, value: Value) {
        if let Some(index) = self.find(x) {
            let variable = &mut self.variables[index];
            variable.pending = Some(variable.kind.keep(value));
        }
    }

    /// Goes on if the variable's value is right or there is no such variable.
    fn check(&mut self, x: Var, right: impl FnOnce(Value) -> bool) -> Result<(), Stop> {
        if self.read(x).is_none_or(right) { Ok(()) } else { Err(Stop::Retry) }
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Read(x) | Step::ReadRef(x) | Step::With(x) | Step::IntoRef(x) => {
                let value = self.read(*x);
                self.seen.extend(value);
            }
            Step::Hold(x, inner) => {
                if let Some(held) = self.read(*x) {
                    self.steps(inner)?;
                    let now = self.read(*x);
                    self.seen.extend(now);
                    self.seen.push(held);
                }
            }
            Step::Make(kind, value) => {
                self.made.push(self.variables.len());
                self.variables.push(Plain::new(*kind, *value));
            }
            Step::MakeAndDrop(kind, _, value) => self.seen.push(kind.keep(*value)),
            Step::Outside(shot) => self.outside(shot),
            Step::See(value) | Step::Crowd(value) => self.seen.push(*value),
            Step::Hooks(name) => {
                self.commit_hooks.push(*name);
                self.rollback_hooks.push(*name);
            }
            Step::OrElse(first, second) | Step::Look(first, second) => {
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
            Step::Check(x, least) => self.check(*x, |value| value >= *least)?,
            Step::CheckIs(x, value) => self.check(*x, |found| found == *value)?,
            Step::CheckThat(true) | Step::Yield => {}
            Step::CheckThat(false) | Step::Retry | Step::SwallowedRetry | Step::SwallowedRetryThenCancel(_) => {
                return Err(Stop::Retry);
            }
            Step::CancelFrom(x, least) => {
                if let Some(value) = self.read(*x).filter(|value| value >= least) {
                    return Err(Stop::Cancel(value));
                }
            }
            Step::Cancel(error) => return Err(Stop::Cancel(*error)),
            Step::RestartBefore(number) if self.attempts < *number => return Err(Stop::Restart),
            Step::RestartBefore(_) => {}
            change => self.change(change),
        }
        Ok(())
    }

    fn outside(&mut self, shot: &Shot) {
        let looked = self.find(shot.variable()).is_some_and(|index| self.variables[index].looked);
        if matches!(shot, Shot::Load(_)) || !looked {
            self.shot(shot);
        }
    }

    /// The steps that write.
    fn change(&mut self, step: &Step) {
        match step {
            Step::Write(x, value) => self.write(*x, *value),
            Step::Replace(x, value) => {
                let old = self.read(*x);
                self.seen.extend(old);
                self.write(*x, *value);
            }
            Step::Modify(x, by) | Step::ReadThenWrite(x, by) => {
                if let Some(old) = self.read(*x) {
                    self.write(*x, changed(old, *by));
                }
            }
            Step::Update(x, by) => {
                if let Some(old) = self.read(*x) {
                    self.seen.push(old);
                    self.write(*x, changed(old, *by));
                }
            }
            Step::WriteIfChanged(x, value) => {
                if let (Some(old), Some(index)) = (self.read(*x), self.find(*x)) {
                    let differs = old != self.variables[index].kind.keep(*value);
                    self.seen.push(differs.into());
                    if differs {
                        self.write(*x, *value);
                    }
                }
            }
            Step::Add(x, y) => {
                if self.find(*x).is_some()
                    && let Some(other) = self.read(*y)
                {
                    let old = self.read(*x).expect("it is there");
                    self.write(*x, old.wrapping_add(other));
                }
            }
            _ => unreachable!("the others are in `step`"),
        }
    }
}
