//! Random transactions on a map and on `HashMap`: same answers, same content, same views.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use stm::collections::{TMap, TMapView};
use stm::{StmResult, Transaction, atomically, snapshot};

use super::hashers::Masked;
use super::programs::{KEYS, Subject, hold};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Insert(u64, u64),
    Remove(u64),
    Get(u64),
    Contains(u64),
    Update(u64, u64),
    /// Adds so much, or removes what is a multiple of it.
    Alter(u64, u64),
    GetOrInsert(u64, u64),
    Extend(Vec<(u64, u64)>),
    Retain(u64),
    Clear,
    Drain,
    Len,
    IsEmpty,
    All,
    View,
    /// An update whose closure does something else with the map.
    UpdateAround(u64, Box<Op>),
}

/// What an operation tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Value(Option<u64>),
    Flag(bool),
    Count(usize),
    All(BTreeMap<u64, u64>),
}

/// Values in place, and boxed ones.
pub(crate) trait Value: Clone + Debug + PartialEq + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

impl Value for String {
    fn of(number: u64) -> Self {
        number.to_string()
    }

    fn number(&self) -> u64 {
        self.parse().expect("it was made of a number")
    }
}

type Map<V> = TMap<u64, V, Masked>;
type Views<V> = Vec<TMapView<u64, V, Masked>>;

fn all<V: Value>(entries: impl Iterator<Item = (u64, V)>) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    for (key, value) in entries {
        assert_eq!(found.insert(key, value.number()), None, "a key is there twice");
    }
    found
}

fn act<V: Value>(tx: &Transaction<'_, '_>, map: &Map<V>, op: &Op, views: &mut Views<V>) -> StmResult<Seen> {
    let value = |old: Option<V>| Seen::Value(old.map(|value| value.number()));
    Ok(match op {
        Op::Insert(k, v) => value(map.insert(tx, *k, V::of(*v))?),
        Op::Remove(k) => value(map.remove(tx, k)?),
        Op::Get(k) => value(map.get(tx, k)?),
        Op::Contains(k) => Seen::Flag(map.contains_key(tx, k)?),
        Op::Update(k, v) => value(map.update(tx, k, |value| std::mem::replace(value, V::of(*v)))?),
        Op::UpdateAround(k, other) => {
            let mut inner = None;
            map.update(tx, k, |value| {
                *value = V::of(77);
                inner = Some(act(tx, map, other, views));
            })?;
            return inner.unwrap_or(Ok(Seen::Flag(false)));
        }
        Op::Alter(k, v) => {
            let change = |old: Option<V>| match old.map_or(0, |value| value.number()) + v {
                sum if sum % 3 == 0 => None,
                sum => Some(V::of(sum)),
            };
            map.alter(tx, *k, change)?;
            Seen::Flag(true)
        }
        Op::GetOrInsert(k, v) => value(Some(map.get_or_insert_with(tx, *k, || V::of(*v))?)),
        Op::Extend(items) => {
            map.extend(tx, items.iter().map(|(k, v)| (*k, V::of(*v))))?;
            Seen::Flag(true)
        }
        Op::Retain(n) => {
            map.retain(tx, |key, value| (key + value.number()) % n != 0)?;
            Seen::Flag(true)
        }
        Op::Clear => {
            map.clear(tx)?;
            Seen::Flag(true)
        }
        Op::Drain => Seen::All(all(map.drain(tx)?)),
        Op::Len => Seen::Count(map.len(tx)?),
        Op::IsEmpty => Seen::Flag(map.is_empty(tx)?),
        Op::All => Seen::All(all(map.iter(tx)?)),
        Op::View => {
            views.push(map.view(tx)?);
            Seen::Flag(true)
        }
    })
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    map: HashMap<u64, u64>,
    views: Vec<HashMap<u64, u64>>,
}

impl Model {
    fn sorted(&self) -> BTreeMap<u64, u64> {
        self.map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    fn act(&mut self, op: &Op) -> Seen {
        let map = &mut self.map;
        match op {
            Op::Insert(k, v) => Seen::Value(map.insert(*k, *v)),
            Op::Remove(k) => Seen::Value(map.remove(k)),
            Op::Get(k) => Seen::Value(map.get(k).copied()),
            Op::Contains(k) => Seen::Flag(map.contains_key(k)),
            Op::Update(k, v) => Seen::Value(map.get_mut(k).map(|value| std::mem::replace(value, *v))),
            Op::UpdateAround(k, other) => {
                if !map.contains_key(k) {
                    return Seen::Flag(false);
                }
                let seen = self.act(other);
                // Whatever that did to it.
                self.map.insert(*k, 77);
                seen
            }
            Op::Alter(k, v) => {
                match map.get(k).copied().unwrap_or(0) + v {
                    sum if sum % 3 == 0 => map.remove(k),
                    sum => map.insert(*k, sum),
                };
                Seen::Flag(true)
            }
            Op::GetOrInsert(k, v) => Seen::Value(Some(*map.entry(*k).or_insert(*v))),
            Op::Extend(items) => {
                map.extend(items.iter().copied());
                Seen::Flag(true)
            }
            Op::Retain(n) => {
                map.retain(|key, value| (*key + *value) % n != 0);
                Seen::Flag(true)
            }
            Op::Clear => {
                map.clear();
                Seen::Flag(true)
            }
            Op::Drain => {
                let all = self.sorted();
                self.map.clear();
                Seen::All(all)
            }
            Op::Len => Seen::Count(map.len()),
            Op::IsEmpty => Seen::Flag(map.is_empty()),
            Op::All => Seen::All(self.sorted()),
            Op::View => {
                self.views.push(map.clone());
                Seen::Flag(true)
            }
        }
    }
}

fn check_view<V: Value>(view: &TMapView<u64, V, Masked>, expected: &HashMap<u64, u64>) -> Result<(), TestCaseError> {
    let found: HashMap<u64, u64> = view.iter().map(|(key, value)| (*key, value.number())).collect();
    prop_assert_eq!(&found, expected);
    prop_assert_eq!(view.len(), expected.len());
    prop_assert_eq!(view.iter().len(), view.iter().count());
    for key in 0..KEYS {
        prop_assert_eq!(view.get(&key).map(Value::number), expected.get(&key).copied());
    }
    Ok(())
}

impl<V: Value> Subject for Map<V> {
    type Op = Op;
    type Seen = Seen;
    type View = TMapView<u64, V, Masked>;
    type Model = Model;

    fn act(&self, tx: &Transaction<'_, '_>, op: &Op, views: &mut Views<V>) -> StmResult<Seen> {
        act(tx, self, op, views)
    }

    fn act_on(model: &mut Model, op: &Op) -> Seen {
        model.act(op)
    }

    fn check(&self, model: &Model) -> Result<(), TestCaseError> {
        prop_assert_eq!(all(snapshot(|tx| self.iter(tx))), model.sorted());
        prop_assert_eq!(snapshot(|tx| self.len(tx)), model.map.len());
        prop_assert_eq!(snapshot(|tx| self.is_empty(tx)), model.map.is_empty());
        Ok(())
    }

    fn check_views(views: &[Self::View], model: &Model) -> Result<(), TestCaseError> {
        prop_assert_eq!(views.len(), model.views.len());
        views.iter().zip(&model.views).try_for_each(|(view, expected)| check_view(view, expected))
    }
}

fn op() -> BoxedStrategy<Op> {
    let (k, v) = (|| 0..KEYS, || 0..100_u64);
    let simple = prop_oneof![
        8 => (k(), v()).prop_map(|(k, v)| Op::Insert(k, v)),
        5 => k().prop_map(Op::Remove),
        3 => k().prop_map(Op::Get),
        1 => k().prop_map(Op::Contains),
        2 => (k(), v()).prop_map(|(k, v)| Op::Update(k, v)),
        2 => (k(), v()).prop_map(|(k, v)| Op::Alter(k, v)),
        1 => (k(), v()).prop_map(|(k, v)| Op::GetOrInsert(k, v)),
        2 => prop::collection::vec((k(), v()), 0..30).prop_map(Op::Extend),
        1 => (2..5_u64).prop_map(Op::Retain),
        1 => prop_oneof![Just(Op::Clear), Just(Op::Drain)],
        1 => Just(Op::Len),
        1 => Just(Op::IsEmpty),
        1 => Just(Op::All),
        3 => Just(Op::View),
    ];
    simple
        .prop_recursive(2, 3, 1, |inner| (0..KEYS, inner).prop_map(|(k, op)| Op::UpdateAround(k, Box::new(op))))
        .boxed()
}

fn holds<V: Value>(mask: u64) {
    hold(|| Map::<V>::with_hasher(Masked(mask)), op);
}

#[test]
fn a_map_does_what_hash_map_does() {
    holds::<u64>(u64::MAX);
    holds::<String>(u64::MAX);
}

#[test]
fn so_it_does_if_hashes_collide() {
    holds::<u64>(3);
    holds::<String>(3);
}

#[test]
fn so_it_does_if_all_hashes_are_equal() {
    holds::<u64>(0);
    holds::<String>(0);
}

#[test]
fn reading_a_view_in_a_later_body_is_reading_the_past() {
    let map: Map<u64> = (0..100).map(|n| (n, n)).collect();
    let view = map.snapshot();
    let sums = atomically(|tx| {
        map.insert(tx, 0, 1000)?;
        let now: u64 = map.iter(tx)?.map(|(_, value)| value).sum();
        Ok((view.values().sum::<u64>(), now))
    });
    assert_eq!(sums, (4950, 5950));
}
