//! Random programs.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::kinds::{Kind, Value};
use super::program::{Action, Program, Shot, Step, Var};
use super::world::{NAMES, Start};

/// How deep blocks lie within each other, at least in some programs.
pub(crate) const DEPTH: u32 = 4;

/// Which words there are, besides those that read, write and choose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words {
    /// Those that retry.
    pub(crate) retries: bool,
    /// Those that cancel.
    pub(crate) cancels: bool,
    /// Those that restart the body.
    pub(crate) restarts: bool,
    pub(crate) hooks: bool,
    /// Those that make variables, and use them.
    pub(crate) makes: bool,
    /// One-shot operations in the body.
    pub(crate) outside: bool,
    /// How many handles there may be besides those the world begins with.
    pub(crate) more_handles: usize,
}

impl Words {
    /// Nothing ends a program of these early, and nothing but values is left of it.
    pub(crate) const TOTAL: Self = Self {
        retries: false,
        cancels: false,
        restarts: false,
        hooks: false,
        makes: false,
        outside: false,
        more_handles: 0,
    };
    /// Everything that can be undone.
    pub(crate) const PURE: Self = Self { retries: true, cancels: true, hooks: true, makes: true, ..Self::TOTAL };
    /// Everything.
    pub(crate) const ALL: Self = Self { restarts: true, outside: true, ..Self::PURE };
}

/// Few values, so that programs meet.
pub(crate) fn value() -> impl Strategy<Value = Value> + Clone {
    0..4_u8
}

pub(crate) fn start() -> impl Strategy<Value = Start> {
    prop::array::uniform(value())
}

pub(crate) fn kind() -> impl Strategy<Value = Kind> + Clone {
    prop::sample::select(&Kind::ALL[..])
}

/// A variable: mostly one of the first, so that programs meet.
pub(crate) fn variable(words: Words) -> BoxedStrategy<Var> {
    let first = prop_oneof![4 => 0..2_usize, 3 => 2..4_usize, 2 => 4..NAMES.len()].prop_map(Var::World);
    let mut all = vec![(9, first.boxed())];
    if words.makes {
        all.push((1, (0..3_usize).prop_map(Var::Made).boxed()));
    }
    if words.more_handles > 0 {
        all.push((4, (NAMES.len()..NAMES.len() + words.more_handles).prop_map(Var::World).boxed()));
    }
    Union::new_weighted(all).boxed()
}

pub(crate) fn shot(words: Words) -> impl Strategy<Value = Shot> + Clone {
    prop_oneof![
        variable(words).prop_map(Shot::Load),
        (variable(words), value()).prop_map(|(x, value)| Shot::Store(x, value)),
        (variable(words), value()).prop_map(|(x, value)| Shot::Swap(x, value)),
        (variable(words), value()).prop_map(|(x, by)| Shot::FetchUpdate(x, by)),
    ]
}

type Choices = Vec<(u32, BoxedStrategy<Step>)>;

/// Steps that only read, and always go on.
fn readings(words: Words) -> Choices {
    let x = variable(words);
    vec![
        (4, x.clone().prop_map(Step::Read).boxed()),
        (1, x.clone().prop_map(Step::ReadRef).boxed()),
        (1, x.clone().prop_map(Step::With).boxed()),
        (1, x.prop_map(Step::IntoRef).boxed()),
        (1, Just(Step::Yield).boxed()),
    ]
}

fn checks(words: Words) -> Choices {
    let x = variable(words);
    vec![
        (2, (x.clone(), 1..4_u8).prop_map(|(x, least)| Step::Check(x, least)).boxed()),
        (1, (x, value()).prop_map(|(x, value)| Step::CheckIs(x, value)).boxed()),
        (1, any::<bool>().prop_map(Step::CheckThat).boxed()),
        (1, Just(Step::Retry).boxed()),
    ]
}

/// Steps that write, and always go on.
fn writings(words: Words) -> Choices {
    let x = variable(words);
    let with_value = (x.clone(), value());
    vec![
        (5, with_value.clone().prop_map(|(x, value)| Step::Write(x, value)).boxed()),
        (1, with_value.clone().prop_map(|(x, value)| Step::Replace(x, value)).boxed()),
        (1, with_value.clone().prop_map(|(x, by)| Step::Modify(x, by)).boxed()),
        (1, with_value.clone().prop_map(|(x, by)| Step::Update(x, by)).boxed()),
        (1, with_value.clone().prop_map(|(x, value)| Step::WriteIfChanged(x, value)).boxed()),
        (1, with_value.prop_map(|(x, by)| Step::ReadThenWrite(x, by)).boxed()),
        (1, (x.clone(), x).prop_map(|(x, y)| Step::Add(x, y)).boxed()),
        (
            1,
            (kind(), value(), value()).prop_map(|(kind, first, second)| Step::MakeAndDrop(kind, first, second)).boxed(),
        ),
        (1, value().prop_map(Step::Crowd).boxed()),
    ]
}

fn leaf(words: Words) -> BoxedStrategy<Step> {
    let mut all = readings(words);
    all.extend(writings(words));
    // So often that most programs reach their end in spite of the steps that keep them from it.
    all.iter_mut().for_each(|(weight, _)| *weight *= 4);
    if words.hooks {
        all.push((6, any::<Value>().prop_map(Step::Hooks).boxed()));
    }
    if words.makes {
        all.push((6, (kind(), value()).prop_map(|(kind, value)| Step::Make(kind, value)).boxed()));
    }
    if words.outside {
        all.push((3, shot(words).prop_map(Step::Outside).boxed()));
    }
    if words.retries {
        all.extend(checks(words));
        all.push((1, Just(Step::SwallowedRetry).boxed()));
    }
    if words.retries && words.cancels {
        all.push((1, value().prop_map(Step::SwallowedRetryThenCancel).boxed()));
    }
    if words.cancels {
        all.push((1, (variable(words), 2..6_u8).prop_map(|(x, least)| Step::CancelFrom(x, least)).boxed()));
        all.push((1, value().prop_map(Step::Cancel).boxed()));
    }
    if words.restarts {
        all.push((1, (2..4_u32).prop_map(Step::RestartBefore).boxed()));
    }
    Union::new_weighted(all).boxed()
}

fn step(words: Words) -> impl Strategy<Value = Step> {
    let looks = prop::collection::vec(look(words), 0..4);
    leaf(words).prop_recursive(DEPTH, 40, 6, move |inner| {
        let block = prop::collection::vec(inner, 0..6);
        prop_oneof![
            4 => (block.clone(), block.clone()).prop_map(|(first, second)| Step::OrElse(first, second)),
            3 => block.clone().prop_map(Step::Nested),
            1 => (variable(words), block).prop_map(|(x, inner)| Step::Hold(x, inner)),
            1 => (looks.clone(), looks.clone()).prop_map(|(first, second)| Step::Look(first, second)),
        ]
    })
}

/// A step for readers.
fn look(words: Words) -> BoxedStrategy<Step> {
    let mut all = readings(words);
    if words.retries {
        all.extend(checks(words));
    }
    Union::new_weighted(all)
        .prop_recursive(2, 12, 4, |inner| {
            let block = prop::collection::vec(inner, 0..4);
            (block.clone(), block).prop_map(|(first, second)| Step::Look(first, second))
        })
        .boxed()
}

/// Steps, fewer than `length`.
pub(crate) fn steps(words: Words, length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(words), 0..length)
}

pub(crate) fn program(words: Words, length: usize) -> impl Strategy<Value = Program> {
    prop::collection::vec(step(words), 1..length).prop_map(Program)
}

/// Steps for readers, fewer than `length`.
pub(crate) fn looks(words: Words, length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(look(words), 0..length)
}

pub(crate) fn action(words: Words, length: usize) -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => program(words, length).prop_map(Action::Transaction),
        1 => looks(words, length).prop_map(|steps| Action::Snapshot(Program(steps))),
        2 => shot(words).prop_map(Action::Shot),
    ]
}
