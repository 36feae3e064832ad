//! `TMVar`, `TPromise` and `TLatch`.

use std::sync::Mutex;

use common::Random;
use common::linearity::Spec;
use stm::sync::{TFuture, TLatch, TMVar, TPromise};
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, Turn, is_linearisable_and_waits};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Put(u64),
    Take,
    TryPut(u64),
    TryTake,
    TryRead,
    /// Whether there was something or not.
    Write(u64),
    IsEmpty,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Value(Option<u64>),
    Is(bool),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Place(pub(crate) Option<u64>);

impl Spec for Place {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        let Self(value) = self;
        Some(match *op {
            Op::Put(_) if value.is_some() => return None,
            Op::TryPut(_) if value.is_some() => Ret::Is(false),
            Op::Put(new) | Op::TryPut(new) | Op::Write(new) => {
                *value = Some(new);
                Ret::Is(true)
            }
            Op::Take => Ret::Value(Some(value.take()?)),
            Op::TryTake => Ret::Value(value.take()),
            Op::TryRead => Ret::Value(*value),
            Op::IsEmpty => Ret::Is(value.is_none()),
        })
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::TryRead | Op::IsEmpty)
    }
}

struct Var(TMVar<u64>);

impl Subject for Var {
    type Spec = Place;

    fn make(_setting: Setting) -> (Self, Place) {
        (Self(TMVar::new_empty()), Place(None))
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        match random.below(8) {
            0..3 => Op::TryPut(fresh),
            3..6 => Op::TryTake,
            6 => Op::Write(fresh),
            _ => Op::TryRead,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::TryRead, Op::IsEmpty]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some([Op::Put(turn.fresh), Op::Take])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::TryRead => Ret::Value(self.0.try_read(tx)?),
            _ => Ret::Is(self.0.is_empty(tx)?),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Put(value) => {
                self.0.put(tx, value)?;
                Ret::Is(true)
            }
            Op::TryPut(value) => Ret::Is(self.0.try_put(tx, value)?.is_ok()),
            Op::Write(value) => {
                self.0.write(tx, value)?;
                Ret::Is(true)
            }
            Op::Take => Ret::Value(Some(self.0.take(tx)?)),
            Op::TryTake => Ret::Value(self.0.try_take(tx)?),
            Op::TryRead | Op::IsEmpty => unreachable!("they do not change anything"),
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Word {
    Set(u64),
    Get,
    TryGet,
    /// Nobody can set it any more.
    Break,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    Not,
    Yes(u64),
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// Whether it was the first.
    Set(bool),
    Found(Kept),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Promised(pub(crate) Kept);

impl Spec for Promised {
    type Op = Word;
    type Ret = Told;

    fn step(&mut self, op: &Word) -> Option<Told> {
        let Self(kept) = self;
        let is_open = *kept == Kept::Not;
        Some(match *op {
            Word::Set(value) => {
                if is_open {
                    *kept = Kept::Yes(value);
                }
                Told::Set(is_open)
            }
            Word::Get if is_open => return None,
            Word::Get | Word::TryGet => Told::Found(kept.clone()),
            Word::Break => {
                if is_open {
                    *kept = Kept::Broken;
                }
                Told::Set(false)
            }
        })
    }

    fn looks(op: &Word) -> bool {
        matches!(op, Word::Get | Word::TryGet)
    }
}

struct Promise {
    /// Of each thread.
    ends: Vec<Mutex<Option<TPromise<u64>>>>,
    future: TFuture<u64>,
    breaks: bool,
}

fn kept(found: Option<Result<u64, stm::sync::BrokenPromise>>) -> Told {
    Told::Found(match found {
        None => Kept::Not,
        Some(Ok(value)) => Kept::Yes(value),
        Some(Err(_)) => Kept::Broken,
    })
}

impl Promise {
    fn end(&self, thread: usize) -> Option<TPromise<u64>> {
        self.ends[thread].lock().expect("nobody panics").clone()
    }
}

impl Subject for Promise {
    type Spec = Promised;

    fn make(setting: Setting) -> (Self, Promised) {
        let promise = TPromise::new();
        let future = promise.future();
        let breaks = !setting.waits && setting.seed.is_multiple_of(3);
        // Only the first thread has one that is to be broken.
        let owners = if breaks { 1 } else { setting.threads };
        let ends = (0..setting.threads).map(|thread| Mutex::new((thread < owners).then(|| promise.clone()))).collect();
        (Self { ends, future, breaks }, Promised(Kept::Not))
    }

    fn draw(&self, random: &mut Random, thread: usize, fresh: u64) -> Word {
        match random.below(4) {
            0 if self.breaks && thread == 0 => Word::Break,
            1 if !self.breaks => Word::Set(fresh),
            _ => Word::TryGet,
        }
    }

    fn whole(&self) -> Vec<Word> {
        vec![Word::TryGet]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Word; 2]> {
        Some([Word::Set(turn.fresh), Word::Get])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Word) -> StmResult<Told> {
        Ok(match op {
            Word::Get => kept(Some(self.future.get(tx)?)),
            _ => kept(self.future.try_get(tx)?),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Word) -> StmResult<Told> {
        match *op {
            Word::Set(value) => {
                let promise = self.end(0).expect("it is not one that is broken");
                Ok(Told::Set(promise.set(tx, value)?.is_ok()))
            }
            _ => unreachable!("{op:?} is no part of a transaction"),
        }
    }

    /// It takes effect at once, also in a body, and is not undone.
    fn is_apart(op: &Word) -> bool {
        matches!(op, Word::Break)
    }

    fn alone(&self, op: &Word) -> Option<Told> {
        match *op {
            Word::Break => {
                drop(self.ends[0].lock().expect("nobody panics").take());
                Some(Told::Set(false))
            }
            Word::Set(value) => {
                Some(Told::Set(self.end(0).expect("it is not one that is broken").set_now(value).is_ok()))
            }
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Gate {
    CountDown,
    Wait,
    IsOpen,
    Remaining,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Left(pub(crate) u64);

impl Spec for Left {
    type Op = Gate;
    /// What is left, or 1 for yes.
    type Ret = u64;

    fn step(&mut self, op: &Gate) -> Option<u64> {
        let Self(left) = self;
        match op {
            Gate::CountDown => *left = left.saturating_sub(1),
            Gate::Wait if *left > 0 => return None,
            Gate::Remaining => return Some(*left),
            Gate::Wait | Gate::IsOpen => {}
        }
        Some(u64::from(*left == 0))
    }

    fn looks(op: &Gate) -> bool {
        !matches!(op, Gate::CountDown)
    }
}

struct Latch(TLatch);

impl Subject for Latch {
    type Spec = Left;

    fn make(setting: Setting) -> (Self, Left) {
        let count = if setting.waits { setting.threads as u64 } else { 8 + setting.seed % 8 };
        (Self(TLatch::new(count)), Left(count))
    }

    fn draw(&self, random: &mut Random, _thread: usize, _fresh: u64) -> Gate {
        match random.below(6) {
            0 | 1 => Gate::IsOpen,
            2 | 3 => Gate::Remaining,
            _ => Gate::CountDown,
        }
    }

    fn whole(&self) -> Vec<Gate> {
        vec![Gate::IsOpen, Gate::Remaining]
    }

    fn exchange(&self, _random: &mut Random, _turn: Turn) -> Option<[Gate; 2]> {
        Some([Gate::CountDown, Gate::Wait])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Gate) -> StmResult<u64> {
        match op {
            Gate::Wait => self.0.wait(tx).map(|()| 1),
            Gate::Remaining => self.0.remaining(tx),
            _ => self.0.is_open(tx).map(u64::from),
        }
    }

    fn change(&self, tx: &Transaction<'_, '_>, _op: &Gate) -> StmResult<u64> {
        self.0.count_down(tx).map(u64::from)
    }

    fn alone(&self, op: &Gate) -> Option<u64> {
        match op {
            Gate::CountDown => Some(u64::from(self.0.count_down_now())),
            Gate::Wait => {
                self.0.wait_blocking();
                Some(1)
            }
            _ => None,
        }
    }
}

#[test]
fn a_value_in_a_place_is() {
    is_linearisable_and_waits::<Var>("TMVar");
}

#[test]
fn a_promise_is() {
    is_linearisable_and_waits::<Promise>("TPromise");
}

#[test]
fn a_latch_is() {
    is_linearisable_and_waits::<Latch>("TLatch");
}
