//! Increments of a counter on which everything rare has happened before: somebody waited for it, snapshots read it, a
//! starving transaction was promoted. None of that may leave a cost behind. And whatever else once a snapshot has ended.

use stm::TVar;

use super::Contender;
use super::counters::{Counter, Increments};

/// Increments of a counter that has been waited for, snapshot and fought over.
pub struct Aftermath {
    increments: Increments<TVar<u64>>,
    /// Increments that the history itself made.
    earlier: u64,
}

impl Aftermath {
    pub fn new() -> Self {
        let increments = Increments::<TVar<u64>>::new();
        let counter = increments.counter(0);
        std::thread::scope(|scope| {
            scope.spawn(|| counter.wait_until(|count| *count > 0));
            // Long enough that the waiter has gone to sleep; should it not have, the history is only poorer.
            std::thread::sleep(std::time::Duration::from_millis(50));
            counter.increment();
        });
        assert_eq!(stm::snapshot(|tx| counter.read(tx)), 1);
        stm::atomically(|tx| {
            counter.modify(tx, |count| count + 1)?;
            match tx.attempt_number() > stm::PROMOTE_AFTER + 1 {
                true => Ok(()),
                false => tx.restart(),
            }
        });
        Self { increments, earlier: 2 }
    }
}

impl Contender for Aftermath {
    #[inline]
    fn run(&self, worker: usize, operations: u64) -> u64 {
        self.increments.run(worker, operations)
    }

    fn verify(&self, operations: u64) {
        self.increments.verify(self.earlier + operations);
    }
}

/// A contender of which some operations were made while a snapshot was open, which has ended.
pub struct AfterSnapshot<C> {
    contender: C,
    /// What was done in its time.
    earlier: u64,
}

impl<C: Contender> AfterSnapshot<C> {
    pub fn new(contender: C) -> Self {
        let during = || std::thread::scope(|scope| scope.spawn(|| contender.run(1, 100)).join());
        let earlier = stm::snapshot(|_| Ok(during().expect("it runs")));
        Self { contender, earlier }
    }
}

impl<C: Contender> Contender for AfterSnapshot<C> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        self.contender.run(worker, operations)
    }

    fn verify(&self, operations: u64) {
        self.contender.verify(self.earlier + operations);
    }
}
