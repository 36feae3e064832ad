//! `TBroadcast` and its subscribers.

use common::Random;
use common::linearity::Spec;
use stm::channel::{Lagged, TBroadcast, TSubscriber};
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, Turn, is_linearisable_and_waits};

/// The number of a subscriber comes first.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Send(u64),
    TryRecv(usize),
    TryRecvOrLag(usize),
    Recv(usize),
    Peek(usize),
    Len(usize),
    Missed(usize),
    /// What it has not read and can.
    Ahead(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Item(Option<u64>),
    Items(Vec<u64>),
    Lagged(u64),
    Count(u64),
    Done,
}

/// What was sent and is kept, and who is where.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct News {
    pub(crate) items: Vec<u64>,
    /// How many were sent before those.
    pub(crate) gone: usize,
    pub(crate) capacity: Option<usize>,
    pub(crate) positions: Vec<usize>,
    pub(crate) missed: Vec<u64>,
}

impl News {
    pub(crate) fn new(capacity: Option<usize>, subscribers: usize) -> Self {
        let (positions, missed) = (vec![0; subscribers], vec![0; subscribers]);
        Self { items: Vec::new(), gone: 0, capacity, positions, missed }
    }

    /// Nothing, if somebody has not missed anything.
    fn catch_up(&mut self, who: usize) -> Option<u64> {
        let missed = self.gone.saturating_sub(self.positions[who]) as u64;
        self.positions[who] += missed as usize;
        self.missed[who] += missed;
        (missed > 0).then_some(missed)
    }

    fn next(&self, who: usize) -> Option<u64> {
        self.items.get(self.positions[who].max(self.gone) - self.gone).copied()
    }

    fn receive(&mut self, who: usize) -> Option<u64> {
        self.catch_up(who);
        let item = self.next(who);
        self.positions[who] += usize::from(item.is_some());
        item
    }
}

impl Spec for News {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::Send(item) => {
                self.items.push(item);
                // Without a capacity, what all have read is of no importance.
                let needed = self.positions.iter().min().map_or(0, |least| self.gone + self.items.len() - least);
                while self.items.len() > self.capacity.unwrap_or(needed) {
                    self.items.remove(0);
                    self.gone += 1;
                }
                Ret::Done
            }
            Op::TryRecv(who) => Ret::Item(self.receive(who)),
            Op::TryRecvOrLag(who) => match self.catch_up(who) {
                Some(missed) => Ret::Lagged(missed),
                None => Ret::Item(self.receive(who)),
            },
            Op::Recv(who) => Ret::Item(Some(self.receive(who)?)),
            Op::Peek(who) => Ret::Item(self.next(who)),
            Op::Len(who) => Ret::Count((self.gone + self.items.len() - self.positions[who]) as u64),
            Op::Missed(who) => Ret::Count(self.missed[who]),
            Op::Ahead(who) => Ret::Items(self.items[self.positions[who].max(self.gone) - self.gone..].to_vec()),
        })
    }

    fn looks(op: &Op) -> bool {
        matches!(op, Op::Peek(_) | Op::Len(_) | Op::Missed(_))
    }
}

struct Channel {
    channel: TBroadcast<u64>,
    /// Shared by all threads: an item goes to one of those who receive by the same.
    subscribers: [TSubscriber<u64>; 2],
}

impl Subject for Channel {
    type Spec = News;

    fn make(setting: Setting) -> (Self, News) {
        let capacity = (setting.seed % 2 == 1 && !setting.waits).then_some(setting.seed as usize % 4);
        let channel = capacity.map_or_else(TBroadcast::new, TBroadcast::with_capacity);
        let subscribers = [channel.subscriber(), channel.subscriber()];
        (Self { channel, subscribers }, News::new(capacity, 2))
    }

    fn draw(&self, random: &mut Random, _thread: usize, fresh: u64) -> Op {
        let who = random.below(2);
        match random.below(10) {
            0..3 => Op::Send(fresh),
            3..5 => Op::TryRecv(who),
            5..7 => Op::TryRecvOrLag(who),
            7 => Op::Peek(who),
            8 => Op::Len(who),
            _ => Op::Missed(who),
        }
    }

    fn whole(&self) -> Vec<Op> {
        [0, 1].into_iter().flat_map(|who| [Op::Ahead(who), Op::Len(who), Op::Missed(who)]).collect()
    }

    fn exchange(&self, _random: &mut Random, turn: Turn) -> Option<[Op; 2]> {
        Some([Op::Send(turn.fresh), Op::Recv(0)])
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        let subscriber = |who: usize| &self.subscribers[who];
        Ok(match *op {
            Op::Peek(who) => Ret::Item(subscriber(who).try_peek(tx)?),
            Op::Len(who) => Ret::Count(subscriber(who).len(tx)? as u64),
            Op::Missed(who) => Ret::Count(subscriber(who).missed(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        let subscriber = |who: usize| &self.subscribers[who];
        Ok(match *op {
            Op::Send(item) => {
                self.channel.send(tx, item)?;
                Ret::Done
            }
            Op::TryRecv(who) => Ret::Item(subscriber(who).try_recv(tx)?),
            Op::TryRecvOrLag(who) => match subscriber(who).try_recv_or_lag(tx)? {
                Some(Err(Lagged(missed))) => Ret::Lagged(missed),
                received => Ret::Item(received.and_then(Result::ok)),
            },
            Op::Recv(who) => Ret::Item(Some(subscriber(who).recv(tx)?)),
            Op::Ahead(who) => {
                let (fork, mut items) = (subscriber(who).fork(tx)?, Vec::new());
                while let Some(item) = fork.try_recv(tx)? {
                    items.push(item);
                }
                Ret::Items(items)
            }
            _ => unreachable!("{op:?} does not change anything"),
        })
    }

    fn alone(&self, op: &Op) -> Option<Ret> {
        match *op {
            Op::Send(item) => {
                self.channel.publish(item);
                Some(Ret::Done)
            }
            Op::Recv(who) => Some(Ret::Item(Some(self.subscribers[who].recv_blocking()))),
            _ => None,
        }
    }
}

#[test]
fn a_broadcast_channel_is() {
    is_linearisable_and_waits::<Channel>("TBroadcast");
}
