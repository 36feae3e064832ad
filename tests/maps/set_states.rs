//! Random transactions on a set and on `HashSet`.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use stm::collections::{TSet, TSetView};
use stm::{StmResult, Transaction, snapshot};

use super::hashers::Masked;
use super::programs::{KEYS, Subject, hold};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Insert(u64),
    Remove(u64),
    Contains(u64),
    /// If it is there: else the other branch of an `or_else` is taken.
    WaitFor(u64),
    Take(u64),
    Extend(Vec<u64>),
    Retain(u64),
    Clear,
    Drain,
    Len,
    IsEmpty,
    All,
    ForEach,
    View,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Nothing,
    Flag(bool),
    Count(usize),
    All(BTreeSet<u64>),
}

type Set = TSet<u64, Masked>;

#[derive(Clone, Default)]
pub(crate) struct Model {
    set: HashSet<u64>,
    views: Vec<HashSet<u64>>,
}

impl Model {
    fn sorted(&self) -> BTreeSet<u64> {
        self.set.iter().copied().collect()
    }
}

fn all(keys: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    keys.into_iter().for_each(|key| assert!(found.insert(key), "{key} is there twice"));
    found
}

impl Subject for Set {
    type Op = Op;
    type Seen = Seen;
    type View = TSetView<u64, Masked>;
    type Model = Model;

    fn act(&self, tx: &Transaction<'_, '_>, op: &Op, views: &mut Vec<Self::View>) -> StmResult<Seen> {
        Ok(match op {
            Op::Insert(key) => Seen::Flag(self.insert(tx, *key)?),
            Op::Remove(key) => Seen::Flag(self.remove(tx, key)?),
            Op::Contains(key) => Seen::Flag(self.contains(tx, key)?),
            Op::WaitFor(key) => Seen::Flag(tx.or_else(|tx| self.wait_for(tx, key).map(|()| true), |_| Ok(false))?),
            Op::Take(key) => Seen::Flag(tx.or_else(|tx| self.take(tx, key).map(|()| true), |_| Ok(false))?),
            Op::Extend(keys) => {
                self.extend(tx, keys.iter().copied())?;
                Seen::Nothing
            }
            Op::Retain(divisor) => {
                self.retain(tx, |key| key % divisor != 0)?;
                Seen::Nothing
            }
            Op::Clear => {
                self.clear(tx)?;
                Seen::Nothing
            }
            Op::Drain => Seen::All(all(self.drain(tx)?)),
            Op::Len => Seen::Count(self.len(tx)?),
            Op::IsEmpty => Seen::Flag(self.is_empty(tx)?),
            Op::All => Seen::All(all(self.iter(tx)?)),
            Op::ForEach => {
                let mut keys = Vec::new();
                self.for_each(tx, |key| keys.push(*key))?;
                Seen::All(all(keys))
            }
            Op::View => {
                views.push(self.view(tx)?);
                Seen::Nothing
            }
        })
    }

    fn act_on(model: &mut Model, op: &Op) -> Seen {
        let set = &mut model.set;
        match op {
            Op::Insert(key) => return Seen::Flag(set.insert(*key)),
            Op::Remove(key) | Op::Take(key) => return Seen::Flag(set.remove(key)),
            Op::Contains(key) | Op::WaitFor(key) => return Seen::Flag(set.contains(key)),
            Op::Extend(keys) => set.extend(keys),
            Op::Retain(divisor) => set.retain(|key| key % divisor != 0),
            Op::Clear => set.clear(),
            Op::Drain => return Seen::All(set.drain().collect()),
            Op::Len => return Seen::Count(set.len()),
            Op::IsEmpty => return Seen::Flag(set.is_empty()),
            Op::All | Op::ForEach => return Seen::All(model.sorted()),
            Op::View => model.views.push(set.clone()),
        }
        Seen::Nothing
    }

    fn check(&self, model: &Model) -> Result<(), TestCaseError> {
        prop_assert_eq!(all(snapshot(|tx| self.iter(tx))), model.sorted());
        prop_assert_eq!(snapshot(|tx| self.len(tx)), model.set.len());
        prop_assert_eq!(snapshot(|tx| self.is_empty(tx)), model.set.is_empty());
        (0..KEYS).try_for_each(|key| {
            prop_assert_eq!(snapshot(|tx| self.contains(tx, &key)), model.set.contains(&key));
            Ok(())
        })
    }

    fn check_views(views: &[Self::View], model: &Model) -> Result<(), TestCaseError> {
        prop_assert_eq!(views.len(), model.views.len());
        for (view, expected) in views.iter().zip(&model.views) {
            prop_assert_eq!(all(view.iter().copied()), expected.iter().copied().collect());
            prop_assert_eq!(view.len(), expected.len());
            prop_assert_eq!(view.is_empty(), expected.is_empty());
            prop_assert!((0..KEYS).all(|key| view.contains(&key) == expected.contains(&key)));
        }
        Ok(())
    }
}

fn op() -> BoxedStrategy<Op> {
    let key = || 0..KEYS;
    prop_oneof![
        8 => key().prop_map(Op::Insert),
        5 => key().prop_map(Op::Remove),
        3 => key().prop_map(Op::Contains),
        1 => key().prop_map(Op::WaitFor),
        2 => key().prop_map(Op::Take),
        2 => prop::collection::vec(key(), 0..30).prop_map(Op::Extend),
        1 => (2..5_u64).prop_map(Op::Retain),
        1 => prop_oneof![Just(Op::Clear), Just(Op::Drain)],
        2 => prop_oneof![Just(Op::Len), Just(Op::IsEmpty), Just(Op::All), Just(Op::ForEach)],
        3 => Just(Op::View),
    ]
    .boxed()
}

/// With hashes of which these bits count.
fn holds(mask: u64) {
    hold(|| Set::with_hasher(Masked(mask)), op);
}

#[test]
fn a_set_does_what_hash_set_does() {
    holds(u64::MAX);
}

#[test]
fn so_it_does_if_hashes_collide() {
    holds(3);
}

#[test]
fn so_it_does_if_all_hashes_are_equal() {
    holds(0);
}
