//! The Santa Claus problem: Santa sleeps until nine reindeer are back or three elves want advice; reindeer go first.
//!
//! After Simon Peyton Jones, "Beautiful concurrency" (2007): the whole choice is one `or_else`.

use std::thread;

use stm::{StmResult, TVar, Transaction, atomically};

const REINDEER: usize = 9;
const ELVES: usize = 10;
const ADVICE: usize = 3;
const ROUNDS: usize = 200;

/// Lets a fixed number of helpers through each time that Santa opens it.
#[derive(Clone, Default)]
struct Gate(TVar<usize>);

impl Gate {
    /// Opens the gate for `helpers`, and waits until all of them are through.
    fn open(&self, helpers: usize) {
        self.0.store(helpers);
        self.0.wait_until(|&left| left == 0);
    }

    fn pass(&self, tx: &Transaction) -> StmResult<()> {
        let left = self.0.read(tx)?;
        tx.check(left > 0)?;
        self.0.write(tx, left - 1)
    }
}

/// The helpers that are gathering; the next ones get gates of their own, so that nobody slips into a group that has left.
struct Group {
    size: usize,
    missing: TVar<usize>,
    gates: TVar<[Gate; 2]>,
}

impl Group {
    fn new(size: usize) -> Self {
        let (missing, gates) = (TVar::new(size), TVar::default());
        Self { size, missing, gates }
    }

    /// Joins the group, and waits while the last one has not left.
    fn join(&self, tx: &Transaction) -> StmResult<[Gate; 2]> {
        let missing = self.missing.read(tx)?;
        tx.check(missing > 0)?;
        self.missing.write(tx, missing - 1)?;
        self.gates.read(tx)
    }

    /// Waits until the group is complete, and makes room for the next.
    fn complete(&self, tx: &Transaction) -> StmResult<[Gate; 2]> {
        tx.check(self.missing.read(tx)? == 0)?;
        self.missing.write(tx, self.size)?;
        self.gates.replace(tx, Default::default())
    }
}

/// Waits for `wait`, but only while Santa works.
fn unless_closed<T>(closed: &TVar<bool>, wait: impl Fn(&Transaction) -> StmResult<T>) -> Option<T> {
    atomically(|tx| {
        let closing = |tx: &Transaction| tx.check(closed.read(tx)?).map(|()| None);
        tx.or_else(|tx| wait(tx).map(Some), closing)
    })
}

/// Joins `group` again and again until Santa has closed; returns how often Santa took part.
fn help(group: &Group, closed: &TVar<bool>) -> usize {
    let mut times = 0;
    while let Some([entry, exit]) = unless_closed(closed, |tx| group.join(tx))
        && unless_closed(closed, |tx| entry.pass(tx)).is_some()
    {
        // Whom Santa has let in, Santa lets out.
        atomically(|tx| exit.pass(tx));
        times += 1;
    }
    times
}

/// Works with a group of reindeer, or else of elves; returns its size.
fn santa(reindeer: &Group, elves: &Group) -> usize {
    let (size, [entry, exit]) = atomically(|tx| {
        tx.or_else(
            |tx| Ok((reindeer.size, reindeer.complete(tx)?)),
            |tx| {
                assert!(reindeer.missing.read(tx)? > 0, "elves went first");
                Ok((elves.size, elves.complete(tx)?))
            },
        )
    });
    entry.open(size);
    exit.open(size);
    size
}

fn main() {
    let (reindeer, elves) = (&Group::new(REINDEER), &Group::new(ADVICE));
    let closed = &TVar::new(false);
    thread::scope(|scope| {
        let hire = |group| scope.spawn(move || help(group, closed));
        let flying: Vec<_> = (0..REINDEER).map(|_| hire(reindeer)).collect();
        let asking: Vec<_> = (0..ELVES).map(|_| hire(elves)).collect();
        let rounds = (0..ROUNDS).map(|_| santa(reindeer, elves));
        let deliveries = rounds.filter(|&size| size == REINDEER).count();
        closed.store(true);

        let flights = flying.into_iter().map(|reindeer| reindeer.join().unwrap());
        assert!(flights.into_iter().all(|flights| flights == deliveries));
        let questions: usize = asking.into_iter().map(|elf| elf.join().unwrap()).sum();
        assert_eq!(questions, ADVICE * (ROUNDS - deliveries));
        println!("Santa flew {deliveries} times and answered {questions} questions");
    });
}
