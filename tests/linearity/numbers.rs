//! `TArray` and `TCounter`.

use common::Random;
use common::linearity::Spec;
use stm::collections::{TArray, TCounter};
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, Turn, is_linearisable, is_linearisable_and_waits};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Read(usize),
    Write(usize, u64),
    Replace(usize, u64),
    /// Adds, and returns the sum.
    Update(usize, u64),
    Swap(usize, usize),
    Fill(u64),
    All,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Value(u64),
    Values(Vec<u64>),
    Done,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Places(pub(crate) Vec<u64>);

impl Spec for Places {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        let Self(places) = self;
        Some(match *op {
            Op::Read(at) => Ret::Value(places[at]),
            Op::Write(at, value) => {
                places[at] = value;
                Ret::Done
            }
            Op::Replace(at, value) => Ret::Value(std::mem::replace(&mut places[at], value)),
            Op::Update(at, more) => {
                places[at] += more;
                Ret::Value(places[at])
            }
            Op::Swap(a, b) => {
                places.swap(a, b);
                Ret::Done
            }
            Op::Fill(value) => {
                places.fill(value);
                Ret::Done
            }
            Op::All => Ret::Values(places.clone()),
        })
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::All)
    }
}

struct Array(TArray<u64>);

const LENGTH: usize = 4;

impl Subject for Array {
    type Spec = Places;

    fn make(_setting: Setting) -> (Self, Places) {
        (Self(TArray::from_fn(LENGTH, |at| at as u64)), Places((0..LENGTH as u64).collect()))
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        let (at, other) = (random.below(LENGTH), random.below(LENGTH));
        match random.below(12) {
            0..4 => Op::Read(at),
            4 | 5 => Op::Write(at, fresh),
            6 => Op::Replace(at, fresh),
            7 | 8 => Op::Update(at, 1),
            9 | 10 => Op::Swap(at, other),
            _ => Op::Fill(fresh),
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All]
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Read(at) => Ret::Value(self.0.read(tx, at)?),
            Op::All => Ret::Values(self.0.to_vec(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        match *op {
            Op::Replace(at, value) => return Ok(Ret::Value(self.0.replace(tx, at, value)?)),
            Op::Update(at, more) => {
                let sum = self.0.update(tx, at, |value| {
                    *value += more;
                    *value
                })?;
                return Ok(Ret::Value(sum));
            }
            Op::Write(at, value) => self.0.write(tx, at, value)?,
            Op::Swap(a, b) => self.0.swap(tx, a, b)?,
            Op::Fill(value) => self.0.fill(tx, value)?,
            _ => unreachable!("{op:?} does not change anything"),
        }
        Ok(Ret::Done)
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        match *op {
            Op::Read(at) => Some(Ret::Value(self.0.load(at))),
            Op::Write(at, value) => {
                self.0.store(at, value);
                Some(Ret::Done)
            }
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Count {
    Add(u64),
    Set(u64),
    TryTake(u64),
    /// Waits for as many.
    Take(u64),
    TakeAll,
    Get,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sum(pub(crate) u64);

impl Spec for Sum {
    type Op = Count;
    /// What there was, or taken, or nothing.
    type Ret = Option<u64>;

    fn step(&mut self, op: &Count) -> Option<Option<u64>> {
        let Self(sum) = self;
        match *op {
            Count::Add(n) => *sum += n,
            Count::Set(n) => *sum = n,
            Count::TryTake(n) if *sum < n => {}
            Count::Take(n) if *sum < n => return None,
            Count::TryTake(n) | Count::Take(n) => {
                *sum -= n;
                return Some(Some(n));
            }
            Count::TakeAll => return Some(Some(std::mem::take(sum))),
            Count::Get => return Some(Some(*sum)),
        }
        Some(None)
    }

    fn looks(op: &Count) -> bool {
        matches!(op, Count::Get)
    }
}

pub(crate) struct Counter(TCounter);

impl Subject for Counter {
    type Spec = Sum;

    fn make(setting: Setting) -> (Self, Sum) {
        let sum = if setting.waits { 0 } else { setting.seed % 50 };
        (Self(TCounter::new(sum)), Sum(sum))
    }

    fn draw(&self, random: &mut Random, _thread: usize, _fresh: u64) -> Count {
        let n = random.below(5) as u64;
        match random.below(10) {
            0..3 => Count::Add(n),
            3..6 => Count::TryTake(2 * n),
            6 => Count::Set(3 * n),
            7 => Count::TakeAll,
            _ => Count::Get,
        }
    }

    fn whole(&self) -> Vec<Count> {
        vec![Count::Get]
    }

    fn exchange(&self, random: &mut Random, _turn: Turn) -> Option<[Count; 2]> {
        let n = 1 + random.below(4) as u64;
        Some([Count::Add(n), Count::Take(n)])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, _op: &Count) -> StmResult<Option<u64>> {
        self.0.get(tx).map(Some)
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Count) -> StmResult<Option<u64>> {
        match *op {
            Count::Add(n) => self.0.add(tx, n)?,
            Count::Set(n) => self.0.set(tx, n)?,
            Count::TryTake(n) => return Ok(self.0.try_take(tx, n)?.then_some(n)),
            Count::Take(n) => return self.0.take(tx, n).map(|()| Some(n)),
            Count::TakeAll => return self.0.take_all(tx).map(Some),
            Count::Get => unreachable!("it does not change anything"),
        }
        Ok(None)
    }

    fn alone(&self, op: &Count) -> Option<Option<u64>> {
        match *op {
            Count::Add(n) => {
                self.0.bump(n);
                Some(None)
            }
            Count::Get => Some(Some(self.0.load())),
            _ => None,
        }
    }
}

#[test]
fn an_array_is() {
    is_linearisable::<Array>("TArray");
}

#[test]
fn a_counter_is() {
    is_linearisable_and_waits::<Counter>("TCounter");
}
