//! Irrevocable transactions: the body runs once, whatever the others do, and everybody gets a turn.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use common::{expect_panic, race, scaled, threads, watchdog, while_hammered};
use stm::debug::{self, Stage, Turn};
use stm::{RunError, TVar, atomically, cancel, options};

#[test]
fn the_body_runs_once_against_writers_that_never_stop() {
    let _watchdog = watchdog();
    let variables: Vec<_> = (0..100).map(|_| TVar::new(1)).collect();
    while_hammered(threads(), &variables, |_| {
        for round in 0..scaled(100) {
            let (runs, total) = (Cell::new(0), TVar::new(0));
            let outcome = options().irrevocable().run(|tx| {
                runs.set(runs.get() + 1);
                assert_eq!(tx.attempt_number(), 1);
                let mut sum = 0_u64;
                for x in &variables {
                    sum = sum.wrapping_add(x.read(tx)?);
                    thread::yield_now();
                }
                variables[round % 100].write(tx, 7)?;
                total.write(tx, sum)?;
                Ok(sum)
            });
            assert_eq!((outcome, runs.get()), (Ok(total.load()), 1));
        }
    });
}

#[test]
fn several_take_turns_and_none_runs_within_another() {
    let _watchdog = watchdog();
    let (counter, inside) = (TVar::new(0_u64), AtomicU32::new(0));
    let each = scaled(300) as u64;
    race(threads(), |_| {
        for _ in 0..each {
            let runs = Cell::new(0);
            let outcome = options().irrevocable().run(|tx| {
                runs.set(runs.get() + 1);
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                let seen = counter.read(tx)?;
                thread::yield_now();
                counter.write(tx, seen + 1)?;
                inside.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            });
            assert_eq!((outcome, runs.get()), (Ok(()), 1));
        }
    });
    assert_eq!(counter.load(), each * threads() as u64);
}

#[test]
fn they_are_served_first_come_first_served() {
    let _watchdog = watchdog();
    let order = TVar::new(Vec::new());
    let (first_is_in, go_on) = (AtomicBool::new(false), AtomicBool::new(false));
    let is_one = |turn: &&Turn| turn.name() == Some("in order") && turn.stage() == Stage::Queues;
    thread::scope(|scope| {
        scope.spawn(|| {
            options().irrevocable().run(|_| {
                first_is_in.store(true, Ordering::SeqCst);
                while !go_on.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Ok(())
            })
        });
        while !first_is_in.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        for number in 0..5 {
            let order = &order;
            scope.spawn(move || {
                let options = options().name("in order").irrevocable();
                options.run(|tx| order.update(tx, |order| order.push(number)))
            });
            while debug::waiting().turns().iter().filter(is_one).count() <= number {
                thread::yield_now();
            }
        }
        go_on.store(true, Ordering::SeqCst);
    });
    assert_eq!(order.load(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_retry_is_an_error_and_nothing_happens() {
    let x = TVar::new(1);
    let runs = Cell::new(0);
    let outcome: Result<(), _> = options().irrevocable().run(|tx| {
        runs.set(runs.get() + 1);
        x.write(tx, 2)?;
        x.read(tx)?;
        tx.retry()
    });
    assert_eq!(outcome, Err(RunError::RetryInIrrevocable));
    let outcome: Result<(), RunError<&str>> = options().irrevocable().try_run(|tx| {
        runs.set(runs.get() + 1);
        x.write(tx, 2)?;
        Ok(tx.restart()?)
    });
    assert_eq!(outcome, Err(RunError::RetryInIrrevocable));
    // With nothing read a retry is refused in the same way: nobody waits here in any case.
    let outcome: Result<(), _> = options().irrevocable().run(|tx| {
        runs.set(runs.get() + 1);
        tx.check(false)
    });
    assert_eq!(outcome, Err(RunError::RetryInIrrevocable));
    assert!(RunError::<&str>::RetryInIrrevocable.to_string().contains("irrevocable"));
    assert_eq!((x.load(), runs.get()), (1, 3));
    // The thread, and all others, can go on.
    atomically(|tx| x.modify(tx, |n| n + 1));
    assert_eq!(options().irrevocable().run(|tx| x.read(tx)), Ok(2));
}

#[test]
fn a_retry_that_is_caught_chooses_the_other_branch() {
    let x = TVar::new(1);
    let outcome = options().irrevocable().run(|tx| {
        tx.or_else(
            |tx| {
                x.write(tx, 2)?;
                tx.retry()
            },
            |tx| x.read(tx),
        )
    });
    assert_eq!(outcome, Ok(1));
}

#[test]
fn a_cancel_leaves_and_a_panic_releases_everything() {
    let x = TVar::new(1);
    let outcome: Result<(), _> = options().irrevocable().try_run(|tx| {
        x.write(tx, 2)?;
        cancel("no")
    });
    assert_eq!(outcome, Err(RunError::Cancel("no")));
    let panic = expect_panic(|| {
        options().irrevocable().run(|tx| -> stm::StmResult<()> {
            x.write(tx, 3)?;
            panic!("on purpose")
        })
    });
    assert!(panic.message.contains("on purpose"), "{panic:?}");
    assert_eq!(x.load(), 1);
    thread::scope(|scope| scope.spawn(|| x.store(5)).join().expect("nobody is in the way"));
    assert_eq!(options().irrevocable().run(|tx| x.replace(tx, 6)), Ok(5));
    assert_eq!(x.load(), 6);
}

#[test]
fn one_within_a_body_is_refused_and_keeps_nobody_waiting() {
    let x = TVar::new(1);
    let panic = expect_panic(|| {
        atomically(|tx| {
            x.write(tx, 2)?;
            let _ = options().irrevocable().run(|tx| x.read(tx));
            Ok(())
        })
    });
    assert!(panic.message.contains("inside the body of another transaction"), "{panic:?}");
    thread::scope(|scope| {
        let other = scope.spawn(|| atomically(|tx| x.modify(tx, |n| n + 1)));
        other.join().expect("nobody is in the way");
    });
    assert_eq!(x.load(), 2);
}

#[test]
fn changing_by_one_shot_what_it_has_read_is_refused() {
    let x = TVar::new(1);
    let panic = expect_panic(|| {
        options().name("import").irrevocable().run(|tx| {
            let seen = x.read(tx)?;
            x.store(seen + 1);
            x.write(tx, seen + 10)
        })
    });
    assert!(panic.message.contains("one-shot operation"), "{panic:?}");
    assert_eq!(x.load(), 2, "the one-shot operation has happened, the transaction has not");
    assert_eq!(options().irrevocable().run(|tx| x.read(tx)), Ok(2));
}

#[test]
fn a_hook_of_one_may_run_another() {
    let x = TVar::new(1);
    let hooked = x.clone();
    let outcome = options().irrevocable().run(|tx| {
        let hooked = hooked.clone();
        tx.on_commit(move || {
            let _ = options().irrevocable().run(|tx| hooked.modify(tx, |n| n * 10));
        });
        x.modify(tx, |n| n + 1)
    });
    assert_eq!((outcome, x.load()), (Ok(()), 20));
}
