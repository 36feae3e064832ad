//! The standard library's traits.

use std::collections::{BTreeSet, HashMap};

use common::expect_panic;
use stm::collections::{TMap, TMapView, TSet, TSetView};
use stm::{TVar, atomically, snapshot};

use super::hashers::Masked;

#[test]
fn handles_are_equal_if_they_are_of_one_map() {
    let map: TMap<u64, u64> = TMap::from([(1, 1)]);
    let same = map.clone();
    atomically(|tx| same.insert(tx, 2, 2));
    assert!(map == same && map.ptr_eq(&same) && map != TMap::from([(1, 1), (2, 2)]));
    assert_eq!(map.snapshot().len(), 2);
    let other = TMap::from([(2, 2), (1, 1)]);
    assert!(map != other && map.snapshot() == map.snapshot());
    assert_ne!(map.snapshot(), TMap::from([(1, 1)]).snapshot());
    assert_eq!(map.snapshot(), other.snapshot(), "views are equal by what is in them");
}

#[test]
fn a_collected_map_has_the_last_value_of_each_key() {
    for modulus in [300, 5] {
        let items = || (0..500_u64).map(|n| (n % modulus, n));
        let expected: HashMap<u64, u64> = items().collect();
        let map: TMap<u64, u64, Masked> = items().collect();
        let set: TSet<u64, Masked> = items().map(|(key, _)| key).collect();
        assert_eq!((&map).into_iter().collect::<HashMap<_, _>>(), expected);
        assert_eq!((map.snapshot().len(), set.snapshot().len()), (modulus as usize, modulus as usize));
        // What was built goes on like any other.
        for (key, value) in expected {
            assert_eq!(atomically(|tx| map.remove(tx, &key)), Some(value));
        }
        assert!(snapshot(|tx| map.is_empty(tx)));
    }
}

#[test]
fn maps_can_be_made_shown_and_gone_through_inside_of_a_body() {
    let map: TMap<u64, u64> = TMap::from([(1, 10)]);
    let (text, made, sum) = atomically(|tx| {
        map.insert(tx, 2, 20)?;
        let made: TMap<u64, u64> = (0..100).map(|n| (n, n)).collect();
        assert_eq!(made.len(tx)?, 100);
        made.insert(tx, 100, 100)?;
        Ok((format!("{map:?}"), made, (&map).into_iter().map(|(_, value)| value).sum::<u64>()))
    });
    assert_eq!((text.as_str(), sum), ("{1: 10}", 10), "what is committed");
    assert_eq!(made.snapshot().len(), 101);
    expect_panic(|| atomically(|_| Ok(map.snapshot().len())));
    expect_panic(|| {
        atomically(|_| {
            (&mut &map).extend([(1, 1)]);
            Ok(())
        })
    });
}

#[test]
fn extending_from_outside_adds_all() {
    let (mut map, mut set): (TMap<u64, u64>, TSet<u64>) = Default::default();
    Extend::extend(&mut map, (0..1000).map(|n| (n, n)));
    Extend::extend(&mut set, 0..1000);
    assert_eq!((map.snapshot().len(), set.snapshot().len()), (1000, 1000));
    let keys: BTreeSet<u64> = (&set).into_iter().collect();
    assert!(keys.into_iter().eq(0..1000));
    assert_eq!(format!("{:?}", TSet::from([7])), "{7}");
    assert_eq!(format!("{:?}", TSet::from([7]).snapshot()), "{7}");
}

#[test]
fn handles_and_views_cross_threads() {
    fn crosses<T: Send + Sync + Clone + std::panic::UnwindSafe>() {}
    crosses::<TMap<String, TVar<u64>>>();
    crosses::<TMapView<String, TVar<u64>>>();
    crosses::<TSet<String>>();
    crosses::<TSetView<String>>();
}
