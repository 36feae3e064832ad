//! `TPriorityQueue`.

use common::Random;
use common::linearity::Spec;
use stm::channel::TPriorityQueue;
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, Turn, is_linearisable_and_waits};

/// Compared by its rank alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) rank: u64,
    pub(crate) name: u64,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// With its rank and its name, so that two are equal only if they are one.
type Known = (u64, u64);

fn known(item: Item) -> Known {
    (item.rank, item.name)
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Push(u64, u64),
    TryPop,
    Pop,
    Peek,
    Flush,
    Len,
    All,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Item(Option<Known>),
    Items(Vec<Known>),
    Count(usize),
    Done,
}

/// The first comes first: of the greatest rank, and of these the oldest.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Ranked(pub(crate) Vec<Known>);

impl Spec for Ranked {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        let Self(items) = self;
        let mut pop = || if items.is_empty() { None } else { Some(items.remove(0)) };
        Some(match *op {
            Op::Push(rank, name) => {
                items.insert(items.partition_point(|(other, _)| *other >= rank), (rank, name));
                Ret::Done
            }
            Op::TryPop => Ret::Item(pop()),
            Op::Pop => Ret::Item(Some(pop()?)),
            Op::Peek => Ret::Item(items.first().copied()),
            Op::Flush => Ret::Items(std::mem::take(items)),
            Op::Len => Ret::Count(items.len()),
            Op::All => Ret::Items(items.clone()),
        })
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::Peek | Op::Len | Op::All)
    }
}

struct Queue(TPriorityQueue<Item>);

fn all_known(items: Vec<Item>) -> Ret {
    Ret::Items(items.into_iter().map(known).collect())
}

impl Subject for Queue {
    type Spec = Ranked;

    fn make(_setting: Setting) -> (Self, Ranked) {
        (Self(TPriorityQueue::new()), Ranked::default())
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        match random.below(12) {
            0..5 => Op::Push(random.below(3) as u64, fresh),
            5..9 => Op::TryPop,
            9 => Op::Peek,
            10 => Op::Len,
            _ if random.below(3) == 0 => Op::Flush,
            _ => Op::All,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::Len]
    }

    fn exchange(&self, random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some([Op::Push(random.below(3) as u64, turn.fresh), Op::Pop])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match op {
            Op::Peek => Ret::Item(self.0.try_peek(tx)?.map(known)),
            Op::Len => Ret::Count(self.0.len(tx)?),
            Op::All => all_known(self.0.items(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Push(rank, name) => {
                self.0.push(tx, Item { rank, name })?;
                Ret::Done
            }
            Op::TryPop => Ret::Item(self.0.try_pop(tx)?.map(known)),
            Op::Pop => Ret::Item(Some(known(self.0.pop(tx)?))),
            Op::Flush => all_known(self.0.flush(tx)?),
            _ => unreachable!("{op:?} does not change anything"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::Push(rank, name) => {
                self.0.send(Item { rank, name });
                Ret::Done
            }
            Op::TryPop => Ret::Item(self.0.try_recv().map(known)),
            Op::Pop => Ret::Item(Some(known(self.0.recv()))),
            _ => return None,
        })
    }
}

#[test]
fn a_priority_queue_is() {
    is_linearisable_and_waits::<Queue>("TPriorityQueue");
}
