//! Waiting in line: of those who wait at one call a write wakes one, and whatever becomes of that one, nobody is left
//! asleep who could go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use common::{Count, Random, Runs, expect_panic, poll, quietly, race, runs_until, scaled, threads, watchdog};
use stm::{
    ReadTransaction, StmResult, TVar, Transaction, TxResult, atomically, atomically_async, cancel, options, snapshot,
    try_atomically,
};

/// Waits in line until there is an item, and returns how many there are.
fn look(tx: &ReadTransaction, items: &TVar<u64>) -> StmResult<u64> {
    match items.read(tx)? {
        0 => tx.retry_in_line(),
        n => Ok(n),
    }
}

fn take(tx: &Transaction, items: &TVar<u64>) -> StmResult<()> {
    let n = look(tx, items)?;
    items.write(tx, n - 1)
}

fn add(items: &TVar<u64>, n: u64) {
    atomically(|tx| items.modify(tx, |items| items + n));
}

fn until_empty(items: &TVar<u64>) {
    items.wait_until(|n| *n == 0);
}

/// However many wait, an item makes one run that takes it, and one of the next in line, who finds nothing left. All
/// would run again each time if they waited by `retry`.
#[test]
fn an_item_costs_the_same_however_many_wait() {
    let _watchdog = watchdog();
    let (items, runs, waiters) = (TVar::new(0), Runs::default(), 50);
    thread::scope(|scope| {
        for _ in 0..waiters {
            scope.spawn(|| {
                atomically(|tx| {
                    runs.count();
                    take(tx, &items)
                });
            });
        }
        runs.let_them_sleep(waiters);
        for _ in 0..waiters {
            add(&items, 1);
            until_empty(&items);
        }
    });
    // An item is written twice, and each writes wakes one; and a run may meet a conflict.
    assert!(runs.get() <= 5 * waiters, "{} runs", runs.get());
}

#[test]
fn whoever_has_waited_longest_goes_first() {
    let (items, order) = (TVar::new(0), TVar::new(Vec::new()));
    // Tasks, since a poll returns when it waits.
    let mut waiting: VecDeque<_> = (0..5)
        .map(|me| {
            let (items, order) = (&items, &order);
            let future = atomically_async(move |tx| {
                take(tx, items)?;
                order.update(tx, |order| order.push(me))
            });
            (future, Count::new())
        })
        .collect();
    for (future, count) in &mut waiting {
        assert!(poll(future, &count.1).is_pending());
    }
    let woken = |waiting: &VecDeque<(_, (Arc<Count>, Waker))>| -> Vec<_> {
        waiting.iter().map(|(_, count)| count.0.get()).collect()
    };
    let mut looks = vec![0; 5];
    while let Some((mut first, count)) = waiting.pop_front() {
        add(&items, 1);
        assert_eq!((count.0.get(), woken(&waiting)), (looks.remove(0) + 1, looks.clone()), "the first alone is woken");
        assert!(poll(&mut first, &count.1).is_ready());
        // The next is woken and looks, and waits again: that does not cost it its place.
        if let Some((next, count)) = waiting.front_mut() {
            looks[0] += 1;
            assert!(poll(next, &count.1).is_pending());
        }
        assert_eq!(woken(&waiting), looks);
    }
    assert_eq!(order.load(), [0, 1, 2, 3, 4]);
}

/// How a transaction that has been woken for an item can end without taking it.
type Ending = fn(&TVar<u64>, &TVar<bool>, &AtomicBool);

/// Whether the caller is the first to see the item.
fn is_first(first: &AtomicBool) -> bool {
    !first.swap(true, Ordering::SeqCst)
}

const ENDINGS: [(&str, Ending); 8] = [
    ("commits", |items, _, first| {
        atomically(|tx| {
            look(tx, items)?;
            if is_first(first) { Ok(()) } else { take(tx, items) }
        });
    }),
    ("commits something else", |items, other, first| {
        atomically(|tx| {
            look(tx, items)?;
            if is_first(first) { other.write(tx, false) } else { take(tx, items) }
        });
    }),
    ("cancels", |items, _, first| {
        let _: Result<(), ()> = try_atomically(|tx| {
            look(tx, items)?;
            if is_first(first) { cancel(()) } else { Ok(take(tx, items)?) }
        });
    }),
    ("panics", |items, _, first| {
        let _ = quietly(|| {
            atomically(|tx| {
                look(tx, items)?;
                assert!(!is_first(first), "it was to panic");
                take(tx, items)
            });
        });
    }),
    ("gives up", |items, _, first| {
        let _ = options().max_attempts(2).run(|tx| {
            look(tx, items)?;
            if is_first(first) { tx.restart() } else { take(tx, items) }
        });
    }),
    ("waits like everybody", |items, other, first| {
        atomically(|tx| {
            look(tx, items)?;
            if is_first(first) { tx.check(other.read(tx)?) } else { take(tx, items) }
        });
    }),
    ("waits in another line", |items, other, first| {
        atomically(|tx| {
            look(tx, items)?;
            if !is_first(first) {
                return take(tx, items);
            }
            if other.read(tx)? { Ok(()) } else { tx.retry_in_line() }
        });
    }),
    ("has its commit undone, and waits for something else", |items, other, first| {
        let mut is_done = false;
        atomically(|tx| {
            if is_done {
                return tx.check(other.read(tx)?);
            }
            look(tx, items)?;
            if is_first(first) {
                is_done = true;
                return tx.restart();
            }
            take(tx, items)
        });
    }),
];

/// The first who is woken does not take the item: another must.
#[test]
fn whoever_is_woken_and_does_not_take_it_wakes_the_next() {
    let _watchdog = watchdog();
    for (name, ending) in ENDINGS {
        for waiters in [2, 3] {
            let (items, other, first) = (TVar::new(0), TVar::new(false), AtomicBool::new(false));
            eprintln!("{name}, {waiters} wait");
            thread::scope(|scope| {
                for _ in 0..waiters {
                    scope.spawn(|| ending(&items, &other, &first));
                }
                let_them_sleep();
                add(&items, 1);
                // It hangs here if nobody is woken.
                until_empty(&items);
                other.store(true);
                add(&items, waiters as u64);
            });
        }
    }
}

/// Gives those who were started time to fall asleep. Nothing depends on it but how often the interesting case is met.
fn let_them_sleep() {
    thread::sleep(Duration::from_millis(20));
}

/// A gate in line lets one through after the other: slow, but all of them.
#[test]
fn everybody_goes_through_a_gate() {
    let _watchdog = watchdog();
    let gate = TVar::new(false);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                snapshot(|tx| if gate.read(tx)? { Ok(()) } else { tx.retry_in_line() });
            });
        }
        let_them_sleep();
        gate.store(true);
    });
}

/// Those in line behind a transaction are woken before its hooks, which may wait for them.
#[test]
fn hooks_may_wait_for_the_next_in_line() {
    let _watchdog = watchdog();
    let (items, through) = (TVar::new(0), TVar::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let all = through.clone();
                atomically(|tx| {
                    look(tx, &items)?;
                    let all = all.clone();
                    tx.on_commit(move || {
                        atomically(|tx| all.modify(tx, |n| n + 1));
                        all.wait_until(|n| *n == 4);
                    });
                    Ok(())
                });
            });
        }
        let_them_sleep();
        add(&items, 1);
    });
}

#[test]
fn waiting_in_line_chooses_the_other_branch() {
    let _watchdog = watchdog();
    let (empty, full) = (TVar::new(0), TVar::new(1));
    let chosen =
        atomically(|tx| tx.or_else(|tx| take(tx, &empty).map(|()| "first"), |tx| take(tx, &full).map(|()| "second")));
    assert_eq!((chosen, full.load()), ("second", 0));
    // What is waited for is the union, and the first write of either wakes.
    for written in [&empty, &full] {
        let wait = |runs: &Runs| {
            atomically(|tx| {
                runs.count();
                tx.or_else(|tx| take(tx, &empty), |tx| take(tx, &full))
            });
        };
        assert_eq!(runs_until(wait, |_| add(written, 1)), ((), 2));
        assert_eq!((empty.load(), full.load()), (0, 0));
    }
}

/// A wait with two kinds of retry in it is a plain one: everybody is woken.
#[test]
fn a_wait_is_in_line_only_if_every_retry_was_at_one_call() {
    fn plain(tx: &Transaction, items: &TVar<u64>) -> StmResult<()> {
        tx.check(items.read(tx)? > 0)
    }
    fn elsewhere(tx: &Transaction, items: &TVar<u64>) -> StmResult<()> {
        if items.read(tx)? > 0 { Ok(()) } else { tx.retry_in_line() }
    }
    let _watchdog = watchdog();
    type Waits = fn(&Transaction, &TVar<u64>) -> StmResult<()>;
    let mixtures: [[Waits; 2]; 4] = [[take, plain], [plain, take], [take, elsewhere], [elsewhere, take]];
    for [one, other] in mixtures {
        let (items, runs) = (TVar::new(0), Runs::default());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // Nobody takes anything, and everybody comes back: without a word from each, this hangs.
                    atomically(|tx| {
                        if runs.count() > 3 { Ok(()) } else { tx.or_else(|tx| one(tx, &items), |tx| other(tx, &items)) }
                    });
                });
            }
            runs.let_them_sleep(3);
            items.store(0);
        });
        assert_eq!(runs.get(), 6);
    }
}

#[test]
fn a_plain_waiter_is_woken_whoever_stands_in_line() {
    let _watchdog = watchdog();
    let items = TVar::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| atomically(|tx| take(tx, &items)));
        }
        let_them_sleep();
        let wait = |runs: &Runs| {
            atomically(|tx| {
                runs.count();
                tx.check(items.read(tx)? >= 100)
            });
        };
        let ((), runs) = runs_until(wait, |_| add(&items, 103));
        assert_eq!(runs, 2);
    });
}

#[test]
fn a_snapshot_waits_in_line() {
    let _watchdog = watchdog();
    let items = TVar::new(0);
    let wait = |runs: &Runs| {
        snapshot(|tx| {
            runs.count();
            look(tx, &items)
        })
    };
    let (found, runs) = runs_until(wait, |_| add(&items, 3));
    // One more may be needed to find out what to wait for.
    assert!(found == 3 && (2..=3).contains(&runs), "{found} after {runs} runs");
}

#[test]
fn waiting_in_line_for_nothing_is_refused() {
    let panic = expect_panic(|| atomically(|tx| tx.retry_in_line::<()>()));
    assert!(panic.message.contains("without having read"), "{}", panic.message);
    assert_eq!(panic.file, file!());
}

/// A consumer of a queue that does everything that can go wrong with it. Returns whether it has taken an item.
fn consume(random: &mut Random, items: &TVar<u64>, others: &TVar<u64>, stop: &TVar<bool>) -> bool {
    let next = |tx: &Transaction| -> StmResult<bool> {
        if stop.read(tx)? {
            return Ok(false);
        }
        take(tx, items)?;
        Ok(true)
    };
    match random.below(8) {
        0 => try_atomically(|tx| -> TxResult<bool, ()> {
            next(tx)?;
            cancel(())
        })
        .unwrap_or(false),
        1 => options().max_attempts(1 + random.below(3) as u32).run(|tx| next(tx)).unwrap_or(false),
        2 => atomically(|tx| tx.or_else(|tx| take(tx, others).map(|()| false), |tx| next(tx))),
        3 => atomically(|tx| tx.or_else(|tx| next(tx), |tx| take(tx, others).map(|()| false))),
        4 => snapshot(|tx| if stop.read(tx)? { Ok(false) } else { look(tx, items).map(|_| false) }),
        5 => atomically(|tx| if stop.read(tx)? || items.read(tx)? > 0 { Ok(false) } else { tx.retry() }),
        _ => atomically(|tx| next(tx)),
    }
}

/// Items come one at a time, and nothing else happens until each is taken: whoever ought to have been woken and was not is
/// missing at once.
#[test]
fn nothing_is_lost_whatever_the_waiters_do() {
    let _watchdog = watchdog();
    let (items, others, stop) = (TVar::new(0), TVar::new(0), TVar::new(false));
    let (rounds, taken) = (scaled(3_000) as u64, AtomicU64::new(0));
    let consumers = threads() * 4;
    race(consumers + 1, |index| {
        if index == consumers {
            for round in 0..rounds {
                let several = 1 + round % 3;
                add(&items, several);
                until_empty(&items);
            }
            stop.store(true);
            return;
        }
        let mut random = Random::new(index as u64);
        while !stop.load() {
            if consume(&mut random, &items, &others, &stop) {
                taken.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let added: u64 = (0..rounds).map(|round| 1 + round % 3).sum();
    assert_eq!((items.load(), taken.load(Ordering::Relaxed)), (0, added));
}
