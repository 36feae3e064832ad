//! Keys and values are dropped once, when nobody can see them any more.

use std::hash::{Hash, Hasher};

use common::{Census, Counted, on_a_small_stack, race, scaled, watchdog};
use stm::collections::{TMap, TMapView, TSet};
use stm::{TCell, atomically, cancel};

use super::hashers::Masked;

#[derive(Clone, Debug, PartialEq)]
struct Key(Counted);

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.payload.hash(state);
    }
}

#[test]
fn what_is_removed_replaced_or_cancelled_is_dropped() {
    let _watchdog = watchdog();
    let (keys, values) = (Census::new(), Census::new());
    let map: TMap<Key, Counted> = TMap::new();
    let insert = |n| atomically(|tx| map.insert(tx, Key(keys.value(n)), values.value(n)));
    for n in 0..1000 {
        insert(n);
    }
    keys.settle(1000);
    values.settle(1000);
    for n in 0..1000 {
        insert(n);
    }
    keys.settle(1000);
    values.settle(1000);
    let cancelled: Result<(), ()> = stm::try_atomically(|tx| {
        for n in 500..1500 {
            map.insert(tx, Key(keys.value(n)), values.value(n))?;
        }
        map.retain(tx, |key, _| key.0.payload % 2 == 0)?;
        cancel(())
    });
    cancelled.expect_err("it was cancelled");
    keys.settle(1000);
    values.settle(1000);
    atomically(|tx| map.retain(tx, |key, _| key.0.payload < 10));
    keys.settle(10);
    values.settle(10);
    atomically(|tx| map.drain(tx)).for_each(drop);
    keys.settle(0);
    values.settle(0);
    insert(1);
    drop(map);
    keys.settle(0);
    values.settle(0);
}

#[test]
fn a_view_keeps_what_it_has_and_no_more() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map: TMap<u64, Counted> = (0..100).map(|n| (n, census.value(n))).collect();
    let view = map.snapshot();
    for round in 1..10 {
        for n in 0..100 {
            atomically(|tx| map.insert(tx, n, census.value(n + round)));
        }
    }
    census.settle(200);
    atomically(|tx| map.clear(tx));
    census.settle(100);
    assert!(view.iter().all(|(key, value)| *key == value.payload));
    drop(view);
    census.settle(0);
}

/// A value that may have a view of the map that it is in.
#[derive(Clone)]
struct Witness {
    _counted: Counted,
    _view: Option<TMapView<u64, Witness>>,
}

#[test]
fn a_view_that_is_kept_in_its_own_map_is_no_cycle() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map: TMap<u64, Witness> = TMap::new();
    for n in 0..20 {
        // Each of what was there before, with the views that are in it.
        let _view = Some(map.snapshot());
        atomically(|tx| map.insert(tx, n, Witness { _counted: census.value(n), _view: _view.clone() }));
    }
    let last = map.snapshot();
    drop(map);
    stm::collect();
    assert_eq!(last.len(), 20);
    drop(last);
    census.settle(0);
}

#[test]
fn fresh_keys_come_and_go_on_several_threads() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map: TMap<u64, Counted> = TMap::new();
    let each = scaled(20_000) as u64;
    race(4, |me| {
        let own = |n: u64| n * 4 + me as u64;
        for n in 0..each {
            atomically(|tx| {
                map.insert(tx, own(n), census.value(n))?;
                if n >= 50 { map.remove(tx, &own(n - 50)).map(drop) } else { Ok(()) }
            });
        }
    });
    census.settle(200);
    assert_eq!(map.snapshot().len(), 200);
    drop(map);
    census.settle(0);
}

/// Runs a transaction when it is dropped, which is a panic inside of a body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Busy(u64);

static ENDED: TCell<u64> = TCell::new(0);

impl Drop for Busy {
    fn drop(&mut self) {
        atomically(|tx| ENDED.modify(tx, |n| n + 1));
    }
}

#[test]
fn destructors_of_keys_and_values_run_outside_of_bodies() {
    let _watchdog = watchdog();
    let map: TMap<Busy, Busy> = TMap::new();
    for round in 0..20 {
        atomically(|tx| (0..50).try_for_each(|n| map.insert(tx, Busy(n), Busy(round)).map(std::mem::forget)));
        let view = map.snapshot();
        atomically(|tx| (0..50).try_for_each(|n| map.update(tx, &view_key(&view, n), |value| value.0 += 1).map(drop)));
        atomically(|tx| map.retain(tx, |key, _| key.0 % 2 == round % 2));
        let cancelled: Result<(), ()> = stm::try_atomically(|tx| {
            (0..50).try_for_each(|n| map.insert(tx, Busy(n), Busy(n)).map(std::mem::forget))?;
            cancel(())
        });
        cancelled.expect_err("it was cancelled");
    }
    drop(map);
    stm::collect();
    assert!(ENDED.load() > 20 * 50);
}

/// A key that need not be made in a body.
fn view_key(view: &TMapView<Busy, Busy>, payload: u64) -> std::mem::ManuallyDrop<Busy> {
    assert!(view.keys().any(|key| key.0 == payload));
    std::mem::ManuallyDrop::new(Busy(payload))
}

#[test]
fn a_million_entries_are_dropped_without_recursion_and_without_a_leak() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let census = Census::new();
        let map: TMap<u64, Counted> = (0..1_000_000).map(|n| (n, census.value(n))).collect();
        assert_eq!(census.live(), 1_000_000);
        drop(map);
        census.settle(0);
    });
}

#[test]
fn a_million_members_are_dropped_without_recursion_and_without_a_leak() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let (census, count) = (Census::new(), scaled(1_000_000) as u64);
        let set: TSet<Key> = (0..count).map(|n| Key(census.value(n))).collect();
        assert_eq!(census.live(), count as isize);
        // A view keeps them when the set has let go of them.
        let view = set.snapshot();
        atomically(|tx| set.clear(tx));
        drop(set);
        census.settle(count as usize);
        drop(view);
        census.settle(0);
    });
}

#[test]
fn a_long_chain_of_collisions_is_dropped_without_recursion() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let census = Census::new();
        let map: TMap<u64, Counted, Masked> = TMap::with_hasher(Masked(0));
        for n in 0..2000 {
            atomically(|tx| map.insert(tx, n, census.value(n)));
        }
        assert_eq!(map.snapshot().len(), 2000);
        drop(map);
        census.settle(0);
    });
}
