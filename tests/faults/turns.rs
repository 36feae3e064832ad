//! Commits that let promoted transactions go first: how often, and that they do nothing meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::{Clash, elsewhere, watchdog};
use stm::probe::{self, Point};
use stm::{RunError, StmResult, TVar, Transaction, atomically, options};

use crate::alone;
use crate::inject::inject;

/// How far everybody is.
#[derive(Debug, Default)]
struct Score {
    /// Transactions that are about to queue for the token.
    ready: AtomicU32,
    /// Promoted transactions that have read what the writer writes.
    promoted: AtomicU32,
    /// What the writer has come to.
    locks: AtomicU32,
    aside: AtomicU32,
    queued: AtomicU32,
}

fn count(counter: &AtomicU32) -> u32 {
    counter.fetch_add(1, Ordering::SeqCst) + 1
}

fn wait_for(counter: &AtomicU32, least: u32) {
    while counter.load(Ordering::SeqCst) < least {
        thread::yield_now();
    }
}

/// Runs the body in its second run, promoted; the first is made to fail.
fn promoted<T>(mut body: impl FnMut(&Transaction<'_, '_>) -> StmResult<T>) -> Result<T, RunError> {
    let clash = Clash::new();
    let outcome = options().promote_after(2).run(|tx| {
        if tx.attempt_number() == 1 {
            clash.at_commit(tx)?;
            return Ok(None);
        }
        body(tx).map(Some)
    });
    outcome.map(|value| value.expect("the first run was to fail"))
}

/// The promoted transaction number `turn`. Returns in which run it committed.
fn take_turn(score: &Arc<Score>, turn: u32, x: &TVar<u64>) -> Result<u32, RunError> {
    let (shared, own) = (Arc::clone(score), TVar::new(0));
    probe::set(move |point| {
        if point == Point::Queue {
            count(&shared.ready);
            // The first waits until all are here, the others until the writer tries again.
            wait_for(&shared.ready, 3);
            wait_for(&shared.locks, if turn == 1 { 0 } else { turn });
        }
    });
    let outcome = promoted(|tx| {
        let seen = x.read(tx)?;
        score.promoted.fetch_max(turn, Ordering::SeqCst);
        wait_for(&score.aside, turn);
        own.write(tx, seen + 1)?;
        Ok(tx.attempt_number())
    });
    probe::clear();
    assert_eq!(own.load(), 1, "it saw what was written later");
    outcome
}

/// A one-shot write never conflicts, and so is never promoted. It lets two promoted transactions go first, and while it
/// waits for the third it queues for a turn of its own.
#[test]
fn a_blind_write_stands_aside_twice_and_then_queues() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, score) = (TVar::new(0_u64), Arc::new(Score::default()));
    thread::scope(|scope| {
        let turns = [1, 2, 3].map(|turn| {
            let (score, x) = (&score, &x);
            scope.spawn(move || take_turn(score, turn, x))
        });
        wait_for(&score.promoted, 1);
        let shared = Arc::clone(&score);
        probe::set(move |point| match point {
            Point::Lock => {
                let tries = count(&shared.locks);
                wait_for(&shared.promoted, tries.min(3));
            }
            Point::StandAside => drop(count(&shared.aside)),
            Point::Queue => drop(count(&shared.queued)),
            _ => {}
        });
        x.store(9);
        probe::clear();
        for turn in turns {
            assert_eq!(turn.join().expect("it returns"), Ok(2), "in its promoted run, and in no further one");
        }
    });
    let counts = [&score.locks, &score.aside, &score.queued].map(|counter| counter.load(Ordering::SeqCst));
    assert_eq!(counts, [4, 3, 1], "tries, times it stood aside, times it queued");
    assert_eq!(x.load(), 9);
}

#[test]
fn a_panic_in_a_commit_that_stands_aside_leaves_nothing_behind() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, y, score) = (TVar::new(String::from("old")), TVar::new(0_u64), Score::default());
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            promoted(|tx| {
                let seen = x.read(tx)?;
                count(&score.promoted);
                wait_for(&score.aside, 1);
                y.write(tx, 1)?;
                Ok(seen)
            })
        });
        wait_for(&score.promoted, 1);
        let course =
            inject(|_, point| point == Point::StandAside, || atomically(|tx| x.write(tx, String::from("new"))));
        assert_eq!(course.stopped, Some(Point::StandAside));
        count(&score.aside);
        assert_eq!(holder.join().expect("it returns"), Ok(String::from("old")));
    });
    assert_eq!((x.load(), y.load()), (String::from("old"), 1));
    elsewhere(|| atomically(|tx| x.write(tx, String::from("later"))));
    assert_eq!(x.load(), "later", "the same variable can be written again");
}

#[test]
fn when_a_promoted_transaction_is_over_nobody_stands_aside() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (x, aside) = (TVar::new(0_u64), Arc::new(AtomicU32::new(0)));
    assert_eq!(promoted(|tx| x.modify(tx, |n| n + 1)), Ok(()));
    let counted = Arc::clone(&aside);
    probe::set(move |point| {
        if [Point::StandAside, Point::Queue].contains(&point) {
            count(&counted);
        }
    });
    x.store(5);
    atomically(|tx| x.modify(tx, |n| n + 1));
    probe::clear();
    assert_eq!((x.load(), aside.load(Ordering::SeqCst)), (6, 0));
}
