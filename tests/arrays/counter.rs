//! `TCounter`: additions that do not meet, and a sum that is exact.

use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use common::{Runs, elsewhere, expect_panic, race, runs_until, scaled, threads, watchdog};
use proptest::prelude::*;
use stm::collections::TCounter;
use stm::{ReadTransaction, StmResult, TVar, Transaction, TxResult, atomically, cancel, snapshot, try_atomically};

/// What is done to a counter, on one of several threads, and in a part that is kept or undone.
#[derive(Clone, Debug)]
struct Step {
    action: Action,
    elsewhere: bool,
    undone: bool,
}

#[derive(Clone, Debug)]
enum Action {
    Add(u64),
    Bump(u64),
    TryTake(u64),
    TakeAll,
    Set(u64),
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..10_u64,
        0..1_000_u64,
        any::<u64>(),
        (0..10_u64).prop_map(|n| u64::MAX - n),
        (55..64_u32).prop_map(|n| 1 << n)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        3 => amount().prop_map(Action::Add),
        1 => amount().prop_map(Action::Bump),
        3 => amount().prop_map(Action::TryTake),
        1 => Just(Action::TakeAll),
        1 => amount().prop_map(Action::Set),
    ];
    (action, any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(action, elsewhere, undone)| Step {
        action,
        elsewhere,
        undone,
    })
}

fn perform(counter: &TCounter, model: &mut u64, step: &Step) {
    let before = *model;
    let run = |body: &(dyn Fn(&Transaction<'_, '_>) -> StmResult<()> + Sync)| {
        let undone = try_atomically(|tx| -> TxResult<(), ()> {
            body(tx)?;
            if step.undone { cancel(()) } else { Ok(()) }
        });
        assert_eq!(undone.is_err(), step.undone);
    };
    match step.action {
        Action::Bump(n) if before.checked_add(n).is_some() => {
            counter.bump(n);
            *model += n;
            return;
        }
        Action::Add(n) | Action::Bump(n) => match before.checked_add(n) {
            Some(sum) => {
                run(&|tx| counter.add(tx, n));
                *model = sum;
            }
            None => {
                let panic = expect_panic(|| atomically(|tx| counter.add(tx, n)));
                assert!(panic.message.contains("at most `u64::MAX`"), "{}", panic.message);
                return;
            }
        },
        Action::TryTake(n) => {
            run(&|tx| counter.try_take(tx, n).map(|taken| assert_eq!(taken, n <= before, "{n} of {before}")));
            *model = before.checked_sub(n).unwrap_or(before);
        }
        Action::TakeAll => {
            run(&|tx| counter.take_all(tx).map(|taken| assert_eq!(taken, before)));
            *model = 0;
        }
        Action::Set(n) => {
            run(&|tx| counter.set(tx, n));
            *model = n;
        }
    }
    if step.undone {
        *model = before;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: scaled(300) as u32, ..ProptestConfig::default() })]

    #[test]
    fn it_counts_as_a_number_does(first in amount(), steps in prop::collection::vec(step(), 0..25)) {
        let (counter, mut model) = (TCounter::new(first), first);
        for step in &steps {
            if step.elsewhere {
                elsewhere(|| perform(&counter, &mut model, step));
            } else {
                perform(&counter, &mut model, step);
            }
            prop_assert_eq!(counter.load(), model);
            prop_assert_eq!(atomically(|tx| counter.get(tx)), model);
        }
        prop_assert_eq!(format!("{counter:?}"), format!("TCounter({model})"));
    }
}

#[test]
fn a_transaction_sees_its_own_changes() {
    let counter = TCounter::new(10);
    let shared = counter.clone();
    atomically(|tx| {
        counter.add(tx, 5)?;
        assert_eq!(shared.get(tx)?, 15);
        assert!(shared.try_take(tx, 15)? && !shared.try_take(tx, 1)?);
        counter.set(tx, 7)?;
        let undone: Result<(), ()> = tx.nested(|tx| {
            counter.take(tx, 7)?;
            counter.add(tx, 1)?;
            cancel(())
        })?;
        assert_eq!((undone, counter.get(tx)?), (Err(()), 7));
        assert_eq!(tx.or_else(|tx| counter.take(tx, 8).map(|()| 8), |_| Ok(0))?, 0);
        Ok(())
    });
    assert_eq!((shared.load(), TCounter::default().load(), TCounter::from(3).load()), (7, 0, 3));
}

/// Runs `f` on a thread that a thread has started that .. : each of them has a stripe.
fn far_away(distance: usize, f: &(impl Fn() + Sync)) {
    if distance == 0 { f() } else { elsewhere(|| far_away(distance - 1, f)) }
}

/// How often a body runs in whose midst another thread runs `other`. Both write, so that a conflict shows. The threads of
/// all tests may be more than there are stripes, so other threads are tried if the first has the same as this one.
fn runs_with(body: impl Fn(&Transaction<'_, '_>) -> StmResult<()>, other: impl Fn() + Sync) -> u32 {
    let runs_beside = |distance| {
        let (runs, own) = (Cell::new(0), TVar::new(0));
        atomically(|tx| {
            runs.set(runs.get() + 1);
            own.modify(tx, |n| n + 1)?;
            body(tx)?;
            if runs.get() == 1 {
                far_away(distance, &other);
            }
            body(tx)
        });
        runs.get()
    };
    (1..8).map(runs_beside).min().expect("there are some")
}

#[test]
fn additions_and_takings_from_plenty_do_not_conflict() {
    let _watchdog = watchdog();
    let counter = TCounter::new(1 << 20);
    let change = || {
        atomically(|tx| {
            counter.add(tx, 10)?;
            counter.take(tx, 3)
        });
        counter.bump(1);
        assert!(atomically(|tx| counter.try_take(tx, 5)));
    };
    let body = |tx: &Transaction<'_, '_>| {
        counter.add(tx, 2)?;
        counter.take(tx, 1)
    };
    // The other thread's record may be any, but is not this thread's.
    assert_eq!(runs_with(body, change), 1);
    assert_eq!(runs_with(|tx| counter.get(tx).map(drop), change), 2, "a reader of the sum does conflict");
    assert_eq!(
        runs_with(|tx| counter.try_take(tx, 1 << 40).map(|taken| assert!(!taken)), change),
        2,
        "so does who finds too little"
    );
}

#[test]
fn who_has_gathered_once_does_not_conflict_the_next_times() {
    let _watchdog = watchdog();
    let least = AtomicU32::new(u32::MAX);
    for distance in 0..8 {
        let counter = TCounter::new(0);
        let (meeting, own) = (Barrier::new(2), TVar::new(0));
        thread::scope(|scope| {
            // All there is, and more now and then, comes from one other thread.
            scope.spawn(|| {
                counter.bump(1 << 20);
                for _ in 0..2 {
                    meeting.wait();
                }
                counter.bump(1);
                meeting.wait();
            });
            far_away(distance, &|| {
                meeting.wait();
                // From its stripe, and half of the rest with it.
                atomically(|tx| counter.take(tx, 1));
                let runs = Cell::new(0);
                atomically(|tx| {
                    runs.set(runs.get() + 1);
                    own.modify(tx, |n| n + 1)?;
                    counter.take(tx, 100)?;
                    if runs.get() == 1 {
                        meeting.wait();
                        meeting.wait();
                    }
                    Ok(())
                });
                least.fetch_min(runs.get(), Ordering::SeqCst);
            });
        });
        assert_eq!(counter.load(), (1 << 20) - 100);
    }
    assert_eq!(least.into_inner(), 1);
}

#[test]
fn a_taker_waits_until_there_is_enough() {
    let _watchdog = watchdog();
    let counter = TCounter::new(3);
    let wait = |runs: &Runs| {
        atomically(|tx| {
            runs.count();
            counter.take(tx, 10)
        });
    };
    runs_until(wait, |runs| {
        counter.bump(6);
        runs.let_it_sleep(2);
        atomically(|tx| counter.add(tx, 2));
    });
    assert_eq!(counter.load(), 1);
}

#[test]
fn nothing_is_lost_or_made_up_between_threads() {
    let _watchdog = watchdog();
    let (stock, sold, refused) = (TCounter::new(1_000), TCounter::new(0), AtomicU64::new(0));
    let rounds = scaled(20_000) as u64;
    race(threads(), |me| {
        for round in 0..rounds {
            match (round + me as u64) % 4 {
                0 => atomically(|tx| stock.add(tx, round % 7)),
                1 => {
                    let n = round % 500;
                    let moved = atomically(|tx| {
                        let enough = stock.try_take(tx, n)?;
                        if enough {
                            sold.add(tx, n)?;
                        }
                        Ok(enough)
                    });
                    refused.fetch_add(u64::from(!moved), Ordering::Relaxed);
                }
                2 => stock.bump(1),
                _ if round % 100 == 3 => {
                    // Two sums of one moment.
                    let both = |tx: &ReadTransaction<'_, '_>| Ok((stock.get(tx)?, sold.get(tx)?, stock.get(tx)?));
                    let (left, sold, again) = snapshot(both);
                    assert!(left == again && left + sold >= 1_000);
                }
                _ => {}
            }
        }
    });
    let added: u64 = (0..threads() as u64)
        .flat_map(|me| (0..rounds).map(move |round| (round, (round + me) % 4)))
        .map(|(round, action)| match action {
            0 => round % 7,
            2 => 1,
            _ => 0,
        })
        .sum();
    assert_eq!(stock.load() + sold.load(), 1_000 + added);
    assert!(refused.into_inner() > 0, "it was never near the bound");
}

#[test]
fn the_last_unit_is_taken_once() {
    let _watchdog = watchdog();
    for _ in 0..scaled(300) {
        let counter = TCounter::new(threads() as u64 / 2);
        let taken = race(threads(), |_| atomically(|tx| counter.try_take(tx, 1)));
        assert_eq!(taken.iter().filter(|taken| **taken).count(), threads() / 2);
        assert_eq!(counter.load(), 0);
    }
}
