//! Sizes far beyond the usual: many variables, many accesses to one, deep nesting.

use std::thread;

use common::{Random, elsewhere, scaled, watchdog};
use stm::{StmResult, TVar, Transaction, TxError, TxResult, atomically, cancel, snapshot, try_atomically};

fn numbers(count: usize) -> Vec<TVar<u64>> {
    (0..count as u64).map(TVar::new).collect()
}

#[test]
fn a_million_writes_are_one_step() {
    let _watchdog = watchdog();
    let variables = numbers(scaled(1_000_000));
    atomically(|tx| {
        for (n, x) in (0..).zip(&variables) {
            x.write(tx, n + 1)?;
        }
        // Its own writes, found among all of them.
        let mut random = Random::new(1);
        for _ in 0..1_000 {
            let index = random.below(variables.len());
            assert_eq!(variables[index].read(tx)?, index as u64 + 1);
            assert_eq!(variables[index].load(), index as u64);
        }
        Ok(())
    });
    assert!((1..).zip(&variables).all(|(n, x)| x.load() == n));
}

#[test]
fn a_hundred_thousand_updates_of_both_storages_are_one_step() {
    let _watchdog = watchdog();
    let numbers = numbers(scaled(100_000));
    let texts: Vec<_> = (0..scaled(20_000)).map(|n| TVar::new(n.to_string())).collect();
    atomically(|tx| {
        // In an order that has nothing to do with addresses, and everything more than once.
        for step in [7, 11] {
            for n in 0..numbers.len() {
                numbers[n * step % numbers.len()].modify(tx, |value| value + 1)?;
            }
        }
        texts.iter().try_for_each(|text| text.update(tx, |text| text.push('!')))?;
        for (n, x) in (0..).zip(&numbers) {
            assert_eq!(x.read(tx)?, n + 2);
        }
        for (n, text) in texts.iter().enumerate() {
            assert_eq!(*text.read_ref(tx)?, format!("{n}!"));
        }
        Ok(())
    });
    assert!((2..).zip(&numbers).all(|(n, x)| x.load() == n));
    assert!(texts.iter().enumerate().all(|(n, text)| text.load() == format!("{n}!")));
}

#[test]
fn a_large_transaction_is_undone_as_a_whole() {
    let _watchdog = watchdog();
    let variables = numbers(scaled(100_000));
    let write_all = |tx: &Transaction| variables.iter().try_for_each(|x| x.modify(tx, |n| n + 1));
    let result: Result<(), _> = try_atomically(|tx| {
        write_all(tx)?;
        cancel("undone")
    });
    assert_eq!(result, Err("undone"));
    let inner: Result<(), &str> = atomically(|tx| {
        variables[0].write(tx, 7)?;
        let inner = tx.nested(|tx| {
            write_all(tx)?;
            cancel("undone")
        })?;
        tx.or_else(
            |tx| {
                write_all(tx)?;
                tx.retry()
            },
            |_| Ok(()),
        )?;
        assert_eq!(variables[0].read(tx)?, 7);
        assert_eq!(variables[1].read(tx)?, 1);
        Ok(inner)
    });
    assert_eq!((inner, variables[0].load()), (Err("undone"), 7));
    variables[0].store(0);
    assert!((0..).zip(&variables).all(|(n, x)| x.load() == n));
}

#[test]
fn reads_of_many_variables_are_one_view() {
    let _watchdog = watchdog();
    let variables = numbers(scaled(100_000));
    let sum = |tx: &stm::ReadTransaction| variables.iter().map(|x| x.read(tx)).try_fold(0, |sum, n| Ok(sum + n?));
    let expected = (0..variables.len() as u64).sum::<u64>();
    assert_eq!(snapshot(sum), expected);
    // A change behind the reader's back, to what it has read long ago, and one to what it has not.
    let (total, attempts) = atomically(|tx| {
        let first = variables[0].read(tx)?;
        variables.iter().try_for_each(|x| x.read(tx).map(drop))?;
        if tx.attempt_number() == 1 {
            elsewhere(|| {
                atomically(|tx| {
                    variables[0].modify(tx, |n| n + 1)?;
                    variables[1].modify(tx, |n| n - 1)
                });
            });
        }
        let total = sum(tx)?;
        variables[0].write(tx, first + 1)?;
        Ok((total, tx.attempt_number()))
    });
    assert_eq!((total, attempts, variables[0].load()), (expected, 2, 2));
}

#[test]
fn one_variable_may_be_read_a_million_times() {
    let _watchdog = watchdog();
    let (x, text) = (TVar::new(3_u64), TVar::new(String::from("abc")));
    let rounds = scaled(1_000_000);
    let total = atomically(|tx| {
        let mut total = 0;
        for _ in 0..rounds {
            total += x.read(tx)?;
        }
        for _ in 0..rounds / 10 {
            total += text.with(tx, String::len)? as u64;
        }
        x.write(tx, 4)?;
        Ok(total)
    });
    assert_eq!((total, x.load()), (3 * (rounds + rounds / 10) as u64, 4));
}

/// However often it was read, a change of it is noticed: by a later read and by the commit.
#[test]
fn a_variable_read_many_times_is_still_checked() {
    let _watchdog = watchdog();
    for read_later in [false, true] {
        let (x, y, log) = (TVar::new(0_u64), TVar::new(0_u64), TVar::new(0_u64));
        let attempts = atomically(|tx| {
            let mut last = 0;
            for _ in 0..20_000 {
                last = x.read(tx)?;
            }
            log.write(tx, last)?;
            if tx.attempt_number() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        log.read(tx)?;
                        x.write(tx, 1)?;
                        y.write(tx, 1)
                    });
                });
            }
            if read_later {
                assert_eq!(y.read(tx)?, last, "of the same moment");
            }
            Ok(tx.attempt_number())
        });
        assert_eq!((attempts, log.load()), (2, 1));
    }
}

#[test]
fn one_variable_may_be_written_a_million_times() {
    let _watchdog = watchdog();
    let (x, text) = (TVar::new(0_u64), TVar::new(String::new()));
    let rounds = scaled(1_000_000) as u64;
    atomically(|tx| {
        for n in 1..=rounds {
            x.write(tx, n)?;
        }
        for n in 1..=rounds / 20 {
            text.write(tx, n.to_string())?;
        }
        assert_eq!(x.read(tx)?, rounds);
        Ok(())
    });
    assert_eq!((x.load(), text.load()), (rounds, (rounds / 20).to_string()));
}

/// Out of line, so that the frames counted below are those of the nesting alone.
#[inline(never)]
fn bump(tx: &Transaction, x: &TVar<u64>) -> StmResult<()> {
    x.modify(tx, |n| n + 1)
}

#[inline(never)]
fn get(tx: &Transaction, x: &TVar<u64>) -> StmResult<u64> {
    x.read(tx)
}

fn descend(tx: &Transaction, x: &TVar<u64>, depth: u64) -> StmResult<()> {
    bump(tx, x)?;
    if depth > 1 {
        let Ok(()) = tx.nested(|tx| Ok::<_, TxError<std::convert::Infallible>>(descend(tx, x, depth - 1)?))?;
    }
    Ok(())
}

/// Undoes every level but the first.
fn descend_and_fail(tx: &Transaction, x: &TVar<u64>, depth: u64) -> TxResult<(), u64> {
    bump(tx, x)?;
    if depth > 1 {
        let inner = tx.nested(|tx| descend_and_fail(tx, x, depth - 1))?;
        assert_eq!(inner, Err(depth - 1));
        assert_eq!(get(tx, x)?, 1_001 - depth);
    }
    cancel(depth)
}

fn choose(tx: &Transaction, x: &TVar<u64>, depth: u64) -> StmResult<u64> {
    if depth == 0 {
        return get(tx, x);
    }
    tx.or_else(
        |tx| {
            bump(tx, x)?;
            choose(tx, x, depth - 1)?;
            tx.retry()
        },
        |tx| get(tx, x),
    )
}

/// On the stack that a thread has by default.
#[test]
fn nesting_may_be_a_thousand_deep() {
    let _watchdog = watchdog();
    let thread = thread::spawn(|| {
        let x = TVar::new(0);
        atomically(|tx| descend(tx, &x, 1_000));
        assert_eq!(x.load(), 1_000);
        x.store(0);
        assert_eq!(try_atomically(|tx| descend_and_fail(tx, &x, 1_000)), Err(1_000));
        assert_eq!(x.load(), 0);
        // Each level undoes what the ones inside of it did.
        assert_eq!(atomically(|tx| choose(tx, &x, 1_000)), 0);
        assert_eq!(x.load(), 0);
    });
    thread.join().expect("no overflow");
}

#[test]
fn one_transaction_may_have_many_scopes() {
    let _watchdog = watchdog();
    let (x, text) = (TVar::new(0_u64), TVar::new(String::new()));
    let rounds = scaled(50_000) as u64;
    let undone = atomically(|tx| {
        let mut undone = 0;
        for n in 0..rounds {
            let result = tx.nested(|tx| {
                x.modify(tx, |n| n + 1)?;
                text.write(tx, n.to_string())?;
                if n % 3 == 0 { cancel(()) } else { Ok(()) }
            })?;
            undone += u64::from(result.is_err());
        }
        Ok(undone)
    });
    let last = (0..rounds).rfind(|n| n % 3 != 0).expect("several rounds");
    assert_eq!((x.load() + undone, text.load()), (rounds, last.to_string()));
}

#[test]
fn a_wait_may_have_very_many_variables() {
    let _watchdog = watchdog();
    let variables = numbers(scaled(50_000));
    let last = variables.len() - 1;
    let attempts = atomically(|tx| {
        let mut found = false;
        for x in &variables {
            found |= x.read(tx)? == u64::MAX;
        }
        if tx.attempt_number() == 1 {
            elsewhere(|| variables[last].store(u64::MAX));
        }
        tx.check(found)?;
        Ok(tx.attempt_number())
    });
    assert_eq!(attempts, 2);
}
