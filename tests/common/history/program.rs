//! Random programs: what each thread is to do, drawn from whatever makes choices.

use std::collections::BTreeSet;

use crate::Random;

/// Makes choices: a generator of random numbers, or a string of bytes.
pub trait Choices {
    /// Returns a number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize;

    /// Whether nothing is left to choose with.
    fn is_exhausted(&self) -> bool {
        false
    }
}

impl Choices for Random {
    fn below(&mut self, bound: usize) -> usize {
        Random::below(self, bound)
    }
}

/// How a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// By `read`.
    Clone,
    /// By `read_ref`.
    Borrow,
    /// By `with`.
    With,
}

/// How a variable is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// By `write`: blindly, where the order of such writes can be had, and otherwise behind a read.
    Write,
    /// By `replace`.
    Replace,
    /// By `modify`.
    Modify,
    /// By `update`.
    Update,
    /// By `write_if_changed`, behind a read.
    IfChanged,
}

/// A step of a transaction's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads a variable.
    Read(usize, Reading),
    /// Writes a variable.
    Write(usize, Writing),
    /// Two branches.
    OrElse(Vec<Step>, Vec<Step>),
    /// A part of its own; undone at its end if the flag says so.
    Nested(Vec<Step>, bool),
    /// Calls `retry` for one value of a variable in two. Only where another branch takes over.
    RetryByChance(usize),
    /// Calls `restart` in the first run.
    RestartOnce,
    /// Lets other threads in.
    Pause,
}

/// What a thread does at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A transaction that commits.
    Commit(Vec<Step>),
    /// A transaction that cancels.
    Cancel(Vec<Step>),
    /// A transaction whose body runs once.
    Irrevocable(Vec<Step>),
    /// A snapshot: if there are two lists it chooses between them.
    Snapshot(Vec<usize>, Option<Vec<usize>>),
    /// One-shot operations.
    Load(usize),
    /// A blind write, where the order of such writes can be had.
    Store(usize),
    /// Writes and returns the old value.
    Swap(usize),
    /// As `Swap`, by another way.
    FetchUpdate(usize),
    /// Tells the neighbour, and waits for it, by `retry`, in a transaction that reads and writes besides. As often on
    /// each thread.
    Meet(Vec<Step>),
}

/// How large a program is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many threads.
    pub threads: usize,
    /// How many variables.
    pub variables: usize,
    /// How many of them most steps use.
    pub hot: usize,
    /// How many actions each thread has, meetings apart.
    pub actions: usize,
    /// How many actions lie between two meetings.
    pub apart: usize,
    /// The most steps a body has, branches apart.
    pub longest: usize,
}

impl Step {
    fn note_kinds(&self, found: &mut BTreeSet<&'static str>) {
        let (kind, parts): (_, &[&[Self]]) = match self {
            Self::Read(..) => ("read", &[]),
            Self::Write(..) => ("write", &[]),
            Self::OrElse(first, second) => ("or else", &[first, second]),
            Self::Nested(steps, false) => ("nested", &[steps]),
            Self::Nested(steps, true) => ("nested, undone", &[steps]),
            Self::RetryByChance(_) => ("retry by chance", &[]),
            Self::RestartOnce => ("restart", &[]),
            Self::Pause => ("pause", &[]),
        };
        found.insert(kind);
        parts.iter().copied().flatten().for_each(|step| step.note_kinds(found));
    }
}

impl Action {
    fn note_kinds(&self, found: &mut BTreeSet<&'static str>) {
        let (kind, steps): (_, &[Step]) = match self {
            Self::Commit(steps) => ("commit", steps),
            Self::Cancel(steps) => ("cancel", steps),
            Self::Irrevocable(steps) => ("irrevocable", steps),
            Self::Snapshot(_, None) => ("snapshot", &[]),
            Self::Snapshot(_, Some(_)) => ("snapshot that chooses", &[]),
            Self::Load(_) => ("load", &[]),
            Self::Store(_) => ("store", &[]),
            Self::Swap(_) => ("swap", &[]),
            Self::FetchUpdate(_) => ("fetch_update", &[]),
            Self::Meet(steps) => ("meet", steps),
        };
        found.insert(kind);
        steps.iter().for_each(|step| step.note_kinds(found));
    }
}

/// What several threads do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// How many variables there are.
    pub variables: usize,
    /// What each thread does.
    pub threads: Vec<Vec<Action>>,
}

impl Program {
    /// Draws a program.
    pub fn draw(choices: &mut impl Choices, size: Size) -> Self {
        let mut threads = vec![Vec::new(); size.threads];
        let mut draw = Draw { choices, size };
        for number in 0..size.actions {
            if draw.choices.is_exhausted() {
                break;
            }
            // In turns, so that choices which end early leave something to every thread.
            for thread in &mut threads {
                if number % size.apart == size.apart - 1 {
                    thread.push(Action::Meet(draw.steps(2, 1)));
                }
                thread.push(draw.action());
            }
        }
        Self { variables: size.variables, threads }
    }

    /// Adds the kinds of actions and of steps that are in it.
    pub fn note_kinds(&self, found: &mut BTreeSet<&'static str>) {
        self.threads.iter().flatten().for_each(|action| action.note_kinds(found));
    }
}

struct Draw<'c, C> {
    choices: &'c mut C,
    size: Size,
}

impl<C: Choices> Draw<'_, C> {
    fn below(&mut self, bound: usize) -> usize {
        self.choices.below(bound)
    }

    fn variable(&mut self) -> usize {
        let among = if self.below(8) < 5 { self.size.hot } else { self.size.variables };
        self.below(among)
    }

    fn variables(&mut self) -> Vec<usize> {
        let length = 1 + self.length(self.size.longest);
        (0..length).map(|_| self.variable()).collect()
    }

    /// Mostly little, sometimes much.
    fn length(&mut self, most: usize) -> usize {
        let most = match self.below(16) {
            0 => most,
            1..4 => most.min(10),
            _ => most.min(4),
        };
        self.below(most + 1)
    }

    fn action(&mut self) -> Action {
        let longest = self.size.longest;
        match self.below(32) {
            0..16 => Action::Commit(self.steps(longest, 0)),
            16..18 => Action::Cancel(self.steps(longest, 0)),
            18 => Action::Irrevocable(self.steps(longest, 0)),
            19..23 => {
                let first = self.variables();
                let second = if self.below(3) == 0 { Some(self.variables()) } else { None };
                Action::Snapshot(first, second)
            }
            23..26 => Action::Load(self.variable()),
            26..28 => Action::Store(self.variable()),
            28..30 => Action::Swap(self.variable()),
            _ => Action::FetchUpdate(self.variable()),
        }
    }

    fn steps(&mut self, longest: usize, depth: usize) -> Vec<Step> {
        let length = 1 + self.length(longest);
        (0..length).map(|_| self.step(depth)).collect()
    }

    fn step(&mut self, depth: usize) -> Step {
        match self.below(32) {
            0..11 => Step::Read(self.variable(), self.reading()),
            11..26 => Step::Write(self.variable(), self.writing()),
            26..28 if depth < 3 => {
                let mut first = self.steps(4, depth + 1);
                first.push(Step::RetryByChance(self.variable()));
                Step::OrElse(first, self.steps(4, depth + 1))
            }
            28..30 if depth < 3 => Step::Nested(self.steps(4, depth + 1), self.below(2) == 0),
            30 if self.below(8) == 0 => Step::RestartOnce,
            _ => Step::Pause,
        }
    }

    fn reading(&mut self) -> Reading {
        [Reading::Clone, Reading::Borrow, Reading::With][self.below(3)]
    }

    fn writing(&mut self) -> Writing {
        [Writing::Write, Writing::Write, Writing::Replace, Writing::Modify, Writing::Update, Writing::IfChanged]
            [self.below(6)]
    }
}
