//! Under threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Ends, Random, race, scaled, threads, watchdog};
use stm::collections::TOrdMap;
use stm::{TVar, atomically, snapshot};

#[derive(Debug)]
enum Done {
    Insert(u64, u64, Option<u64>),
    Remove(u64, Option<u64>),
    Get(u64, Option<u64>),
    Range(u64, u64, Vec<(u64, u64)>),
    PopFirst(Option<(u64, u64)>),
    PopLast(Option<(u64, u64)>),
    PrevBefore(u64, Option<(u64, u64)>),
}

impl Done {
    fn perform(map: &TOrdMap<u64, u64>, tx: &stm::Transaction, random: &mut Random) -> stm::StmResult<Self> {
        let key = random.below(24) as u64;
        Ok(match random.below(12) {
            0..4 => {
                let value = random.draw();
                Self::Insert(key, value, map.insert(tx, key, value)?)
            }
            4..7 => Self::Remove(key, map.remove(tx, &key)?),
            7 => Self::Get(key, map.get(tx, &key)?),
            8 => {
                let end = key + random.below(10) as u64;
                Self::Range(key, end, map.range(tx, key..end)?)
            }
            9 => Self::PopFirst(map.pop_first(tx)?),
            10 => Self::PopLast(map.pop_last(tx)?),
            _ => Self::PrevBefore(key, map.prev_before(tx, &key)?),
        })
    }

    fn check(&self, model: &mut BTreeMap<u64, u64>) {
        match self {
            Self::Insert(key, value, old) => assert_eq!(model.insert(*key, *value), *old),
            Self::Remove(key, old) => assert_eq!(model.remove(key), *old),
            Self::Get(key, value) => assert_eq!(model.get(key), value.as_ref()),
            Self::Range(start, end, found) => {
                assert_eq!(model.range(start..end).map(|(k, v)| (*k, *v)).collect::<Vec<_>>(), *found);
            }
            Self::PopFirst(first) => assert_eq!(model.pop_first(), *first),
            Self::PopLast(last) => assert_eq!(model.pop_last(), *last),
            Self::PrevBefore(key, found) => {
                assert_eq!(model.range(..key).next_back().map(|(k, v)| (*k, *v)), *found);
            }
        }
    }
}

/// Each transaction takes a number, and done in the order of numbers the operations return the same. The number is taken last, and
/// by a separate variable for each of a few maps, so that the operations themselves meet.
#[test]
fn concurrent_operations_are_explained_by_the_order_of_their_commits() {
    let _watchdog = watchdog();
    let (map, clock) = (TOrdMap::new(), TVar::new(0_u64));
    let rounds = scaled(8_000);
    let histories = race(threads(), |thread| {
        let mut random = Random::new(thread as u64);
        (0..rounds)
            .map(|_| {
                let seed = random.draw();
                atomically(|tx| {
                    let mut random = Random::new(seed);
                    let done: Vec<_> = (0..1 + random.below(3))
                        .map(|_| Done::perform(&map, tx, &mut random))
                        .collect::<stm::StmResult<_>>()?;
                    clock.modify(tx, |now| now + 1)?;
                    Ok((clock.read(tx)?, done))
                })
            })
            .collect::<Vec<_>>()
    });
    let mut all: Vec<_> = histories.into_iter().flatten().collect();
    all.sort_by_key(|(time, _)| *time);
    let mut model = BTreeMap::new();
    all.iter().flat_map(|(_, done)| done).for_each(|done| done.check(&mut model));
    assert_eq!(map.snapshot(), model);
}

/// The sum of all values stays the same, so a range that misses a key, or has one twice, is found out. In snapshots and in ordinary
/// transactions; by the order of threads each has some part.
#[test]
fn ranges_have_no_phantoms() {
    let _watchdog = watchdog();
    let map: TOrdMap<u64, u64> = (0..64).map(|n| (n * 16, 10)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let ends = Ends(&done);
        for mover in 0..2 {
            let (map, done) = (&map, &done);
            scope.spawn(move || {
                let mut random = Random::new(mover);
                while !done.load(Ordering::SeqCst) {
                    let (from, to) = (random.below(1024) as u64, random.below(1024) as u64);
                    atomically(|tx| {
                        // Moves what is at or behind `from` to a key that is free.
                        let found = match map.get(tx, &from)? {
                            Some(value) => Some((from, value)),
                            None => map.next_after(tx, &from)?,
                        };
                        if let Some((key, value)) = found
                            && !map.contains_key(tx, &to)?
                        {
                            map.remove(tx, &key)?;
                            map.insert(tx, to, value)?;
                        }
                        Ok(())
                    });
                }
            });
        }
        let mut random = Random::new(99);
        for round in 0..scaled(2_000) {
            let middle = random.below(1024) as u64;
            let whole = if round % 2 == 0 {
                snapshot(|tx| Ok([map.range(tx, ..middle)?, map.range(tx, middle..)?]))
            } else {
                atomically(|tx| Ok([map.range(tx, ..middle)?, map.range(tx, middle..)?]))
            };
            let whole = whole.concat();
            assert!(whole.is_sorted_by(|a, b| a.0 < b.0));
            assert_eq!(whole.iter().map(|(_, value)| value).sum::<u64>(), 640);
        }
        drop(ends);
    });
}

#[test]
fn a_move_between_two_maps_is_one_step_to_everybody() {
    let _watchdog = watchdog();
    let (left, right): (TOrdMap<u64, u64>, TOrdMap<u64, u64>) = ((0..50).map(|n| (n, n)).collect(), TOrdMap::new());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let ends = Ends(&done);
        for mover in 0..2 {
            let (left, right, done) = (&left, &right, &done);
            scope.spawn(move || {
                let mut random = Random::new(mover);
                while !done.load(Ordering::SeqCst) {
                    let key = random.below(50) as u64;
                    let (from, to) = if random.below(2) == 0 { (left, right) } else { (right, left) };
                    match random.below(8) {
                        0 => atomically(|tx| to.append(tx, &from.split_off(tx, &key)?)),
                        1 => atomically(|tx| match from.pop_first(tx)? {
                            Some((key, value)) => to.insert(tx, key, value).map(drop),
                            None => Ok(()),
                        }),
                        _ => atomically(|tx| match from.remove(tx, &key)? {
                            Some(value) => to.insert(tx, key, value).map(drop),
                            None => Ok(()),
                        }),
                    }
                }
            });
        }
        let mut runs = 0;
        for round in 0..scaled(3_000_usize) {
            let key = (round % 50) as u64;
            let found = snapshot(|tx| {
                runs += 1;
                Ok([left.get(tx, &key)?, right.get(tx, &key)?])
            });
            assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), [key]);
            let found = atomically(|tx| Ok([left.get(tx, &key)?, right.get(tx, &key)?]));
            assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), [key]);
            if round % 16 == 0 {
                let all = snapshot(|tx| Ok([left.range(tx, ..)?, right.range(tx, ..)?])).concat();
                let all: BTreeMap<_, _> = all.into_iter().collect();
                assert!(all.len() == 50 && all.iter().all(|(key, value)| key == value));
            }
        }
        assert_eq!(runs, scaled(3_000), "the body of a snapshot runs once");
        drop(ends);
    });
    let all = left.snapshot().len() + right.snapshot().len();
    assert_eq!(all, 50);
}

/// Every key has one owner at a time: who inserts it where there was none.
#[test]
fn of_many_who_insert_or_remove_a_key_one_does() {
    let _watchdog = watchdog();
    let map = TOrdMap::new();
    let won = race(threads(), |thread| {
        let mut random = Random::new(thread as u64);
        let mut balance = [0_i64; 8];
        for _ in 0..scaled(20_000) {
            let key = random.below(8);
            if random.below(2) == 0 {
                let new = atomically(|tx| map.insert(tx, key, thread)).is_none();
                balance[key] += i64::from(new);
            } else {
                let gone = atomically(|tx| map.remove(tx, &key)).is_some();
                balance[key] -= i64::from(gone);
            }
        }
        balance
    });
    let left = map.snapshot();
    for key in 0..8 {
        let balance: i64 = won.iter().map(|balance| balance[key]).sum();
        assert_eq!(balance, i64::from(left.contains_key(&key)), "{key}");
    }
}
