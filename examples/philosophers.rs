//! Dining philosophers: each takes both forks in one transaction, or waits until both are free.
//!
//! No order of the forks, no waiter and no time limit is needed: a philosopher never holds one fork and waits for
//! the other. In `atomically!`, calls that take part in the transaction get their `?` from the macro.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stm::{TVar, atomically};

const SEATS: usize = 5;
const MEALS: u32 = 2000;

struct Table {
    /// Whether the fork to the left of each seat lies on the table.
    forks: Vec<TVar<bool>>,
    meals: Vec<TVar<u32>>,
    /// Set while the philosopher eats; kept outside the transactions to check them.
    eating: Vec<AtomicBool>,
}

impl Table {
    fn set() -> Self {
        Self {
            forks: (0..SEATS).map(|_| TVar::new(true)).collect(),
            meals: (0..SEATS).map(|_| TVar::new(0)).collect(),
            eating: (0..SEATS).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn forks_of(&self, seat: usize) -> [&TVar<bool>; 2] {
        [&self.forks[seat], &self.forks[(seat + 1) % SEATS]]
    }

    /// Takes both forks, and waits while one of them is in use.
    fn take_forks(&self, seat: usize) {
        let [left, right] = self.forks_of(seat);
        atomically!(|tx| {
            let both_free = left.replace(tx, false) && right.replace(tx, false);
            tx.check(both_free);
        });
    }

    /// Puts both forks back and counts the meal.
    fn finish(&self, seat: usize) {
        let [left, right] = self.forks_of(seat);
        atomically!(|tx| {
            left.write(tx, true);
            right.write(tx, true);
            self.meals[seat].modify(tx, |meals| meals + 1);
        });
    }

    fn eat(&self, seat: usize) {
        let neighbours = [(seat + 1) % SEATS, (seat + SEATS - 1) % SEATS];
        self.eating[seat].store(true, Ordering::SeqCst);
        for neighbour in neighbours {
            let eats = self.eating[neighbour].load(Ordering::SeqCst);
            assert!(!eats, "{seat} and {neighbour} share a fork");
        }
        thread::yield_now();
        self.eating[seat].store(false, Ordering::SeqCst);
    }

    fn dine(&self, seat: usize) {
        for _ in 0..MEALS {
            self.take_forks(seat);
            self.eat(seat);
            self.finish(seat);
        }
    }
}

fn main() {
    let table = Table::set();
    thread::scope(|scope| {
        for seat in 0..SEATS {
            let table = &table;
            scope.spawn(move || table.dine(seat));
        }
    });

    let meals: Vec<u32> = table.meals.iter().map(TVar::load).collect();
    assert_eq!(meals, [MEALS; SEATS]);
    assert!(table.forks.iter().all(TVar::load), "a fork is missing");
    println!("{SEATS} philosophers ate {MEALS} meals each, and all forks are back");
}
