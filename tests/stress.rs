//! Everything at once for a while: transfers, audits, waits, choices, failures and short-lived
//! variables on several threads. The books balance and every commit is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use common::{Census, Counted, Random, quietly, race, scaled, threads, watchdog};
use stm::{StmResult, TCell, TVar, Transaction, atomically, cancel, snapshot, try_atomically};

const ACCOUNTS: usize = 12;
const OPENING: i64 = 1_000;

struct Bank {
    /// Inline, boxed and in place, in turn.
    accounts: Vec<Account>,
    transfers: TVar<u64>,
    history: TVar<Vec<Counted>>,
    census: Census,
}

enum Account {
    Inline(TVar<i64>),
    Boxed(TVar<(Box<i64>, Counted)>),
    Place(TCell<i64>),
}

impl Account {
    fn balance<'tx>(&'tx self, tx: &stm::ReadTransaction<'tx, '_>) -> StmResult<i64> {
        match self {
            Self::Inline(x) => x.read(tx),
            Self::Boxed(x) => x.with(tx, |value| *value.0),
            Self::Place(x) => x.read(tx),
        }
    }

    fn set<'tx>(&'tx self, tx: &Transaction<'tx, '_>, balance: i64) -> StmResult<()> {
        match self {
            Self::Inline(x) => x.write(tx, balance),
            Self::Boxed(x) => x.update(tx, |value| *value.0 = balance),
            Self::Place(x) => x.modify(tx, |_| balance),
        }
    }
}

impl Bank {
    fn new() -> Self {
        let census = Census::new();
        let account = |n: usize| match n % 3 {
            0 => Account::Inline(TVar::new(OPENING)),
            1 => Account::Boxed(TVar::new((Box::new(OPENING), census.value(0)))),
            _ => Account::Place(TCell::new(OPENING)),
        };
        Self {
            accounts: (0..ACCOUNTS).map(account).collect(),
            transfers: TVar::new(0),
            history: TVar::new(Vec::new()),
            census,
        }
    }

    fn total<'tx>(&'tx self, tx: &stm::ReadTransaction<'tx, '_>) -> StmResult<i64> {
        self.accounts.iter().map(|account| account.balance(tx)).try_fold(0, |sum, balance| Ok(sum + balance?))
    }

    fn transfer<'tx>(&'tx self, tx: &Transaction<'tx, '_>, from: usize, to: usize, amount: i64) -> StmResult<()> {
        let balance = self.accounts[from].balance(tx)?;
        tx.check(balance >= amount)?;
        self.accounts[from].set(tx, balance - amount)?;
        let balance = self.accounts[to].balance(tx)?;
        self.accounts[to].set(tx, balance + amount)?;
        self.transfers.modify(tx, |n| n + 1)
    }

    /// One piece of work. Returns how many transfers it committed.
    fn step(&self, random: &mut Random) -> u64 {
        let (from, to, other) = (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(ACCOUNTS));
        let amount = random.below(300) as i64;
        match random.below(8) {
            // From the one or from the other, or not at all.
            0..=2 => u64::from(atomically(|tx| {
                tx.or_else(
                    |tx| self.transfer(tx, from, to, amount).map(|()| true),
                    |tx| tx.or_else(|tx| self.transfer(tx, other, to, amount).map(|()| true), |_| Ok(false)),
                )
            })),
            // Two, of which the second may be undone alone.
            3 => atomically(|tx| {
                let second = tx.nested(|tx| {
                    // Nothing that could wait: if all threads waited at once for empty accounts, nobody could fill one.
                    self.transfer(tx, from, to, 0)?;
                    if amount % 2 == 0 { cancel(()) } else { Ok(()) }
                })?;
                self.transfer(tx, to, other, 0)?;
                Ok(1 + u64::from(second.is_ok()))
            }),
            4 => {
                let failed: Result<(), ()> = try_atomically(|tx| {
                    self.transfer(tx, from, to, 0)?;
                    self.accounts[to].set(tx, 1_000_000)?;
                    cancel(())
                });
                assert_eq!(failed, Err(()));
                0
            }
            5 => {
                let failed = quietly(|| {
                    atomically(|tx| -> StmResult<()> {
                        self.accounts[from].set(tx, -1)?;
                        panic!("in the middle of it")
                    });
                });
                assert!(failed.is_err());
                0
            }
            6 => {
                atomically(|tx| {
                    let made = TVar::new(self.census.value(0));
                    self.history.update(tx, |history| {
                        if history.len() > 20 {
                            history.clear();
                        }
                    })?;
                    let value = made.read(tx)?;
                    self.history.update(tx, |history| history.push(value))
                });
                0
            }
            _ => {
                assert_eq!(snapshot(|tx| self.total(tx)), OPENING * ACCOUNTS as i64);
                0
            }
        }
    }
}

#[test]
fn the_books_balance_whatever_happens() {
    let _watchdog = watchdog();
    let bank = Bank::new();
    let committed: u64 = race(threads(), |me| {
        let mut random = Random::new(me as u64);
        (0..scaled(20_000)).map(|_| bank.step(&mut random)).sum::<u64>()
    })
    .into_iter()
    .sum();
    assert_eq!(snapshot(|tx| bank.total(tx)), OPENING * ACCOUNTS as i64);
    assert_eq!(bank.transfers.load(), committed);
    let boxed = bank.accounts.iter().filter(|account| matches!(account, Account::Boxed(_))).count();
    let entries = atomically(|tx| bank.history.with(tx, Vec::len));
    bank.census.settle(boxed + entries);
    let census = bank.census.clone();
    drop(bank);
    census.settle(0);
}

/// Producers and consumers over a bounded buffer of boxed items, many more of them than cores.
#[test]
fn a_bounded_buffer_passes_everything_on() {
    let _watchdog = watchdog();
    let (buffer, closed) = (TVar::new(Vec::<u64>::new()), TVar::new(0_usize));
    let (producers, each) = (threads(), scaled(1_500) as u64);
    let (count, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    race(2 * producers, |me| {
        if me < producers {
            for n in 0..each {
                atomically(|tx| {
                    tx.check(buffer.with(tx, Vec::len)? < 4)?;
                    buffer.update(tx, |items| items.push(n))
                });
            }
            atomically(|tx| closed.modify(tx, |n| n + 1));
        } else {
            while let Some(item) = atomically(|tx| {
                tx.or_else(
                    |tx| {
                        tx.check(!buffer.read_ref(tx)?.is_empty())?;
                        buffer.update(tx, |items| items.pop())
                    },
                    |tx| {
                        tx.check(closed.read(tx)? == producers)?;
                        Ok(None)
                    },
                )
            }) {
                count.fetch_add(1, Ordering::Relaxed);
                sum.fetch_add(item, Ordering::Relaxed);
            }
        }
    });
    let total = producers as u64 * each;
    assert_eq!(count.load(Ordering::Relaxed), total);
    assert_eq!(sum.load(Ordering::Relaxed), total * (each - 1) / 2);
}

/// Far more threads than cores, all on one variable.
#[test]
fn a_crowd_gets_through() {
    let _watchdog = watchdog();
    let (hot, gate) = (TVar::new(0_u64), TVar::new(false));
    let (crowd, each) = (64, scaled(50) as u64);
    race(crowd, |me| {
        if me == 0 {
            gate.store(true);
        }
        gate.wait_until(|open| *open);
        for _ in 0..each {
            atomically(|tx| hot.modify(tx, |n| n + 1));
        }
    });
    assert_eq!(hot.load(), crowd as u64 * each);
}
