//! Transactions on cells: edge E3, and what validation, versions and extension are for.

use std::sync::Arc;

use loom::thread;

use super::{Outcomes, Runner, cell, explore, make_statics, placeholder};
use crate::cell::RawCell;
use crate::clock::{self, Version};
use crate::commit::Conflict;
use crate::reclaim::Local;
use crate::word::{VersionedLock, Word};

type Pair = Arc<(RawCell, RawCell)>;

/// Writes both, whatever they are.
fn write_both(local: &'static Local, pair: &Pair, value: usize) {
    let written = Runner::new(local).once(|tx| {
        tx.write(&pair.0, value)?;
        tx.write(&pair.1, value)
    });
    assert!(written.is_ok(), "a blind write never conflicts");
}

/// Two variables that are always written together are never seen apart, not even by an attempt that fails.
#[test]
fn a_pair_is_never_torn() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        // The version that a commit would use again if it did not look at what it replaces.
        write_both(local, &pair, 1);
        let reader = Runner::new(local);
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || write_both(local, &pair, 2))
        };
        let read = reader.once(|tx| {
            let first = tx.read(&pair.0)?;
            let second = tx.read(&pair.1)?;
            assert_eq!(first, second, "half of a commit was seen");
            Ok(first)
        });
        seen.record(read.ok());
        writer.join().unwrap();
    });
    outcomes.assert_exactly([None, Some(1), Some(2)]);
}

/// Who else moves the clock in [`extension_model`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mover {
    Nobody,
    Writer,
    Third,
}

/// The reader moves its view between its reads, while a commit takes its version from the older clock.
fn extension_model(preemptions: usize, mover: Mover) {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(preemptions, move || {
        make_statics();
        let local = placeholder();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        let ahead = cell(0);
        // Its version runs ahead of the clock, so that reading it makes the reader move the clock.
        for value in 1..=3 {
            assert!(Runner::new(local).once(|tx| tx.write(&ahead, value)).is_ok());
        }
        let move_clock = || clock::advance(Version::from_raw(3));
        let third = (mover == Mover::Third).then(|| thread::spawn(move_clock));
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                write_both(local, &pair, 1);
                if mover == Mover::Writer {
                    move_clock();
                }
            })
        };
        // The variable that is locked last, right before the look at the clock, is the one that is read first.
        let read = Runner::new(local).once(|tx| {
            let second = tx.read(&pair.1)?;
            tx.read(&ahead)?;
            let first = tx.read(&pair.0)?;
            assert_eq!(first, second, "half of a commit was seen");
            Ok(first)
        });
        seen.record(read.ok());
        writer.join().unwrap();
        third.map(|third| third.join().unwrap());
    });
    outcomes.assert_exactly([None, Some(0), Some(1)]);
}

/// E3: what took its version from the clock before it was moved had its locks before that, too.
#[test]
fn an_extension_covers_commits_of_an_older_clock() {
    extension_model(3, Mover::Nobody);
}

/// E3: an extension whose exchange of the clock fails looks at it again.
#[test]
fn an_extension_does_not_rely_on_a_failed_exchange() {
    extension_model(3, Mover::Writer);
}

/// E3: nor does it matter who moved the clock, or whether that thread knows of the commit.
#[test]
fn an_extension_may_find_the_clock_moved() {
    extension_model(2, Mover::Third);
}

/// E3: an extension looks at the clock first and at its reads afterwards. Here the clock is moved by somebody else.
#[test]
fn an_extension_validates_behind_its_look_at_the_clock() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        let ahead = cell(0);
        assert!(Runner::new(local).once(|tx| tx.write(&ahead, 1)).is_ok());
        clock::advance(Version::from_raw(1));
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                write_both(local, &pair, 1);
                clock::advance(Version::from_raw(2));
            })
        };
        let read = Runner::new(local).once(|tx| {
            let first = tx.read(&pair.0)?;
            tx.read(&ahead)?;
            let second = tx.read(&pair.1)?;
            assert_eq!(first, second, "half of a commit was seen");
            Ok(first)
        });
        seen.record(read.ok());
        writer.join().unwrap();
    });
    outcomes.assert_exactly([None, Some(0), Some(1)]);
}

/// E3: two transactions that each read what the other writes do not both commit on the old state.
#[test]
fn there_is_no_write_skew() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                Runner::new(local).once(|tx| {
                    let read = tx.read(&pair.1)?;
                    tx.write(&pair.0, 1)?;
                    Ok(read)
                })
            })
        };
        let mine = Runner::new(local).once(|tx| {
            let read = tx.read(&pair.0)?;
            tx.write(&pair.1, 1)?;
            Ok(read)
        });
        let (mine, other) = (mine.ok(), other.join().unwrap().ok());
        assert_ne!((mine, other), (Some(0), Some(0)), "both committed without seeing the other");
        seen.record((mine, other));
    });
    outcomes.assert_all([(Some(0), None), (None, Some(0)), (Some(0), Some(1)), (Some(1), Some(0))]);
}

/// No increment is lost, whether the read is fused into the write or logged apart.
#[test]
fn there_is_no_lost_update() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let counter = Arc::new(cell(0));
        fn increment(local: &'static Local, counter: &RawCell) -> Result<(), Conflict> {
            Runner::new(local).once(|tx| {
                let value = tx.read(counter)?;
                tx.write(counter, value + 1)
            })
        }
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || increment(local, &counter).is_ok())
        };
        let mine = increment(local, &counter).is_ok();
        let other = other.join().unwrap();
        let total = counter.load().addr();
        assert_eq!(total, usize::from(mine) + usize::from(other));
        seen.record((mine, other));
    });
    outcomes.assert_exactly([(true, true), (true, false), (false, true)]);
}

/// Validation finds a variable that this very transaction has locked, and accepts it only as it was read.
#[test]
fn a_variable_read_and_written_apart_is_validated() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let local = placeholder();
        let counter = Arc::new(cell(0));
        let others: Arc<[RawCell; 4]> = Arc::new(std::array::from_fn(|_| cell(0)));
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || assert!(Runner::new(local).once(|tx| tx.write(&counter, 10)).is_ok()))
        };
        let mine = Runner::new(local).once(|tx| {
            let value = tx.read(&counter)?;
            // Too many reads in between for the write to find the first.
            for other in others.iter() {
                tx.read(other)?;
            }
            tx.write(&counter, value + 1)
        });
        other.join().unwrap();
        let total = counter.load().addr();
        match mine {
            Ok(()) => assert!(total == 11 || total == 10, "{total}"),
            Err(Conflict) => assert_eq!(total, 10),
        }
        seen.record((mine.is_ok(), total));
    });
    outcomes.assert_exactly([(true, 11), (true, 10), (false, 10)]);
}

/// Blind writers of the same variables: both commit, one after the other.
#[test]
fn blind_writes_do_not_mix() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let local = placeholder();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                // In the opposite order.
                let written = Runner::new(local).once(|tx| {
                    tx.write(&pair.1, 2)?;
                    tx.write(&pair.0, 2)
                });
                assert!(written.is_ok());
            })
        };
        write_both(local, &pair, 1);
        other.join().unwrap();
        let (first, second) = (pair.0.load().addr(), pair.1.load().addr());
        assert_eq!(first, second, "the writes of two transactions were mixed");
        seen.record((first, pair.0.lock.load_again().version().raw()));
    });
    outcomes.assert_exactly([(1, 2), (2, 2)]);
}

/// E3: two readers agree on the order of two independent writes, even if neither looks at the clock. The accesses of a
/// commit and of two first looks, without the rest: four threads leave no room for more.
#[test]
fn readers_agree_on_the_order_of_independent_writes() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let pair: Pair = Arc::new((cell(0), cell(0)));
        let write = |cell: &RawCell| {
            let owner = 0_u64;
            cell.lock.try_lock(VersionedLock::FREE, Word::owned_by(&raw const owner)).unwrap();
            clock::now();
            cell.lock.publish(Version::from_raw(1));
        };
        // Old, new, or locked: a transaction would wait for the lock, or give up.
        let read = |first: &RawCell, second: &RawCell| {
            [first, second].map(|cell| Some(cell.lock.load()).filter(|word| !word.is_locked()).map(Word::version))
        };
        let [first, second, third] = [Arc::clone(&pair), Arc::clone(&pair), Arc::clone(&pair)];
        let first = thread::spawn(move || write(&first.0));
        let second = thread::spawn(move || write(&second.1));
        let other = thread::spawn(move || read(&third.1, &third.0));
        let mine = read(&pair.0, &pair.1);
        let other = other.join().unwrap();
        assert!(mine != NEW_OLD || other != NEW_OLD, "the readers saw the writes in opposite orders");
        seen.record((mine == NEW_OLD, other == NEW_OLD));
        first.join().unwrap();
        second.join().unwrap();
    });
    outcomes.assert_exactly([(true, false), (false, true), (false, false)]);
}

/// The first write was seen, and the second not.
const NEW_OLD: [Option<Version>; 2] = [Some(Version::from_raw(1)), Some(Version::INITIAL)];
