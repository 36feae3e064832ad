//! Hooks: `on_commit` after the commit, in order, once, on this thread; `on_rollback` when what
//! registered it is undone, latest first, before the next run or wait.

use std::sync::{Arc, Mutex};
use std::thread;

use common::{Census, Clash, elsewhere, expect_panic, watchdog};
use stm::{RunError, TVar, Transaction, TxError, atomically, cancel, options, snapshot, try_atomically};

/// What the hooks of one test did, in order.
#[derive(Clone, Debug, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, entry: impl Into<String>) {
        self.0.lock().expect("no hook panics here").push(entry.into());
    }

    fn hook(&self, entry: impl Into<String>) -> impl FnOnce() + Send + 'static {
        let (journal, entry) = (self.clone(), entry.into());
        move || journal.note(entry)
    }

    /// Registers a hook of each kind under one name.
    fn both(&self, tx: &Transaction, name: &str) {
        tx.on_commit(self.hook(format!("commit {name}")));
        tx.on_rollback(self.hook(format!("rollback {name}")));
    }

    #[track_caller]
    fn assert_is(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().expect("no hook panics here"), expected);
    }
}

#[test]
fn commit_hooks_run_in_order_after_the_commit_on_this_thread() {
    let journal = Journal::default();
    let (x, here) = (TVar::new(0_u64), thread::current().id());
    atomically(|tx| {
        x.write(tx, 1)?;
        for number in 0..3 {
            let (x, journal) = (x.clone(), journal.clone());
            tx.on_commit(move || {
                assert_eq!(thread::current().id(), here);
                journal.note(format!("{number} sees {}", x.load()));
            });
        }
        tx.on_rollback(journal.hook("rollback"));
        x.write(tx, 2)?;
        journal.note("body");
        Ok(())
    });
    journal.assert_is(&["body", "0 sees 2", "1 sees 2", "2 sees 2"]);
}

#[test]
fn other_threads_see_the_commit_when_the_hook_runs() {
    let _watchdog = watchdog();
    let (journal, number, text) = (Journal::default(), TVar::new(0_u64), TVar::new(String::new()));
    atomically(|tx| {
        number.write(tx, 1)?;
        text.write(tx, String::from("new"))?;
        let (journal, number, text) = (journal.clone(), number.clone(), text.clone());
        tx.on_commit(move || {
            // Nothing is locked any more: another thread may read and write.
            let seen = elsewhere(|| atomically(|tx| Ok((number.replace(tx, 2)?, text.read(tx)?))));
            journal.note(format!("{seen:?}"));
        });
        Ok(())
    });
    journal.assert_is(&["(1, \"new\")"]);
    assert_eq!(number.load(), 2);
}

#[test]
fn a_read_only_transaction_runs_its_hooks_too() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    atomically(|tx| {
        journal.both(tx, "reader");
        x.read(tx)
    });
    atomically(|tx| {
        journal.both(tx, "empty");
        Ok(())
    });
    journal.assert_is(&["commit reader", "commit empty"]);
}

#[test]
fn rollback_hooks_run_latest_first_before_the_next_run() {
    let _watchdog = watchdog();
    let (journal, clash) = (Journal::default(), Clash::new());
    atomically(|tx| {
        let attempt = tx.attempt_number();
        journal.note(format!("run {attempt}"));
        journal.both(tx, &format!("a{attempt}"));
        journal.both(tx, &format!("b{attempt}"));
        match attempt {
            1 => clash.at_commit(tx),
            2 => clash.at_read(tx).map(drop),
            3 => tx.restart(),
            _ => Ok(()),
        }
    });
    journal.assert_is(&[
        "run 1",
        "rollback b1",
        "rollback a1",
        "run 2",
        "rollback b2",
        "rollback a2",
        "run 3",
        "rollback b3",
        "rollback a3",
        "run 4",
        "commit a4",
        "commit b4",
    ]);
}

/// The hook itself gives what is waited for: run later, it would never run.
#[test]
fn rollback_hooks_run_before_the_wait() {
    let _watchdog = watchdog();
    let (journal, flag) = (Journal::default(), TVar::new(false));
    atomically(|tx| {
        journal.both(tx, "waiter");
        let opener = flag.clone();
        tx.on_rollback(move || opener.store(true));
        tx.check(flag.read(tx)?)
    });
    journal.assert_is(&["rollback waiter", "commit waiter"]);
}

#[test]
fn rollback_hooks_run_before_an_error_leaves() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    let result: Result<(), _> = try_atomically(|tx| {
        x.write(tx, 1)?;
        journal.both(tx, "first");
        journal.both(tx, "second");
        cancel("error")
    });
    journal.note("returned");
    assert_eq!((result, x.load()), (Err("error"), 0));
    journal.assert_is(&["rollback second", "rollback first", "returned"]);
}

#[test]
fn rollback_hooks_run_when_the_attempts_are_used_up() {
    let journal = Journal::default();
    let result = options().max_attempts(2).run(|tx| {
        journal.both(tx, &tx.attempt_number().to_string());
        tx.restart::<()>()
    });
    assert_eq!(result, Err(RunError::TooManyAttempts));
    journal.assert_is(&["rollback 1", "rollback 2"]);
}

#[test]
fn rollback_hooks_run_when_the_body_panics() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    let panic = expect_panic(|| {
        atomically(|tx| -> stm::StmResult<()> {
            x.write(tx, 1)?;
            journal.both(tx, "first");
            journal.both(tx, "second");
            panic!("the body fails")
        });
    });
    assert_eq!((panic.message.as_str(), x.load()), ("the body fails", 0));
    journal.assert_is(&["rollback second", "rollback first"]);
}

#[test]
fn hooks_of_an_undone_branch_go_with_it() {
    let journal = Journal::default();
    atomically(|tx| {
        journal.both(tx, "outer");
        tx.or_else(
            |tx| {
                journal.both(tx, "first");
                journal.both(tx, "first again");
                tx.retry()
            },
            |tx| {
                journal.both(tx, "second");
                Ok(())
            },
        )?;
        journal.both(tx, "after");
        Ok(())
    });
    journal.assert_is(&["rollback first again", "rollback first", "commit outer", "commit second", "commit after"]);
}

#[test]
fn hooks_of_a_cancelled_nested_body_go_with_it() {
    let journal = Journal::default();
    atomically(|tx| {
        journal.both(tx, "outer");
        let kept = tx.nested(|tx| {
            journal.both(tx, "kept");
            Ok::<_, TxError<()>>(())
        })?;
        let undone: Result<(), _> = tx.nested(|tx| {
            journal.both(tx, "undone");
            let inside = tx.nested(|tx| {
                journal.both(tx, "inside");
                Ok::<_, TxError<()>>(())
            })?;
            assert_eq!(inside, Ok(()));
            cancel(())
        })?;
        assert_eq!((kept, undone), (Ok(()), Err(())));
        Ok(())
    });
    journal.assert_is(&["rollback inside", "rollback undone", "commit outer", "commit kept"]);
}

/// What an undone branch registered runs once, also when the whole attempt fails later.
#[test]
fn hooks_of_an_undone_branch_run_once_when_the_attempt_fails() {
    let journal = Journal::default();
    atomically(|tx| {
        let attempt = tx.attempt_number();
        journal.both(tx, &format!("outer {attempt}"));
        tx.or_else(
            |tx| {
                journal.both(tx, &format!("first {attempt}"));
                tx.retry()
            },
            |tx| {
                journal.both(tx, &format!("second {attempt}"));
                Ok(())
            },
        )?;
        if attempt == 1 { tx.restart() } else { Ok(()) }
    });
    journal.assert_is(&[
        "rollback first 1",
        "rollback second 1",
        "rollback outer 1",
        "rollback first 2",
        "commit outer 2",
        "commit second 2",
    ]);
}

#[test]
fn a_hook_may_start_transactions_with_hooks_of_their_own() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    let add = |journal: &Journal, x: &TVar<u64>, name: &'static str| {
        let (journal, x) = (journal.clone(), x.clone());
        move || {
            let value = atomically(|tx| {
                journal.both(tx, name);
                x.modify(tx, |n| n + 1)?;
                x.read(tx)
            });
            journal.note(format!("{name} made it {value}"));
        }
    };
    let result: Result<(), ()> = try_atomically(|tx| {
        tx.on_rollback(add(&journal, &x, "from rollback"));
        cancel(())
    });
    assert_eq!(result, Err(()));
    atomically(|tx| {
        tx.on_commit(add(&journal, &x, "from commit"));
        tx.on_commit(add(&journal, &x, "again"));
        x.modify(tx, |n| n + 10)
    });
    journal.assert_is(&[
        "commit from rollback",
        "from rollback made it 1",
        "commit from commit",
        "from commit made it 12",
        "commit again",
        "again made it 13",
    ]);
}

#[test]
fn a_hook_may_wait_for_another_thread() {
    let _watchdog = watchdog();
    let (journal, answer) = (Journal::default(), TVar::new(0_u64));
    atomically(|tx| {
        let (journal, answer) = (journal.clone(), answer.clone());
        tx.on_commit(move || {
            let other = answer.clone();
            let thread = thread::spawn(move || other.store(42));
            journal.note(answer.wait_until(|answer| *answer > 0).to_string());
            thread.join().expect("it only stores");
        });
        Ok(())
    });
    journal.assert_is(&["42"]);
}

#[test]
fn after_a_hook_that_panics_the_others_run_and_the_first_panic_goes_on() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    let panic = expect_panic(|| {
        atomically(|tx| {
            x.write(tx, 1)?;
            tx.on_commit(journal.hook("before"));
            tx.on_commit(|| panic!("first"));
            tx.on_commit(journal.hook("between"));
            tx.on_commit(|| panic!("second"));
            tx.on_commit(journal.hook("after"));
            Ok(())
        });
    });
    assert_eq!((panic.message.as_str(), x.load()), ("first", 1));
    journal.assert_is(&["before", "between", "after"]);
}

#[test]
fn after_a_rollback_hook_that_panics_the_others_run_and_the_first_panic_goes_on() {
    let (journal, x) = (Journal::default(), TVar::new(0_u64));
    let run = |fail: &dyn Fn(&Transaction) -> stm::TxResult<(), ()>| {
        expect_panic(|| {
            let _ = try_atomically(|tx| {
                x.write(tx, 1)?;
                tx.on_rollback(journal.hook("last"));
                tx.on_rollback(|| panic!("second"));
                tx.on_rollback(journal.hook("middle"));
                tx.on_rollback(|| panic!("first"));
                tx.on_rollback(journal.hook("earliest"));
                fail(tx)
            });
        })
    };
    assert_eq!(run(&|_| cancel(())).message, "first");
    assert_eq!(run(&|tx| Ok(tx.restart()?)).message, "first");
    // The body's own panic came before any hook's.
    assert_eq!(run(&|_| panic!("body")).message, "body");
    assert_eq!(x.load(), 0);
    journal.assert_is(&["earliest", "middle", "last"].repeat(3));
    atomically(|tx| x.write(tx, 2));
    assert_eq!(x.load(), 2);
}

#[test]
fn hooks_that_do_not_run_are_dropped() {
    let _watchdog = watchdog();
    let (census, clash) = (Census::new(), Clash::new());
    let hook = |census: &Census| {
        let value = census.value(0);
        move || drop(value)
    };
    atomically(|tx| {
        tx.on_commit(hook(&census));
        tx.on_rollback(hook(&census));
        tx.or_else(
            |tx| {
                tx.on_commit(hook(&census));
                tx.on_rollback(hook(&census));
                tx.retry()
            },
            |_| Ok(()),
        )?;
        if tx.attempt_number() == 1 { clash.at_commit(tx) } else { Ok(()) }
    });
    let _ = try_atomically(|tx| {
        tx.on_commit(hook(&census));
        tx.on_rollback(hook(&census));
        cancel::<(), _>(())
    });
    census.settle(0);
}

/// A dropped hook's captures are the user's values: their `Drop` may start a transaction as well.
#[test]
fn captures_of_a_hook_that_does_not_run_may_start_transactions_when_dropped() {
    struct Counts(TVar<u64>);
    impl Drop for Counts {
        fn drop(&mut self) {
            atomically(|tx| self.0.modify(tx, |n| n + 1));
        }
    }
    let drops = TVar::new(0_u64);
    atomically(|tx| {
        let (unused, undone) = (Counts(drops.clone()), Counts(drops.clone()));
        tx.on_rollback(move || drop(unused));
        tx.or_else(
            |tx| {
                tx.on_commit(move || drop(undone));
                tx.retry()
            },
            |_| Ok(()),
        )
    });
    assert_eq!(drops.load(), 2);
}

#[test]
fn many_hooks_keep_their_order() {
    let journal = Journal::default();
    atomically(|tx| {
        for number in 0..1_000 {
            tx.on_commit(journal.hook(number.to_string()));
        }
        Ok(())
    });
    let expected: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    journal.assert_is(&expected);
}

#[test]
fn a_snapshot_in_a_hook_sees_the_commit_as_a_whole() {
    let (journal, x, y) = (Journal::default(), TVar::new(0_i64), TVar::new(0_i64));
    atomically(|tx| {
        x.write(tx, 5)?;
        y.write(tx, -5)?;
        let (journal, x, y) = (journal.clone(), x.clone(), y.clone());
        tx.on_commit(move || {
            let pair = snapshot(|tx| Ok((x.read(tx)?, y.read(tx)?)));
            journal.note(format!("{pair:?}"));
        });
        Ok(())
    });
    journal.assert_is(&["(5, -5)"]);
}
