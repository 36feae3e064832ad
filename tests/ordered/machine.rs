//! The map beside a `BTreeMap`: any operations in any transactions, some parts of which are undone.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use common::watchdog;
use proptest::prelude::*;
use stm::collections::TOrdMap;
use stm::{StmResult, Transaction, TxResult, atomically, cancel, snapshot};

type Map = TOrdMap<u8, String>;
type Model = BTreeMap<u8, String>;

#[derive(Clone, Debug)]
enum Step {
    Get(u8),
    Insert(u8),
    Remove(u8),
    Update(u8),
    /// An update whose closure does something else with the map.
    UpdateAround(u8, Vec<Step>),
    Alter(u8, Option<u8>),
    GetOrInsert(u8),
    /// Waits for a key, or for any, and does something else instead.
    TakeOr(Take, Box<Step>),
    Drain,
    First,
    Last,
    NextAfter(u8),
    PrevBefore(u8),
    PopFirst,
    PopLast,
    Range(Bound<u8>, Bound<u8>),
    Until(Bound<u8>, usize),
    /// Cuts the map in two, changes the part behind, and puts the parts together again.
    SplitAndAppend(u8, Vec<Step>),
    /// Appends pairs, some of which are there.
    Append(Vec<u8>),
    Extend(Vec<u8>),
    Retain(u8),
    Clear,
    /// A part on its own, which is undone if that says so.
    Nested(Vec<Step>, bool),
}

#[derive(Clone, Debug)]
enum Take {
    Key(u8),
    First,
    Last,
    /// Leaves it there.
    WaitFor(u8),
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

fn key() -> impl Strategy<Value = u8> {
    0_u8..40
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(key(), 0..12)
}

fn step() -> impl Strategy<Value = Step> {
    let leaf = prop_oneof![
        3 => key().prop_map(Step::Get),
        8 => key().prop_map(Step::Insert),
        5 => key().prop_map(Step::Remove),
        2 => key().prop_map(Step::Update),
        3 => (key(), prop::option::of(key())).prop_map(|(key, value)| Step::Alter(key, value)),
        1 => Just(Step::First),
        1 => Just(Step::Last),
        2 => key().prop_map(Step::NextAfter),
        2 => key().prop_map(Step::PrevBefore),
        1 => Just(Step::PopFirst),
        1 => Just(Step::PopLast),
        3 => (bound(), bound()).prop_map(|(start, end)| Step::Range(start, end)),
        1 => (bound(), 0_usize..5).prop_map(|(start, count)| Step::Until(start, count)),
        1 => keys().prop_map(Step::Append),
        2 => keys().prop_map(Step::Extend),
        1 => (2_u8..5).prop_map(Step::Retain),
        1 => Just(Step::Clear),
        1 => Just(Step::Drain),
        2 => key().prop_map(Step::GetOrInsert),
    ];
    leaf.prop_recursive(2, 16, 6, |inner| {
        let (steps, step) = (prop::collection::vec(inner.clone(), 0..6), inner);
        let what = || {
            prop_oneof![key().prop_map(Take::Key), key().prop_map(Take::WaitFor), Just(Take::First), Just(Take::Last)]
        };
        prop_oneof![
            (key(), steps.clone()).prop_map(|(key, steps)| Step::SplitAndAppend(key, steps)),
            (key(), steps.clone()).prop_map(|(key, steps)| Step::UpdateAround(key, steps)),
            (what(), step).prop_map(|(what, step)| Step::TakeOr(what, Box::new(step))),
            (steps, any::<bool>()).prop_map(|(steps, undone)| Step::Nested(steps, undone)),
        ]
    })
}

fn pairs<'m>(pairs: impl Iterator<Item = (&'m u8, &'m String)>) -> Vec<(u8, String)> {
    pairs.map(|(key, value)| (*key, value.clone())).collect()
}

/// A value that no other step has written.
fn fresh(key: u8, time: &mut u64) -> String {
    *time += 1;
    format!("{key} at {time}")
}

fn take(tx: &Transaction, step: &Step, map: &Map, model: &mut Model, time: &mut u64) -> StmResult<()> {
    match step {
        Step::Get(key) => {
            assert_eq!(map.get(tx, key)?.as_ref(), model.get(key));
            assert_eq!(map.contains_key(tx, key)?, model.contains_key(key));
            assert_eq!(map.with(tx, key, String::len)?, model.get(key).map(String::len));
        }
        Step::Insert(key) => {
            let value = fresh(*key, time);
            assert_eq!(map.insert(tx, *key, value.clone())?, model.insert(*key, value));
        }
        Step::Remove(key) => assert_eq!(map.remove(tx, key)?, model.remove(key)),
        Step::Update(key) => {
            let add = |value: &mut String| {
                value.push('!');
                value.len()
            };
            assert_eq!(map.update(tx, key, add)?, model.get_mut(key).map(add));
        }
        Step::Alter(key, value) => {
            let new = value.map(|value| fresh(value, time));
            let mut old = None;
            map.alter(tx, *key, |value| {
                old = value;
                new.clone()
            })?;
            let expected = match new {
                Some(new) => model.insert(*key, new),
                None => model.remove(key),
            };
            assert_eq!(old, expected);
        }
        Step::UpdateAround(key, steps) => {
            let (old, mut over) = (model.get(key).cloned(), Ok(()));
            let new = fresh(*key, time);
            let updated = map.update(tx, key, |value| {
                over = steps.iter().try_for_each(|step| take(tx, step, map, model, time));
                std::mem::replace(value, new.clone())
            });
            over?;
            assert_eq!(updated?, old);
            if old.is_some() {
                model.insert(*key, new);
            }
        }
        Step::GetOrInsert(key) => {
            let new = fresh(*key, time);
            let there = map.get_or_insert_with(tx, *key, || new.clone())?;
            assert_eq!(there, *model.entry(*key).or_insert(new));
        }
        Step::TakeOr(what, instead) => {
            let taken = tx.or_else(|tx| take_or_wait(tx, what, map).map(Some), |_| Ok(None))?;
            let expected = match what {
                Take::Key(key) => model.remove_entry(key),
                Take::WaitFor(key) => model.get_key_value(key).map(|(key, value)| (*key, value.clone())),
                Take::First => model.pop_first(),
                Take::Last => model.pop_last(),
            };
            assert_eq!(taken, expected);
            if taken.is_none() {
                take(tx, instead, map, model, time)?;
            }
        }
        Step::Drain => assert_eq!(map.drain(tx)?.collect::<Model>(), std::mem::take(model)),
        Step::SplitAndAppend(key, steps) => {
            let (behind, mut model_behind) = (map.split_off(tx, key)?, model.split_off(key));
            steps.iter().try_for_each(|step| take(tx, step, &behind, &mut model_behind, time))?;
            map.append(tx, &behind)?;
            model.append(&mut model_behind);
            assert!(behind.is_empty(tx)?);
        }
        Step::Append(keys) => {
            let other: Model = keys.iter().map(|key| (*key, fresh(*key, time))).collect();
            map.append(tx, &Map::from_iter(other.clone()))?;
            model.extend(other);
        }
        Step::Extend(keys) => {
            let other: Vec<_> = keys.iter().map(|key| (*key, fresh(*key, time))).collect();
            map.extend(tx, other.clone())?;
            model.extend(other);
        }
        Step::Retain(divisor) => {
            map.retain(tx, |key, _| key % divisor != 0)?;
            model.retain(|key, _| key % divisor != 0);
        }
        Step::Clear => {
            map.clear(tx)?;
            model.clear();
        }
        Step::Nested(steps, undone) => {
            let (mut inner, mut inner_time) = (model.clone(), *time);
            let result = tx.nested(|tx| -> TxResult<(), ()> {
                steps.iter().try_for_each(|step| take(tx, step, map, &mut inner, &mut inner_time))?;
                if *undone { cancel(()) } else { Ok(()) }
            })?;
            *time = inner_time;
            assert_eq!(result.is_err(), *undone);
            if !*undone {
                *model = inner;
            }
        }
        _ => ends_and_ranges(tx, step, map, model)?,
    }
    Ok(())
}

fn take_or_wait(tx: &Transaction, what: &Take, map: &Map) -> StmResult<(u8, String)> {
    match what {
        Take::Key(key) => Ok((*key, map.take(tx, key)?)),
        Take::WaitFor(key) => Ok((*key, map.wait_for(tx, key)?)),
        Take::First => map.take_first(tx),
        Take::Last => map.take_last(tx),
    }
}

fn ends_and_ranges(tx: &Transaction, step: &Step, map: &Map, model: &mut Model) -> StmResult<()> {
    let own = |(key, value): (&u8, &String)| (*key, value.clone());
    match step {
        Step::First => assert_eq!(map.first_key_value(tx)?, model.first_key_value().map(own)),
        Step::Last => assert_eq!(map.last_key_value(tx)?, model.last_key_value().map(own)),
        Step::NextAfter(key) => assert_eq!(map.next_after(tx, key)?, model.range(key + 1..).next().map(own)),
        Step::PrevBefore(key) => assert_eq!(map.prev_before(tx, key)?, model.range(..key).next_back().map(own)),
        Step::PopFirst => assert_eq!(map.pop_first(tx)?, model.pop_first()),
        Step::PopLast => assert_eq!(map.pop_last(tx)?, model.pop_last()),
        Step::Range(start, end) => {
            // `BTreeMap` refuses some ranges that are empty.
            let within = |key: &u8| std::ops::RangeBounds::contains(&(*start, *end), key);
            let expected = pairs(model.iter().filter(|(key, _)| within(key)));
            assert_eq!(map.range(tx, (*start, *end))?, expected);
        }
        Step::Until(start, count) => {
            let mut seen = Vec::new();
            let end = map.for_range(tx, (*start, Bound::Unbounded), |key, value| {
                seen.push((*key, value.clone()));
                if seen.len() > *count { ControlFlow::Break(*key) } else { ControlFlow::Continue(()) }
            })?;
            let expected = pairs(model.range((*start, Bound::Unbounded)).take(count + 1));
            let last = (expected.len() > *count).then(|| expected[*count].0);
            assert_eq!((seen, end.break_value()), (expected, last));
        }
        _ => unreachable!("another function's step"),
    }
    Ok(())
}

fn check(map: &Map, model: &Model) {
    assert_eq!(map.snapshot(), *model);
    snapshot(|tx| {
        assert_eq!((map.len(tx)?, map.is_empty(tx)?), (model.len(), model.is_empty()));
        assert!(map.iter(tx)?.eq(model.clone()));
        let mut seen = Vec::new();
        map.for_each(tx, |key, value| seen.push((*key, value.clone())))?;
        assert_eq!(seen, pairs(model.iter()));
        // By search, too: the upper levels have to agree.
        (0..40).try_for_each(|key| map.get(tx, &key).map(|value| assert_eq!(value.as_ref(), model.get(&key))))
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::scaled(400) as u32, ..ProptestConfig::default() })]

    #[test]
    fn the_map_is_what_a_btreemap_would_be(
        first in prop::collection::btree_map(key(), "[a-z]{0,3}", 0..20),
        transactions in prop::collection::vec((prop::collection::vec(step(), 1..12), any::<bool>()), 1..12),
    ) {
        let _watchdog = watchdog();
        let (map, mut model, mut time) = (Map::from_iter(first.clone()), first, 0);
        for (steps, undone) in &transactions {
            let result = stm::try_atomically(|tx| {
                let (mut inner, mut inner_time) = (model.clone(), time);
                steps.iter().try_for_each(|step| take(tx, step, &map, &mut inner, &mut inner_time))?;
                time = inner_time;
                if *undone { cancel(()) } else { Ok(inner) }
            });
            if let Ok(changed) = result {
                model = changed;
            }
            check(&map, &model);
        }
    }
}

#[test]
fn it_is_made_shown_and_extended_as_collections_are() {
    let mut map: TOrdMap<u8, &str> = [(2, "b"), (1, "x"), (1, "a")].into_iter().collect();
    assert_eq!(format!("{map:?}"), r#"{1: "a", 2: "b"}"#);
    Extend::extend(&mut map, [(3, "c"), (2, "B")]);
    assert_eq!((&map).into_iter().collect::<Vec<_>>(), [(1, "a"), (2, "B"), (3, "c")]);
    let shared = map.clone();
    assert!(shared == map && map.ptr_eq(&shared) && map != TOrdMap::from([(1, "a"), (2, "B"), (3, "c")]));
    (&mut &map).extend([(4, "d")]);
    assert_eq!(atomically(|tx| map.take(tx, &4)), "d");
    atomically(|tx| shared.remove(tx, &1));
    assert_eq!(map.snapshot().len(), 2);
    assert_eq!(TOrdMap::<u8, u8>::default().snapshot().len(), 0);
}

#[test]
fn a_map_is_shown_in_a_body_as_it_was_committed() {
    let map = TOrdMap::from_iter([(1, "a")]);
    let shown = atomically(|tx| {
        map.insert(tx, 2, "b")?;
        Ok(format!("{map:?}"))
    });
    assert_eq!(shown, r#"{1: "a"}"#);
}

#[test]
fn keys_are_searched_by_what_they_borrow_as() {
    let map = TOrdMap::from_iter([("one".to_owned(), 1), ("two".to_owned(), 2)]);
    atomically(|tx| {
        assert_eq!(map.get(tx, "one")?, Some(1));
        assert_eq!(map.next_after(tx, "one")?, Some(("two".to_owned(), 2)));
        assert_eq!(map.remove(tx, "two")?, Some(2));
        Ok(())
    });
}

#[test]
fn appending_a_map_to_itself_changes_nothing() {
    let map = TOrdMap::from_iter((0..100).map(|n| (n, n)));
    atomically(|tx| map.append(tx, &map.clone()));
    assert_eq!(map.snapshot().len(), 100);
}

#[test]
fn a_map_that_is_made_in_a_body_can_be_used_there() {
    let made = || TOrdMap::from_iter([(1, "a"), (2, "b")]);
    assert_eq!(snapshot(|tx| made().range(tx, ..)), [(1, "a"), (2, "b")]);
    let map = atomically(|tx| {
        let map = made();
        map.insert(tx, 3, "c")?;
        assert_eq!(map.remove(tx, &1)?, Some("a"));
        Ok(map)
    });
    assert_eq!(map.snapshot().len(), 2);
}
