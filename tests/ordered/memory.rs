//! What is removed is freed, and nothing is kept.

use common::{Census, Random, on_a_small_stack, race, scaled, watchdog};
use stm::atomically;
use stm::collections::TOrdMap;

/// On a small stack: links of nodes are dropped one after the other, not one within the other.
#[test]
fn a_million_keys_are_dropped_without_recursion_and_without_a_leak() {
    let _watchdog = watchdog();
    let count = scaled(1_000_000) as u64;
    let census = Census::new();
    let map: TOrdMap<u64, _> = (0..count).map(|n| (n, census.value(n))).collect();
    assert_eq!(census.live(), count as isize);
    on_a_small_stack(move || drop(map));
    census.settle(0);
}

#[test]
fn a_hundred_thousand_keys_are_cleared_in_one_transaction() {
    let _watchdog = watchdog();
    let count = scaled(100_000) as u64;
    let census = Census::new();
    let map: TOrdMap<u64, _> = (0..count).map(|n| (n, census.value(n))).collect();
    atomically(|tx| map.clear(tx));
    census.settle(0);
    assert!(map.snapshot().is_empty());
}

#[test]
fn what_is_removed_is_freed_while_the_map_goes_on() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map = TOrdMap::new();
    race(2, |thread| {
        let mut random = Random::new(thread as u64);
        for round in 0..scaled(60_000) {
            let key = random.below(64);
            if random.below(2) == 0 {
                atomically(|tx| map.insert(tx, key, census.value(round as u64)));
            } else {
                atomically(|tx| map.remove(tx, &key));
            }
        }
    });
    let left = atomically(|tx| map.len(tx));
    census.settle(left);
    drop(map);
    census.settle(0);
}

/// In a queue each removed node leads to the next: they must not wait for each other.
#[test]
fn a_queue_does_not_grow_behind_its_head() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map = TOrdMap::new();
    let mut most = 0;
    for n in 0..scaled(100_000) as u64 {
        atomically(|tx| map.insert(tx, n, census.value(n)));
        if n >= 10 {
            atomically(|tx| map.pop_first(tx));
        }
        most = most.max(census.live());
    }
    assert!(most < 5_000, "{most} values at once for 10 in the queue");
    census.settle(10.min(scaled(100_000)));
}

#[test]
fn what_a_cancelled_part_has_inserted_is_freed() {
    let _watchdog = watchdog();
    let census = Census::new();
    let map: TOrdMap<u64, _> = (0..100).map(|n| (n * 2, census.value(n))).collect();
    for _ in 0..scaled(1_000) {
        atomically(|tx| {
            let undone = tx.nested(|tx| {
                map.extend(tx, (0..10).map(|n| (n * 20 + 1, census.value(n))))?;
                map.remove(tx, &20)?;
                stm::cancel(())
            })?;
            assert_eq!(undone, Err::<(), _>(()));
            Ok(())
        });
    }
    census.settle(100);
}
