//! Panics at random steps of transactions that are in each other's way: what took effect took effect once and as a whole,
//! and all the others go on.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Census, Counted, Ends, Random, race, scaled, threads, watchdog};
use stm::probe::Point;
use stm::{StmResult, TVar, Transaction, atomically, options, snapshot};

use crate::alone;
use crate::inject::{Course, inject};
use crate::steps::ALL;

const ACCOUNTS: usize = 4;

/// Whether a panic at this step has to have come out before the storm is over. Waits are rare here.
fn is_hit(step: &Point) -> bool {
    ![Point::Register, Point::Arm].contains(step)
}

struct Books {
    accounts: Vec<TVar<i64>>,
    /// Hold what the accounts hold, boxed.
    copies: Vec<TVar<Counted>>,
    /// How many transfers there were.
    transfers: TVar<u64>,
    /// How many threads are done: nobody waits for transfers any more.
    ended: TVar<u64>,
    /// How many one-shot additions there were.
    additions: TVar<Counted>,
    /// Hooks: one of each pair was to run. Registered pairs count up, hooks that ran count down.
    due: Arc<AtomicI64>,
    committed: Arc<AtomicU64>,
    hit: Mutex<BTreeSet<Point>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    transfers: u64,
    additions: u64,
    waits: u64,
}

impl Books {
    fn new(census: &Census) -> Self {
        Self {
            accounts: (0..ACCOUNTS).map(|_| TVar::new(0)).collect(),
            copies: (0..ACCOUNTS).map(|_| TVar::new(census.value(0))).collect(),
            transfers: TVar::new(0),
            ended: TVar::new(0),
            additions: TVar::new(census.value(0)),
            due: Arc::default(),
            committed: Arc::default(),
            hit: Mutex::default(),
        }
    }

    fn hook(&self, tx: &Transaction<'_, '_>) {
        let (due, committed, undone) = (Arc::clone(&self.due), Arc::clone(&self.committed), Arc::clone(&self.due));
        tx.on_commit(move || {
            due.fetch_sub(1, Ordering::SeqCst);
            committed.fetch_add(1, Ordering::SeqCst);
        });
        tx.on_rollback(move || {
            undone.fetch_sub(1, Ordering::SeqCst);
        });
        self.due.fetch_add(1, Ordering::SeqCst);
    }

    fn set(&self, tx: &Transaction<'_, '_>, account: usize, balance: i64, census: &Census) -> StmResult<()> {
        self.accounts[account].write(tx, balance)?;
        self.copies[account].write(tx, census.value(balance.cast_unsigned()))
    }

    fn transfer(&self, random: &mut Random, census: &Census) {
        let (from, to, amount) = (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(9) as i64);
        let done = options().promote_after(3).run(|tx| {
            self.hook(tx);
            let balance = self.accounts[from].read(tx)?;
            thread::yield_now();
            self.set(tx, from, balance - amount, census)?;
            let balance = self.accounts[to].read(tx)?;
            self.set(tx, to, balance + amount, census)?;
            self.transfers.modify(tx, |n| n + 1)
        });
        assert_eq!(done, Ok(()));
    }

    /// Waits for the next transfer.
    fn wait(&self) {
        let seen = self.transfers.load();
        atomically(|tx| {
            self.hook(tx);
            tx.or_else(|tx| tx.check(self.transfers.read(tx)? > seen), |tx| tx.check(self.ended.read(tx)? > 0))
        });
    }

    fn audit(&self) {
        snapshot(|tx| {
            let mut sum = 0;
            for (account, copy) in self.accounts.iter().zip(&self.copies) {
                let balance = account.read(tx)?;
                assert_eq!(copy.with(tx, |copy| copy.payload)?.cast_signed(), balance, "a torn view");
                sum += balance;
                thread::yield_now();
            }
            assert_eq!(sum, 0, "money was made or lost");
            Ok(())
        });
    }

    fn note(&self, course: &Course) {
        if let Some(stopped) = course.stopped {
            self.hit.lock().expect("nobody panics here").insert(stopped);
        }
    }

    /// One operation, with a panic at a random step or none.
    fn step(&self, me: usize, random: &mut Random, census: &Census, tally: &mut Tally) {
        let mut dice = Random::new(random.draw());
        let rarity = 2 + random.below(60);
        let choose = move |_, _| dice.below(rarity) == 0;
        match random.below(6) {
            0..3 => {
                let course = inject(choose, || self.transfer(random, census));
                self.note(&course);
                tally.transfers += u64::from(course.took_effect());
            }
            3 => {
                let course = inject(choose, || self.additions.fetch_update(|count| count.payload += 1));
                self.note(&course);
                tally.additions += u64::from(course.took_effect());
            }
            // Not all of them: somebody has to be left to wait for.
            4 if me > 0 => {
                let course = inject(choose, || self.wait());
                self.note(&course);
                tally.waits += u64::from(course.stopped.is_none());
            }
            // Reads only: nothing of it is to be counted, and its hooks do not exist.
            _ => self.note(&inject(choose, || self.audit())),
        }
    }
}

#[test]
fn random_panics_under_contention_lose_nothing_and_stop_nobody() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let census = Census::new();
    let books = Books::new(&census);
    let tallies = race(threads(), |me| {
        let mut random = Random::new(me as u64);
        let mut tally = Tally::default();
        let mut rounds = 0;
        // The least, and until the panics have been everywhere.
        while rounds < scaled(3_000)
            || ALL.iter().filter(|step| is_hit(step)).any(|point| !books.hit.lock().expect("as above").contains(point))
        {
            books.step(me, &mut random, &census, &mut tally);
            rounds += 1;
        }
        books.ended.fetch_update(|n| *n += 1);
        tally
    });
    let sum = |part: fn(&Tally) -> u64| tallies.iter().map(part).sum::<u64>();
    books.audit();
    assert_eq!(books.transfers.load(), sum(|tally| tally.transfers));
    assert_eq!(books.additions.load().payload, sum(|tally| tally.additions));
    let committed = books.committed.load(Ordering::SeqCst);
    assert_eq!(committed, sum(|tally| tally.transfers + tally.waits), "commit hooks that ran");
    assert_eq!(books.due.load(Ordering::SeqCst), 0, "pairs of hooks of which neither ran, or both did");
    census.settle(ACCOUNTS + 1);
    drop(books);
    census.settle(0);
}

/// Runs promoted transactions, one after the other, until `done`.
fn promote_again_and_again(done: &AtomicBool) {
    let (bait, total) = (TVar::new(0_u64), TVar::new(0_u64));
    while !done.load(Ordering::SeqCst) {
        let runs = options().promote_after(2).run(|tx| {
            let seen = bait.read(tx)?;
            if tx.attempt_number() == 1 {
                // Spoils this run.
                bait.store(seen + 1);
            }
            thread::yield_now();
            total.write(tx, seen)?;
            Ok(tx.attempt_number())
        });
        assert_eq!(runs, Ok(2));
    }
}

/// A commit that reads nothing never fails, so it is never promoted. Having stood aside often enough it takes the token
/// in the middle of the commit, with nothing locked; and gives it back if it panics then.
#[test]
fn a_panic_of_a_commit_that_took_the_token_lets_the_others_go_on() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, y, done) = (TVar::new(0_u64), TVar::new(0_u64), AtomicBool::new(false));
    let mut random = Random::new(7);
    let mut hit = BTreeSet::new();
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 0..threads() {
            scope.spawn(|| promote_again_and_again(&done));
        }
        let (mut value, mut next) = (0, 0);
        while !MIDDLE.iter().all(|point| hit.contains(point)) {
            let (mut dice, mut queued) = (Random::new(random.draw()), false);
            let choose = move |_, point| {
                queued |= point == Point::Queue;
                queued && dice.below(5) == 0
            };
            next += 1;
            let course = inject(choose, || {
                atomically(|tx| {
                    x.write(tx, next)?;
                    y.write(tx, next)
                });
            });
            if course.took_effect() {
                value = next;
            }
            assert_eq!((x.load(), y.load()), (value, value));
            hit.extend(course.stopped);
        }
    });
}

/// What a commit goes through once it has queued for the token.
const MIDDLE: [Point; 6] = [Point::Queue, Point::Lock, Point::Stamped, Point::Decided, Point::Published, Point::Settle];
