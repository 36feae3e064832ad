//! Re-entrancy: user code that the library calls (`Clone`, `Drop`, `PartialEq`, `Hash`, closures,
//! hooks) may use the library: one-shot operations anywhere, transactions where no body runs.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{elsewhere, race, scaled, watchdog};
use stm::{TCell, TVar, atomically, cancel, options, snapshot, try_atomically};

thread_local! {
    /// Keeps a value's own operations from calling themselves without end.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

fn once_at_a_time(f: impl FnOnce()) {
    if !BUSY.replace(true) {
        f();
        BUSY.set(false);
    }
}

/// A value that uses one-shot operations, on its own variable too, whenever it is asked for anything.
struct Chatty {
    id: u64,
    calls: TVar<u64>,
    notes: TVar<String>,
    own: TVar<Option<TVar<Chatty>>>,
}

impl Chatty {
    /// Returns a variable whose value can reach it.
    fn variable(calls: &TVar<u64>) -> TVar<Self> {
        let value = Self { id: 0, calls: calls.clone(), notes: TVar::default(), own: TVar::default() };
        let own = value.own.clone();
        let variable = TVar::new(value);
        own.store(Some(variable.clone()));
        variable
    }

    fn with_id(&self, id: u64) -> Self {
        Self { id, calls: self.calls.clone(), notes: self.notes.clone(), own: self.own.clone() }
    }

    /// What every operation of the value does.
    fn talk(&self) {
        once_at_a_time(|| {
            self.calls.fetch_update(|n| *n += 1);
            let seen = self.calls.load();
            self.notes.store(format!("call {seen}"));
            // Others talk on the same variable.
            assert!(!self.notes.swap(String::from("swapped")).is_empty());
        });
    }

    /// Also uses the variable it is in.
    fn talk_to_itself(&self) {
        self.talk();
        once_at_a_time(|| {
            if let Some(own) = self.own.load() {
                // A load inside of a load of the same variable.
                assert!(own.load().id >= self.id || own.load().own == self.own);
            }
        });
    }
}

impl Clone for Chatty {
    fn clone(&self) -> Self {
        self.talk_to_itself();
        self.with_id(self.id)
    }
}

impl PartialEq for Chatty {
    fn eq(&self, other: &Self) -> bool {
        self.talk_to_itself();
        self.id == other.id
    }
}

impl Hash for Chatty {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.talk_to_itself();
        self.id.hash(state);
    }
}

impl Drop for Chatty {
    fn drop(&mut self) {
        self.talk();
    }
}

#[test]
fn one_shot_operations_may_run_in_the_operations_of_a_value() {
    let _watchdog = watchdog();
    let calls = TVar::new(0);
    let x = Chatty::variable(&calls);
    let template = x.load();
    let hashed = atomically(|tx| {
        let first = x.read(tx)?;
        x.write(tx, template.with_id(1))?;
        assert!(x.write_if_changed(tx, template.with_id(2))?);
        assert!(!x.write_if_changed(tx, template.with_id(2))?);
        x.modify(tx, |value| value.with_id(value.id + 1))?;
        x.update(tx, |value| value.id += 1)?;
        let replaced = x.replace(tx, template.with_id(5))?;
        assert_eq!((first.id, replaced.id), (0, 4));
        x.with(tx, |value| {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            hasher.finish()
        })
    });
    assert_eq!(x.load().id, 5);
    let mut hasher = DefaultHasher::new();
    5_u64.hash(&mut hasher);
    assert_eq!(hashed, hasher.finish());
    assert_eq!(x.swap(template.with_id(6)).id, 5);
    x.fetch_update(|value| value.id += 1);
    assert_eq!(x.wait_until(|value| value.id == 7).id, 7);
    assert_eq!(snapshot(|tx| x.read(tx)).id, 7);
    let before = calls.load();
    assert!(before > 10, "the value was asked {before} times only");
    // The variable is in its own value: take it out, or it lives for ever.
    let own = x.load().own.clone();
    own.store(None);
    drop((x, template));
    while calls.load() == before {
        stm::collect();
    }
}

#[test]
fn values_that_talk_meet_under_contention() {
    let _watchdog = watchdog();
    let calls = TVar::new(0);
    let x = Chatty::variable(&calls);
    let total = TVar::new(0_u64);
    race(3, |_| {
        for _ in 0..scaled(300) {
            atomically(|tx| {
                x.update(tx, |value| value.id += 1)?;
                total.modify(tx, |n| n + 1)
            });
            x.fetch_update(|value| value.id += 1);
        }
    });
    assert_eq!((total.load(), x.load().id), (3 * scaled(300) as u64, 6 * scaled(300) as u64));
    x.load().own.store(None);
}

/// A value whose every operation takes part in transactions, where that is allowed: outside of bodies.
struct Transacting {
    log: TVar<Vec<&'static str>>,
}

impl Transacting {
    fn note(&self, what: &'static str) {
        atomically(|tx| self.log.update(tx, |log| log.push(what)));
    }
}

impl Clone for Transacting {
    fn clone(&self) -> Self {
        self.note("clone");
        Self { log: self.log.clone() }
    }
}

impl Drop for Transacting {
    fn drop(&mut self) {
        self.note("drop");
    }
}

#[test]
fn transactions_may_run_in_the_operations_of_a_value_outside_of_bodies() {
    let _watchdog = watchdog();
    let log = TVar::new(Vec::new());
    let x = TVar::new(Transacting { log: log.clone() });
    drop(x.load());
    drop(x.swap(Transacting { log: log.clone() }));
    x.fetch_update(|value| value.note("update"));
    x.store(Transacting { log: log.clone() });
    drop(x);
    // Four values of the variable in turn, and a copy each for `load`, `swap` and `fetch_update`.
    let drops = || log.load().iter().filter(|what| **what == "drop").count();
    while drops() < 6 {
        stm::collect();
    }
    let notes = log.load();
    assert_eq!(notes.iter().filter(|what| **what == "clone").count(), 3, "{notes:?}");
    assert_eq!((notes.iter().filter(|what| **what == "update").count(), drops()), (1, 6), "{notes:?}");
}

/// Even when it is asked to collect inside a body: destructors wait until it is over.
#[test]
fn values_are_not_dropped_inside_a_body_that_collects() {
    let _watchdog = watchdog();
    let log = TVar::new(Vec::new());
    let x = TVar::new(Transacting { log: log.clone() });
    let (pinned, release) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            snapshot(|_| {
                pinned.store(true, Ordering::SeqCst);
                while !release.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Ok(())
            });
        });
        while !pinned.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // The other thread's transaction holds this value back, until just before the body below.
        x.store(Transacting { log: log.clone() });
        stm::collect();
        release.store(true, Ordering::SeqCst);
    });
    atomically(|_| {
        stm::collect();
        Ok(())
    });
    while log.load().is_empty() {
        stm::collect();
    }
    assert_eq!(log.load(), ["drop"]);
}

#[test]
fn one_shot_operations_in_a_body_are_not_rolled_back() {
    let _watchdog = watchdog();
    let (runs, trail, x) = (TVar::new(0_u64), TVar::new(String::new()), TVar::new(0_u64));
    let result: Result<(), &str> = try_atomically(|tx| {
        x.write(tx, 1)?;
        runs.fetch_update(|n| *n += 1);
        trail.store(trail.load() + "x");
        if tx.attempt_number() < 3 { Ok(tx.restart()?) } else { cancel("undone") }
    });
    assert_eq!(result, Err("undone"));
    assert_eq!((runs.load(), trail.load(), x.load()), (3, String::from("xxx"), 0));
    atomically(|tx| {
        tx.or_else(
            |tx| {
                runs.store(10);
                tx.retry()
            },
            |_| Ok(()),
        )
    });
    assert_eq!(runs.load(), 10);
}

#[test]
fn one_shot_operations_in_a_body_act_on_the_committed_state() {
    fn check<T: common::Sample>() {
        let x = TVar::new(T::of(0));
        atomically(|tx| {
            x.write(tx, T::of(1))?;
            assert_eq!(x.load(), T::of(0), "the pending value is the transaction's own");
            assert_eq!(x.swap(T::of(5)), T::of(0));
            assert_eq!(x.load(), T::of(5));
            assert_eq!(x.read(tx)?, T::of(1));
            Ok(())
        });
        assert_eq!(x.load(), T::of(1), "the transaction came after the swap");
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_one_shot_write_to_what_the_body_has_read_runs_it_again() {
    fn check<T: common::Sample>(promote: bool) {
        let x = TVar::new(T::of(0));
        let attempts = options().promote_after(2).run(|tx| {
            let seen = x.read(tx)?;
            match tx.attempt_number() {
                // A conflict first, so that the next run is the promoted one.
                1 if promote => elsewhere(|| x.store(T::of(0))),
                1 => x.store(T::of(7)),
                2 if promote => x.store(T::of(7)),
                _ => {}
            }
            // From the old value this must not be written.
            x.write(tx, if seen == T::of(7) { T::of(8) } else { T::of(1) })?;
            Ok(tx.attempt_number())
        });
        let expected = if promote { 3 } else { 2 };
        assert_eq!((attempts, x.load()), (Ok(expected), T::of(8)));
    }
    let _watchdog = watchdog();
    check::<u64>(false);
    check::<String>(false);
    check::<u64>(true);
    check::<String>(true);
}

#[test]
fn a_view_stays_whole_across_one_shot_writes_of_its_own_body() {
    let _watchdog = watchdog();
    for promote in [false, true] {
        let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
        let result = options().promote_after(2).run(|tx| {
            if promote && tx.attempt_number() == 1 {
                // A conflict first, so that the next run is the promoted one.
                let seen = x.read(tx)?;
                elsewhere(|| x.store(seen));
                return x.write(tx, seen);
            }
            let one = x.read(tx)?;
            if one == 0 {
                x.store(1);
                y.store(1);
            }
            let other = y.read(tx);
            assert!(!matches!(other, Ok(other) if other != one), "the new one beside the old one");
            other.map(drop)
        });
        assert_eq!((result, x.load(), y.load()), (Ok(()), 1, 1));
    }
}

#[test]
fn the_transaction_may_be_used_inside_its_own_closures() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(1_u64), TVar::new(String::from("a")));
    atomically(|tx| {
        // A whole branch of its own inside a modification.
        x.modify(tx, |n| {
            let seen = tx.or_else(
                |tx| {
                    y.write(tx, String::from("undone"))?;
                    tx.retry()
                },
                |tx| {
                    y.update(tx, |text| text.push('b'))?;
                    y.with(tx, String::len)
                },
            );
            n + seen.expect("no conflict") as u64
        })?;
        let inside = x.with(tx, |n| y.with(tx, |text| text.len() as u64 + n))??;
        assert_eq!(inside, 5);
        // What the closure writes to its own variable is overwritten by what it returns.
        x.modify(tx, |n| {
            x.write(tx, 1_000).expect("no conflict");
            n + 1
        })?;
        assert_eq!(x.read(tx)?, 4);
        Ok(())
    });
    assert_eq!((x.load(), y.load()), (4, String::from("ab")));
}

#[test]
fn a_variable_being_updated_still_has_its_old_value() {
    fn check<T: common::Sample>() {
        let x = TVar::new(T::of(0));
        for pending in [false, true] {
            atomically(|tx| {
                if pending {
                    x.write(tx, T::of(0))?;
                }
                x.update(tx, |value| {
                    *value = T::of(1);
                    assert_eq!(x.read(tx).expect("no conflict"), T::of(0));
                })?;
                assert_eq!(x.read(tx)?, T::of(1));
                Ok(())
            });
            x.fetch_update(|value| {
                *value = T::of(2);
                assert_eq!(x.load(), T::of(1));
            });
            assert_eq!(x.swap(T::of(0)), T::of(2));
        }
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn fetch_update_holds_no_lock_while_its_closure_runs() {
    fn check<T: common::Sample>(x: &TVar<T>) {
        let runs = Cell::new(0);
        let seen = x.fetch_update(|value| {
            runs.set(runs.get() + 1);
            if runs.get() == 1 {
                // Not stopped by the update that is under way, and not lost to it.
                elsewhere(|| {
                    x.store(T::of(5));
                    atomically(|tx| x.read(tx));
                });
            }
            std::mem::replace(value, T::of(6))
        });
        assert_eq!((seen, runs.get(), x.load()), (T::of(5), 2, T::of(6)));
    }
    let _watchdog = watchdog();
    check(&TVar::new(0_u64));
    check(&TVar::new(String::from("value 0")));
    static CELL: TCell<u64> = TCell::new(0);
    let runs = Cell::new(0);
    CELL.fetch_update(|n| {
        runs.set(runs.get() + 1);
        if runs.get() == 1 {
            elsewhere(|| CELL.store(5));
        }
        *n += 1;
    });
    assert_eq!((runs.get(), CELL.load()), (2, 6));
}

#[test]
fn the_closures_of_one_shot_operations_may_run_transactions() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(1_u64), TVar::new(String::from("y")));
    x.fetch_update(|n| {
        atomically(|tx| y.update(tx, |text| text.push('+')));
        *n += 1;
    });
    assert_eq!((x.load(), y.load()), (2, String::from("y+")));
    // Its closure is part of a body: one-shot operations only.
    let seen = x.wait_until(|n| {
        y.store(n.to_string());
        *n == 2
    });
    assert_eq!((seen, y.load()), (2, String::from("2")));
}
