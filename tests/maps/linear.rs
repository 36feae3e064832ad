//! Single operations of several threads on a few keys: for each key some order explains what they returned.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Random, race, scaled, watchdog};
use stm::atomically;
use stm::collections::TMap;

use super::hashers::Masked;

#[derive(Clone, Copy, Debug)]
enum Deed {
    Get,
    Insert(u64),
    Remove,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    deed: Deed,
    returned: Option<u64>,
    began: u64,
    ended: u64,
}

/// Whether some order explains it that keeps each thread's own, and has what ended before another began in front of that.
fn is_linear(threads: &[Vec<Done>]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(vec![0_usize; threads.len()], None)];
    while let Some((position, value)) = open.pop() {
        let next: Vec<_> = threads.iter().zip(&position).map(|(done, at)| done.get(*at)).collect();
        let Some(first_end) = next.iter().flatten().map(|done| done.ended).min() else { return true };
        for (thread, done) in next.iter().enumerate() {
            let Some(done) = done.filter(|done| done.began <= first_end && done.returned == value) else { continue };
            let mut position = position.clone();
            position[thread] += 1;
            let value = match done.deed {
                Deed::Get => value,
                Deed::Insert(new) => Some(new),
                Deed::Remove => None,
            };
            if seen.insert((position.clone(), value)) {
                open.push((position, value));
            }
        }
    }
    false
}

#[test]
fn the_checker_tells_right_from_wrong() {
    let done = |deed, returned, began, ended| Done { deed, returned, began, ended };
    let write = done(Deed::Insert(1), None, 0, 10);
    assert!(is_linear(&[vec![write], vec![done(Deed::Get, Some(1), 5, 6), done(Deed::Get, Some(1), 7, 8)]]));
    assert!(!is_linear(&[vec![write], vec![done(Deed::Get, Some(1), 5, 6), done(Deed::Get, None, 7, 8)]]));
    assert!(!is_linear(&[vec![write], vec![done(Deed::Get, None, 11, 12)]]));
    assert!(!is_linear(&[vec![write], vec![done(Deed::Remove, None, 11, 12)]]));
}

fn play(mask: u64, keys: usize, seed: u64) {
    const THREADS: usize = 3;
    const DEEDS: usize = 60;
    let map: TMap<u64, u64, Masked> = TMap::with_hasher(Masked(mask));
    let clock = AtomicU64::new(0);
    let histories = race(THREADS, |me| {
        let mut random = Random::new(seed * 31 + me as u64);
        let mut history = vec![Vec::new(); keys];
        for n in 0..DEEDS * keys {
            let key = random.below(keys);
            let deed = match random.below(4) {
                0 | 1 => Deed::Insert((me * 100_000 + n) as u64),
                2 => Deed::Remove,
                _ => Deed::Get,
            };
            let began = clock.fetch_add(1, Ordering::SeqCst);
            let returned = atomically(|tx| match deed {
                Deed::Get => map.get(tx, &(key as u64)),
                Deed::Insert(value) => map.insert(tx, key as u64, value),
                Deed::Remove => map.remove(tx, &(key as u64)),
            });
            let ended = clock.fetch_add(1, Ordering::SeqCst);
            history[key].push(Done { deed, returned, began, ended });
            if random.below(40) == 0 {
                drop(map.snapshot());
            }
        }
        history
    });
    for key in 0..keys {
        let of_key: Vec<_> = histories.iter().map(|history| history[key].clone()).collect();
        assert!(is_linear(&of_key), "key {key}, seed {seed}: {of_key:?}");
    }
}

#[test]
fn operations_take_effect_in_one_moment_each() {
    let _watchdog = watchdog();
    for seed in 0..scaled(60) as u64 {
        play(u64::MAX, 4, seed);
        play(0, 8, seed);
        play(u64::MAX, 60, seed);
    }
}
