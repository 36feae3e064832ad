//! Waiting: edge E6, and that nobody is left behind. A wake-up that is lost is a deadlock, which loom reports.

use std::sync::Arc;

use loom::thread;

use super::{Outcomes, Runner, bits, cell, explore, make_statics, placeholder};
use crate::cell::RawCell;
use crate::commit::{self, Conflict, Privilege};
use crate::error::Cause;
use crate::log::WriteEntry;
use crate::log::reads::ReadEntry;
use crate::reclaim::Local;
use crate::unwind::Panics;
use crate::wait::{self, Awaited, Batons, Registration, WakeList, registered};
use crate::waited::Who;
use crate::word::{VersionedLock, Word};
use crate::{TCell, TVar, atomically};

/// Writes one variable in one attempt that may have read others, and wakes who waits for it.
fn write(local: &Local, cell: &RawCell, reads: &[ReadEntry]) -> Result<(), Conflict> {
    write_after(local, cell, 1, reads)
}

/// Writes one variable, and wakes who waits for it.
pub(super) fn write_value(local: &Local, cell: &RawCell, value: usize) {
    write_after(local, cell, value, &[]).expect("a blind write can not conflict");
}

fn write_after(local: &Local, cell: &RawCell, value: usize, reads: &[ReadEntry]) -> Result<(), Conflict> {
    let mut writes = [WriteEntry { cell, value: bits(value), expected: Word::NONE, held: Word::NONE, kind: None }];
    // SAFETY: the cells are alive, and the entry is the only one of its cell.
    if unsafe { commit::commit(&mut writes, reads, Privilege::Ordinary, who)? } {
        let mut wake = WakeList::new();
        // SAFETY: the commit has just succeeded.
        unsafe { commit::settle(&writes, local, &mut wake) };
        let mut panics = Panics::new();
        wake.wake(&mut panics);
        panics.resume();
    }
    Ok(())
}

pub(super) fn who() -> Who {
    Who { name: None, site: std::panic::Location::caller() }
}

/// Registers and arms this thread, in no line. The cells of a model are alive.
fn arm(awaited: &mut Vec<Awaited>) -> Option<Registration> {
    // SAFETY: as said.
    unsafe { Registration::arm(wait::thread_waker(), who(), awaited, None, &mut Batons::new()) }
}

/// Waits for the cell to change from its first value. Returns whether it was still the first when the wait began.
fn wait_for_change(cell: &RawCell) -> bool {
    let mut awaited = vec![(&raw const *cell, VersionedLock::FREE)];
    let registration = arm(&mut awaited);
    let waited = registration.is_some();
    if let Some(registration) = registration {
        drop(registration.block());
    }
    waited
}

/// E6: a commit finds the waiter, or the waiter finds the commit.
#[test]
fn a_waiter_is_woken_or_sees_the_change() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new(cell(0));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let waited = wait_for_change(&shared);
                assert_ne!(shared.lock.load().without_waiters(), VersionedLock::FREE, "woken before the change");
                waited
            })
        };
        assert!(write(local, &shared, &[]).is_ok());
        seen.record(waiter.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_exactly([true, false]);
}

/// E5: a commit that gives up hands the waiter on to the next.
#[test]
fn a_failed_commit_does_not_lose_a_waiter() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new((cell(0), cell(0)));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || wait_for_change(&shared.0))
        };
        let impossible = ReadEntry { cell: &raw const shared.1, seen: Word::NONE };
        assert!(write(local, &shared.0, &[impossible]).is_err());
        assert!(write(local, &shared.0, &[]).is_ok());
        seen.record(waiter.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_exactly([true, false]);
}

/// Two waiters for one variable: both go on.
#[test]
fn a_commit_wakes_every_waiter() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new(cell(0));
        let waiters: [_; 2] = std::array::from_fn(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || wait_for_change(&shared))
        });
        assert!(write(local, &shared, &[]).is_ok());
        let waited = waiters.map(|waiter| waiter.join().unwrap());
        seen.record(waited);
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_exactly([[true, true], [true, false], [false, true], [false, false]]);
}

/// A wait that is given up leaves nothing behind, whether a commit has found it or not.
#[test]
fn a_wait_given_up_leaves_no_trace() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        // The second is not written, so nobody but the waiter itself takes it out there.
        let shared = Arc::new((cell(0), cell(0)));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let cells = [&shared.0, &shared.1];
                arm(&mut cells.map(|cell| (&raw const *cell, VersionedLock::FREE)).to_vec()).is_some()
            })
        };
        assert!(write(local, &shared.0, &[]).is_ok());
        let armed = waiter.join().unwrap();
        assert_eq!(registered(), 0, "a waiter was left behind");
        seen.record((armed, shared.0.lock.load_again().has_waiters()));
    });
    // The commit takes the bit of the wait along, needed or not.
    outcomes.assert_exactly([(true, false), (false, false)]);
}

/// The whole way: a transaction retries until another has written.
#[test]
fn a_retry_ends_with_the_write_it_waits_for() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let ready = TVar::new(0_usize);
        let waiter = {
            let ready = ready.clone();
            thread::spawn(move || {
                atomically(|tx| {
                    let value = ready.read(tx)?;
                    tx.check(value == 1)?;
                    Ok(tx.attempt_number())
                })
            })
        };
        ready.store(1);
        seen.record(waiter.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_all([1, 2]);
}

/// Both branches of a choice are waited for.
#[test]
fn a_choice_waits_for_both_branches() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        // In one allocation: waiters are registered in order of address, which must not differ between executions.
        let slots: &'static [TCell<usize>; 2] = Box::leak(Box::new([TCell::new(0), TCell::new(0)]));
        let waiter = thread::spawn(move || {
            atomically(|tx| {
                let take = |slot: &'static TCell<usize>| {
                    let value = slot.read(tx)?;
                    tx.check(value != 0)?;
                    Ok((value, tx.attempt_number()))
                };
                tx.or_else(|_| take(&slots[0]), |_| take(&slots[1]))
            })
        });
        // A wait for what the last branch has read alone would miss it.
        slots[0].store(1);
        seen.record(waiter.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_all([(1, 1), (1, 2)]);
}

/// A variable that is read and then written is waited for as well: its read is in the write log.
#[test]
fn a_variable_read_and_written_is_waited_for() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new(cell(0));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut awaited = Vec::new();
                let done = Runner::new(local).once(|tx| {
                    if tx.read(&shared)? != 0 {
                        return Ok(());
                    }
                    tx.write(&shared, 2)?;
                    awaited = tx.0.awaited();
                    Err(tx.0.abort(Cause::Retry))
                });
                if done.is_ok() {
                    return false;
                }
                arm(&mut awaited).map(|registration| drop(registration.block())).is_some()
            })
        };
        assert!(write(local, &shared, &[]).is_ok());
        seen.record(waiter.join().unwrap());
    });
    outcomes.assert_exactly([true, false]);
}
