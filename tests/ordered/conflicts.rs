//! What conflicts with what: one transaction stands in the middle of its body while another commits.

use common::{elsewhere, watchdog};
use stm::collections::TOrdMap;
use stm::{StmResult, TVar, Transaction, atomically, snapshot};

type Map = TOrdMap<u32, u32>;

/// The keys 0, 10, .. 990.
fn tens() -> Map {
    (0..100).map(|n| (n * 10, n)).collect()
}

/// How often a body runs that does `first`, and has to commit, while others do `meanwhile`.
fn runs<R>(
    map: &Map,
    first: impl Fn(&Transaction, &Map) -> StmResult<R>,
    meanwhile: impl Fn(&Transaction, &Map) -> StmResult<()> + Sync,
) -> u32 {
    let sink = TVar::new(0_u64);
    atomically(|tx| {
        first(tx, map)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| atomically(|tx| meanwhile(tx, map)));
        }
        // Who has only read has nothing to lose by a conflict.
        sink.write(tx, 1)?;
        Ok(tx.attempt_number())
    })
}

fn insert(tx: &Transaction, map: &Map, keys: &[u32]) -> StmResult<()> {
    keys.iter().try_for_each(|key| map.insert(tx, *key, 7).map(drop))
}

fn remove(tx: &Transaction, map: &Map, keys: &[u32]) -> StmResult<()> {
    keys.iter().try_for_each(|key| map.remove(tx, key).map(|value| assert!(value.is_some(), "{key} is there")))
}

/// Heights are random, so each case is tried on several maps.
fn often(case: impl Fn()) {
    let _watchdog = watchdog();
    (0..30).for_each(|_| case());
}

#[test]
fn a_key_that_is_there_conflicts_with_nothing_but_its_own_changes() {
    let operations: &[fn(&Transaction, &Map) -> StmResult<()>] = &[
        |tx, map| map.get(tx, &500).map(drop),
        |tx, map| map.contains_key(tx, &500).map(drop),
        |tx, map| map.update(tx, &500, |n| *n += 1).map(drop),
        |tx, map| map.insert(tx, 500, 1).map(drop),
        |tx, map| map.alter(tx, 500, |_| Some(3)),
    ];
    often(|| {
        for operation in operations {
            let elsewhere = |tx: &Transaction, map: &Map| {
                insert(tx, map, &[499, 501, 495, 505])?;
                remove(tx, map, &[490, 510, 501, 0, 990])?;
                map.update(tx, &480, |n| *n += 1).map(drop)
            };
            assert_eq!(runs(&tens(), operation, elsewhere), 1);
            assert_eq!(runs(&tens(), operation, |tx, map| remove(tx, map, &[500])), 2);
            let again = |tx: &Transaction, map: &Map| {
                remove(tx, map, &[500])?;
                insert(tx, map, &[500])
            };
            assert_eq!(runs(&tens(), operation, again), 2);
            assert_eq!(runs(&tens(), operation, |tx, map| map.clear(tx)), 2);
            assert_eq!(runs(&tens(), operation, |tx, map| map.split_off(tx, &300).map(drop)), 2);
            assert_eq!(runs(&tens(), operation, |tx, map| Map::new().append(tx, map)), 2);
            assert_eq!(runs(&tens(), operation, |tx, map| map.split_off(tx, &501).map(drop)), 1);
        }
        let update = |tx: &Transaction, map: &Map| map.update(tx, &500, |n| *n += 1).map(drop);
        assert_eq!(runs(&tens(), |tx, map| map.get(tx, &500), update), 2);
        assert_eq!(runs(&tens(), |tx, map| map.contains_key(tx, &500), update), 1);
    });
}

#[test]
fn a_key_that_is_not_there_conflicts_with_its_gap() {
    let miss = |tx: &Transaction, map: &Map| map.get(tx, &505);
    often(|| {
        assert_eq!(runs(&tens(), miss, |tx, map| insert(tx, map, &[505])), 2);
        assert_eq!(runs(&tens(), miss, |tx, map| insert(tx, map, &[501])), 2);
        assert_eq!(runs(&tens(), miss, |tx, map| remove(tx, map, &[500])), 2);
        assert_eq!(runs(&tens(), miss, |tx, map| remove(tx, map, &[510])), 2);
        let elsewhere = |tx: &Transaction, map: &Map| {
            insert(tx, map, &[499, 511])?;
            remove(tx, map, &[490, 520])?;
            map.update(tx, &500, |n| *n += 1).map(drop)
        };
        assert_eq!(runs(&tens(), miss, elsewhere), 1);
    });
}

#[test]
fn a_range_conflicts_with_what_happens_in_it() {
    let scan = |tx: &Transaction, map: &Map| map.range(tx, 300..=600);
    let inside: &[fn(&Transaction, &Map) -> StmResult<()>] = &[
        |tx, map| insert(tx, map, &[301]),
        |tx, map| insert(tx, map, &[599]),
        |tx, map| insert(tx, map, &[455]),
        |tx, map| remove(tx, map, &[300]),
        |tx, map| remove(tx, map, &[600]),
        |tx, map| remove(tx, map, &[450]),
        |tx, map| map.update(tx, &300, |n| *n += 1).map(drop),
        |tx, map| map.update(tx, &600, |n| *n += 1).map(drop),
        |tx, map| map.split_off(tx, &450).map(drop),
        |tx, map| map.clear(tx),
    ];
    often(|| inside.iter().for_each(|meanwhile| assert_eq!(runs(&tens(), scan, meanwhile), 2)));
}

#[test]
fn a_range_does_not_conflict_with_what_happens_outside() {
    let outside = |tx: &Transaction, map: &Map| {
        insert(tx, map, &[299, 601, 1, 2000])?;
        remove(tx, map, &[290, 610, 0, 990])?;
        map.update(tx, &280, |n| *n += 1)?;
        map.update(tx, &620, |n| *n += 1).map(drop)
    };
    often(|| {
        // Bounds that are keys: up to the very next neighbours.
        assert_eq!(runs(&tens(), |tx, map| map.range(tx, 300..=600), outside), 1);
        // Bounds that are not: up to the gaps that they are in.
        let scan = |tx: &Transaction, map: &Map| map.range(tx, 305..595);
        assert_eq!(runs(&tens(), scan, outside), 1);
        let next_to_it = |tx: &Transaction, map: &Map| {
            map.update(tx, &300, |n| *n += 1)?;
            map.update(tx, &600, |n| *n += 1)?;
            insert(tx, map, &[299, 601])?;
            remove(tx, map, &[290, 610])
        };
        assert_eq!(runs(&tens(), scan, next_to_it), 1);
        // As documented.
        assert_eq!(runs(&tens(), scan, |tx, map| insert(tx, map, &[301])), 2);
        assert_eq!(runs(&tens(), scan, |tx, map| insert(tx, map, &[599])), 2);
        assert_eq!(runs(&tens(), scan, |tx, map| remove(tx, map, &[300])), 2);
        assert_eq!(runs(&tens(), scan, |tx, map| remove(tx, map, &[600])), 2);
    });
}

#[test]
fn a_range_that_is_left_early_conflicts_as_far_as_it_went() {
    let scan = |tx: &Transaction, map: &Map| {
        map.for_range(tx, 300.., |key, _| match key {
            400 => std::ops::ControlFlow::Break(()),
            _ => std::ops::ControlFlow::Continue(()),
        })
    };
    often(|| {
        assert_eq!(runs(&tens(), scan, |tx, map| insert(tx, map, &[401])), 1);
        assert_eq!(runs(&tens(), scan, |tx, map| insert(tx, map, &[399])), 2);
    });
}

#[test]
fn the_ends_conflict_with_changes_of_the_ends() {
    let first = |tx: &Transaction, map: &Map| map.first_key_value(tx);
    let last = |tx: &Transaction, map: &Map| map.last_key_value(tx);
    often(|| {
        assert_eq!(runs(&tens(), first, |tx, map| remove(tx, map, &[10, 990])), 1);
        assert_eq!(runs(&tens(), first, |tx, map| map.pop_first(tx).map(drop)), 2);
        assert_eq!(runs(&tens(), last, |tx, map| remove(tx, map, &[0, 980])), 1);
        assert_eq!(runs(&tens(), last, |tx, map| insert(tx, map, &[991])), 2);
        assert_eq!(runs(&tens(), last, |tx, map| map.pop_last(tx).map(drop)), 2);
        let between = |tx: &Transaction, map: &Map| insert(tx, map, &[505]);
        assert_eq!(runs(&tens(), |tx, map| map.next_after(tx, &500), between), 2);
        assert_eq!(runs(&tens(), |tx, map| map.prev_before(tx, &510), between), 2);
        assert_eq!(runs(&tens(), |tx, map| map.next_after(tx, &510), between), 1);
        assert_eq!(runs(&tens(), |tx, map| map.prev_before(tx, &500), between), 1);
    });
}

#[test]
fn far_away_of_each_other_changes_mostly_do_not_conflict() {
    let _watchdog = watchdog();
    let pairs = |map: &Map| {
        runs(map, |tx, map| insert(tx, map, &[255]), |tx, map| insert(tx, map, &[755]))
            + runs(map, |tx, map| remove(tx, map, &[300]), |tx, map| remove(tx, map, &[700]))
    };
    // Those that are on the upper levels may.
    let again: u32 = (0..200).map(|_| pairs(&tens()) - 2).sum();
    assert!(again < 80, "{again} of 400 ran again");
}

#[test]
fn a_snapshot_sees_one_moment_whatever_others_do() {
    often(|| {
        let (map, all) = (tens(), tens().snapshot().into_iter().collect::<Vec<_>>());
        let mut runs = 0;
        let seen = snapshot(|tx| {
            runs += 1;
            let mut seen = vec![map.get(tx, &500)?];
            elsewhere(|| {
                atomically(|tx| {
                    remove(tx, &map, &[500, 510])?;
                    insert(tx, &map, &[505])
                });
                let behind = atomically(|tx| map.split_off(tx, &600));
                atomically(|tx| behind.clear(tx));
            });
            seen.extend([map.get(tx, &500)?, map.get(tx, &505)?, map.get(tx, &700)?]);
            assert_eq!(map.range(tx, ..)?, all);
            assert_eq!(map.next_after(tx, &500)?, Some((510, 51)));
            assert_eq!(map.last_key_value(tx)?, Some((990, 99)));
            Ok(seen)
        });
        assert_eq!((seen, runs), (vec![Some(50), Some(50), None, Some(70)], 1));
    });
}

#[test]
fn who_waits_for_a_key_is_woken_when_it_comes() {
    let _watchdog = watchdog();
    let map = tens();
    let (value, runs) = common::runs_until(
        |runs| {
            atomically(|tx| {
                runs.count();
                match map.get(tx, &505)? {
                    Some(value) => Ok(value),
                    None => tx.retry(),
                }
            })
        },
        |_| atomically(|tx| insert(tx, &map, &[105, 905, 505])),
    );
    assert_eq!(value, 7);
    assert!(runs <= 2);
}

/// Nodes are new variables: that one is found must not depend on a moment before it was put there.
#[test]
fn a_body_does_not_see_what_came_after_what_it_has_read() {
    type Look = fn(&Transaction, &Map, u32) -> StmResult<bool>;
    let looks: &[Look] = &[
        |tx, map, key| map.contains_key(tx, &key),
        |tx, map, key| Ok(map.range(tx, key..=key)?.len() == 1),
        |tx, map, key| Ok(map.next_after(tx, &(key - 1))?.is_some_and(|found| found.0 == key)),
        |tx, map, key| Ok(map.prev_before(tx, &(key + 1))?.is_some_and(|found| found.0 == key)),
    ];
    let see = |look: Look, key: u32, before: bool, meanwhile: &(dyn Fn(&Map, &TVar<bool>) + Sync)| {
        let (map, there) = (tens(), TVar::new(before));
        let runs = atomically(|tx| {
            let seen = there.read(tx)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| meanwhile(&map, &there));
            }
            assert_eq!(look(tx, &map, key)?, seen);
            Ok(tx.attempt_number())
        });
        assert_eq!(runs, 2);
    };
    often(|| {
        for look in looks {
            see(*look, 505, false, &|map, there| {
                atomically(|tx| {
                    there.write(tx, true)?;
                    insert(tx, map, &[505])
                });
            });
            // The node in front of the gap is younger than the gap.
            see(*look, 500, true, &|map, there| {
                atomically(|tx| {
                    there.write(tx, false)?;
                    remove(tx, map, &[500])
                });
                atomically(|tx| insert(tx, map, &[499, 501]));
            });
        }
    });
}

/// The links that others have put in lead a search to a key that the run has taken out. All that it then reads is its own, so it
/// would go on for ever if it did not ask.
#[test]
fn a_search_that_meets_what_the_run_has_taken_out_ends_by_the_conflict() {
    for search in [
        (|tx, map| map.get(tx, &505).map(drop)) as fn(&Transaction, &Map) -> StmResult<()>,
        |tx, map| map.remove(tx, &505).map(drop),
        |tx, map| map.insert(tx, 505, 1).map(drop),
    ] {
        often(|| {
            let map = tens();
            let runs = atomically(|tx| {
                map.remove(tx, &500)?;
                if tx.attempt_number() == 1 {
                    // One of them at least is on the upper levels, most likely.
                    let before: Vec<u32> = (491..500).collect();
                    elsewhere(|| atomically(|tx| insert(tx, &map, &before)));
                }
                search(tx, &map)?;
                Ok(tx.attempt_number())
            });
            assert_eq!(runs, 2, "the link in front of the key was written");
        });
    }
}
