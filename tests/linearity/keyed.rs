//! Maps and sets.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};

use common::linearity::{Clock, Spec, by_key, check};
use common::{Random, race, scaled, watchdog};
use stm::collections::{TMap, TOrdMap, TSet};
use stm::{ReadTransaction, StmResult, Transaction, atomically};

use super::workload::{Setting, Subject, Turn, is_linearisable, is_linearisable_and_waits};

/// What is under a key. In a set it is 0.
type Found = Option<u64>;
type Pair = (u64, u64);

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Get(u64),
    Insert(u64, u64),
    Remove(u64),
    /// Adds to the value.
    Update(u64, u64),
    /// Waits for the key, and removes it.
    Take(u64),
    Clear,
    Len,
    All,
    Range(u64, u64),
    First,
    Last,
    NextAfter(u64),
    PrevBefore(u64),
    PopFirst,
    PopLast,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Was(Found),
    Count(usize),
    Pair(Option<Pair>),
    Pairs(Vec<Pair>),
    Done,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Keyed(pub(crate) BTreeMap<u64, u64>);

fn own(pair: Option<(&u64, &u64)>) -> Ret {
    Ret::Pair(pair.map(|(key, value)| (*key, *value)))
}

impl Spec for Keyed {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        let Self(map) = self;
        let owned = |(key, value): (&u64, &u64)| (*key, *value);
        Some(match *op {
            Op::Get(key) => Ret::Was(map.get(&key).copied()),
            Op::Insert(key, value) => Ret::Was(map.insert(key, value)),
            Op::Remove(key) => Ret::Was(map.remove(&key)),
            Op::Update(key, more) => Ret::Was(map.get_mut(&key).map(|value| {
                *value += more;
                *value
            })),
            Op::Take(key) => return map.remove(&key).map(|value| Ret::Was(Some(value))),
            Op::Clear => {
                map.clear();
                Ret::Done
            }
            Op::Len => Ret::Count(map.len()),
            Op::All => Ret::Pairs(map.iter().map(owned).collect()),
            Op::Range(start, end) => Ret::Pairs(map.range(start..end).map(owned).collect()),
            Op::First => own(map.first_key_value()),
            Op::Last => own(map.last_key_value()),
            Op::NextAfter(key) => own(map.range(key + 1..).next()),
            Op::PrevBefore(key) => own(map.range(..key).next_back()),
            Op::PopFirst => Ret::Pair(map.pop_first()),
            Op::PopLast => Ret::Pair(map.pop_last()),
        })
    }

    fn looks(op: &Op) -> bool {
        use Op::{All, First, Get, Last, Len, NextAfter, PrevBefore, Range};
        matches!(op, Get(_) | Len | All | Range(..) | First | Last | NextAfter(_) | PrevBefore(_))
    }
}

const KEYS: usize = 5;

fn key(random: &mut Random) -> u64 {
    random.below(KEYS) as u64
}

fn some_pairs(setting: Setting) -> BTreeMap<u64, u64> {
    let count = if setting.waits { 0 } else { setting.seed % 4 };
    (0..count).map(|n| (n, n)).collect()
}

/// For maps without an order.
fn draw(random: &mut Random, fresh: u64) -> Op {
    let key = key(random);
    match random.below(16) {
        0..5 => Op::Insert(key, fresh),
        5..9 => Op::Remove(key),
        9..12 => Op::Get(key),
        12 => Op::Update(key, 1),
        13 => Op::Len,
        14 => Op::All,
        _ if random.below(4) == 0 => Op::Clear,
        _ => Op::Get(key),
    }
}

/// Each thread puts in what the one before it takes out.
fn exchange(turn: Turn, value: u64) -> [Op; 2] {
    let key = |thread: usize| turn.number * 10 + thread as u64;
    [Op::Insert(key(turn.thread), value), Op::Take(key(turn.next))]
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_unstable();
    items
}

pub(crate) struct Hashed(TMap<u64, u64>);

impl Subject for Hashed {
    type Spec = Keyed;

    fn make(setting: Setting) -> (Self, Keyed) {
        let pairs = some_pairs(setting);
        (Self(pairs.clone().into_iter().collect()), Keyed(pairs))
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        draw(random, fresh)
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some(exchange(turn, turn.fresh))
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::Get(key) => Ret::Was(self.0.get(tx, key)?),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Pairs(sorted(self.0.iter(tx)?)),
            _ => unreachable!("{op:?} does not look, or not at a map without an order"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Insert(key, value) => Ret::Was(self.0.insert(tx, key, value)?),
            Op::Remove(key) => Ret::Was(self.0.remove(tx, &key)?),
            Op::Update(key, more) => Ret::Was(self.0.update(tx, &key, |value| {
                *value += more;
                *value
            })?),
            Op::Take(key) => Ret::Was(Some(self.0.take(tx, &key)?)),
            Op::Clear => {
                self.0.clear(tx)?;
                Ret::Done
            }
            _ => unreachable!("{op:?} does not change a map without an order"),
        })
    }

    /// A view of one moment, which costs O(1).
    fn alone(&self, op: &Op) -> Option<Ret> {
        let view = || self.0.snapshot();
        Some(match op {
            Op::All => Ret::Pairs(sorted(view().iter().map(|(key, value)| (*key, *value)))),
            Op::Len => Ret::Count(view().len()),
            Op::Get(key) => Ret::Was(view().get(key).copied()),
            _ => return None,
        })
    }
}

struct Members(TSet<u64>);

fn was(is_there: bool) -> Ret {
    Ret::Was(is_there.then_some(0))
}

impl Subject for Members {
    type Spec = Keyed;

    fn make(setting: Setting) -> (Self, Keyed) {
        let keys = some_pairs(setting);
        (Self(keys.keys().copied().collect()), Keyed(keys.into_keys().map(|key| (key, 0)).collect()))
    }

    fn draw(&self, random: &mut Random, _thread: usize, _fresh: u64) -> Op {
        match draw(random, 0) {
            Op::Update(key, _) => Op::Get(key),
            op => op,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some(exchange(turn, 0))
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::Get(key) => was(self.0.contains(tx, key)?),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Pairs(sorted(self.0.iter(tx)?.map(|key| (key, 0)))),
            _ => unreachable!("{op:?} does not look, or not at a set"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            // Says whether it is new.
            Op::Insert(key, _) => was(!self.0.insert(tx, key)?),
            Op::Remove(key) => was(self.0.remove(tx, &key)?),
            Op::Take(key) => {
                self.0.take(tx, &key)?;
                was(true)
            }
            Op::Clear => {
                self.0.clear(tx)?;
                Ret::Done
            }
            _ => unreachable!("{op:?} does not change a set"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        let view = || self.0.snapshot();
        Some(match op {
            Op::All => Ret::Pairs(sorted(view().iter().map(|key| (*key, 0)))),
            Op::Len => Ret::Count(view().len()),
            Op::Get(key) => was(view().contains(key)),
            _ => return None,
        })
    }
}

struct InOrder(TOrdMap<u64, u64>);

impl Subject for InOrder {
    type Spec = Keyed;

    fn make(setting: Setting) -> (Self, Keyed) {
        let pairs = some_pairs(setting);
        (Self(pairs.clone().into_iter().collect()), Keyed(pairs))
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        let at = key(random);
        match random.below(12) {
            0 => Op::Range(at, at + 1 + key(random)),
            1 => Op::First,
            2 => Op::Last,
            3 => Op::NextAfter(at),
            4 => Op::PrevBefore(at),
            5 => Op::PopFirst,
            6 => Op::PopLast,
            _ => draw(random, fresh),
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Get(key) => Ret::Was(self.0.get(tx, &key)?),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Pairs(self.0.range(tx, ..)?),
            Op::Range(start, end) => Ret::Pairs(self.0.range(tx, start..end)?),
            Op::First => Ret::Pair(self.0.first_key_value(tx)?),
            Op::Last => Ret::Pair(self.0.last_key_value(tx)?),
            Op::NextAfter(key) => Ret::Pair(self.0.next_after(tx, &key)?),
            Op::PrevBefore(key) => Ret::Pair(self.0.prev_before(tx, &key)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Insert(key, value) => Ret::Was(self.0.insert(tx, key, value)?),
            Op::Remove(key) => Ret::Was(self.0.remove(tx, &key)?),
            Op::Update(key, more) => Ret::Was(self.0.update(tx, &key, |value| {
                *value += more;
                *value
            })?),
            Op::PopFirst => Ret::Pair(self.0.pop_first(tx)?),
            Op::PopLast => Ret::Pair(self.0.pop_last(tx)?),
            Op::Clear => {
                self.0.clear(tx)?;
                Ret::Done
            }
            _ => unreachable!("{op:?} does not change an ordered map"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        matches!(op, Op::All).then(|| Ret::Pairs(self.0.snapshot().into_iter().collect()))
    }
}

#[test]
fn a_map_is() {
    is_linearisable_and_waits::<Hashed>("TMap");
}

#[test]
fn a_set_is() {
    is_linearisable_and_waits::<Members>("TSet");
}

#[test]
fn an_ordered_map_is() {
    is_linearisable::<InOrder>("TOrdMap");
}

/// All keys have the same.
#[derive(Default)]
struct One;

impl Hasher for One {
    fn write(&mut self, _bytes: &[u8]) {}

    fn finish(&self) -> u64 {
        1
    }
}

/// Operations on one key each are checked key by key, so there may be many between two rests.
fn is_linearisable_by_key(name: &str, perform: impl Fn(&Transaction<'_, '_>, &Op) -> StmResult<Ret> + Sync) {
    const THREADS: usize = 3;
    let _watchdog = watchdog();
    let clock = Clock::new();
    let history = race(THREADS, |me| {
        let (mut random, mut log) = (Random::new(me as u64), Vec::new());
        for n in 0..scaled(4_000) as u64 {
            let key = random.below(40) as u64;
            let op = match random.below(4) {
                0 | 1 => Op::Insert(key, n * 10 + me as u64),
                2 => Op::Remove(key),
                _ => Op::Get(key),
            };
            clock.record(&mut log, vec![op], |ops| vec![atomically(|tx| perform(tx, &ops[0]))]);
        }
        log
    });
    let key = |op: &Op| match op {
        Op::Get(key) | Op::Insert(key, _) | Op::Remove(key) => *key,
        _ => unreachable!("not called above"),
    };
    for (key, history) in by_key(&history, key) {
        if let Err(violation) = check(&Keyed::default(), &history) {
            panic!("{name}, key {key}: {violation}");
        }
    }
}

#[test]
fn maps_are_key_by_key() {
    let map: TMap<u64, u64, BuildHasherDefault<One>> = TMap::default();
    is_linearisable_by_key("TMap with one hash", |tx, op| match *op {
        Op::Insert(key, value) => map.insert(tx, key, value).map(Ret::Was),
        Op::Remove(key) => map.remove(tx, &key).map(Ret::Was),
        Op::Get(key) => map.get(tx, &key).map(Ret::Was),
        _ => unreachable!("not called above"),
    });
    let (hashed, ordered) = (Hashed(TMap::new()), InOrder(TOrdMap::new()));
    is_linearisable_by_key("TMap", |tx, op| hashed.perform(tx, op));
    is_linearisable_by_key("TOrdMap", |tx, op| ordered.perform(tx, op));
}
