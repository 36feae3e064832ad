//! What is done, and what comes of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::subject::Keyed;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Insert(u8, u64),
    Remove(u8),
    Clear,
    /// Begins a new generation of a map that has such.
    View,
    Nested(Vec<Step>, bool),
    /// With what the closure does before it returns, and whether it panics then.
    Update(u8, u64, Vec<Step>, bool),
    Alter(u8, Option<u64>, Vec<Step>, bool),
    GetOrInsert(u8, u64, Vec<Step>, bool),
    /// Refuses multiples.
    Retain(u64, Vec<Step>, bool),
}

impl Step {
    pub(crate) fn inside(&self) -> (&[Step], bool) {
        match self {
            Step::Update(_, _, inner, panics)
            | Step::Alter(_, _, inner, panics)
            | Step::GetOrInsert(_, _, inner, panics)
            | Step::Retain(_, inner, panics) => (inner, *panics),
            _ => (&[], false),
        }
    }
}

/// What an operation with a closure returns, if it returns a value.
pub(crate) type Outcome = Result<Option<u64>, ()>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) rows: BTreeMap<u8, u64>,
}

impl Model {
    /// Whether a row is refused: another has its value, in a structure that has each once.
    fn refuses<S: Keyed>(&self, key: u8, value: u64) -> bool {
        S::IS_UNIQUE && self.rows.iter().any(|(other, taken)| *other != key && *taken == value)
    }

    pub(crate) fn insert<S: Keyed>(&mut self, key: u8, value: u64) -> Outcome {
        if self.refuses::<S>(key, value) { Err(()) } else { Ok(self.rows.insert(key, value)) }
    }

    /// What is left to do of a step with a closure, after that was called, given what there was before.
    pub(crate) fn write<S: Keyed>(&mut self, step: &Step, before: &BTreeMap<u8, u64>) -> Outcome {
        match step {
            Step::Update(key, value, ..) => match before.get(key) {
                Some(old) => self.insert::<S>(*key, *value).map(|_| Some(*old)),
                None => Ok(None),
            },
            Step::Alter(..) | Step::GetOrInsert(..) if S::IS_UNIQUE => Ok(None),
            Step::Alter(key, Some(value), ..) => {
                self.rows.insert(*key, *value);
                Ok(before.get(key).copied())
            }
            Step::Alter(key, None, ..) => {
                self.rows.remove(key);
                Ok(before.get(key).copied())
            }
            Step::GetOrInsert(key, value, ..) => {
                if let Some(there) = before.get(key) {
                    return Ok(Some(*there));
                }
                self.rows.insert(*key, *value);
                Ok(Some(*value))
            }
            Step::Retain(divisor, ..) => {
                for (key, _) in before.iter().filter(|(_, value)| *value % divisor == 0) {
                    self.rows.remove(key);
                }
                Ok(None)
            }
            _ => unreachable!("a step without a closure"),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (key, value) = (|| 0_u8..7, || 1_u64..12);
    let leaf = prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => key().prop_map(Step::Remove),
        1 => Just(Step::Clear),
        1 => Just(Step::View),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        let inner = || (prop::collection::vec(inner.clone(), 0..5), prop::bool::weighted(0.15));
        prop_oneof![
            4 => (key(), value(), inner()).prop_map(|(key, value, (steps, panics))| {
                Step::Update(key, value, steps, panics)
            }),
            3 => (key(), prop::option::of(value()), inner()).prop_map(|(key, value, (steps, panics))| {
                Step::Alter(key, value, steps, panics)
            }),
            2 => (key(), value(), inner()).prop_map(|(key, value, (steps, panics))| {
                Step::GetOrInsert(key, value, steps, panics)
            }),
            2 => (2_u64..4, inner()).prop_map(|(divisor, (steps, panics))| Step::Retain(divisor, steps, panics)),
            1 => inner().prop_map(|(steps, undone)| Step::Nested(steps, undone)),
        ]
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..8)
}
