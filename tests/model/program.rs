//! Programs: what they may do, what is seen of them, and random ones.

use proptest::prelude::*;

/// The variables: two inline handles, two boxed ones, one cell.
pub(crate) const VARIABLES: usize = 5;

/// What the model knows of a variable; the real ones hold it in their own type.
pub(crate) type Value = u8;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Read(usize),
    ReadRef(usize),
    Write(usize, Value),
    Replace(usize, Value),
    Modify(usize, Value),
    Update(usize, Value),
    WriteIfChanged(usize, Value),
    /// Adds one variable to another.
    Add(usize, usize),
    /// Makes a variable, writes it, and reads it back.
    Fresh(Value, Value),
    Hooks,
    OrElse(Vec<Step>, Vec<Step>),
    Nested(Vec<Step>),
    /// Retries unless the variable has at least this value.
    Check(usize, Value),
    Retry,
    /// Retries, hides the signal, and ends its block as if nothing had happened.
    SwallowedRetry,
    /// Retries, hides the signal, and cancels.
    SwallowedRetryThenCancel(Value),
    /// Cancels if the variable has at least this value.
    CancelFrom(usize, Value),
    Cancel(Value),
    /// Lets another thread in.
    Yield,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Trace {
    /// What the reading steps returned, in order.
    pub(crate) seen: Vec<Value>,
    /// How the program ended: with an error, or not.
    pub(crate) error: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    Commit(usize),
    Rollback(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let variable = 0..VARIABLES;
    // Few values, so that programs meet.
    let value = 0..4_u8;
    let leaf = prop_oneof![
        4 => variable.clone().prop_map(Step::Read),
        1 => variable.clone().prop_map(Step::ReadRef),
        4 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::Write(x, value)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::Replace(x, value)),
        2 => (variable.clone(), 1..3_u8).prop_map(|(x, by)| Step::Modify(x, by)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, by)| Step::Update(x, by)),
        1 => (variable.clone(), value.clone()).prop_map(|(x, value)| Step::WriteIfChanged(x, value)),
        2 => (variable.clone(), variable.clone()).prop_map(|(x, y)| Step::Add(x, y)),
        1 => (value.clone(), value.clone()).prop_map(|(first, value)| Step::Fresh(first, value)),
        2 => Just(Step::Hooks),
        2 => (variable.clone(), 1..4_u8).prop_map(|(x, least)| Step::Check(x, least)),
        1 => Just(Step::Retry),
        1 => Just(Step::SwallowedRetry),
        1 => value.clone().prop_map(Step::SwallowedRetryThenCancel),
        1 => (variable, 2..6_u8).prop_map(|(x, least)| Step::CancelFrom(x, least)),
        1 => value.prop_map(Step::Cancel),
        1 => Just(Step::Yield),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let steps = prop::collection::vec(inner, 0..6);
        prop_oneof![
            2 => (steps.clone(), steps.clone()).prop_map(|(first, second)| Step::OrElse(first, second)),
            1 => steps.prop_map(Step::Nested),
        ]
    })
}

pub(crate) fn program(length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..length)
}
