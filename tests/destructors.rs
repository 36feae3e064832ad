//! Destructors that do more than free memory: they start transactions, drop further variables, run when
//! their thread ends, and may be a million deep.

use std::sync::Arc;

use common::{Census, Counted, elsewhere, on_a_small_stack, scaled, watchdog};
use stm::{TCell, TVar, atomically, cancel};

#[test]
fn a_million_linked_variables_are_dropped_without_recursion() {
    enum List {
        End,
        Node { _counted: Counted, next: TVar<List> },
    }
    let _watchdog = watchdog();
    let census = Census::new();
    let length = scaled(1_000_000);
    let mut head = TVar::new(List::End);
    for n in 0..length {
        head = TVar::new(List::Node { _counted: census.value(n as u64), next: head });
    }
    let live = census.clone();
    on_a_small_stack(move || {
        // It is a list, and this walk is as long as it.
        let mut walked = 0;
        let mut place = head.clone();
        while let Some(next) = atomically(|tx| {
            place.with(tx, |list| match list {
                List::Node { next, .. } => Some(next.clone()),
                List::End => None,
            })
        }) {
            walked += 1;
            place = next;
        }
        assert_eq!((walked, live.live()), (length, isize::try_from(length).expect("small")));
        drop((head, place));
        live.settle(0);
    });
}

#[test]
fn a_linked_structure_dropped_by_a_commit_does_not_recurse() {
    struct Node {
        _counted: Counted,
        next: TVar<Option<Arc<Node>>>,
    }
    let _watchdog = watchdog();
    let census = Census::new();
    let length = scaled(100_000);
    let mut first = None;
    for n in 0..length {
        first = Some(Arc::new(Node { _counted: census.value(n as u64), next: TVar::new(first) }));
    }
    let head = TVar::new(first);
    assert!(head.load().is_some_and(|node| node.next.load().is_some()));
    let live = census.clone();
    on_a_small_stack(move || {
        atomically(|tx| head.write(tx, None));
        live.settle(0);
    });
}

/// A value that counts its drops in a variable, by a transaction.
struct Reports(TVar<u64>);

impl Drop for Reports {
    fn drop(&mut self) {
        atomically(|tx| self.0.modify(tx, |n| n + 1));
    }
}

/// Collects until `drops` shows `expected`.
#[track_caller]
fn settle_reports(drops: &TVar<u64>, expected: u64) {
    while drops.load() < expected {
        stm::collect();
    }
    for _ in 0..8 {
        stm::collect();
    }
    assert_eq!(drops.load(), expected);
}

#[test]
fn a_drop_may_start_a_transaction() {
    let _watchdog = watchdog();
    let drops = TVar::new(0);
    let x = TVar::new(Reports(drops.clone()));
    let mut values: Vec<_> = (0..100).map(|_| Reports(drops.clone())).collect();
    for value in values.drain(..) {
        let mut value = Some(value);
        atomically(|tx| x.write(tx, value.take().expect("nobody interferes")));
    }
    settle_reports(&drops, 100);
    x.store(Reports(drops.clone()));
    settle_reports(&drops, 101);
    // Many at once: each of their transactions retires something itself.
    let variables: Vec<_> = (0..300).map(|_| TVar::new(Reports(drops.clone()))).collect();
    drop((x, variables));
    settle_reports(&drops, 402);
}

#[test]
fn values_are_dropped_outside_of_bodies() {
    let _watchdog = watchdog();
    let drops = TVar::new(0);
    let new = || Reports(drops.clone());
    let x = TVar::new(new());
    // Each of these drops a value inside the body, or seems to; a transaction in there would panic.
    atomically(|tx| {
        x.write(tx, new())?;
        x.write(tx, new())?;
        drop(TVar::new(new()));
        let made = TVar::new(new());
        made.write(tx, new())?;
        drop(made);
        tx.or_else(
            |tx| {
                x.write(tx, new())?;
                x.write(tx, new())?;
                tx.retry()
            },
            |tx| x.write(tx, new()),
        )?;
        let undone: Result<(), ()> = tx.nested(|tx| {
            x.write(tx, new())?;
            cancel(())
        })?;
        assert_eq!(undone, Err(()));
        x.store(new());
        stm::collect();
        Ok(())
    });
    settle_reports(&drops, 10);
}

/// The last handle of a variable may be inside the value of another, which dies in a third's drop.
#[test]
fn a_drop_may_drop_variables_that_drop_variables() {
    struct Chain {
        drops: TVar<u64>,
        _next: Option<TVar<Chain>>,
    }
    impl Drop for Chain {
        fn drop(&mut self) {
            self.drops.fetch_update(|n| *n += 1);
            atomically(|tx| self.drops.modify(tx, |n| n + 1));
        }
    }
    let _watchdog = watchdog();
    let drops = TVar::new(0);
    let mut last = None;
    for _ in 0..1_000 {
        last = Some(TVar::new(Chain { drops: drops.clone(), _next: last }));
    }
    drop(last);
    settle_reports(&drops, 2_000);
}

/// Both thread-locals exist when the thread ends; in which order they die is not for the user to know.
mod thread_locals {
    use super::{Census, TCell, TVar, atomically, elsewhere, watchdog};
    use std::cell::RefCell;

    struct Last {
        number: TVar<u64>,
        text: TVar<String>,
        census: Census,
    }

    impl Drop for Last {
        fn drop(&mut self) {
            static CELL: TCell<u64> = TCell::new(0);
            for _ in 0..300 {
                atomically(|tx| {
                    self.number.modify(tx, |n| n + 1)?;
                    self.text.update(tx, |text| text.push('x'))?;
                    CELL.modify(tx, |n| n + 1)
                });
            }
            let made = TVar::new(self.census.value(1));
            made.store(self.census.value(2));
            assert_eq!(atomically(|tx| made.with(tx, |value| value.payload)), 2);
            assert_eq!(atomically(|tx| tx.or_else(|tx| tx.retry(), |_| Ok(5))), 5);
            stm::collect();
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    fn check(before: bool) {
        let _watchdog = watchdog();
        let (number, text, census) = (TVar::new(0), TVar::new(String::new()), Census::new());
        for round in 1..=3 {
            elsewhere(|| {
                let work = || {
                    atomically(|tx| text.write(tx, String::new()));
                    drop(TVar::new(census.value(0)));
                };
                // The first use of a thread-local registers its destructor.
                if before {
                    work();
                }
                let last = Last { number: number.clone(), text: text.clone(), census: census.clone() };
                LAST.with(|slot| *slot.borrow_mut() = Some(last));
                if !before {
                    work();
                }
            });
            assert_eq!((number.load(), text.load().len()), (300 * round, 300));
        }
        census.settle(0);
    }

    #[test]
    fn a_transaction_may_run_in_a_destructor_that_was_registered_first() {
        check(false);
    }

    #[test]
    fn a_transaction_may_run_in_a_destructor_that_was_registered_last() {
        check(true);
    }
}
