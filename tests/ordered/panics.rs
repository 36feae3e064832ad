//! Keys and values whose operations panic.

use std::cell::Cell;
use std::cmp::Ordering as Order;

use common::{burn, expect_panic, light_fuse, put_out_fuse, watchdog};
use stm::collections::TOrdMap;
use stm::{StmResult, Transaction, atomically};

#[derive(Debug, PartialEq, Eq)]
struct Fragile(u32);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        burn("clone");
        Self(self.0)
    }
}

impl PartialOrd for Fragile {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Fragile {
    fn cmp(&self, other: &Self) -> Order {
        burn("cmp");
        self.0.cmp(&other.0)
    }
}

type Map = TOrdMap<Fragile, Fragile>;

fn map() -> Map {
    (0..40).map(|n| (Fragile(n * 2), Fragile(n))).collect()
}

#[track_caller]
fn assert_intact(map: &Map) {
    let all = atomically(|tx| map.range(tx, ..));
    assert_eq!(all, (0..40).map(|n| (Fragile(n * 2), Fragile(n))).collect::<Vec<_>>());
    atomically(|tx| {
        (0..80).try_for_each(|n| map.contains_key(tx, &Fragile(n)).map(|there| assert_eq!(there, n % 2 == 0)))
    });
}

#[test]
fn a_panic_in_cmp_or_clone_leaves_the_map_whole() {
    let _watchdog = watchdog();
    let operations: &[fn(&Transaction, &Map) -> StmResult<()>] = &[
        |tx, map| map.insert(tx, Fragile(31), Fragile(0)).map(drop),
        |tx, map| map.insert(tx, Fragile(30), Fragile(0)).map(drop),
        |tx, map| map.remove(tx, &Fragile(30)).map(drop),
        |tx, map| map.update(tx, &Fragile(30), |value| value.0 += 1).map(drop),
        |tx, map| map.alter(tx, Fragile(30), |_| None),
        |tx, map| map.pop_first(tx).map(drop),
        |tx, map| map.pop_last(tx).map(drop),
        |tx, map| map.append(tx, &(10..20).map(|n| (Fragile(n), Fragile(n))).collect()),
        |tx, map| map.split_off(tx, &Fragile(33)).map(drop),
        |tx, map| map.retain(tx, |key, _| key.0 % 3 == 0),
        |tx, map| map.extend(tx, (10..20).map(|n| (Fragile(n), Fragile(n)))),
    ];
    let mut panics = 0;
    for operation in operations {
        let map = map();
        for after in 0..200 {
            let done = Cell::new(false);
            let panic = expect_panic(|| {
                atomically(|tx| {
                    light_fuse(after);
                    operation(tx, &map)?;
                    done.set(!put_out_fuse());
                    assert!(!done.get(), "cmp failed: not at all");
                    Ok(())
                });
            });
            assert!(panic.message.ends_with(" failed") || done.get(), "{panic:?}");
            assert_intact(&map);
            if done.get() {
                break;
            }
            panics += 1;
        }
    }
    assert!(panics > 50, "{panics}");
}

/// What may be done to a map, with another one beside it.
type Change = fn(&Transaction, &Map, &Map) -> StmResult<()>;

/// Even if it is caught within the body, which then commits.
#[test]
fn a_panic_that_is_caught_within_the_body_leaves_the_map_whole() {
    let _watchdog = watchdog();
    let operations: &[Change] = &[
        |tx, map, _| map.remove(tx, &Fragile(30)).map(drop),
        |tx, map, _| map.pop_first(tx).map(drop),
        |tx, map, _| map.pop_last(tx).map(drop),
        |tx, map, other| map.append(tx, other),
        |tx, map, _| map.retain(tx, |key, _| key.0 > 10),
    ];
    for operation in operations {
        for fuse in 0..40 {
            let (map, other): (_, Map) =
                (map(), [(Fragile(5), Fragile(5)), (Fragile(6), Fragile(6))].into_iter().collect());
            let panicked = atomically(|tx| {
                light_fuse(fuse);
                let panicked = common::quietly(|| operation(tx, &map, &other)).is_err();
                put_out_fuse();
                Ok(panicked)
            });
            if panicked {
                assert_intact(&map);
                assert_eq!(other.snapshot().len(), 2);
            }
        }
    }
}

#[test]
fn a_panic_in_what_a_caller_hands_in_leaves_the_map_whole() {
    let _watchdog = watchdog();
    let map = map();
    expect_panic(|| atomically(|tx| map.alter(tx, Fragile(30), |_| panic!("no"))));
    expect_panic(|| atomically(|tx| map.update(tx, &Fragile(30), |_| panic!("no"))));
    expect_panic(|| atomically(|tx| map.retain(tx, |key, _| if key.0 < 20 { false } else { panic!("no") })));
    assert_intact(&map);
}

/// Whatever it says, nothing hangs and nothing undefined happens.
#[test]
fn an_order_that_lies_costs_no_more_than_a_panic() {
    #[derive(Clone, Debug)]
    struct Liar(u32);
    thread_local! { static LIES: Cell<u32> = const { Cell::new(1) } }
    impl PartialEq for Liar {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Order::Equal
        }
    }
    impl Eq for Liar {}
    impl PartialOrd for Liar {
        fn partial_cmp(&self, other: &Self) -> Option<Order> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Liar {
        fn cmp(&self, other: &Self) -> Order {
            LIES.set(LIES.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            if LIES.get() >> 28 == 0 { other.0.cmp(&self.0) } else { self.0.cmp(&other.0) }
        }
    }
    let _watchdog = watchdog();
    let map = TOrdMap::new();
    for n in 0..2_000_u32 {
        let key = Liar(n.wrapping_mul(2_654_435_761) % 100);
        let _panic = common::quietly(|| {
            atomically(|tx| match n % 3 {
                0 | 1 => map.insert(tx, key.clone(), n).map(drop),
                _ => map.remove(tx, &key).map(drop),
            });
        });
    }
    assert!(!atomically(|tx| map.is_empty(tx)));
}
