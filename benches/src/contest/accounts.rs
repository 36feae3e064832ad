//! Money in accounts: transfers, visits that mostly read, and audits beside transfers.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Contest, Field, competitor as who, every_lock, every_other_stm, every_stm};
use crate::systems::lock::with_both;
use crate::systems::{Actor, Lock, LockKind, PlMutex, PlRwLock, StdMutex, StdRwLock, Stm};
use crate::workloads::Contender;
use crate::workloads::keys::{CHOICES, Visit, XorShift};
use crate::workloads::progress::Team;
use crate::workloads::progress::snapshots::{ACCOUNTS, Ledger, Sums};

const OPENING: u64 = 1_000_000;

/// A system that keeps accounts. Balances wrap, so that no run is too long for them.
trait Bank: Send + Sync {
    fn open(balances: Vec<u64>) -> Self;
    fn transfer(&self, from: usize, to: usize);
    /// Returns the sum of all balances at one moment.
    fn total(&self) -> u64;
}

/// A system that can make a read-mostly visit.
trait ReadMostly: Bank {
    /// Returns the sum of the balances it read, at one moment.
    fn visit(&self, visit: Visit) -> u64;
}

fn sum_up(balances: &[u64]) -> u64 {
    balances.iter().copied().fold(0, u64::wrapping_add)
}

fn move_one(balances: &mut [u64], from: usize, to: usize) {
    balances[from] = balances[from].wrapping_sub(1);
    balances[to] = balances[to].wrapping_add(1);
}

fn sum_of(balances: &[u64], visit: Visit) -> u64 {
    (0..Visit::READS).fold(0, |sum, step| sum.wrapping_add(balances[visit.key(step)]))
}

struct Transactional<S: Stm>(Vec<S::Var<u64>>);

impl<S: Stm> Transactional<S> {
    #[inline]
    fn move_one(&self, tx: &S::Tx<'_>, from: usize, to: usize) -> Result<(), S::Abort> {
        S::modify(tx, &self.0[from], |balance| balance.wrapping_sub(1))?;
        S::modify(tx, &self.0[to], |balance| balance.wrapping_add(1))
    }
}

impl<S: Stm> Bank for Transactional<S> {
    fn open(balances: Vec<u64>) -> Self {
        Self(balances.into_iter().map(S::var).collect())
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        S::atomically(|tx| self.move_one(tx, from, to));
    }

    fn total(&self) -> u64 {
        S::snapshot(|view| {
            let mut sum = 0_u64;
            for account in &self.0 {
                sum = sum.wrapping_add(S::look(view, account)?);
            }
            Ok(sum)
        })
    }
}

impl<S: Stm> ReadMostly for Transactional<S> {
    #[inline]
    fn visit(&self, visit: Visit) -> u64 {
        S::atomically(|tx| {
            let mut sum = 0_u64;
            for step in 0..Visit::READS {
                sum = sum.wrapping_add(S::read(tx, &self.0[visit.key(step)])?);
            }
            if visit.writes {
                self.move_one(tx, visit.key(0), visit.key(1))?;
            }
            Ok(sum)
        })
    }
}

/// One lock around all accounts.
struct Coarse<L: LockKind>(L::Of<Vec<u64>>);

impl<L: LockKind> Bank for Coarse<L> {
    fn open(balances: Vec<u64>) -> Self {
        Self(Lock::new(balances))
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        self.0.with_mut(|balances| move_one(balances, from, to));
    }

    fn total(&self) -> u64 {
        self.0.with(|balances| sum_up(balances))
    }
}

impl<L: LockKind> ReadMostly for Coarse<L> {
    #[inline]
    fn visit(&self, visit: Visit) -> u64 {
        match visit.writes {
            false => self.0.with(|balances| sum_of(balances, visit)),
            true => self.0.with_mut(|balances| {
                let sum = sum_of(balances, visit);
                move_one(balances, visit.key(0), visit.key(1));
                sum
            }),
        }
    }
}

/// A lock an account.
struct Each<L: LockKind>(Vec<L::Of<u64>>);

impl<L: LockKind> Each<L> {
    /// Sums up with all locks from here on held: inside of one is the next.
    fn sum_held(accounts: &[L::Of<u64>]) -> u64 {
        match accounts {
            [] => 0,
            [first, rest @ ..] => first.with(|balance| balance.wrapping_add(Self::sum_held(rest))),
        }
    }
}

impl<L: LockKind> Bank for Each<L> {
    fn open(balances: Vec<u64>) -> Self {
        Self(balances.into_iter().map(Lock::new).collect())
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        with_both(&self.0, from, to, |from: &mut u64, to: &mut u64| {
            *from = from.wrapping_sub(1);
            *to = to.wrapping_add(1);
        });
    }

    fn total(&self) -> u64 {
        Self::sum_held(&self.0)
    }
}

/// The whole bank is copied for each transfer.
struct Swapped(ArcSwap<Vec<u64>>);

impl Swapped {
    fn change(&self, from: usize, to: usize) {
        self.0.rcu(|balances| {
            let mut balances = Vec::clone(balances);
            move_one(&mut balances, from, to);
            balances
        });
    }
}

impl Bank for Swapped {
    fn open(balances: Vec<u64>) -> Self {
        Self(ArcSwap::new(Arc::new(balances)))
    }

    fn transfer(&self, from: usize, to: usize) {
        self.change(from, to);
    }

    fn total(&self) -> u64 {
        sum_up(&self.0.load())
    }
}

impl ReadMostly for Swapped {
    fn visit(&self, visit: Visit) -> u64 {
        let sum = sum_of(&self.0.load(), visit);
        if visit.writes {
            self.change(visit.key(0), visit.key(1));
        }
        sum
    }
}

impl Bank for Actor<Vec<u64>> {
    fn open(balances: Vec<u64>) -> Self {
        Self::new(balances)
    }

    fn transfer(&self, from: usize, to: usize) {
        self.ask(from as u64, to as u64, |balances, from, to| {
            move_one(balances, from as usize, to as usize);
            0
        });
    }

    fn total(&self) -> u64 {
        self.ask(0, 0, |balances, _, _| sum_up(balances))
    }
}

/// Transfers of one unit between two of `N` random accounts.
struct Transfers<S, const N: usize>(S);

impl<S: Bank, const N: usize> Transfers<S, N> {
    fn new() -> Self {
        Self(S::open(vec![OPENING; N]))
    }
}

impl<S: Bank, const N: usize> Contender for Transfers<S, N> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            let (from, to) = keys.pair();
            let (from, to) = (from % N, to % N);
            black_box(&self.0).transfer(from, if from == to { (to + 1) % N } else { to });
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.0.total(), OPENING * N as u64, "money was made or lost");
    }
}

/// Visits that read 16 accounts; one in ten then moves a unit between two of them.
struct Visits<S>(S);

impl<S: ReadMostly> Visits<S> {
    fn new() -> Self {
        Self(S::open(vec![OPENING; CHOICES]))
    }
}

impl<S: ReadMostly> Contender for Visits<S> {
    fn run(&self, worker: usize, operations: u64) -> u64 {
        let mut keys = XorShift::new(worker);
        for _ in 0..operations {
            black_box(black_box(&self.0).visit(keys.visit()));
        }
        operations
    }

    fn verify(&self, _operations: u64) {
        assert_eq!(self.0.total(), OPENING * CHOICES as u64, "money was made or lost");
    }
}

/// A bank that is audited while money moves.
struct Audited<S>(S);

impl<S: Bank> Ledger for Audited<S> {
    const SUMS_IN_ONE_RUN: bool = false;

    fn open() -> Self {
        Self(S::open(vec![OPENING; ACCOUNTS]))
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize) {
        self.0.transfer(from, to);
    }

    fn sum(&self) -> (u64, u64) {
        (self.0.total(), 1)
    }
}

fn transfers<S: Stm, const N: usize>() -> Box<dyn Team> {
    Box::new(Transfers::<Transactional<S>, N>::new())
}

fn coarse_transfers<L: LockKind, const N: usize>() -> Box<dyn Team> {
    Box::new(Transfers::<Coarse<L>, N>::new())
}

fn visits<S: Stm>() -> Box<dyn Team> {
    Box::new(Visits::<Transactional<S>>::new())
}

fn coarse_visits<L: LockKind>() -> Box<dyn Team> {
    Box::new(Visits::<Coarse<L>>::new())
}

fn audits<S: Stm>() -> Box<dyn Team> {
    Box::new(Sums::<Audited<Transactional<S>>>::new())
}

fn coarse_audits<L: LockKind>() -> Box<dyn Team> {
    Box::new(Sums::<Audited<Coarse<L>>>::new())
}

fn enter_transfers<const N: usize>(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, transfers, N);
    every_lock!(field, threads, coarse_transfers, N);
    field.enter(who::STD_MUTEX_EACH, threads, || Box::new(Transfers::<Each<StdMutex>, N>::new()));
    field.enter(who::PL_MUTEX_EACH, threads, || Box::new(Transfers::<Each<PlMutex>, N>::new()));
    field.enter(who::PL_RWLOCK_EACH, threads, || Box::new(Transfers::<Each<PlRwLock>, N>::new()));
    field.enter(who::STD_RWLOCK_EACH, threads, || Box::new(Transfers::<Each<StdRwLock>, N>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Transfers::<Swapped, N>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Transfers::<Actor<Vec<u64>>, N>::new()));
}

fn enter_visits(field: &mut Field<'_>) {
    let threads = &field.threads(1);
    every_stm!(field, threads, visits);
    every_lock!(field, threads, coarse_visits);
    field.enter(who::ARC_SWAP, threads, || Box::new(Visits::<Swapped>::new()));
}

fn enter_audits(field: &mut Field<'_>) {
    use crate::systems::{Counted, Ours};
    // One of them audits.
    let threads = &field.threads(2);
    field.twins(who::OURS, threads, audits::<Ours>, audits::<Counted<Ours>>);
    every_other_stm!(field, &[2], audits);
    every_lock!(field, threads, coarse_audits);
    field.enter(who::STD_MUTEX_EACH, threads, || Box::new(Sums::<Audited<Each<StdMutex>>>::new()));
    field.enter(who::PL_MUTEX_EACH, threads, || Box::new(Sums::<Audited<Each<PlMutex>>>::new()));
    field.enter(who::PL_RWLOCK_EACH, threads, || Box::new(Sums::<Audited<Each<PlRwLock>>>::new()));
    field.enter(who::STD_RWLOCK_EACH, threads, || Box::new(Sums::<Audited<Each<StdRwLock>>>::new()));
    field.enter(who::ARC_SWAP, threads, || Box::new(Sums::<Audited<Swapped>>::new()));
    field.enter(who::ACTOR, threads, || Box::new(Sums::<Audited<Actor<Vec<u64>>>>::new()));
}

pub fn contests() -> Vec<Contest> {
    let transfers = |name, title, what, losses, enter| Contest {
        name,
        title,
        what,
        operation: "transfer",
        baseline: who::PL_MUTEX_EACH,
        absent: "Plain atomics: between taking and giving the money would be in no account.",
        losses,
        enter,
    };
    vec![
        transfers(
            "transfer-1024",
            "Transfers between 1024 accounts",
            "Each operation moves one unit between two random accounts of 1024. That no money is made or lost is checked.",
            "One lock around everything is less work than two locks or a transaction as long as its holder is not \
             interrupted and there are few cores.",
            enter_transfers::<1024>,
        ),
        transfers(
            "transfer-4",
            "Transfers between 4 hot accounts",
            "The same with four accounts: most transfers that run at the same time meet.",
            "The transactions must take turns, and find that out only at their commit: the loser runs again. A lock makes \
             them queue.",
            enter_transfers::<4>,
        ),
        Contest {
            name: "read-mostly",
            title: "Read-mostly array",
            what: "Each operation reads 16 of 1024 accounts at one moment; one in ten then moves a unit between two of them.",
            operation: "visit",
            baseline: who::PL_MUTEX,
            absent: "One lock per account: 16 locks held at once cost more than any row here.",
            losses: "One thread alone pays for 16 recorded reads where a lock's holder reads plainly. Where threads can run \
                     at the same time the transactions do.",
            enter: enter_visits,
        },
        Contest {
            name: "audit-4096",
            title: "Audit of 4096 accounts beside transfers",
            what: "One thread sums up 4096 accounts at one moment while all others move money at full speed. Every sum is \
                   checked. Rows \"beside\" are the transfers meanwhile. Runs that the others' transfers took are not \
                   told apart from the audits' in the count of reruns.",
            operation: "audit",
            baseline: who::PL_MUTEX,
            absent: "The other STMs beside more than one thread that moves money: their audit starts again whenever something \
                     was written, and hardly ever comes to an end.",
            losses: "A lock's audit adds plain numbers, and stops all transfers meanwhile: look at the transfers beside it.",
            enter: enter_audits,
        },
    ]
}
