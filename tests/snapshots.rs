//! Snapshots: one moment of any number of variables, in one run of the body, while writers never stop.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use common::{Ends, scaled, threads, watchdog};
use stm::{StmResult, TCell, TVar, Transaction, atomically, options, snapshot};

const ACCOUNTS: usize = 300;
const OPENING: i64 = 1000;

/// Accounts in every form in which a variable stores its value.
struct Bank {
    inline: Vec<TVar<i64>>,
    boxed: Vec<TVar<Vec<i64>>>,
    cells: Vec<TCell<i64>>,
    boxed_cells: Vec<TCell<String>>,
}

impl Bank {
    fn open() -> Self {
        Self {
            inline: (0..ACCOUNTS).map(|_| TVar::new(OPENING)).collect(),
            boxed: (0..ACCOUNTS).map(|_| TVar::new(vec![OPENING; 3])).collect(),
            cells: (0..ACCOUNTS).map(|_| TCell::new(OPENING)).collect(),
            boxed_cells: (0..ACCOUNTS).map(|_| TCell::new(OPENING.to_string())).collect(),
        }
    }

    fn total() -> i64 {
        4 * ACCOUNTS as i64 * OPENING
    }

    /// Adds to one account of one form.
    fn add<'tx>(&'tx self, tx: &Transaction<'tx, '_>, form: usize, account: usize, amount: i64) -> StmResult<()> {
        match form % 4 {
            0 => self.inline[account].modify(tx, |balance| balance + amount),
            1 => self.boxed[account].update(tx, |balance| balance.iter_mut().for_each(|part| *part += amount)),
            2 => self.cells[account].modify(tx, |balance| balance + amount),
            _ => {
                let balance: i64 = self.boxed_cells[account].with(tx, |balance| balance.parse().expect("a number"))?;
                self.boxed_cells[account].write(tx, (balance + amount).to_string())
            }
        }
    }

    fn sum<'tx>(&'tx self, tx: &stm::ReadTransaction<'tx, '_>) -> StmResult<i64> {
        let mut sum = 0;
        for account in 0..ACCOUNTS {
            sum += self.inline[account].read(tx)?;
            sum += self.boxed[account].with(tx, |balance| {
                assert!(balance.iter().all(|part| *part == balance[0]), "half of a value");
                balance[0]
            })?;
            sum += self.cells[account].read(tx)?;
            let balance: i64 = self.boxed_cells[account].with(tx, |balance| balance.parse().expect("a number"))?;
            sum += balance;
        }
        Ok(sum)
    }
}

/// Runs `body` while other threads move money as fast as they can.
fn while_money_moves<R>(bank: &Bank, body: impl FnOnce(&AtomicU64) -> R) -> R {
    let (done, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for mover in 0..threads() {
            let (done, commits) = (&done, &commits);
            scope.spawn(move || {
                let mut seed = mover as u64 + 1;
                let mut draw = move |below: usize| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (seed >> 33) as usize % below
                };
                while !done.load(Ordering::SeqCst) {
                    let (from, to) = ((draw(4), draw(ACCOUNTS)), (draw(4), draw(ACCOUNTS)));
                    atomically(|tx| {
                        bank.add(tx, from.0, from.1, -1)?;
                        bank.add(tx, to.0, to.1, 1)
                    });
                    commits.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        body(&commits)
    })
}

#[test]
fn it_sees_one_moment_in_one_run_while_writers_never_stop() {
    let _watchdog = watchdog();
    let bank = Bank::open();
    while_money_moves(&bank, |commits| {
        for round in 0..scaled(60) {
            let runs = Cell::new(0);
            let total = snapshot(|tx| {
                runs.set(runs.get() + 1);
                let first = bank.sum(tx)?;
                if round % 3 == 0 {
                    // Much is written meanwhile.
                    let target = commits.load(Ordering::SeqCst) + 500;
                    while commits.load(Ordering::SeqCst) < target {
                        thread::yield_now();
                    }
                    assert_eq!(bank.sum(tx)?, first, "the moment stays what it is");
                }
                Ok(first)
            });
            assert_eq!((total, runs.get()), (Bank::total(), 1));
        }
    });
}

#[test]
fn several_at_once_each_see_a_moment_of_their_own() {
    let _watchdog = watchdog();
    let bank = Bank::open();
    while_money_moves(&bank, |_| {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..scaled(30) {
                        let runs = Cell::new(0);
                        let total = snapshot(|tx| {
                            runs.set(runs.get() + 1);
                            bank.sum(tx)
                        });
                        assert_eq!((total, runs.get()), (Bank::total(), 1));
                    }
                });
            }
        });
    });
}

#[test]
fn it_begins_with_everything_that_was_committed_before_it() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(0_u64), TVar::new(String::new()));
    for round in 1..=scaled(2_000) as u64 {
        if round % 2 == 0 {
            x.store(round);
            y.store(round.to_string());
        } else {
            atomically(|tx| {
                x.write(tx, round)?;
                y.write(tx, round.to_string())
            });
        }
        let seen = snapshot(|tx| Ok((x.read(tx)?, y.read(tx)?)));
        assert_eq!(seen, (round, round.to_string()));
        let seen = thread::scope(|scope| {
            scope.spawn(|| snapshot(|tx| Ok((x.read(tx)?, y.read(tx)?)))).join().expect("it does not panic")
        });
        assert_eq!(seen, (round, round.to_string()));
    }
}

#[test]
fn what_is_written_during_it_is_not_in_it() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(1_u64), TVar::new(vec![1_u64]));
    let late = TCell::new(String::from("first"));
    for _ in 0..scaled(200) {
        x.store(1);
        y.store(vec![1]);
        late.store(String::from("first"));
        snapshot(|tx| {
            assert_eq!(x.read(tx)?, 1);
            // By this thread, outside of the transaction, and by another one; once and many times.
            for round in 2..40 {
                x.store(round);
                thread::scope(|scope| {
                    scope.spawn(|| atomically(|tx| y.update(tx, |items| items.push(round))));
                });
            }
            late.store(String::from("second"));
            assert_eq!((x.read(tx)?, y.read(tx)?), (1, vec![1]));
            assert_eq!(late.read(tx)?, "first");
            Ok(())
        });
        assert_eq!((x.load(), y.load().len(), late.load().as_str()), (39, 39, "second"));
    }
}

#[test]
fn one_within_another_has_a_moment_of_its_own() {
    struct Looks(TVar<u64>, mpsc::Sender<u64>);
    impl Clone for Looks {
        fn clone(&self) -> Self {
            // User code that runs while the library reads a value outside of a body.
            self.0.store(self.0.load() + 1);
            let seen = snapshot(|tx| self.0.read(tx));
            self.1.send(seen).expect("the test waits for it");
            Self(self.0.clone(), self.1.clone())
        }
    }
    let x = TVar::new(1_u64);
    let (sender, receiver) = mpsc::channel();
    let looks = TVar::new(Looks(x.clone(), sender));
    drop(looks.load());
    assert_eq!(receiver.try_recv(), Ok(2));
    // In the middle of a body, in the hook of an undone branch.
    let (outer, hooked) = (TVar::new(0_u64), x.clone());
    let runs = Cell::new(0);
    let seen = atomically(|tx| {
        runs.set(runs.get() + 1);
        let before = outer.read(tx)?;
        let hooked = hooked.clone();
        let after = tx.or_else(
            |tx| {
                let hooked = hooked.clone();
                tx.on_rollback(move || {
                    hooked.store(7);
                    assert_eq!(snapshot(|tx| hooked.read(tx)), 7);
                });
                tx.retry()
            },
            |tx| outer.read(tx),
        )?;
        Ok((before, after))
    });
    assert_eq!((seen, runs.get(), x.load()), ((0, 0), 1, 7));
}

#[test]
fn a_snapshot_that_retries_waits_for_what_it_has_read() {
    let _watchdog = watchdog();
    let (x, unrelated) = (TVar::new(0_u64), TVar::new(0_u64));
    for round in 1..=scaled(100) as u64 {
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                snapshot(|tx| {
                    let seen = x.read(tx)?;
                    tx.check(seen >= round)?;
                    Ok(seen)
                })
            });
            unrelated.store(round);
            if round % 2 == 0 {
                thread::yield_now();
            }
            x.store(round);
            assert_eq!(waiter.join().expect("it does not panic"), round);
        });
    }
}

#[test]
fn a_body_that_has_only_read_goes_on_as_a_snapshot() {
    let _watchdog = watchdog();
    let bank = Bank::open();
    while_money_moves(&bank, |commits| {
        for _ in 0..scaled(20) {
            let (total, attempts) = atomically(|tx| {
                let first = bank.sum(tx)?;
                let target = commits.load(Ordering::SeqCst) + 2 * ACCOUNTS as u64;
                while commits.load(Ordering::SeqCst) < target {
                    thread::yield_now();
                }
                // An ordinary run would not get through this.
                assert_eq!(bank.sum(tx)?, first);
                Ok((first, tx.attempt_number()))
            });
            assert_eq!(total, Bank::total());
            // Two that were aborted; and the third needs nobody to stand aside.
            assert_eq!(attempts, 3);
        }
    });
}

#[test]
fn a_body_that_writes_after_all_is_an_ordinary_one_and_commits_within_the_bound() {
    let _watchdog = watchdog();
    let bank = Bank::open();
    let log = TVar::new(0_i64);
    while_money_moves(&bank, |commits| {
        for _ in 0..scaled(10) {
            let attempts = atomically(|tx| {
                let sum = bank.sum(tx)?;
                if tx.attempt_number() < stm::PROMOTE_AFTER {
                    let target = commits.load(Ordering::SeqCst) + 2 * ACCOUNTS as u64;
                    while commits.load(Ordering::SeqCst) < target {
                        thread::yield_now();
                    }
                }
                log.write(tx, sum)?;
                bank.inline[0].modify(tx, |balance| balance)?;
                Ok(tx.attempt_number())
            });
            assert_eq!(log.load(), Bank::total());
            assert!(attempts <= stm::PROMOTE_AFTER, "{attempts}");
        }
    });
}

/// A run that goes on as a snapshot and then writes, with nobody in the way any more, commits.
#[test]
fn a_snapshot_that_writes_moves_on_if_nothing_it_has_read_has_changed() {
    let (x, y, z) = (TVar::new(1_u64), TVar::new(String::from("a")), TVar::new(0_u64));
    let attempts = atomically(|tx| {
        let seen = (x.read(tx)?, y.read(tx)?);
        if tx.attempt_number() < 3 {
            // Changes what was read, and then makes the run notice.
            x.store(seen.0 + 1);
            z.store(1);
            let _ = z.read(tx)?;
            unreachable!("what was read has changed");
        }
        // Something else has changed, which this run has not seen.
        z.store(10);
        tx.or_else(
            |tx| {
                y.write(tx, String::from("undone"))?;
                tx.retry()
            },
            |tx| z.modify(tx, |n| n + seen.0),
        )?;
        assert_eq!(z.read(tx)?, 13);
        y.write(tx, format!("{}b", seen.1))?;
        Ok(tx.attempt_number())
    });
    assert_eq!((attempts, x.load(), y.load().as_str(), z.load()), (3, 3, "ab", 13));
}

/// A variable that was made after the snapshot began is not in it; who learns of it on a way around the snapshot gets a
/// later moment, never the value of whatever had that address before.
#[test]
fn a_younger_variable_makes_it_run_again_if_it_was_written() {
    let _watchdog = watchdog();
    for _ in 0..scaled(50) {
        let runs = Cell::new(0);
        let mut smuggled: Option<TVar<String>> = None;
        let old: Vec<_> = (0..50_u64).map(TVar::new).collect();
        let mut old = Some(old);
        let seen = snapshot(|tx| {
            runs.set(runs.get() + 1);
            if let Some(old) = old.take() {
                old.iter().for_each(|x| x.store(0xDEAD_BEEF));
                // Their memory may be used again.
                thread::scope(|scope| {
                    scope.spawn(move || drop(old));
                });
            }
            let young = smuggled.get_or_insert_with(|| TVar::new(String::from("young")));
            let first = young.read(tx)?;
            if runs.get() == 1 {
                young.store(String::from("changed"));
            }
            Ok((first, young.read(tx)?))
        });
        assert_eq!((runs.get(), seen), (2, (String::from("changed"), String::from("changed"))));
    }
}

#[test]
fn a_panic_and_a_cancelled_wait_end_it_like_anything_else() {
    let x = TVar::new(1_u64);
    let panic = common::expect_panic(|| {
        snapshot(|tx| -> StmResult<()> {
            x.store(2);
            assert_eq!(x.read(tx)?, 1);
            panic!("on purpose")
        })
    });
    assert!(panic.message.contains("on purpose"));
    assert_eq!(snapshot(|tx| x.read(tx)), 2);
    assert_eq!(options().run(|tx| x.replace(tx, 3)), Ok(2));
}

/// Handles, boxed values and structures that are only reachable through old values stay alive as long as the snapshot.
#[test]
fn what_an_old_value_leads_to_is_still_there() {
    let _watchdog = watchdog();
    let root = TVar::new(Arc::new((0..20).map(|n| TVar::new(format!("{n}"))).collect::<Vec<_>>()));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let ends = Ends(&done);
        for _ in 0..threads() {
            scope.spawn(|| {
                let mut round = 0_u64;
                while !done.load(Ordering::SeqCst) {
                    round += 1;
                    let fresh = Arc::new((0..20).map(|_| TVar::new(format!("{round}"))).collect::<Vec<_>>());
                    atomically(|tx| {
                        for variable in root.read_ref(tx)?.iter() {
                            variable.update(tx, |text| text.push('!'))?;
                        }
                        root.write(tx, fresh.clone())
                    });
                }
            });
        }
        for _ in 0..scaled(300) {
            let runs = Cell::new(0);
            snapshot(|tx| {
                runs.set(runs.get() + 1);
                let texts = root.read_ref(tx)?;
                for variable in texts.iter() {
                    let text = variable.read_ref(tx)?;
                    assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "{}", *text);
                    thread::yield_now();
                }
                Ok(())
            });
            assert_eq!(runs.get(), 1);
        }
        drop(ends);
    });
}

/// Each run makes a variable, writes it, and reads it: younger than the moment of every run.
#[test]
fn a_body_that_makes_what_it_reads_gets_through() {
    let _watchdog = watchdog();
    let runs = Cell::new(0);
    let seen = snapshot(|tx| {
        runs.set(runs.get() + 1);
        let own = TVar::new(1_u64);
        own.store(2);
        own.read(tx)
    });
    assert_eq!(seen, 2);
    assert!(runs.get() <= 5, "{} runs", runs.get());
}
