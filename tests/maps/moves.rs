//! Moves between maps: never seen half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Ends, Random, scaled, threads, watchdog};
use stm::collections::{TMap, TSet};
use stm::{TVar, atomically, snapshot};

const ITEMS: u64 = 100;

#[test]
fn an_item_is_always_in_one_of_two_maps() {
    let _watchdog = watchdog();
    let (left, right): (TMap<u64, String>, TMap<u64, String>) = Default::default();
    (&mut &left).extend((0..ITEMS).map(|n| (n, n.to_string())));
    let on_the_right = TVar::new(0_usize);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for seed in 0..threads() as u64 {
            let (left, right, done, on_the_right) = (&left, &right, &done, &on_the_right);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !done.load(Ordering::SeqCst) {
                    let item = random.below(ITEMS as usize) as u64;
                    atomically(|tx| match left.remove(tx, &item)? {
                        Some(value) => {
                            assert_eq!(right.insert(tx, item, value)?, None);
                            on_the_right.modify(tx, |n| n + 1)
                        }
                        None => {
                            let value = right.remove(tx, &item)?.expect("it is in one of them");
                            assert_eq!(left.insert(tx, item, value)?, None);
                            on_the_right.modify(tx, |n| n - 1)
                        }
                    });
                }
            });
        }
        for _ in 0..scaled(200) {
            let (lefts, rights, count) = snapshot(|tx| Ok((left.len(tx)?, right.len(tx)?, on_the_right.read(tx)?)));
            assert_eq!((lefts + rights, rights), (ITEMS as usize, count));
            let (left, right) = atomically(|tx| Ok((left.view(tx)?, right.view(tx)?)));
            for item in 0..ITEMS {
                let found = left.get(&item).xor(right.get(&item));
                assert_eq!(found, Some(&item.to_string()), "in exactly one");
            }
            assert_eq!(left.len() + right.len(), ITEMS as usize);
        }
    });
}

#[test]
fn a_key_goes_from_set_to_set_in_one_step() {
    let _watchdog = watchdog();
    let sets: Vec<TSet<u64>> = vec![(0..50).collect(), TSet::new(), TSet::new()];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for seed in 0..2 {
            let (sets, done) = (&sets, &done);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !done.load(Ordering::SeqCst) {
                    let (from, to, key) = (random.below(3), random.below(3), random.below(50) as u64);
                    atomically(|tx| {
                        if sets[from].remove(tx, &key)? {
                            assert!(sets[to].insert(tx, key)?);
                        }
                        Ok(())
                    });
                }
            });
        }
        for _ in 0..scaled(500) {
            let all: Vec<u64> = snapshot(|tx| {
                let mut all = Vec::new();
                sets.iter().try_for_each(|set| set.for_each(tx, |key| all.push(*key)))?;
                Ok(all)
            });
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!((all.len(), distinct.len()), (50, 50));
        }
    });
}
