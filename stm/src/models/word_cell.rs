//! Word and value: edges E1, E2 and E5.

use std::sync::Arc;

use loom::thread;

use super::{Outcomes, Runner, bits, cell, explore, make_statics, placeholder};
use crate::cell::RawCell;
use crate::clock::Version;
use crate::word::{VersionedLock, Word};

/// Locks, stores and unlocks, as a commit does that sees no clock.
fn store(cell: &RawCell, current: Word, value: usize) {
    let owner = 0_u64;
    if cell.lock.try_lock(current, Word::owned_by(&raw const owner)).is_ok() {
        cell.set(bits(value));
        cell.lock.publish(Version::from_raw(value as u64));
    }
}

/// One read, as a transaction does it: the version and the value it belongs to.
fn look(cell: &RawCell) -> Option<(u64, usize)> {
    let word = cell.lock.load();
    if word.is_locked() {
        return None;
    }
    cell.read(word).map(|value| (word.version().raw(), value.addr()))
}

/// E1: whoever reads a value too new for the word also sees that the word has changed. E2: whoever reads a word reads
/// no value older than it.
#[test]
fn word_and_value_belong_together() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(cell(0));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || store(&shared, VersionedLock::FREE, 1))
        };
        let read = look(&shared);
        if let Some((version, value)) = read {
            assert_eq!(version, value as u64, "the value of another version");
        }
        seen.record(read);
        writer.join().unwrap();
    });
    outcomes.assert_exactly([None, Some((0, 0)), Some((1, 1))]);
}

/// The one look of a one-shot load: old or new, and after a new one nothing of the same commit is old.
#[test]
fn a_one_shot_load_is_followed_by_nothing_older() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new((cell(0), cell(0)));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let written = Runner::new(local).once(|tx| {
                    tx.write(&shared.0, 1)?;
                    tx.write(&shared.1, 1)
                });
                assert!(written.is_ok());
            })
        };
        let first = shared.0.load().addr();
        let second = shared.1.load().addr();
        assert!(second >= first, "the second variable was older than the first");
        seen.record((first, second));
        writer.join().unwrap();
    });
    outcomes.assert_exactly([(0, 0), (0, 1), (1, 1)]);
}

/// E5: a word that was given back still leads to the value that was stored before it.
#[test]
fn a_restored_word_leads_to_its_value() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(cell(0));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || store(&shared, VersionedLock::FREE, 1))
        };
        let loser = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let owner = 0_u64;
                let word = shared.lock.load_again();
                let locked = !word.is_locked() && shared.lock.try_lock(word, Word::owned_by(&raw const owner)).is_ok();
                if locked {
                    shared.lock.restore(word);
                }
                (locked, word.version().raw())
            })
        };
        let read = look(&shared);
        if let Some((version, value)) = read {
            assert_eq!(version, value as u64, "the value of another version");
        }
        writer.join().unwrap();
        seen.record((read, loser.join().unwrap()));
    });
    outcomes.assert_all([(Some((1, 1)), (true, 1)), (Some((0, 0)), (true, 0)), (None, (true, 1))]);
}

/// E2 through E6: arming a word does not hide the value behind it.
#[test]
fn an_armed_word_leads_to_its_value() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = Arc::new(cell(0));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || store(&shared, VersionedLock::FREE, 1))
        };
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let word = shared.lock.load_again();
                !word.is_locked() && shared.lock.try_arm(word).is_ok()
            })
        };
        let word = shared.lock.load();
        let read = if word.is_locked() { None } else { shared.read(word) };
        if let Some(value) = read {
            assert_eq!(word.version().raw(), value.addr() as u64, "the value of another version");
        }
        writer.join().unwrap();
        let armed = waiter.join().unwrap();
        seen.record((read.map(|value| value.addr()), armed && word.has_waiters()));
    });
    outcomes.assert_all([(Some(1), true), (Some(0), true), (Some(1), false), (Some(0), false)]);
}
