//! Two structures of different kinds: transactions on both are one operation.

use common::Random;
use common::linearity::Spec;
use stm::{ReadTransaction, StmResult, Transaction};

use super::keyed::Hashed;
use super::numbers::Counter;
use super::sequences::Queue;
use super::workload::{Setting, Subject, is_linearisable};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Both<A, B>(pub(crate) A, pub(crate) B);

/// Of the one or of the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Either<A, B> {
    Left(A),
    Right(B),
}

impl<A: Spec, B: Spec> Spec for Both<A, B> {
    type Op = Either<A::Op, B::Op>;
    type Ret = Either<A::Ret, B::Ret>;

    fn step(&mut self, op: &Self::Op) -> Option<Self::Ret> {
        match op {
            Either::Left(op) => self.0.step(op).map(Either::Left),
            Either::Right(op) => self.1.step(op).map(Either::Right),
        }
    }

    fn looks(op: &Self::Op) -> bool {
        match op {
            Either::Left(op) => A::looks(op),
            Either::Right(op) => B::looks(op),
        }
    }
}

impl<A: Subject, B: Subject> Subject for Both<A, B> {
    type Spec = Both<A::Spec, B::Spec>;

    fn make(setting: Setting) -> (Self, Self::Spec) {
        let (left, right) = (A::make(setting), B::make(setting));
        (Self(left.0, right.0), Both(left.1, right.1))
    }

    fn draw(&self, random: &mut Random, thread: usize, fresh: u64) -> <Self::Spec as Spec>::Op {
        if random.below(2) == 0 {
            Either::Left(self.0.draw(random, thread, fresh))
        } else {
            Either::Right(self.1.draw(random, thread, fresh))
        }
    }

    fn whole(&self) -> Vec<<Self::Spec as Spec>::Op> {
        let left = self.0.whole().into_iter().map(Either::Left);
        left.chain(self.1.whole().into_iter().map(Either::Right)).collect()
    }

    fn look(
        &self,
        tx: &ReadTransaction<'_, '_>,
        op: &<Self::Spec as Spec>::Op,
    ) -> StmResult<<Self::Spec as Spec>::Ret> {
        Ok(match op {
            Either::Left(op) => Either::Left(self.0.look(tx, op)?),
            Either::Right(op) => Either::Right(self.1.look(tx, op)?),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &<Self::Spec as Spec>::Op) -> StmResult<<Self::Spec as Spec>::Ret> {
        Ok(match op {
            Either::Left(op) => Either::Left(self.0.change(tx, op)?),
            Either::Right(op) => Either::Right(self.1.change(tx, op)?),
        })
    }

    fn alone(&self, op: &<Self::Spec as Spec>::Op) -> Option<<Self::Spec as Spec>::Ret> {
        Some(match op {
            Either::Left(op) => Either::Left(self.0.alone(op)?),
            Either::Right(op) => Either::Right(self.1.alone(op)?),
        })
    }
}

#[test]
fn a_map_and_a_queue_are() {
    is_linearisable::<Both<Hashed, Queue>>("TMap and TQueue");
}

#[test]
fn a_queue_and_a_counter_are() {
    is_linearisable::<Both<Queue, Counter>>("TQueue and TCounter");
}

#[test]
fn three_of_two_kinds_are() {
    is_linearisable::<Both<Queue, Both<Counter, Queue>>>("TQueue, TCounter and TQueue");
}
