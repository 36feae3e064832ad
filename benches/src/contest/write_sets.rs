//! Transactions that write many variables.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Contest, Field, competitor as who, every_lock, every_stm};
use crate::systems::{Lock, LockKind, Stm};
use crate::workloads::Contender;
use crate::workloads::progress::Team;

/// A small set cycles through as many variables as a big one writes at once, so memory is equally cold for both.
const VARIABLES: usize = 100_000;

trait Sets: Sync {
    fn new() -> Self;
    /// Overwrites everything with `stamp`, `size` numbers at a time.
    fn overwrite(&self, size: usize, stamp: u64);
    fn all_are(&self, stamp: u64) -> bool;
}

struct Transactional<S: Stm>(Vec<S::Var<u64>>);

impl<S: Stm> Sets for Transactional<S> {
    fn new() -> Self {
        Self((0..VARIABLES).map(|_| S::var(0)).collect())
    }

    fn overwrite(&self, size: usize, stamp: u64) {
        for set in self.0.chunks_exact(size) {
            S::atomically(|tx| {
                for variable in set {
                    S::write(tx, variable, stamp)?;
                }
                Ok(())
            });
        }
    }

    fn all_are(&self, stamp: u64) -> bool {
        self.0.iter().all(|variable| S::load(variable) == stamp)
    }
}

struct Locked<L: LockKind>(L::Of<Vec<u64>>);

impl<L: LockKind> Sets for Locked<L> {
    fn new() -> Self {
        Self(Lock::new(vec![0; VARIABLES]))
    }

    fn overwrite(&self, size: usize, stamp: u64) {
        for start in (0..VARIABLES).step_by(size) {
            self.0.with_mut(|numbers| {
                for number in &mut numbers[start..start + size] {
                    *black_box(number) = stamp;
                }
            });
        }
    }

    fn all_are(&self, stamp: u64) -> bool {
        self.0.with(|numbers| numbers.iter().all(|number| *number == stamp))
    }
}

/// Transactions that overwrite `SIZE` variables each; an operation is one write.
struct Writes<S, const SIZE: usize> {
    sets: S,
    /// The value that the last pass wrote everywhere.
    stamp: AtomicU64,
}

impl<S: Sets, const SIZE: usize> Contender for Writes<S, SIZE> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let passes = operations.div_ceil(VARIABLES as u64);
        for _ in 0..passes {
            // Relaxed: a single worker runs this.
            let stamp = self.stamp.fetch_add(1, Ordering::Relaxed) + 1;
            black_box(&self.sets).overwrite(SIZE, stamp);
        }
        passes * VARIABLES as u64
    }

    fn verify(&self, operations: u64) {
        assert!(self.sets.all_are(operations / VARIABLES as u64), "a write was lost");
    }
}

fn writes<S: Sets + 'static, const SIZE: usize>() -> Box<dyn Team> {
    Box::new(Writes::<S, SIZE> { sets: S::new(), stamp: AtomicU64::new(0) })
}

fn transactional<S: Stm, const SIZE: usize>() -> Box<dyn Team> {
    writes::<Transactional<S>, SIZE>()
}

fn locked<L: LockKind, const SIZE: usize>() -> Box<dyn Team> {
    writes::<Locked<L>, SIZE>()
}

fn enter<const SIZE: usize>(field: &mut Field<'_>) {
    const ONE: &[usize] = &[1];
    every_stm!(field, ONE, transactional, SIZE);
    every_lock!(field, ONE, locked, SIZE);
}

fn contest(name: &'static str, title: &'static str, enter: fn(&mut Field<'_>)) -> Contest {
    Contest {
        name,
        title,
        what: "One thread overwrites 100,000 numbers, so many in each transaction. The time is that of one write, the \
               transaction's own cost divided among them. That each number has the last value is checked.",
        operation: "write",
        baseline: who::PL_MUTEX,
        absent: "arc-swap would copy 100,000 numbers for each set. A lock per number is as many lock operations as writes, and \
                 all of a set's locks held at once. An actor has one client here: a message would be added to what one lock \
                 shows.",
        losses: "A lock's holder stores; a transaction logs, locks, stamps and publishes each variable, because somebody else \
                 may want any of them.",
        enter,
    }
}

pub fn contests() -> Vec<Contest> {
    vec![
        contest("write-10", "Write sets of 10", enter::<10>),
        contest("write-1000", "Write sets of 1000", enter::<1000>),
        contest("write-100000", "Write sets of 100,000", enter::<100_000>),
    ]
}
