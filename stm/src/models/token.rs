//! Promotion: edge E4.

use std::sync::Arc;

use loom::thread;

use super::{Outcomes, Runner, cell, explore, make_statics, placeholder};
use crate::attempt::Tracking;
use crate::clock::{self, Version};
use crate::commit::Privilege;
use crate::contention::Token;

/// E4: a promoted transaction sees one moment and commits, whatever the others do; and they get on afterwards.
#[test]
fn a_promoted_transaction_commits() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let pair = Arc::new((cell(0), cell(0)));
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                let written = Runner::new(local).once(|tx| {
                    tx.write(&pair.0, 10)?;
                    tx.write(&pair.1, 10)
                });
                assert!(written.is_ok(), "a blind write never conflicts");
            })
        };
        let token = Token::acquire();
        let promoted = Runner::new(local).once_as(Privilege::Promoted, Tracking::Logged, |tx| {
            let first = tx.read(&pair.0)?;
            let second = tx.read(&pair.1)?;
            assert_eq!(first, second, "half of a commit was seen");
            // The read of the second is not fused into a write, so only the token keeps it from changing.
            tx.write(&pair.0, second + 1)?;
            Ok(first)
        });
        drop(token);
        let read = promoted.expect("a promoted transaction never conflicts");
        other.join().unwrap();
        let last = (pair.0.load().addr(), pair.1.load().addr());
        // In one order or the other, and never as if the second variable had changed between read and commit.
        assert!(matches!((read, last), (0, (10, 10)) | (10, (11, 10))), "read {read}, left {last:?}");
        seen.record((read, last));
    });
    outcomes.assert_exactly([(0, (10, 10)), (10, (11, 10))]);
}

/// E4: an ordinary transaction that sees the bit gives its locks back and waits; the reads it commits with are valid
/// after the wait too.
#[test]
fn who_waits_for_the_token_validates_afterwards() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let pair = Arc::new((cell(0), cell(0)));
        let other = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                Runner::new(local).once(|tx| {
                    let first = tx.read(&pair.0)?;
                    tx.write(&pair.1, first + 1)
                })
            })
        };
        let token = Token::acquire();
        let promoted = Runner::new(local).once_as(Privilege::Promoted, Tracking::Logged, |tx| {
            let second = tx.read(&pair.1)?;
            tx.write(&pair.0, second + 1)
        });
        drop(token);
        assert!(promoted.is_ok(), "a promoted transaction never conflicts");
        let other = other.join().unwrap().is_ok();
        let last = (pair.0.load().addr(), pair.1.load().addr());
        assert!(matches!((other, last), (true, (2, 1) | (1, 2)) | (false, (1, 0))), "{other}, {last:?}");
        seen.record((other, last));
    });
    outcomes.assert_exactly([(true, (2, 1)), (true, (1, 2)), (false, (1, 0))]);
}

/// E4: a reader that moves the clock meanwhile leaves the bit in it.
#[test]
fn moving_the_clock_keeps_the_token() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let shared = Arc::new(cell(0));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                clock::advance(Version::from_raw(5));
                assert!(Runner::new(local).once(|tx| tx.write(&shared, 10)).is_ok());
            })
        };
        let token = Token::acquire();
        let promoted = Runner::new(local).once_as(Privilege::Promoted, Tracking::Logged, |tx| {
            let value = tx.read(&shared)?;
            tx.write(&shared, value + 1)?;
            Ok(value)
        });
        drop(token);
        let read = promoted.expect("a promoted transaction never conflicts");
        other.join().unwrap();
        seen.record((read, shared.load().addr()));
    });
    outcomes.assert_exactly([(0, 10), (10, 11)]);
}

/// Two that are promoted take turns.
#[test]
fn tokens_are_served_in_turn() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let local = placeholder();
        let counter = Arc::new(cell(0));
        let increment = |counter: &crate::cell::RawCell| {
            let _token = Token::acquire();
            Runner::new(local)
                .once_as(Privilege::Promoted, Tracking::Logged, |tx| {
                    let value = tx.read(counter)?;
                    tx.write(counter, value + 1)?;
                    Ok(value)
                })
                .expect("a promoted transaction never conflicts")
        };
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || increment(&counter))
        };
        let mine = increment(&counter);
        seen.record((mine, other.join().unwrap()));
    });
    outcomes.assert_exactly([(0, 1), (1, 0)]);
}
