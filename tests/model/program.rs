//! The words: what a program may do, and what is seen of it.

use super::kinds::{Kind, Value};

/// A variable a program speaks of. Where there is no such variable, the step that names it does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Var {
    /// One of the world's.
    World(usize),
    /// One the running body has made, in order of making.
    Made(usize),
}

/// A one-shot operation: a transaction on one variable, without a body.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shot {
    Load(Var),
    Store(Var, Value),
    Swap(Var, Value),
    FetchUpdate(Var, Value),
}

impl Shot {
    pub(crate) fn variable(&self) -> Var {
        let (Self::Load(x) | Self::Store(x, _) | Self::Swap(x, _) | Self::FetchUpdate(x, _)) = *self;
        x
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Read(Var),
    ReadRef(Var),
    With(Var),
    IntoRef(Var),
    /// Holds a reference while other steps run; sees what is there afterwards, and what the reference shows.
    Hold(Var, Vec<Step>),
    Write(Var, Value),
    Replace(Var, Value),
    Modify(Var, Value),
    Update(Var, Value),
    WriteIfChanged(Var, Value),
    /// What `Modify` does, in two operations.
    ReadThenWrite(Var, Value),
    /// Adds one variable to another.
    Add(Var, Var),
    /// Makes a variable that later steps can use, wherever they are.
    Make(Kind, Value),
    /// Makes a variable, writes it, reads it back, and drops it.
    MakeAndDrop(Kind, Value, Value),
    /// Makes, writes, reads and drops many variables, and sees what is in them.
    Crowd(Value),
    /// A one-shot operation in the body. One that writes does nothing where the body has looked at the variable before:
    /// the transaction could not commit.
    Outside(Shot),
    /// Sees a value out of nowhere.
    See(Value),
    /// Registers a hook for the commit and one for the rollback, both of this name.
    Hooks(Value),
    OrElse(Vec<Step>, Vec<Step>),
    /// `or_else` between readers.
    Look(Vec<Step>, Vec<Step>),
    Nested(Vec<Step>),
    /// Retries unless the variable has at least this value.
    Check(Var, Value),
    /// Retries unless the variable has this value.
    CheckIs(Var, Value),
    CheckThat(bool),
    Retry,
    /// Retries, hides the signal, and ends its block as if nothing had happened.
    SwallowedRetry,
    /// Retries, hides the signal, and cancels.
    SwallowedRetryThenCancel(Value),
    /// Cancels if the variable has at least this value.
    CancelFrom(Var, Value),
    Cancel(Value),
    /// Restarts the body until it runs for this time.
    RestartBefore(u32),
    /// Lets another thread in.
    Yield,
}

impl Step {
    /// The blocks inside.
    pub(crate) fn blocks(&self) -> Vec<&Vec<Step>> {
        match self {
            Self::OrElse(first, second) | Self::Look(first, second) => vec![first, second],
            Self::Nested(inner) | Self::Hold(_, inner) => vec![inner],
            _ => Vec::new(),
        }
    }

    pub(crate) fn blocks_mut(&mut self) -> Vec<&mut Vec<Step>> {
        match self {
            Self::OrElse(first, second) | Self::Look(first, second) => vec![first, second],
            Self::Nested(inner) | Self::Hold(_, inner) => vec![inner],
            _ => Vec::new(),
        }
    }

    fn can_cancel(&self) -> bool {
        match self {
            Self::Nested(_) => false,
            Self::Cancel(_) | Self::CancelFrom(..) | Self::SwallowedRetryThenCancel(_) => true,
            _ => self.blocks().into_iter().any(|block| can_cancel(block)),
        }
    }
}

/// Whether steps can end by cancelling what is around them.
pub(crate) fn can_cancel(steps: &[Step]) -> bool {
    steps.iter().any(Step::can_cancel)
}

/// How many steps there are, those inside of others included.
pub(crate) fn count(steps: &[Step]) -> usize {
    steps.iter().map(|step| 1 + step.blocks().into_iter().map(|block| count(block)).sum::<usize>()).sum()
}

/// How many blocks lie within each other.
pub(crate) fn depth(steps: &[Step]) -> usize {
    let inside = |step: &Step| step.blocks().into_iter().map(|block| 1 + depth(block)).max().unwrap_or(0);
    steps.iter().map(inside).max().unwrap_or(0)
}

/// The body of a transaction.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Program(pub(crate) Vec<Step>);

/// By which of the library's doors a body gets to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Plain,
    Options,
    Macro,
    Attribute,
    Async,
}

impl Runner {
    pub(crate) const ALL: [Self; 5] = [Self::Plain, Self::Options, Self::Macro, Self::Attribute, Self::Async];
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Done,
    Cancelled(Value),
    /// It can not go on before something it has read changes.
    Waits,
}

/// What is seen of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Trace {
    /// What the reading steps returned, in order.
    pub(crate) seen: Vec<Value>,
    /// What the variables it made hold in the end.
    pub(crate) made: Vec<Value>,
    pub(crate) outcome: Outcome,
}

/// A hook that ran, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    Commit(Value),
    Rollback(Value),
}

/// One thing a thread does.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Transaction(Program),
    Snapshot(Program),
    Shot(Shot),
}

impl Action {
    /// The same, but where it would wait it does nothing.
    pub(crate) fn or_nothing(&self) -> Self {
        match self {
            Self::Transaction(Program(steps)) => {
                Self::Transaction(Program(vec![Step::OrElse(steps.clone(), Vec::new())]))
            }
            Self::Snapshot(Program(steps)) => Self::Snapshot(Program(vec![Step::Look(steps.clone(), Vec::new())])),
            Self::Shot(shot) => Self::Shot(shot.clone()),
        }
    }
}

/// Names the hooks of a program 0, 1, and so on, in the order in which they stand there.
pub(crate) fn number_hooks(steps: &mut [Step]) {
    fn number(steps: &mut [Step], next: &mut Value) {
        for step in steps {
            if let Step::Hooks(name) = step {
                *name = *next;
                *next += 1;
            }
            step.blocks_mut().into_iter().for_each(|block| number(block, next));
        }
    }
    number(steps, &mut 0);
}
