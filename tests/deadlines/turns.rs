//! Waiting for the right to commit while nobody else does: the deadline ends that too, and the others' turns come.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use common::{Ends, elsewhere, watchdog};
use stm::{RunError, TVar, atomically, last_report, options};

use super::SHORT;

/// Lets another thread begin an irrevocable transaction, which lasts until `go_on` is set.
fn take_turn<'s>(scope: &'s Scope<'s, '_>, go_on: &'s AtomicBool) {
    let is_in = Arc::new(AtomicBool::new(false));
    let says_so = Arc::clone(&is_in);
    scope.spawn(move || {
        options().irrevocable().run(|_| {
            says_so.store(true, Ordering::SeqCst);
            while !go_on.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Ok(())
        })
    });
    while !is_in.load(Ordering::SeqCst) {
        thread::yield_now();
    }
}

/// Runs `body` while another thread is in the middle of an irrevocable transaction.
fn while_taken<R>(body: impl FnOnce() -> R) -> R {
    let go_on = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&go_on);
        take_turn(scope, &go_on);
        body()
    })
}

#[test]
fn an_irrevocable_transaction_that_does_not_get_its_turn_does_not_run() {
    let _watchdog = watchdog();
    let runs = Cell::new(0);
    let run = |timeout| {
        options().timeout(timeout).irrevocable().run(|_| {
            runs.set(runs.get() + 1);
            Ok(())
        })
    };
    while_taken(|| {
        assert_eq!(run(SHORT), Err(RunError::TimedOut));
        assert_eq!(run(Duration::ZERO), Err(RunError::TimedOut));
    });
    assert_eq!(runs.get(), 0);
    assert_eq!((run(Duration::ZERO), runs.get()), (Ok(()), 1));
}

#[test]
fn a_transaction_that_is_to_be_promoted_gives_up_its_place() {
    let _watchdog = watchdog();
    // More time, should the deadline have passed before it came to the queue.
    for timeout in (1..).map(|factor| SHORT * factor) {
        let (x, y, runs) = (TVar::new(0), TVar::new(0), Cell::new(0));
        let go_on = AtomicBool::new(false);
        let outcome = thread::scope(|scope| {
            let _ends = Ends(&go_on);
            options().timeout(timeout).promote_after(2).run(|tx| {
                runs.set(runs.get() + 1);
                x.read(tx)?;
                elsewhere(|| {
                    x.store(1);
                    y.store(1);
                });
                take_turn(scope, &go_on);
                // Of another moment than what was read first: a conflict. The next run would be a promoted one.
                y.read(tx)
            })
        });
        assert_eq!((outcome, runs.get()), (Err(RunError::TimedOut), 1));
        if last_report().expect("it has given up").to_string().contains("waited for its turn") {
            break;
        }
    }
}

#[test]
fn a_commit_that_stands_aside_gives_up() {
    let _watchdog = watchdog();
    let (x, text, runs) = (TVar::new(0), TVar::new(String::new()), Cell::new(0));
    while_taken(|| {
        for timeout in [Duration::ZERO, SHORT] {
            runs.set(0);
            let outcome = options().timeout(timeout).run(|tx| {
                runs.set(runs.get() + 1);
                x.write(tx, 1)?;
                text.write(tx, String::from("new"))
            });
            assert_eq!((outcome, runs.get()), (Err(RunError::TimedOut), 1));
        }
        // Whoever writes nothing is in nobody's way.
        assert_eq!(options().timeout(Duration::ZERO).run(|tx| x.read(tx)), Ok(0));
    });
    assert_eq!((x.load(), text.load()), (0, String::new()));
    assert_eq!(options().timeout(SHORT).run(|tx| x.replace(tx, 2)), Ok(0));
}

#[test]
fn those_who_wait_longer_get_their_turn() {
    let _watchdog = watchdog();
    let counter = TVar::new(0);
    thread::scope(|scope| {
        while_taken(|| {
            let mut hurried = Vec::new();
            for number in 0..12 {
                let (counter, is_patient) = (&counter, number % 2 == 0);
                let thread = scope.spawn(move || {
                    let bound = if is_patient { options() } else { options().timeout(SHORT) };
                    let outcome = bound.irrevocable().run(|tx| counter.modify(tx, |n| n + 1));
                    assert_eq!(outcome.is_ok(), is_patient);
                });
                if !is_patient {
                    hurried.push(thread);
                }
            }
            for thread in hurried {
                thread.join().expect("it has given up");
            }
        });
    });
    assert_eq!(counter.load(), 6);
    atomically(|tx| counter.write(tx, 0));
}

/// What a hook of a hurried transaction does has no deadline: it waits for its turn as long as it takes, within one run.
#[test]
fn hooks_are_not_hurried() {
    let _watchdog = watchdog();
    let (x, hook_began, runs) = (TVar::new(0), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (hooked, begins, counted) = (x.clone(), Arc::clone(&hook_began), Arc::clone(&runs));
    thread::scope(|scope| {
        while_taken(|| {
            let x = &x;
            scope.spawn(move || {
                let outcome = options().timeout(SHORT).run(|tx| {
                    let (hooked, begins, counted) = (hooked.clone(), Arc::clone(&begins), Arc::clone(&counted));
                    tx.on_rollback(move || {
                        begins.store(true, Ordering::SeqCst);
                        atomically(|tx| {
                            counted.fetch_add(1, Ordering::SeqCst);
                            hooked.modify(tx, |n| n + 1)
                        });
                    });
                    x.write(tx, 7)
                });
                assert_eq!(outcome, Err(RunError::TimedOut));
            });
            while !hook_began.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            // Long enough for many runs, if it did not wait.
            thread::sleep(SHORT);
        });
    });
    assert_eq!((x.load(), runs.load(Ordering::SeqCst)), (1, 1));
}
