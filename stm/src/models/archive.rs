//! Snapshots: edges E12 (moments), E13 (opening, and stopping to keep) and E14 (keeping and finding).

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{Outcomes, Runner, Tx, cell, explore, make_statics};
use crate::archive;
use crate::attempt::Tracking;
use crate::cell::RawCell;
use crate::commit::Privilege;
use crate::error::Abort;
use crate::reclaim::Handle;

type Pair = Arc<(RawCell, RawCell)>;

/// Runs a snapshot as `context` does: pinned. It must come through with its first run.
fn snapshot<T>(body: impl FnOnce(&Tx<'_>) -> Result<T, Abort>) -> T {
    let handle = Handle::current();
    let pin = handle.local().pin();
    let value = Runner::new(handle.local()).once_as(Privilege::Ordinary, Tracking::Snapshot, body);
    drop(pin);
    value.expect("a snapshot does not fail")
}

/// Writes both in one transaction of this thread.
fn write_both(pair: &Pair, value: usize) {
    let handle = Handle::current();
    let pin = handle.local().pin();
    let written = Runner::new(handle.local()).once(|tx| {
        tx.write(&pair.0, value)?;
        tx.write(&pair.1, value)
    });
    drop(pin);
    assert!(written.is_ok(), "a blind write never conflicts");
}

fn read_both(tx: &Tx<'_>, pair: &Pair) -> Result<usize, Abort> {
    let (first, second) = (tx.read(&pair.0)?, tx.read(&pair.1)?);
    assert_eq!(first, second, "half of a commit was seen");
    Ok(first)
}

/// Something that happens once, and that others wait for.
struct Event(Mutex<bool>, Condvar);

impl Event {
    fn new() -> Self {
        Self(Mutex::new(false), Condvar::new())
    }

    fn happen(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let mut happened = self.0.lock().unwrap();
        while !*happened {
            happened = self.1.wait(happened).unwrap();
        }
    }
}

fn pair() -> Pair {
    Arc::new((cell(0), cell(0)))
}

/// E12 and E14: whatever is committed meanwhile, a snapshot sees one moment, and its body runs once.
#[test]
fn a_snapshot_is_one_moment_in_one_run() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let pair = pair();
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                write_both(&pair, 1);
                write_both(&pair, 2);
            })
        };
        // The one that is published last is read first, and the one published first when it may be new.
        let (value, changed) = snapshot(|tx| {
            let second = tx.read(&pair.1)?;
            let first = tx.read(&pair.0)?;
            assert_eq!(first, second, "half of a commit was seen");
            Ok((first, pair.0.load().addr() != first))
        });
        writer.join().unwrap();
        seen.record((value, changed));
    });
    // With true: what was read had been replaced by then.
    outcomes.assert_all([(0, false), (0, true), (1, false), (1, true), (2, false)]);
}

/// E13: a snapshot that finds a moment that another has made either comes before the next commit, or makes its own.
#[test]
fn a_snapshot_may_have_the_moment_of_another() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let pair = pair();
        let value = snapshot(|tx| {
            let other = {
                let pair = Arc::clone(&pair);
                thread::spawn(move || snapshot(|tx| read_both(tx, &pair)))
            };
            write_both(&pair, 1);
            assert_eq!(read_both(tx, &pair)?, 0, "it was committed after the snapshot began");
            Ok(other.join().unwrap())
        });
        seen.record(value);
    });
    outcomes.assert_exactly([0, 1]);
}

/// E13: commits go on keeping for a snapshot that is being opened while somebody looks whether any is open.
#[test]
fn nobody_stops_keeping_for_a_snapshot_that_is_being_opened() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let pair = pair();
        // It is over, and has left a moment behind.
        assert_eq!(snapshot(|tx| read_both(tx, &pair)), 0);
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || snapshot(|tx| read_both(tx, &pair)))
        };
        let stopped = archive::tidy();
        write_both(&pair, 1);
        seen.record((stopped, other.join().unwrap()));
    });
    outcomes.assert_all([(true, 0), (true, 1), (false, 0), (false, 1)]);
}

/// E13: who has seen a commit finds it in the next snapshot, also if there is a moment from before the commit.
#[test]
fn a_snapshot_begins_with_what_was_committed_before_it() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let pair = pair();
        let told = Arc::new(AtomicBool::new(false));
        assert_eq!(snapshot(|tx| read_both(tx, &pair)), 0);
        let writer = {
            let (pair, told) = (Arc::clone(&pair), Arc::clone(&told));
            thread::spawn(move || {
                write_both(&pair, 1);
                told.store(true, Ordering::Release);
            })
        };
        let after = told.load(Ordering::Acquire);
        let value = snapshot(|tx| read_both(tx, &pair));
        assert!(value == 1 || !after, "the commit was over before the snapshot began");
        writer.join().unwrap();
        seen.record((after, value));
    });
    outcomes.assert_exactly([(false, 0), (false, 1), (true, 1)]);
}

/// What an open snapshot wants is not given back, whatever else is.
#[test]
fn what_a_snapshot_wants_is_not_given_back() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let pair = pair();
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || snapshot(|tx| read_both(tx, &pair)))
        };
        // More than a chunk, for moments of which some are over.
        write_both(&pair, 1);
        snapshot(|tx| tx.read(&pair.0).map(drop));
        write_both(&pair, 2);
        let idle = archive::tidy();
        write_both(&pair, 3);
        seen.record((idle, other.join().unwrap()));
    });
    outcomes.assert_all([(false, 0), (false, 1), (false, 2), (true, 3)]);
}

/// E14: a snapshot that goes through what is kept while more is kept finds that later.
#[test]
fn what_is_kept_while_a_snapshot_looks_is_found_later() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let pair = pair();
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                let handle = Handle::current();
                let _pin = handle.local().pin();
                let runner = Runner::new(handle.local());
                for cell in [&pair.0, &pair.1] {
                    assert!(runner.once(|tx| tx.write(cell, 1)).is_ok(), "a blind write never conflicts");
                }
            })
        };
        let both = snapshot(|tx| Ok((tx.read(&pair.0)?, tx.read(&pair.1)?)));
        assert_ne!(both, (0, 1), "the second was written behind the first");
        writer.join().unwrap();
        seen.record(both);
    });
    outcomes.assert_exactly([(0, 0), (1, 0), (1, 1)]);
}

/// E12: a commit that took its version from the clock before the moment had its locks before that, too.
#[test]
fn a_moment_covers_commits_of_an_older_clock() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let pair = pair();
        let writer = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || write_both(&pair, 1))
        };
        // The one that is locked last, right before the look at the clock, is read first.
        let value = snapshot(|tx| {
            let second = tx.read(&pair.1)?;
            let first = tx.read(&pair.0)?;
            assert_eq!(first, second, "half of a commit was seen");
            Ok(first)
        });
        writer.join().unwrap();
        seen.record(value);
    });
    outcomes.assert_exactly([0, 1]);
}

/// E13: the search for snapshots takes time. One that it has missed may be older than one that it finds: both were opened since.
#[test]
fn a_search_that_finds_a_later_snapshot_keeps_what_an_earlier_one_wants() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let pair = pair();
        let events: Arc<[Event; 6]> = Arc::new(std::array::from_fn(|_| Event::new()));
        let later = {
            let (pair, events) = (Arc::clone(&pair), Arc::clone(&events));
            thread::spawn(move || {
                let [registered, _, _, earlier_is_open, later_is_open, searched] = &*events;
                // Its record is the first of the two, so the search comes to it last.
                let _handle = Handle::current();
                registered.happen();
                earlier_is_open.wait();
                write_both(&pair, 1);
                snapshot(|_| {
                    write_both(&pair, 2);
                    later_is_open.happen();
                    searched.wait();
                    Ok(())
                });
            })
        };
        let earlier = {
            let (pair, events) = (Arc::clone(&pair), Arc::clone(&events));
            thread::spawn(move || {
                let [registered, both_registered, search_begins, earlier_is_open, later_is_open, searched] = &*events;
                registered.wait();
                let _handle = Handle::current();
                both_registered.happen();
                search_begins.wait();
                snapshot(|tx| {
                    earlier_is_open.happen();
                    later_is_open.wait();
                    searched.wait();
                    read_both(tx, &pair)
                })
            })
        };
        let [_, both_registered, search_begins, .., searched] = &*events;
        both_registered.wait();
        search_begins.happen();
        let idle = archive::tidy();
        searched.happen();
        assert_eq!(earlier.join().unwrap(), 0);
        later.join().unwrap();
        seen.record(idle);
    });
    outcomes.assert_exactly([false, true]);
}
