//! The hash trie under a map: what is frozen when a view is taken, and how it is renewed. Edges E16 and E17, with E7 and E9.

use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::Relaxed};

use loom::sync::Mutex;
use loom::thread;

use super::{Census, Outcomes, Watched, explore_placed, make_statics};
use crate::atomically;
use crate::collections::{TMap, TMapView};

/// Has a key's number say where it is: its lowest five bits the slot of the second branch, the next five that of the first.
/// Numbers that differ in higher bits only are in one chain.
#[derive(Default)]
struct Placed(u64);

impl Hasher for Placed {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("keys are hashed as numbers");
    }

    fn write_u64(&mut self, number: u64) {
        let path = ((number >> 5 & 31) << 59) | ((number & 31) << 54);
        // Undoes `Path::of_hash`, which multiplies by this number. (Newton: each step doubles the bits that are right.)
        let factor = 0x9E37_79B9_7F4A_7C15_u64;
        let inverse = (0..6).fold(factor, |x, _| x.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(x))));
        let hash = path.wrapping_mul(inverse);
        self.0 = hash ^ (hash >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A key in the slot of the first branch, in the slot of the second if there is one, and with the same path as others.
const fn key(first: u64, second: u64, chained: u64) -> u64 {
    chained << 10 | first << 5 | second
}

const ONE: u64 = key(1, 0, 0);
/// In a slot of its own.
const TWO: u64 = key(2, 0, 0);
/// Behind [`ONE`] in one chain.
const AFTER_ONE: u64 = key(1, 0, 1);

type Map<K, V> = TMap<K, V, BuildHasherDefault<Placed>>;
type View<K, V> = TMapView<K, V, BuildHasherDefault<Placed>>;

fn insert<K, V>(map: &Map<K, V>, pairs: impl Iterator<Item = (K, V)> + Clone)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    atomically(|tx| {
        for (key, value) in pairs.clone() {
            map.insert(tx, key, value)?;
        }
        Ok(())
    });
}

fn look(view: &View<u64, u64>) -> ([Option<u64>; 3], usize) {
    ([ONE, TWO, AFTER_ONE].map(|key| view.get(&key).copied()), view.len())
}

/// Who waits for one of them has given the writer time for the others.
fn look_at_length_first(view: &View<u64, u64>) -> ([Option<u64>; 3], usize) {
    let length = view.len();
    (look(view).0, length)
}

/// E16: a view has all of a commit or nothing, also while the commit is being published, and keeps what it has while somebody goes
/// on and renews what is frozen.
fn a_view_has_all_of_a_commit(look: fn(&View<u64, u64>) -> ([Option<u64>; 3], usize)) {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let map: Map<u64, u64> = [(ONE, 0)].into_iter().collect();
        let written = Arc::new(Flag::new(false));
        let writer = {
            let (map, written) = (map.clone(), Arc::clone(&written));
            thread::spawn(move || {
                insert(&map, [(ONE, 1), (TWO, 1), (AFTER_ONE, 1)].into_iter());
                written.store(true, Relaxed);
            })
        };
        // Whoever goes first.
        thread::yield_now();
        let view = map.snapshot();
        let written = written.load(Relaxed);
        let first = look(&view);
        writer.join().unwrap();
        let all = |value| ([Some(value), Some(1), Some(1)], 3);
        assert!(first == ([Some(0), None, None], 1) || first == all(1), "half of a commit: {first:?}");
        insert(&map, [(ONE, 2)].into_iter());
        assert_eq!(look(&view), first, "a view has changed");
        assert_eq!(look(&map.snapshot()), all(2), "an entry was lost");
        seen.record((first.0[0], written));
    });
    // With `Some(1)` and false: the view was taken while the commit was being published.
    outcomes.assert_exactly([(Some(0), false), (Some(1), false), (Some(1), true)]);
}

#[test]
fn a_view_has_all_of_a_commit_or_nothing() {
    a_view_has_all_of_a_commit(look);
}

#[test]
fn a_view_has_the_length_of_what_it_has() {
    a_view_has_all_of_a_commit(look_at_length_first);
}

/// E16: what is renewed is what was committed before the view, also while that is still being published.
fn what_is_renewed(written: u64, before: Option<u64>) {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let map: Map<u64, u64> = [(ONE, 0)].into_iter().collect();
        let writer = {
            let map = map.clone();
            thread::spawn(move || insert(&map, [(written, 1)].into_iter()))
        };
        thread::yield_now();
        let view = map.snapshot();
        // In the chain of the one, so that chain and branch are copied.
        insert(&map, [(AFTER_ONE, 7)].into_iter());
        writer.join().unwrap();
        let now = map.snapshot();
        assert_eq!((now.get(&written), now.get(&AFTER_ONE)), (Some(&1), Some(&7)), "an entry was lost");
        seen.record(view.get(&written).copied());
    });
    outcomes.assert_exactly([before, Some(1)]);
}

#[test]
fn what_is_renewed_is_the_chain_that_was_committed() {
    what_is_renewed(ONE, Some(0));
}

#[test]
fn what_is_renewed_is_the_branch_that_was_committed() {
    what_is_renewed(TWO, None);
}

/// E16: of two writers that find the same branch frozen both renew it, and none is lost.
#[test]
fn two_writers_of_a_frozen_branch_are_both_there() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let map: Map<u64, u64> = [(AFTER_ONE, 0)].into_iter().collect();
        let view = map.snapshot();
        let put = |map: &Map<u64, u64>, key| {
            let runs = Cell::new(0);
            atomically(|tx| {
                runs.set(runs.get() + 1);
                map.insert(tx, key, key)
            });
            runs.get()
        };
        let other = {
            let map = map.clone();
            thread::spawn(move || put(&map, TWO))
        };
        let runs = put(&map, ONE);
        let other = other.join().unwrap();
        assert_eq!(look(&view), ([None, None, Some(0)], 1), "a view has changed");
        assert_eq!(look(&map.snapshot()), ([Some(ONE), Some(TWO), Some(0)], 3), "a key was lost");
        seen.record((runs, other));
    });
    // Who has run again was in the way of the other with its renewal.
    outcomes.assert_all([(1, 1), (1, 2), (2, 1)]);
}

/// A key whose life loom watches.
#[derive(Clone)]
struct Key(u64, Watched);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.1.look();
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// E7: who is on the way through a frozen node while that is renewed, and the last view of it is dropped, comes to the end.
#[test]
fn a_node_outlives_its_renewal_for_who_is_in_it() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let census = Census::new();
        let new = |number| Key(number, census.new_one());
        let map: Map<Key, Watched> =
            [(new(AFTER_ONE), census.new_one()), (new(ONE), census.new_one())].into_iter().collect();
        drop(map.snapshot());
        let reader = {
            let (map, sought) = (map.clone(), new(ONE));
            thread::spawn(move || {
                atomically(|tx| {
                    let value = map.get_ref(tx, &sought)?.expect("it is there all the time");
                    value.look();
                    Ok(value.is_copy())
                })
            })
        };
        insert(&map, [(new(TWO), census.new_one()), (new(AFTER_ONE), census.new_one())].into_iter());
        // The old root, its branch, and what is below.
        let freed = (0..6).map(|_| crate::collect()).sum::<usize>() > 6;
        let renewed = reader.join().unwrap();
        drop(map);
        census.assert_all_gone();
        seen.record((freed, renewed));
    });
    outcomes.assert_all([(true, true), (true, false), (false, true), (false, false)]);
}

/// E9: what a view has is there as long as the view, whoever drops the map, and is dropped once when neither is left.
#[test]
fn a_view_outlives_the_map() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let census = Census::new();
        let map: Map<Key, Watched> = [(Key(ONE, census.new_one()), census.new_one())].into_iter().collect();
        let view = map.snapshot();
        // What the map has is not what the view has any more.
        atomically(|tx| map.clear(tx));
        let reader = {
            let census = census.clone();
            thread::spawn(move || {
                view.iter().for_each(|(key, value)| {
                    key.1.look();
                    value.look();
                });
                drop(view);
                for _ in 0..6 {
                    crate::collect();
                }
                census.count()
            })
        };
        drop(map);
        for _ in 0..6 {
            crate::collect();
        }
        let left = census.count();
        let left_there = reader.join().unwrap();
        census.assert_all_gone();
        seen.record((left, left_there));
    });
    // Freed before either had looked; by the view's thread, which goes on holding it when the map is gone; and here, while the
    // other found it still.
    outcomes.assert_all([(0, 0), (2, 0), (0, 2)]);
}

/// E17: whether a branch is empty is looked at first, and read when it seems so. Who puts a key there meanwhile is not cut off.
#[test]
fn a_branch_with_a_key_is_not_pruned() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        // Five of one slot have a branch, which stays for the last of them.
        let keys: [u64; 5] = std::array::from_fn(|place| key(3, place as u64, 0));
        let map: Map<u64, u64> = keys.map(|key| (key, 0)).into_iter().collect();
        atomically(|tx| {
            for key in &keys[1..] {
                map.remove(tx, key)?;
            }
            Ok(())
        });
        let runs = Cell::new(0);
        let other = {
            let map = map.clone();
            thread::spawn(move || {
                let runs = Cell::new(0);
                atomically(|tx| {
                    runs.set(runs.get() + 1);
                    map.insert(tx, keys[1], 1)
                });
                runs.get()
            })
        };
        atomically(|tx| {
            runs.set(runs.get() + 1);
            map.remove(tx, &keys[0])
        });
        let other = other.join().unwrap();
        let view = map.snapshot();
        assert_eq!((view.get(&keys[0]), view.get(&keys[1]), view.len()), (None, Some(&1), 1), "a key was cut off");
        seen.record((runs.get(), other));
    });
    // Who has run again found the branch pruned, or a key in it.
    outcomes.assert_all([(1, 1), (1, 2), (2, 1)]);
}

/// E16: a view that gets out of its body before that has committed can not be looked at, or is frozen.
#[test]
fn a_view_is_frozen_when_it_is_looked_at() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let map: Map<u64, u64> = [(ONE, 0)].into_iter().collect();
        let handed = Arc::new(Mutex::new(None));
        let taker = {
            let (map, handed) = (map.clone(), Arc::clone(&handed));
            thread::spawn(move || {
                atomically(|tx| {
                    *handed.lock().unwrap() = Some(map.view(tx)?);
                    Ok(())
                });
            })
        };
        let view = handed.lock().unwrap().take();
        let look = |view: &View<u64, u64>| panic::catch_unwind(AssertUnwindSafe(|| view.get(&ONE).copied())).ok();
        let first = view.as_ref().and_then(look);
        insert(&map, [(ONE, 1)].into_iter());
        if let (Some(view), Some(_)) = (&view, first) {
            assert_eq!(look(view), first, "a view has changed");
        }
        taker.join().unwrap();
        seen.record((view.is_some(), first));
    });
    // Not there yet, there but not frozen yet, and frozen.
    outcomes.assert_exactly([(false, None), (true, None), (true, Some(Some(0)))]);
}

/// E16: who finds a view frozen because another has found it so before knows what that one knew.
#[test]
fn a_view_is_the_same_for_all_who_share_it() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(1, move || {
        make_statics();
        let map: Map<u64, u64> = [(ONE, 0)].into_iter().collect();
        let handed = Arc::new(Mutex::new(None));
        let writer = {
            let map = map.clone();
            thread::spawn(move || insert(&map, [(TWO, 1)].into_iter()))
        };
        let other = {
            let handed = Arc::clone(&handed);
            thread::spawn(move || {
                // Before the transaction that took it has committed, so that nothing but the view tells of that.
                let view: Option<Arc<View<u64, u64>>> = handed.lock().unwrap().clone();
                let look = || view.as_ref().map(|view| view.get(&TWO).copied());
                (panic::catch_unwind(AssertUnwindSafe(look)).ok().flatten(), view)
            })
        };
        thread::yield_now();
        let view = atomically(|tx| {
            let view = Arc::new(map.view(tx)?);
            *handed.lock().unwrap() = Some(Arc::clone(&view));
            Ok(view)
        });
        let mine = view.get(&TWO).copied();
        let (theirs, their_view) = other.join().unwrap();
        writer.join().unwrap();
        let is_shared = their_view.is_some_and(|theirs| Arc::ptr_eq(&theirs, &view));
        assert!(!is_shared || theirs.is_none_or(|theirs| theirs == mine), "{mine:?} for one, {theirs:?} for the other");
        seen.record((mine, theirs.filter(|_| is_shared)));
    });
    outcomes.assert_all([(None, None), (None, Some(None)), (Some(1), Some(Some(1)))]);
}
