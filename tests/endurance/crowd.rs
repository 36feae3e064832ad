//! Two hundred threads, on however few cores there are: everybody finishes, and the books balance.

use std::sync::atomic::{AtomicU64, Ordering};

use common::{Census, Counted, Random, race, scaled, watchdog};
use stm::{TVar, atomically, options, snapshot};

use crate::alone;

const CROWD: usize = 200;
const ACCOUNTS: usize = 10;

struct Books {
    accounts: Vec<TVar<i64>>,
    /// The last transfer of each account.
    notes: Vec<TVar<Counted>>,
    transfers: TVar<u64>,
    census: Census,
}

impl Books {
    fn transfer(&self, random: &mut Random, promote_after: u32) {
        let (from, to, amount) = (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(50) as i64);
        let done = options().promote_after(promote_after).run(|tx| {
            self.accounts[from].modify(tx, |balance| balance - amount)?;
            self.notes[from].write(tx, self.census.value(1))?;
            std::thread::yield_now();
            self.accounts[to].modify(tx, |balance| balance + amount)?;
            self.notes[to].write(tx, self.census.value(2))?;
            self.transfers.modify(tx, |n| n + 1)
        });
        assert_eq!(done, Ok(()));
    }

    fn audit(&self) {
        let sum: i64 = snapshot(|tx| self.accounts.iter().map(|account| account.read(tx)).sum());
        assert_eq!(sum, 0);
    }
}

#[test]
fn two_hundred_threads_with_mixed_work_all_finish() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let books = Books {
        accounts: (0..ACCOUNTS).map(|_| TVar::new(0)).collect(),
        notes: (0..ACCOUNTS).map(|_| TVar::new(census.value(0))).collect(),
        transfers: TVar::new(0),
        census: census.clone(),
    };
    let (transfers, shots, gate) = (AtomicU64::new(0), TVar::new(0_u64), TVar::new(false));
    race(CROWD, |me| {
        let mut random = Random::new(me as u64);
        if me == 0 {
            gate.store(true);
        }
        gate.wait_until(|open| *open);
        for _ in 0..scaled(40) {
            match random.below(5) {
                0 => books.audit(),
                1 => shots.fetch_update(|n| *n += 1),
                kind => {
                    books.transfer(&mut random, if kind == 2 { 2 } else { stm::PROMOTE_AFTER });
                    transfers.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    books.audit();
    assert_eq!(books.transfers.load(), transfers.load(Ordering::SeqCst));
    assert!(shots.load() > 0);
    census.settle(ACCOUNTS);
    drop(books);
    census.settle(0);
}

/// Each write wakes everybody, and it is the turn of one.
#[test]
fn two_hundred_threads_take_turns() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let turn = TVar::new(0_usize);
    let rounds = scaled(5);
    race(CROWD, |me| {
        for round in 0..rounds {
            atomically(|tx| {
                tx.check(turn.read(tx)? == round * CROWD + me)?;
                turn.modify(tx, |n| n + 1)
            });
        }
    });
    assert_eq!(turn.load(), rounds * CROWD);
}
