//! Atomicity: what a transaction writes appears at once or not at all, and it takes effect only if what
//! it has read still holds.

use common::{Sample, elsewhere, watchdog};
use stm::{TVar, atomically, cancel, snapshot, try_atomically};

#[test]
fn all_writes_of_a_commit_appear() {
    fn check<T: Sample>() {
        let variables: Vec<_> = (0..100).map(|n| TVar::new(T::of(n))).collect();
        atomically(|tx| {
            for (n, x) in (0..).zip(&variables) {
                x.write(tx, T::of(n + 100))?;
            }
            Ok(())
        });
        for (n, x) in (0..).zip(&variables) {
            assert_eq!(x.load(), T::of(n + 100));
        }
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn nothing_shows_before_the_commit() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(0)), TVar::new(T::of(0)));
        atomically(|tx| {
            x.write(tx, T::of(1))?;
            y.modify(tx, |_| T::of(1))?;
            let seen = elsewhere(|| snapshot(|tx| Ok((x.read(tx)?, y.read(tx)?))));
            assert_eq!(seen, (T::of(0), T::of(0)));
            assert_eq!(x.load(), T::of(0));
            Ok(())
        });
        assert_eq!((x.load(), y.load()), (T::of(1), T::of(1)));
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

#[test]
fn an_error_leaves_nothing_behind() {
    fn check<T: Sample>() {
        let (x, y) = (TVar::new(T::of(0)), TVar::new(T::of(1)));
        let result = try_atomically(|tx| {
            x.write(tx, T::of(5))?;
            let old = y.replace(tx, T::of(6))?;
            x.write(tx, T::of(7))?;
            if old == T::of(1) { cancel(old) } else { Ok(()) }
        });
        assert_eq!((result, x.load(), y.load()), (Err(T::of(1)), T::of(0), T::of(1)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn a_transaction_reads_its_own_writes() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        let replaced = atomically(|tx| {
            assert_eq!(x.read(tx)?, T::of(0));
            x.write(tx, T::of(1))?;
            assert_eq!(x.read(tx)?, T::of(1));
            assert_eq!(*x.read_ref(tx)?, T::of(1));
            assert!(x.with(tx, |value| *value == T::of(1))?);
            assert_eq!(x.replace(tx, T::of(2))?, T::of(1));
            x.modify(tx, |value| if value == T::of(2) { T::of(3) } else { value })?;
            let seen = x.update(tx, |value| std::mem::replace(value, T::of(4)))?;
            assert_eq!(seen, T::of(3));
            assert!(!x.write_if_changed(tx, T::of(4))?);
            assert!(x.write_if_changed(tx, T::of(5))?);
            x.read(tx)
        });
        assert_eq!((replaced, x.load()), (T::of(5), T::of(5)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

#[test]
fn one_shot_operations_are_steps_of_their_own() {
    fn check<T: Sample>() {
        let x = TVar::new(T::of(0));
        x.store(T::of(1));
        assert_eq!(x.load(), T::of(1));
        assert_eq!(x.swap(T::of(2)), T::of(1));
        assert_eq!(x.fetch_update(|value| std::mem::replace(value, T::of(3))), T::of(2));
        assert_eq!((x.load(), atomically(|tx| x.read(tx))), (T::of(3), T::of(3)));
    }
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

/// Another thread writes the variable between this one's read and its commit.
#[test]
fn no_update_is_lost_to_a_write_in_between() {
    fn check<T: Sample>() {
        let writers: [fn(&TVar<T>); 4] = [
            |x| x.store(T::of(10)),
            |x| drop(x.swap(T::of(10))),
            |x| x.fetch_update(|value| *value = T::of(10)),
            |x| atomically(|tx| x.write(tx, T::of(10))),
        ];
        for writer in writers {
            let x = TVar::new(T::of(0));
            let attempts = atomically(|tx| {
                let value = x.read(tx)?;
                if tx.attempt_number() == 1 {
                    elsewhere(|| writer(&x));
                }
                // A run that read the old value must not get through with this.
                x.write(tx, if value == T::of(10) { T::of(11) } else { T::of(1) })?;
                Ok(tx.attempt_number())
            });
            assert_eq!((attempts, x.load()), (2, T::of(11)));
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<[u64; 3]>();
    check::<String>();
}

/// The same with other reads and writes between the read and the write, however many.
#[test]
fn no_update_is_lost_however_far_the_read_is_behind() {
    fn check<T: Sample>() {
        for distance in [0, 1, 3, 4, 5, 20] {
            for others_written in [false, true] {
                let x = TVar::new(T::of(0));
                let others: Vec<_> = (0..distance).map(|n| TVar::new(T::of(n))).collect();
                let attempts = atomically(|tx| {
                    let value = x.read(tx)?;
                    for (n, other) in (1..).zip(&others) {
                        other.read(tx)?;
                        if others_written {
                            other.write(tx, T::of(n))?;
                        }
                    }
                    x.write(tx, if value == T::of(10) { T::of(11) } else { T::of(1) })?;
                    if tx.attempt_number() == 1 {
                        elsewhere(|| x.store(T::of(10)));
                    }
                    Ok(tx.attempt_number())
                });
                assert_eq!((attempts, x.load()), (2, T::of(11)), "{distance} reads, written: {others_written}");
            }
        }
    }
    let _watchdog = watchdog();
    check::<u64>();
    check::<String>();
}

/// The variable is read and never written, and still decides.
#[test]
fn a_commit_depends_on_what_was_only_read() {
    let _watchdog = watchdog();
    for read_first in [true, false] {
        let (limit, used) = (TVar::new(10_u64), TVar::new(0_u64));
        let granted = atomically(|tx| {
            let (limit_seen, used_seen) = if read_first {
                let limit_seen = limit.read(tx)?;
                (limit_seen, used.read(tx)?)
            } else {
                let used_seen = used.read(tx)?;
                (limit.read(tx)?, used_seen)
            };
            if tx.attempt_number() == 1 {
                elsewhere(|| {
                    atomically(|tx| {
                        assert_eq!(used.read(tx)?, 0);
                        limit.write(tx, 3)
                    });
                });
            }
            let granted = limit_seen - used_seen;
            used.write(tx, used_seen + granted)?;
            Ok(granted)
        });
        assert_eq!((granted, used.load(), limit.load()), (3, 3, 3));
    }
}

/// Two transactions each read both and write one: run together they would both be allowed.
#[test]
fn write_skew_does_not_happen() {
    let _watchdog = watchdog();
    let (x, y) = (TVar::new(1_u64), TVar::new(1_u64));
    let attempts = atomically(|tx| {
        let both = x.read(tx)? + y.read(tx)?;
        if tx.attempt_number() == 1 {
            elsewhere(|| {
                atomically(|tx| {
                    let both = x.read(tx)? + y.read(tx)?;
                    y.write(tx, if both > 1 { 0 } else { 1 })
                });
            });
        }
        x.write(tx, if both > 1 { 0 } else { 1 })?;
        Ok(tx.attempt_number())
    });
    assert_eq!((attempts, x.load() + y.load()), (2, 1));
}
