//! Which branch of an `or_else` runs: the second after a retry of the first, and after nothing else;
//! `retry` is the unit of the choice on both sides.

use std::cell::Cell;

use common::{Clash, watchdog};
use stm::{Abort, StmResult, TVar, Transaction, atomically, cancel, snapshot, try_atomically};

type Branch = fn(&Transaction, &TVar<u64>, u64) -> StmResult<u64>;

fn succeeds(tx: &Transaction, x: &TVar<u64>, id: u64) -> StmResult<u64> {
    x.modify(tx, |n| n * 10 + id)?;
    Ok(id)
}

fn retries(tx: &Transaction, x: &TVar<u64>, id: u64) -> StmResult<u64> {
    x.modify(tx, |n| n * 10 + id)?;
    tx.retry()
}

/// Returns what the choice gave and left in the variable; 0 and its first value if it retried.
fn outcome(choice: impl Fn(&Transaction, &TVar<u64>) -> StmResult<u64>) -> (u64, u64) {
    let x = TVar::new(5);
    let given = atomically(|tx| tx.or_else(|tx| choice(tx, &x), |_| Ok(0)));
    (given, x.load())
}

#[test]
fn retry_is_the_unit_on_both_sides() {
    for branch in [succeeds as Branch, retries] {
        let alone = outcome(|tx, x| branch(tx, x, 1));
        assert_eq!(outcome(|tx, x| tx.or_else(|tx| tx.retry(), |tx| branch(tx, x, 1))), alone);
        assert_eq!(outcome(|tx, x| tx.or_else(|tx| branch(tx, x, 1), |tx| tx.retry())), alone);
    }
    assert_eq!(outcome(|tx, x| succeeds(tx, x, 1)), (1, 51));
    assert_eq!(outcome(|tx, x| retries(tx, x, 1)), (0, 5));
}

#[test]
fn choice_is_associative() {
    for pattern in 0..8_u32 {
        let branch = |index: u32| if pattern & (1 << index) == 0 { succeeds as Branch } else { retries };
        let (a, b, c) = (branch(0), branch(1), branch(2));
        let left = outcome(|tx, x| tx.or_else(|tx| tx.or_else(|tx| a(tx, x, 1), |tx| b(tx, x, 2)), |tx| c(tx, x, 3)));
        let right = outcome(|tx, x| tx.or_else(|tx| a(tx, x, 1), |tx| tx.or_else(|tx| b(tx, x, 2), |tx| c(tx, x, 3))));
        let chosen = u64::from((!pattern).trailing_zeros() + 1);
        let expected = if chosen > 3 { (0, 5) } else { (chosen, 50 + chosen) };
        assert_eq!((left, right), (expected, expected), "pattern {pattern:03b}");
    }
}

#[test]
fn retry_with_nothing_read_still_chooses() {
    assert_eq!(atomically(|tx| tx.or_else(|tx| tx.retry(), |_| Ok(7))), 7);
}

#[test]
fn a_thousand_alternatives_are_tried_in_order() {
    fn pick(tx: &Transaction, doors: &[TVar<bool>], tried: &Cell<usize>) -> StmResult<usize> {
        let Some((door, rest)) = doors.split_first() else { return tx.retry() };
        tx.or_else(
            |tx| {
                tried.set(tried.get() + 1);
                tx.check(door.read(tx)?)?;
                Ok(tried.get())
            },
            |tx| pick(tx, rest, tried),
        )
    }
    let doors: Vec<_> = (0..1_000).map(|index| TVar::new(index == 998)).collect();
    let tried = Cell::new(0);
    assert_eq!(atomically(|tx| pick(tx, &doors, &tried)), 999);
}

#[test]
fn a_read_transaction_chooses_as_well() {
    let (a, b) = (TVar::new(None), TVar::new(Some(2_u64)));
    let first_some = |tx: &stm::ReadTransaction| {
        let take = |var: &TVar<Option<u64>>, tx: &stm::ReadTransaction| match var.read(tx)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        };
        tx.or_else(|tx| take(&a, tx), |tx| take(&b, tx))
    };
    assert_eq!(snapshot(|tx| first_some(tx)), 2);
    assert_eq!(atomically(|tx| first_some(tx)), 2);
    a.store(Some(1));
    assert_eq!(snapshot(|tx| first_some(tx)), 1);
}

#[test]
fn a_conflict_never_chooses_the_second_branch() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let signalled = Cell::new(false);
    let picked = atomically(|tx| {
        tx.or_else(
            |tx| {
                if tx.attempt_number() == 1 {
                    let late = clash.at_read(tx);
                    signalled.set(late.is_err());
                    late?;
                }
                Ok("first")
            },
            |_| Ok("second"),
        )
    });
    assert!(signalled.get(), "the read was to be refused");
    assert_eq!(picked, "first");
}

#[test]
fn a_restart_never_chooses_the_second_branch() {
    let picked = atomically(|tx| {
        tx.or_else(|tx| if tx.attempt_number() < 3 { tx.restart() } else { Ok(tx.attempt_number()) }, |_| Ok(0))
    });
    assert_eq!(picked, 3);
}

#[test]
fn a_conflict_in_the_second_branch_runs_the_first_again() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let firsts = Cell::new(0);
    let picked = atomically(|tx| {
        tx.or_else(
            |tx| {
                firsts.set(firsts.get() + 1);
                tx.retry()
            },
            |tx| {
                if tx.attempt_number() == 1 {
                    clash.at_read(tx)?;
                }
                Ok(tx.attempt_number())
            },
        )
    });
    assert_eq!((picked, firsts.get()), (2, 2));
}

#[test]
fn a_cancel_in_the_first_branch_does_not_choose_the_second() {
    let x = TVar::new(0_u64);
    let result = try_atomically(|tx| {
        tx.try_or_else(
            |tx| {
                x.write(tx, 1)?;
                cancel::<(), _>("stop")
            },
            |_| unreachable!("only a retry chooses"),
        )
    });
    assert_eq!((result, x.load()), (Err("stop"), 0));
}

#[test]
fn branches_that_can_cancel_choose_by_retry() {
    let x = TVar::new(0_u64);
    let run = |fail: bool| {
        try_atomically(|tx| {
            tx.try_or_else(
                |tx| {
                    x.write(tx, 1)?;
                    Ok(tx.retry()?)
                },
                |tx| {
                    let before = x.read(tx)?;
                    x.write(tx, 2)?;
                    if fail { cancel("second failed") } else { Ok(before) }
                },
            )
        })
    };
    assert_eq!((run(true), x.load()), (Err("second failed"), 0));
    assert_eq!((run(false), x.load()), (Ok(0), 2));
}

#[test]
fn a_signal_passed_on_by_hand_chooses_like_the_operator() {
    let result = atomically(|tx| {
        tx.or_else(
            |tx| {
                let signal: Result<(), Abort> = tx.retry();
                match signal {
                    Ok(()) => Ok(1),
                    Err(signal) => Err(signal),
                }
            },
            |_| Ok(2),
        )
    });
    assert_eq!(result, 2);
}
