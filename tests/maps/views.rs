//! Views stay what they were while writers go on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::{Ends, Random, expect_panic, scaled, threads, watchdog};
use stm::collections::{TMap, TMapView};
use stm::{atomically, cancel};

const KEYS: usize = 200;

/// Moves amounts between accounts, which appear and vanish; the sum stays.
fn transfer(map: &TMap<u64, u64>, random: &mut Random) {
    let (from, to) = (random.below(KEYS) as u64, random.below(KEYS) as u64);
    let amount = random.below(5) as u64;
    atomically(|tx| {
        let balance = map.get(tx, &from)?.unwrap_or(0);
        if balance < amount || from == to {
            return Ok(());
        }
        let _before = match balance - amount {
            0 => map.remove(tx, &from)?,
            left => map.insert(tx, from, left)?,
        };
        map.alter(tx, to, |balance| Some(balance.unwrap_or(0) + amount).filter(|sum| *sum > 0))
    });
}

fn content(view: &TMapView<u64, u64>) -> HashMap<u64, u64> {
    view.iter().map(|(key, value)| (*key, *value)).collect()
}

#[test]
fn views_are_of_one_moment_and_stay_so_while_writers_go_on() {
    let _watchdog = watchdog();
    let map: TMap<u64, u64> = (0..KEYS as u64 / 2).map(|key| (key, 10)).collect();
    let total: u64 = map.snapshot().values().sum();
    let (done, moved) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for seed in 0..threads() as u64 {
            let (map, done, moved) = (&map, &done, &moved);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !done.load(Ordering::SeqCst) {
                    transfer(map, &mut random);
                    moved.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let mut kept: Vec<(TMapView<u64, u64>, HashMap<u64, u64>)> = Vec::new();
        for round in 0..scaled(300) {
            let view = map.snapshot();
            let seen = content(&view);
            assert_eq!(seen.values().sum::<u64>(), total, "of one moment");
            assert_eq!(seen.len(), view.len());
            assert!((0..KEYS as u64).all(|key| view.get(&key) == seen.get(&key)));
            kept.push((view, seen));
            let before = moved.load(Ordering::SeqCst);
            while moved.load(Ordering::SeqCst) < before + 20 {
                thread::yield_now();
            }
            if round % 10 == 9 {
                assert!(kept.iter().all(|(view, seen)| content(view) == *seen), "a view has changed");
                kept.drain(..5);
            }
        }
    });
}

#[test]
fn a_view_is_the_state_at_its_point_of_the_transaction() {
    let map: TMap<u64, String> = TMap::new();
    let (first, second, third) = atomically(|tx| {
        map.insert(tx, 1, "a".to_owned())?;
        let first = map.view(tx)?;
        map.insert(tx, 1, "b".to_owned())?;
        map.insert(tx, 2, "c".to_owned())?;
        let second = map.view(tx)?;
        map.clear(tx)?;
        let third = map.view(tx)?;
        map.insert(tx, 3, "d".to_owned())?;
        Ok((first, second, third))
    });
    assert_eq!((first.len(), first.get(&1).map(String::as_str)), (1, Some("a")));
    assert_eq!((second.len(), second.get(&1).map(String::as_str)), (2, Some("b")));
    assert!(third.is_empty() && third.iter().next().is_none());
    assert_eq!(map.snapshot().len(), 1);
    assert!(first != second && first == first.clone());
}

#[test]
fn a_view_can_not_be_looked_at_before_it_is_committed_nor_if_it_never_is() {
    let map: TMap<u64, u64> = TMap::from([(1, 1)]);
    let early = expect_panic(|| atomically(|tx| Ok(map.view(tx)?.len())));
    assert!(early.message.contains("has committed"), "{}", early.message);
    let mut smuggled = None;
    let cancelled: Result<(), ()> = stm::try_atomically(|tx| {
        map.insert(tx, 2, 2)?;
        smuggled = Some(map.view(tx)?);
        cancel(())
    });
    assert!(cancelled.is_err());
    let smuggled = smuggled.expect("the body ran");
    expect_panic(|| smuggled.get(&1).copied());
    assert_eq!(map.snapshot().len(), 1, "it is as it was");
}

#[test]
fn views_go_to_other_threads_and_outlive_the_map() {
    let map: TMap<u64, String> = (0..1000).map(|n| (n, n.to_string())).collect();
    let view = map.snapshot();
    let writer = thread::spawn(move || {
        for n in 0..1000 {
            atomically(|tx| map.insert(tx, n, String::new()));
        }
    });
    let reader = {
        let view = view.clone();
        thread::spawn(move || view.iter().all(|(key, value)| key.to_string() == *value))
    };
    assert!(reader.join().expect("it does not panic"));
    writer.join().expect("it does not panic");
    stm::collect();
    assert!(view.iter().all(|(key, value)| key.to_string() == *value));
}
