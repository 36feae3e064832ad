//! `TSet` and `TOrdMap`.

use common::{Census, Frail};
use stm::collections::{TOrdMap, TSet};

use super::case::{Case, frail, numbers};

type Set = TSet<Frail>;

/// What is there belongs to a view, so that it is copied when it is changed.
fn viewed_set(census: &Census) -> Set {
    let set: Set = frail(census, 0..12).collect();
    drop(set.snapshot());
    set
}

fn members(set: &Set) -> Vec<u64> {
    let mut all = numbers(set.snapshot().iter());
    all.sort_unstable();
    assert_eq!(set.snapshot().len(), all.len());
    all
}

#[test]
fn a_set() {
    Case {
        name: "TSet",
        fresh: viewed_set,
        content: members,
        operations: &[
            |tx, set, census| set.insert(tx, Frail::of(census, 20)).map(drop),
            |tx, set, census| set.insert(tx, Frail::of(census, 3)).map(drop),
            |tx, set, census| set.remove(tx, &Frail::of(census, 3)).map(drop),
            |tx, set, census| set.contains(tx, &Frail::of(census, 11)).map(drop),
            |tx, set, _| set.clear(tx),
            |tx, set, _| set.iter(tx).map(drop),
            |tx, set, _| set.drain(tx).map(drop),
            |tx, set, _| set.view(tx).map(drop),
        ],
        sequences: &[
            |tx, set, census| set.extend(tx, frail(census, 8..24)),
            |tx, set, _| set.retain(tx, |key| !key.number().is_multiple_of(3)),
            |tx, set, census| {
                (0..6).try_for_each(|number| set.remove(tx, &Frail::of(census, number)).map(drop))?;
                set.view(tx)?;
                set.insert(tx, Frail::of(census, 30)).map(drop)
            },
        ],
        calls: &["hash", "eq", "clone", "drop"],
    }
    .check();
}

type Map = TOrdMap<Frail, Frail>;

fn pairs(map: &Map) -> Vec<u64> {
    map.snapshot().iter().flat_map(|(key, value)| [key.number(), value.number()]).collect()
}

fn ordered_map(census: &Census) -> Map {
    frail(census, (0..24).step_by(2)).zip(frail(census, 100..112)).collect()
}

#[test]
fn an_ordered_map() {
    Case {
        name: "TOrdMap",
        fresh: ordered_map,
        content: pairs,
        operations: &[
            |tx, map, census| map.insert(tx, Frail::of(census, 7), Frail::of(census, 70)).map(drop),
            |tx, map, census| map.insert(tx, Frail::of(census, 8), Frail::of(census, 80)).map(drop),
            |tx, map, census| map.remove(tx, &Frail::of(census, 8)).map(drop),
            |tx, map, census| map.update(tx, &Frail::of(census, 8), |value| value.set(80)).map(drop),
            |tx, map, census| map.alter(tx, Frail::of(census, 8), |_| None),
            |tx, map, census| map.alter(tx, Frail::of(census, 9), |old| old.or_else(|| Some(Frail::new(90)))),
            |tx, map, census| map.get_or_insert_with(tx, Frail::of(census, 9), || Frail::new(90)).map(drop),
            |tx, map, _| map.pop_first(tx).map(drop),
            |tx, map, _| map.pop_last(tx).map(drop),
            |tx, map, _| map.range(tx, ..).map(drop),
            |tx, map, _| map.clear(tx),
            |tx, map, _| map.drain(tx).map(drop),
            |tx, map, _| map.retain(tx, |key, _| !key.number().is_multiple_of(3)),
            |tx, map, census| map.split_off(tx, &Frail::of(census, 9)).map(drop),
        ],
        sequences: &[
            |tx, map, census| map.extend(tx, frail(census, 5..12).zip(frail(census, 50..57))),
            |tx, map, census| {
                let other = map.split_off(tx, &Frail::of(census, 9))?;
                map.insert(tx, Frail::of(census, 1), Frail::of(census, 10))?;
                other.pop_last(tx)?;
                map.append(tx, &other)
            },
        ],
        calls: &["cmp", "clone", "drop"],
    }
    .check();
}
