//! Keys and values whose code panics: the map is whole afterwards.

use std::panic::catch_unwind;

use common::{Frail, light_fuse, put_out_fuse, quietly, watchdog};
use stm::collections::TMap;
use stm::{StmResult, Transaction, atomically};

type Map = TMap<Frail, Frail>;

/// Something of everything, with splits, copies for a view, and pruning.
fn changes(tx: &Transaction<'_, '_>, map: &Map) -> StmResult<()> {
    for key in 20..40 {
        map.insert(tx, Frail::new(key), Frail::new(key))?;
    }
    map.update(tx, &Frail::new(3), |value| *value = Frail::new(33))?;
    map.alter(tx, Frail::new(4), |_| Some(Frail::new(44)))?;
    map.get(tx, &Frail::new(5))?;
    map.retain(tx, |key, _| !key.number().is_multiple_of(5))?;
    for key in 25..40 {
        map.remove(tx, &Frail::new(key))?;
    }
    map.view(tx)?;
    map.insert(tx, Frail::new(6), Frail::new(66)).map(drop)
}

fn content(map: &Map) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = map.snapshot().iter().map(|(key, value)| (key.number(), value.number())).collect();
    all.sort_unstable();
    all
}

fn fresh() -> Map {
    let map: Map = (0..20).map(|n| (Frail::new(n), Frail::new(n))).collect();
    // What is there belongs to a view, so that it is copied.
    let _view = map.snapshot();
    map
}

#[test]
fn a_panic_anywhere_undoes_the_transaction_and_the_map_goes_on() {
    let _watchdog = watchdog();
    let map = fresh();
    let before = content(&map);
    let after = {
        let map = fresh();
        atomically(|tx| changes(tx, &map));
        content(&map)
    };
    assert_ne!(before, after);
    let mut panics = 0;
    for calls in 0.. {
        let map = fresh();
        stm::collect();
        light_fuse(calls);
        let result = quietly(|| atomically(|tx| changes(tx, &map)));
        let burnt = put_out_fuse();
        let found = content(&map);
        // A destructor that panics after the commit changes nothing.
        assert!(found == before || found == after, "after {calls} calls: {found:?}");
        assert!(result.is_err() || found == after);
        assert_eq!(map.snapshot().len(), found.len());
        atomically(|tx| changes(tx, &map));
        assert_eq!(content(&map), after);
        panics += u32::from(result.is_err());
        if !burnt {
            break;
        }
    }
    assert!(panics > 100, "only {panics} panics");
}

#[test]
fn making_a_map_and_showing_it_may_panic_too() {
    for calls in 0..100 {
        light_fuse(calls);
        let made = quietly(|| (0..30).map(|n| (Frail::new(n % 20), Frail::new(n))).collect::<Map>());
        let burnt = put_out_fuse();
        assert_eq!(made.is_err(), burnt);
    }
    let map = fresh();
    light_fuse(3);
    quietly(|| format!("{map:?}")).expect_err("a clone fails");
    put_out_fuse();
    assert_eq!(content(&map).len(), 20);
}

#[test]
fn a_destructor_that_panics_leaves_the_map_whole() {
    let map = fresh();
    for round in 0..50 {
        atomically(|tx| map.insert(tx, Frail::new(1), Frail::new(round)));
        light_fuse(0);
        // The panic comes out of whatever collects.
        let _ = quietly(stm::collect);
        put_out_fuse();
        assert_eq!(atomically(|tx| map.with(tx, &Frail::new(1), Frail::number)), Some(round));
    }
    assert_eq!(content(&map).len(), 20);
}

/// A body may catch the panic and go on: what an operation had not finished it has not begun.
#[test]
fn a_panic_that_the_body_catches_leaves_the_map_whole() {
    let _watchdog = watchdog();
    for fuse in 0..40 {
        // All at one place, so that the next key splits it.
        let map: Map = (0..4).map(|n| (Frail::new(8 * n), Frail::new(n))).collect();
        let inserted = quietly(|| {
            atomically(|tx| {
                light_fuse(fuse);
                let inserted = catch_unwind(|| map.insert(tx, Frail::new(32), Frail::new(4)));
                put_out_fuse();
                inserted.map_or(Ok(false), |inserted| inserted.map(|_| true))
            })
        });
        let mut expected: Vec<_> = (0..4).map(|n| (8 * n, n)).collect();
        expected.extend(inserted.expect("it is caught").then_some((32, 4)));
        assert_eq!(content(&map), expected, "a panic after {fuse} calls");
        assert_eq!(map.snapshot().len(), expected.len());
    }
}
