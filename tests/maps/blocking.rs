//! Waiting for keys.

use common::{Runs, runs_until, watchdog};
use stm::atomically;
use stm::collections::{TMap, TSet};

#[test]
fn who_waits_for_a_key_is_woken_when_it_is_added_and_not_by_changes_elsewhere() {
    let _watchdog = watchdog();
    let map: TMap<u64, u64> = (0..1000).map(|key| (key, key)).collect();
    let (value, runs) = runs_until(
        |runs| {
            atomically(|tx| {
                runs.count();
                map.wait_for(tx, &5000)
            })
        },
        |_| {
            for key in 0..1000 {
                atomically(|tx| map.insert(tx, key, 0));
            }
            atomically(|tx| map.insert(tx, 5000, 7));
        },
    );
    assert_eq!((value, runs), (7, 2));
}

#[test]
fn what_is_taken_is_gone_and_each_taker_gets_one() {
    let _watchdog = watchdog();
    let map: TMap<&str, u64> = TMap::new();
    let (first, _) = runs_until(
        |runs| {
            atomically(|tx| {
                runs.count();
                map.take(tx, "job")
            })
        },
        |_| assert_eq!(atomically(|tx| map.insert(tx, "job", 1)), None),
    );
    assert_eq!(first, 1);
    assert!(map.snapshot().is_empty());
}

#[test]
fn waiting_is_a_branch_like_any_other() {
    let _watchdog = watchdog();
    let (urgent, normal): (TMap<u64, &str>, TMap<u64, &str>) = (TMap::new(), TMap::from([(1, "normal")]));
    let next = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            tx.or_else(|tx| urgent.take(tx, &1), |tx| normal.take(tx, &1))
        })
    };
    assert_eq!(next(&Runs::default()), "normal");
    let (found, _) = runs_until(next, |_| assert_eq!(atomically(|tx| urgent.insert(tx, 1, "urgent")), None));
    assert_eq!(found, "urgent");
    let set = TSet::from([1]);
    atomically(|tx| tx.or_else(|tx| set.take(tx, &2), |tx| set.take(tx, &1)));
    assert!(set.snapshot().is_empty());
}
