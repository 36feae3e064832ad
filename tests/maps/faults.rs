//! Keys and values whose code panics: the map is whole afterwards.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::catch_unwind;

use common::{quietly, watchdog};
use stm::collections::TMap;
use stm::{StmResult, Transaction, atomically};

thread_local! {
    /// How many calls of user code on this thread go well before one panics.
    static FUSE: Cell<Option<u32>> = const { Cell::new(None) };
}

fn burn(what: &str) {
    match FUSE.get() {
        None => {}
        Some(0) => {
            FUSE.set(None);
            panic!("{what} failed");
        }
        Some(left) => FUSE.set(Some(left - 1)),
    }
}

#[derive(Debug, Eq, PartialOrd, Ord)]
struct Frail(u64);

impl Hash for Frail {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn("hash");
        // Many collisions.
        (self.0 % 8).hash(state);
    }
}

impl PartialEq for Frail {
    fn eq(&self, other: &Self) -> bool {
        burn("eq");
        self.0 == other.0
    }
}

impl Clone for Frail {
    fn clone(&self) -> Self {
        burn("clone");
        Self(self.0)
    }
}

impl Drop for Frail {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            burn("drop");
        }
    }
}

type Map = TMap<Frail, Frail>;

/// Something of everything, with splits, copies for a view, and pruning.
fn changes(tx: &Transaction<'_, '_>, map: &Map) -> StmResult<()> {
    for key in 20..40 {
        map.insert(tx, Frail(key), Frail(key))?;
    }
    map.update(tx, &Frail(3), |value| *value = Frail(33))?;
    map.alter(tx, Frail(4), |_| Some(Frail(44)))?;
    map.get(tx, &Frail(5))?;
    map.retain(tx, |key, _| !key.0.is_multiple_of(5))?;
    for key in 25..40 {
        map.remove(tx, &Frail(key))?;
    }
    map.view(tx)?;
    map.insert(tx, Frail(6), Frail(66)).map(drop)
}

fn content(map: &Map) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = map.snapshot().iter().map(|(key, value)| (key.0, value.0)).collect();
    all.sort_unstable();
    all
}

fn fresh() -> Map {
    let map: Map = (0..20).map(|n| (Frail(n), Frail(n))).collect();
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
        FUSE.set(Some(calls));
        let result = quietly(|| atomically(|tx| changes(tx, &map)));
        let burnt = FUSE.replace(None).is_none();
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
        FUSE.set(Some(calls));
        let made = quietly(|| (0..30).map(|n| (Frail(n % 20), Frail(n))).collect::<Map>());
        let burnt = FUSE.replace(None).is_none();
        assert_eq!(made.is_err(), burnt);
    }
    let map = fresh();
    FUSE.set(Some(3));
    quietly(|| format!("{map:?}")).expect_err("a clone fails");
    FUSE.set(None);
    assert_eq!(content(&map).len(), 20);
}

#[test]
fn a_destructor_that_panics_leaves_the_map_whole() {
    let map = fresh();
    for round in 0..50 {
        atomically(|tx| map.insert(tx, Frail(1), Frail(round)));
        FUSE.set(Some(0));
        // The panic comes out of whatever collects.
        let _ = quietly(stm::collect);
        FUSE.set(None);
        assert_eq!(atomically(|tx| map.with(tx, &Frail(1), |value| value.0)), Some(round));
    }
    assert_eq!(content(&map).len(), 20);
}

/// A body may catch the panic and go on: what an operation had not finished it has not begun.
#[test]
fn a_panic_that_the_body_catches_leaves_the_map_whole() {
    let _watchdog = watchdog();
    for fuse in 0..40 {
        // All at one place, so that the next key splits it.
        let map: Map = (0..4).map(|n| (Frail(8 * n), Frail(n))).collect();
        let inserted = quietly(|| {
            atomically(|tx| {
                FUSE.set(Some(fuse));
                let inserted = catch_unwind(|| map.insert(tx, Frail(32), Frail(4)));
                FUSE.set(None);
                inserted.map_or(Ok(false), |inserted| inserted.map(|_| true))
            })
        });
        let mut expected: Vec<_> = (0..4).map(|n| (8 * n, n)).collect();
        expected.extend(inserted.expect("it is caught").then_some((32, 4)));
        assert_eq!(content(&map), expected, "a panic after {fuse} calls");
        assert_eq!(map.snapshot().len(), expected.len());
    }
}
