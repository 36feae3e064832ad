//! Replays a ledger from many threads while auditors watch, and compares the outcome with a sequential replay.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::panic::resume_unwind;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle, Thread};
use std::time::Duration;

use stm::{atomically, snapshot};

use crate::accounts::{Bank, Outcome, Overdraft};
use crate::ledger::{Ledger, Transfer};
use crate::tally::{AuditTally, Work, WorkerTally};

/// How many threads do what.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads that apply transfers, one at least.
    pub workers: usize,
    /// Threads that sum all accounts, over and over, until the last transfer is done.
    pub auditors: usize,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Transfers that are done, refused ones included.
    pub transfers: u64,
    /// Audits that are done.
    pub audits: u64,
}

/// An account whose final balance is not that of the sequential replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the account.
    pub account: usize,
    /// Its balance after the sequential replay.
    pub expected: i64,
    /// Its balance in the bank.
    pub found: i64,
}

/// What happened in a replay.
#[derive(Clone, Debug)]
pub struct Run {
    /// The threads that took part.
    pub plan: Plan,
    /// The transfers.
    pub transfers: Work,
    /// The audits.
    pub audits: Work,
    /// The rows that were refused, in ledger order.
    pub refused: Vec<usize>,
    /// The sum of all accounts before the first transfer.
    pub total_before: i128,
    /// The sum of all accounts after the last transfer.
    pub total_after: i128,
    /// The first total that an auditor saw and that was not `total_before`.
    pub wrong_total: Option<i128>,
    /// The first balance below zero that an auditor saw in a bank without overdrafts.
    pub overdrawn: Option<i64>,
    /// The accounts that do not hold what the sequential replay leaves in them.
    pub differences: Vec<Difference>,
}

impl Run {
    /// Says whether nothing was lost, made, overdrawn or misplaced.
    pub fn is_sound(&self) -> bool {
        self.total_before == self.total_after
            && self.wrong_total.is_none()
            && self.overdrawn.is_none()
            && self.differences.is_empty()
    }
}

/// How often the caller of [`replay`] hears of its progress.
const TICK: Duration = Duration::from_millis(100);

/// Transfers between two reports of a worker, few enough to look smooth and too many to slow it down.
const REPORT: usize = 128;

/// Applies all transfers of `ledger` to `bank` and checks what comes of it.
///
/// All rows between the same two accounts are applied by one worker, in ledger order. `watch` is called on this thread:
/// once before the first transfer, then every now and then.
pub fn replay(bank: &Bank, ledger: &Ledger, plan: Plan, watch: &mut dyn FnMut(Progress)) -> Run {
    let before = snapshot(|tx| bank.balances(tx));
    let total_before = total(&before);
    let shares = share_by_pair(ledger, plan.workers);
    let stage = Stage::new(bank, ledger, plan, total_before);
    let (work, audit) = stage.play(&shares, plan.auditors, watch);

    let after = snapshot(|tx| bank.balances(tx));
    let refused = work.refused;
    let expected = if plan.workers == 1 || bank.overdraft() == Overdraft::Allowed {
        in_sequence(before, ledger, bank.overdraft()).balances
    } else {
        // Which transfers are refused depends on which came first; those that were not must still add up.
        let accepted = without(ledger, &refused);
        in_sequence(before, &accepted, Overdraft::Allowed).balances
    };
    Run {
        plan,
        transfers: work.done.into(),
        audits: audit.done.into(),
        refused,
        total_before,
        total_after: total(&after),
        wrong_total: audit.wrong_total,
        overdrawn: audit.overdrawn,
        differences: differences(&expected, &after),
    }
}

/// What a replay from one thread, without transactions, comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    /// The final balances.
    pub balances: Vec<i64>,
    /// The rows that were refused, in ledger order.
    pub refused: Vec<usize>,
}

/// Applies the transfers of `ledger` one after the other to `balances`.
pub fn in_sequence(mut balances: Vec<i64>, ledger: &Ledger, overdraft: Overdraft) -> Books {
    let mut refused = Vec::new();
    for (row, transfer) in ledger.transfers.iter().enumerate() {
        if overdraft.permits(transfer, balances[transfer.payer]) {
            balances[transfer.payer] -= transfer.amount;
            balances[transfer.payee] += transfer.amount;
        } else {
            refused.push(row);
        }
    }
    Books { balances, refused }
}

/// Returns the ledger without the rows `refused`, which are in ledger order.
fn without(ledger: &Ledger, refused: &[usize]) -> Ledger {
    let mut refused = refused.iter().copied().peekable();
    let kept = |&(row, _): &(usize, &Transfer)| refused.next_if_eq(&row).is_none();
    let transfers = ledger.transfers.iter().enumerate().filter(kept);
    Ledger { accounts: ledger.accounts.clone(), transfers: transfers.map(|(_, transfer)| *transfer).collect() }
}

fn total(balances: &[i64]) -> i128 {
    balances.iter().copied().map(i128::from).sum()
}

fn differences(expected: &[i64], found: &[i64]) -> Vec<Difference> {
    let pairs = expected.iter().zip(found).enumerate();
    pairs
        .filter(|(_, (expected, found))| expected != found)
        .map(|(account, (&expected, &found))| Difference { account, expected, found })
        .collect()
}

/// Deals the rows of `ledger` to `workers`, each in ledger order, the two directions between two accounts to the same one.
fn share_by_pair(ledger: &Ledger, workers: usize) -> Vec<Vec<usize>> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut shares = vec![Vec::new(); workers];
    for (row, transfer) in ledger.transfers.iter().enumerate() {
        let Transfer { payer, payee, .. } = *transfer;
        let pair = (payer.min(payee), payer.max(payee));
        let worker = hasher.hash_one(pair) % workers as u64;
        shares[worker as usize].push(row);
    }
    shares
}

/// What the threads of one replay share.
struct Stage<'a> {
    bank: &'a Bank,
    ledger: &'a Ledger,
    total_before: i128,
    /// Workers and auditors begin together.
    start: Barrier,
    /// Workers that are not done. At zero, auditors finish their audit and stop.
    working: AtomicUsize,
    /// The thread that watches; woken when no worker is left.
    watcher: Thread,
    transfers: AtomicU64,
    audits: AtomicU64,
}

impl<'a> Stage<'a> {
    fn new(bank: &'a Bank, ledger: &'a Ledger, plan: Plan, total_before: i128) -> Self {
        Self {
            bank,
            ledger,
            total_before,
            start: Barrier::new(plan.workers + plan.auditors),
            working: AtomicUsize::new(plan.workers),
            watcher: thread::current(),
            transfers: AtomicU64::new(0),
            audits: AtomicU64::new(0),
        }
    }

    fn play(
        &self,
        shares: &[Vec<usize>],
        auditors: usize,
        watch: &mut dyn FnMut(Progress),
    ) -> (WorkerTally, AuditTally) {
        watch(self.progress());
        thread::scope(|scope| {
            let workers = shares.iter().map(|rows| scope.spawn(|| self.work(rows)));
            let workers: Vec<_> = workers.collect();
            let auditors = (0..auditors).map(|_| scope.spawn(|| self.audit()));
            let auditors: Vec<_> = auditors.collect();

            while self.is_open() {
                thread::park_timeout(TICK);
                watch(self.progress());
            }
            let work = workers.into_iter().map(join);
            let mut work = work.fold(WorkerTally::default(), WorkerTally::merge);
            work.refused.sort_unstable();
            let audit = auditors.into_iter().map(join);
            let audit = audit.fold(AuditTally::default(), AuditTally::merge);
            (work, audit)
        })
    }

    /// Says whether a worker is at work.
    fn is_open(&self) -> bool {
        self.working.load(Ordering::Relaxed) > 0
    }

    /// Applies the transfers of `rows` in their order.
    fn work(&self, rows: &[usize]) -> WorkerTally {
        let _shift = Shift(self);
        self.start.wait();
        let mut tally = WorkerTally::default();
        tally.done.begin();
        for chunk in rows.chunks(REPORT) {
            for &row in chunk {
                let transfer = &self.ledger.transfers[row];
                let (outcome, attempts) = atomically(|tx| Ok((self.bank.transfer(tx, transfer)?, tx.attempt_number())));
                tally.done.commit(attempts);
                if outcome == Outcome::Refused {
                    tally.refused.push(row);
                }
            }
            self.transfers.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        tally.done.end();
        tally
    }

    /// Sums all accounts, at least once, until the last worker is done.
    fn audit(&self) -> AuditTally {
        self.start.wait();
        let mut tally = AuditTally::default();
        tally.done.begin();
        loop {
            let (audit, attempts) = snapshot(|tx| Ok((self.bank.audit(tx)?, tx.attempt_number())));
            tally.done.commit(attempts);
            if audit.total != self.total_before {
                tally.wrong_total.get_or_insert(audit.total);
            }
            if audit.lowest < 0 && self.bank.overdraft() == Overdraft::Refused {
                tally.overdrawn.get_or_insert(audit.lowest);
            }
            self.audits.fetch_add(1, Ordering::Relaxed);
            if !self.is_open() {
                break;
            }
        }
        tally.done.end();
        tally
    }

    fn progress(&self) -> Progress {
        Progress { transfers: self.transfers.load(Ordering::Relaxed), audits: self.audits.load(Ordering::Relaxed) }
    }
}

fn join<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// A worker's presence. It ends also when the worker panics: nobody waits for a worker that is gone.
struct Shift<'a>(&'a Stage<'a>);

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        if self.0.working.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.watcher.unpark();
        }
    }
}
