//! What has two ends: `TDeque`, `TQueue` and `TBQueue`.

use std::collections::VecDeque;

use common::Random;
use common::linearity::Spec;
use stm::channel::{Overflow, TBQueue, TQueue};
use stm::collections::TDeque;
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, Turn, is_linearisable_and_waits};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    PushBack(u64),
    PushFront(u64),
    PopFront,
    PopBack,
    /// The same, and wait: for room, for an item.
    Put(u64),
    Take,
    Drain,
    Close,
    Front,
    Back,
    At(usize),
    Len,
    All,
    /// How many items were dropped, and whether it is closed.
    State,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Item(Option<u64>),
    Items(Vec<u64>),
    Count(usize),
    /// Whether it was put in, closed now, or counted as such.
    Done(bool),
    State(u64, bool),
}

/// The items, first to last, and whatever bounds them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) items: VecDeque<u64>,
    pub(crate) capacity: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) dropped: u64,
    pub(crate) is_closed: bool,
}

impl Sequence {
    fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.items.len() >= capacity)
    }

    fn put(&mut self, item: u64) -> Option<Ret> {
        if self.is_closed {
            return Some(Ret::Done(false));
        }
        if self.is_full() {
            match self.overflow {
                Overflow::Wait => return None,
                Overflow::DropNewest => {
                    self.dropped += 1;
                    return Some(Ret::Done(true));
                }
                Overflow::DropOldest => {
                    self.dropped += 1;
                    self.items.pop_front();
                }
            }
        }
        self.items.push_back(item);
        Some(Ret::Done(true))
    }
}

impl Spec for Sequence {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::PushBack(_) if self.is_full() || self.is_closed => Ret::Done(false),
            Op::PushBack(item) => {
                self.items.push_back(item);
                Ret::Done(true)
            }
            Op::PushFront(_) if self.is_full() => Ret::Done(false),
            Op::PushFront(item) => {
                self.items.push_front(item);
                Ret::Done(true)
            }
            Op::PopFront => Ret::Item(self.items.pop_front()),
            Op::PopBack => Ret::Item(self.items.pop_back()),
            Op::Put(item) => return self.put(item),
            Op::Take => match self.items.pop_front() {
                Some(item) => Ret::Item(Some(item)),
                None if self.is_closed => Ret::Item(None),
                None => return None,
            },
            Op::Drain => Ret::Items(self.items.drain(..).collect()),
            Op::Close => Ret::Done(!std::mem::replace(&mut self.is_closed, true)),
            Op::Front => Ret::Item(self.items.front().copied()),
            Op::Back => Ret::Item(self.items.back().copied()),
            Op::At(index) => Ret::Item(self.items.get(index).copied()),
            Op::Len => Ret::Count(self.items.len()),
            Op::All => Ret::Items(self.items.iter().copied().collect()),
            Op::State => Ret::State(self.dropped, self.is_closed),
        })
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::Front | Op::Back | Op::At(_) | Op::Len | Op::All | Op::State)
    }
}

struct Deque(TDeque<u64>);

impl Subject for Deque {
    type Spec = Sequence;

    fn make(setting: Setting) -> (Self, Sequence) {
        let items: VecDeque<_> = (0..if setting.waits { 0 } else { setting.seed % 4 }).collect();
        (Self(items.iter().copied().collect()), Sequence { items, ..Sequence::default() })
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        match random.below(12) {
            0 | 1 => Op::PushBack(fresh),
            2 | 3 => Op::PushFront(fresh),
            4 | 5 => Op::PopFront,
            6 | 7 => Op::PopBack,
            8 => Op::Front,
            9 => Op::Back,
            10 => Op::At(random.below(3)),
            _ if random.below(3) == 0 => Op::Drain,
            _ => Op::Len,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn exchange(&self, random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        let give = if random.below(2) == 0 { Op::PushFront(turn.fresh) } else { Op::PushBack(turn.fresh) };
        Some([give, Op::Take])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Front => Ret::Item(self.0.front(tx)?.copied()),
            Op::Back => Ret::Item(self.0.back(tx)?.copied()),
            Op::At(index) => Ret::Item(self.0.get(tx, index)?.copied()),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Items(self.0.to_vec(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::PushBack(item) => {
                self.0.push_back(tx, item)?;
                Ret::Done(true)
            }
            Op::PushFront(item) => {
                self.0.push_front(tx, item)?;
                Ret::Done(true)
            }
            Op::PopFront => Ret::Item(self.0.pop_front(tx)?),
            Op::PopBack => Ret::Item(self.0.pop_back(tx)?),
            Op::Take => Ret::Item(Some(self.0.take_front(tx)?)),
            Op::Drain => Ret::Items(self.0.drain(tx)?),
            _ => unreachable!("{op:?} does not change a deque"),
        })
    }
}

pub(crate) struct Queue(TQueue<u64>);

fn draw_for_queues(random: &mut Random, fresh: u64) -> Op {
    match random.below(10) {
        0..3 => Op::PushBack(fresh),
        3 => Op::PushFront(fresh),
        4..7 => Op::PopFront,
        7 => Op::Front,
        8 => Op::Len,
        _ if random.below(3) == 0 => Op::Drain,
        _ => Op::All,
    }
}

impl Subject for Queue {
    type Spec = Sequence;

    fn make(setting: Setting) -> (Self, Sequence) {
        let items: VecDeque<_> = (0..if setting.waits { 0 } else { setting.seed % 3 }).collect();
        (Self(items.iter().copied().collect()), Sequence { items, ..Sequence::default() })
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        draw_for_queues(random, fresh)
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some([Op::PushBack(turn.fresh), Op::Take])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::Front => Ret::Item(self.0.try_peek(tx)?),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Items(self.0.items(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::PushBack(item) => {
                self.0.push(tx, item)?;
                Ret::Done(true)
            }
            Op::PushFront(item) => {
                self.0.push_front(tx, item)?;
                Ret::Done(true)
            }
            Op::PopFront => Ret::Item(self.0.try_pop(tx)?),
            Op::Take => Ret::Item(Some(self.0.pop(tx)?)),
            Op::Drain => Ret::Items(self.0.flush(tx)?),
            _ => unreachable!("{op:?} does not change a queue"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::PushBack(item) => {
                self.0.send(item);
                Ret::Done(true)
            }
            Op::PopFront => Ret::Item(self.0.try_recv()),
            Op::Take => Ret::Item(Some(self.0.recv())),
            Op::All => Ret::Items(self.0.to_vec()),
            _ => return None,
        })
    }
}

struct Bounded(TBQueue<u64>);

impl Subject for Bounded {
    type Spec = Sequence;

    fn make(setting: Setting) -> (Self, Sequence) {
        let capacity = 1 + setting.seed as usize % 3;
        let overflow = match setting.seed / 3 % 3 {
            1 if !setting.waits => Overflow::DropNewest,
            2 if !setting.waits => Overflow::DropOldest,
            _ => Overflow::Wait,
        };
        let spec = Sequence { capacity: Some(capacity), overflow, ..Sequence::default() };
        (Self(TBQueue::with_overflow(capacity, overflow)), spec)
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        match random.below(40) {
            0 => Op::Close,
            1..6 => Op::State,
            6..14 if self.0.overflow() != Overflow::Wait => Op::Put(fresh),
            _ => draw_for_queues(random, fresh),
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len, Op::State]
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some([Op::Put(turn.fresh), Op::Take])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::Front => Ret::Item(self.0.try_peek(tx)?),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => Ret::Items(self.0.items(tx)?),
            Op::State => Ret::State(self.0.dropped(tx)?, self.0.is_closed(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::PushBack(item) => Ret::Done(self.0.try_push(tx, item)?.is_ok()),
            Op::PushFront(item) => Ret::Done(self.0.try_push_front(tx, item)?.is_ok()),
            Op::PopFront => Ret::Item(self.0.try_pop(tx)?),
            Op::Put(item) => Ret::Done(self.0.push(tx, item)?.is_ok()),
            Op::Take => Ret::Item(self.0.pop(tx)?),
            Op::Drain => Ret::Items(self.0.flush(tx)?),
            Op::Close => Ret::Done(self.0.close(tx)?),
            _ => unreachable!("{op:?} does not change a queue"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::PushBack(item) => Ret::Done(self.0.try_send(item).is_ok()),
            Op::PopFront => Ret::Item(self.0.try_recv()),
            Op::Put(item) => Ret::Done(self.0.send(item).is_ok()),
            Op::Take => Ret::Item(self.0.recv()),
            Op::Close => Ret::Done(self.0.shut()),
            Op::All => Ret::Items(self.0.to_vec()),
            _ => return None,
        })
    }
}

#[test]
fn a_deque_is() {
    is_linearisable_and_waits::<Deque>("TDeque");
}

#[test]
fn a_queue_is() {
    is_linearisable_and_waits::<Queue>("TQueue");
}

#[test]
fn a_bounded_queue_is() {
    is_linearisable_and_waits::<Bounded>("TBQueue");
}
