//! Which transactions run again because of which others.

use std::mem;
use std::num::NonZero;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::{elsewhere, race, scaled, watchdog};
use stm::collections::{TMap, TSet};
use stm::{StmResult, Transaction, atomically};

/// Runs `first` in a body, then, before it commits, `second` on another thread. Returns how often the body ran.
fn runs_beside(first: impl Fn(&Transaction<'_, '_>) -> StmResult<()>, second: impl Fn() + Sync) -> u32 {
    let mut runs = 0;
    atomically(|tx| {
        runs += 1;
        first(tx)?;
        if runs == 1 {
            elsewhere(&second);
        }
        Ok(())
    });
    runs
}

/// For a closure that is to return nothing.
fn ignore<T>(_returned: T) {}

fn filled(keys: u64) -> TMap<u64, u64> {
    (0..keys).map(|key| (key, key)).collect()
}

#[test]
fn an_update_conflicts_with_the_same_key_and_no_other_that_is_there() {
    let _watchdog = watchdog();
    for keys in [2, 10, 100, 1000] {
        let map = filled(keys);
        let update = |tx: &Transaction<'_, '_>| map.insert(tx, 0, 7).map(drop);
        let others = || atomically(|tx| (1..keys).try_for_each(|key| map.insert(tx, key, key).map(drop)));
        assert_eq!(runs_beside(update, others), 1, "{keys} keys");
        let update = |tx: &Transaction<'_, '_>| map.update(tx, &0, |value| *value += 1).map(drop);
        assert_eq!(runs_beside(update, || ignore(atomically(|tx| map.insert(tx, 0, 1)))), 2);
    }
}

#[test]
fn a_key_that_is_read_and_not_there_conflicts_with_adding_it() {
    let _watchdog = watchdog();
    let (map, other) = (filled(100), filled(1));
    let look = |tx: &Transaction<'_, '_>| {
        let found = map.get(tx, &1000)?;
        other.insert(tx, 0, found.unwrap_or(0)).map(drop)
    };
    assert_eq!(runs_beside(look, || ignore(atomically(|tx| map.insert(tx, 1000, 5)))), 2);
    assert_eq!(other.snapshot().get(&0), Some(&5));
    assert_eq!(runs_beside(look, || ignore(atomically(|tx| map.remove(tx, &1000)))), 2);
    assert_eq!(other.snapshot().get(&0), Some(&0));
}

#[test]
fn knowing_that_a_key_is_there_does_not_conflict_with_changes_of_its_value() {
    let _watchdog = watchdog();
    let (map, other) = (filled(100), filled(1));
    let look = |tx: &Transaction<'_, '_>| {
        assert!(map.contains_key(tx, &5)?);
        other.insert(tx, 0, 0).map(drop)
    };
    assert_eq!(runs_beside(look, || ignore(atomically(|tx| map.insert(tx, 5, 50)))), 1);
    let set = TSet::from([1, 2]);
    let add = |tx: &Transaction<'_, '_>| set.insert(tx, 1).and_then(|_| other.insert(tx, 0, 0)).map(drop);
    assert_eq!(runs_beside(add, || ignore(atomically(|tx| set.insert(tx, 1)))), 1, "it was there");
}

#[test]
fn adding_and_removing_do_not_meet_at_the_count_and_len_meets_both() {
    let _watchdog = watchdog();
    let (map, other) = (filled(1000), filled(1));
    let (mut aborts, tries) = (0, 100);
    for key in 0..tries {
        let add = |tx: &Transaction<'_, '_>| map.insert(tx, 10_000 + key, 0).map(drop);
        aborts += runs_beside(add, || ignore(atomically(|tx| map.remove(tx, &key)))) - 1;
    }
    assert!(aborts <= 5, "{aborts}: keys share a place now and then, and no more");
    let count = |tx: &Transaction<'_, '_>| {
        let count = map.len(tx)?;
        other.insert(tx, 0, count as u64).map(drop)
    };
    assert_eq!(runs_beside(count, || ignore(atomically(|tx| map.insert(tx, 1, 1)))), 2, "1 was removed above");
    assert_eq!(other.snapshot().get(&0), Some(&1001));
    assert_eq!(runs_beside(count, || ignore(atomically(|tx| map.insert(tx, 1, 2)))), 1, "the number stays");
}

#[test]
fn a_view_conflicts_with_changes_and_not_again_when_there_was_none() {
    let _watchdog = watchdog();
    let map = filled(100);
    let change = |tx: &Transaction<'_, '_>| map.insert(tx, 5, 5).map(drop);
    assert_eq!(runs_beside(change, || drop(map.snapshot())), 2);
    drop(map.snapshot());
    let other = filled(1);
    let look = |tx: &Transaction<'_, '_>| map.get(tx, &5).and_then(|_| other.insert(tx, 0, 0)).map(drop);
    assert_eq!(runs_beside(look, || drop(map.snapshot())), 1, "there is a view of this state already");
}

#[test]
fn what_is_added_while_an_empty_place_is_cleared_away_is_not_lost() {
    let _watchdog = watchdog();
    let keys = 200;
    for lonely in 0..20 {
        let map: TMap<u64, u64> = TMap::new();
        atomically(|tx| map.extend(tx, (0..keys).map(|key| (key, key))));
        atomically(|tx| map.retain(tx, |key, _| *key == lonely));
        // It is alone in its node, which goes with it; some of the others belong there, too.
        let others = || atomically(|tx| map.extend(tx, (0..keys).filter(|key| *key != lonely).map(|key| (key, key))));
        runs_beside(|tx| map.remove(tx, &lonely).map(ignore), others);
        let view = map.snapshot();
        assert!((0..keys).all(|key| view.contains_key(&key) == (key != lonely)));
        assert_eq!(view.len() as u64, keys - 1);
    }
}

/// How many runs of bodies it took more than there were commits.
fn extra_runs(
    threads: usize,
    commits: usize,
    body: impl Fn(&Transaction<'_, '_>, usize, u64) -> StmResult<()> + Sync,
) -> u64 {
    let runs = AtomicU64::new(0);
    race(threads, |me| {
        for n in 0..commits as u64 {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                body(tx, me, n)
            });
        }
    });
    runs.into_inner() - (threads * commits) as u64
}

/// How many bodies ran more than once, if none commits before all threads have run theirs: as much at once as can be.
fn repeated_at_once(
    threads: usize,
    rounds: usize,
    body: impl Fn(&Transaction<'_, '_>, usize, u64) -> StmResult<()> + Sync,
) -> u64 {
    let (barrier, repeated) = (Barrier::new(threads), AtomicU64::new(0));
    race(threads, |me| {
        for n in 0..rounds as u64 {
            let mut met = false;
            atomically(|tx| {
                repeated.fetch_add(u64::from(tx.attempt_number() == 2), Ordering::Relaxed);
                body(tx, me, n)?;
                if !mem::replace(&mut met, true) {
                    barrier.wait();
                }
                Ok(())
            });
            // Nobody is late for what the others do next.
            barrier.wait();
        }
    });
    repeated.into_inner()
}

#[test]
fn threads_that_change_their_own_keys_never_run_again() {
    let _watchdog = watchdog();
    for threads in [2, 4, 8] {
        let map = filled(1024);
        let own = |tx: &Transaction<'_, '_>, me: usize, n: u64| {
            let key = (n * threads as u64 + me as u64) % 1024;
            map.update(tx, &key, |value| *value += 1).map(drop)
        };
        assert_eq!(extra_runs(threads, scaled(20_000), own), 0, "{threads} threads");
    }
}

/// Of overlapping pairs of transactions one in about as many as there are keys, as is documented: they share a place.
#[test]
fn threads_that_add_their_own_keys_hardly_ever_run_again_while_the_map_grows() {
    let _watchdog = watchdog();
    let rounds = scaled(3_000);
    for threads in [2, 4, 8] {
        let map: TMap<u64, u64> = TMap::new();
        let own =
            |tx: &Transaction<'_, '_>, me: usize, n: u64| map.insert(tx, n * threads as u64 + me as u64, n).map(drop);
        let repeated = repeated_at_once(threads, rounds, own);
        let pairs = (threads * (threads - 1) / 2) as f64;
        let documented: f64 = (1..=rounds).map(|round| pairs / (threads * round) as f64).sum();
        println!("{threads} threads: {repeated} of {} bodies again, {documented:.1} expected", threads * rounds);
        assert_eq!(map.snapshot().len(), threads * rounds);
        // Hashes are random.
        assert!(repeated as f64 <= 2.0 * documented + 10.0, "{repeated}, not about {documented}");
    }
}

/// More threads at once than the machine has cores, and as many as there are counts, or twice as many.
#[test]
fn thirty_two_threads_meet_at_the_counts_and_nowhere_else() {
    const THREADS: usize = 32;
    let _watchdog = watchdog();
    let (keys, rounds) = (100_000, scaled(20));
    let (map, own) = (filled(keys), |me: usize, n: u64| n * THREADS as u64 + me as u64);
    let repeated = |name: &str, operation: &(dyn Fn(&Transaction<'_, '_>, u64) -> StmResult<Option<u64>> + Sync)| {
        let repeated = repeated_at_once(THREADS, rounds, |tx, me, n| operation(tx, own(me, n)).map(drop));
        println!("{name}: {repeated} of {} bodies again", THREADS * rounds);
        repeated
    };
    assert_eq!(repeated("values of keys that are there", &|tx, key| map.insert(tx, key, 0)), 0);
    assert_eq!(repeated("removal of keys that are not there", &|tx, key| map.remove(tx, &(keys + key))), 0);
    let counts = (4 * thread::available_parallelism().map_or(1, NonZero::get)).next_power_of_two().clamp(16, 64);
    let sharing = THREADS.saturating_sub(counts);
    // Keys share a place now and then, and threads of other tests take counts, too.
    let most = (rounds * (sharing + 4)) as u64;
    assert!(repeated("additions", &|tx, key| map.insert(tx, keys + key, 0)) <= most, "{most} at most");
    assert!(repeated("removals", &|tx, key| map.remove(tx, &key)) <= most, "{most} at most");
    assert_eq!(map.snapshot().len() as u64, keys);
}
