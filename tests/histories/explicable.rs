//! What looks strange and has an explanation: all of it has to pass.

use common::history::{Attempt, Fate, check};

use crate::by_hand::{Say, history, initial, tx};

const X: usize = 0;
const Y: usize = 1;

#[track_caller]
fn accepted(attempts: impl IntoIterator<Item = Attempt>) {
    let mut history = history(attempts);
    for _ in 0..2 {
        if let Err(violation) = check(&history) {
            panic!("this has an explanation: {violation}");
        }
        history.attempts.reverse();
    }
}

fn at_once() -> Attempt {
    tx(10, 20)
}

#[test]
fn nothing_at_all_is_explained() {
    accepted([]);
    accepted([at_once()]);
}

#[test]
fn a_transaction_that_overlaps_may_come_before_or_after() {
    let writer = tx(10, 20).read(X, initial(X)).wrote(X, 100);
    accepted([writer.clone(), tx(15, 30).read(X, 100)]);
    accepted([writer.clone(), tx(15, 30).read(X, initial(X))]);
    // It need not even have ended when its write is seen.
    accepted([tx(10, 1_000).read(X, initial(X)).wrote(X, 100), tx(15, 30).read(X, 100)]);
    // Ends that meet are not an order.
    accepted([writer, tx(20, 30).read(X, initial(X))]);
}

#[test]
fn a_long_reader_may_see_what_is_gone_since() {
    accepted([
        tx(10, 100).read(X, initial(X)).read(Y, initial(Y)),
        tx(20, 30).read(X, initial(X)).wrote(X, 100),
        tx(40, 50).read(Y, initial(Y)).wrote(Y, 200),
    ]);
}

#[test]
fn an_attempt_that_fails_may_have_an_old_view_that_was_true_once() {
    accepted([
        tx(10, 20).read(X, initial(X)).read(Y, initial(Y)).wrote(X, 100).wrote(Y, 101),
        tx(30, 60).read(X, 100).read(Y, 101).wrote(X, 300).but(Fate::Aborted),
        tx(40, 50).read(X, 100).read(Y, 101).wrote(X, 200).wrote(Y, 201),
        tx(61, 70).read(X, 200).read(Y, 201).wrote(X, 301),
    ]);
}

#[test]
fn writes_of_an_attempt_that_fails_are_nothing() {
    // Were it committed, this would be a lost update.
    for fate in [Fate::Aborted, Fate::Cancelled, Fate::Waiting] {
        accepted([
            at_once().read(X, initial(X)).wrote(X, 100),
            at_once().read(X, initial(X)).wrote(X, 200).but(fate),
            at_once().wrote(Y, 300).but(fate),
        ]);
    }
}

#[test]
fn disjoint_commits_may_share_a_version() {
    accepted([
        at_once().wrote(X, 100).at(7),
        at_once().wrote(Y, 200).at(7),
        at_once().read(X, 100).read(Y, initial(Y)),
        at_once().read(X, 100).read(Y, 200),
    ]);
}

#[test]
fn versions_of_different_variables_are_not_compared() {
    // The later one has the lower version: it replaced a lower one.
    accepted([tx(10, 20).wrote(X, 100).at(7), tx(30, 40).wrote(Y, 200).at(3)]);
}

#[test]
fn a_blind_write_may_be_overwritten_unseen() {
    accepted([
        at_once().wrote(X, 100).at(2),
        at_once().wrote(X, 200).at(3),
        at_once().read(X, 200).wrote(X, 300).at(4),
        at_once().read(X, 100),
    ]);
}

#[test]
fn one_half_of_a_write_skew_is_none() {
    accepted([
        at_once().read(X, initial(X)).read(Y, initial(Y)).wrote(X, 100),
        at_once().read(X, 100).read(Y, initial(Y)).wrote(Y, 200),
    ]);
}

#[test]
fn readers_may_see_independent_writes_in_one_order() {
    accepted([
        at_once().read(X, initial(X)).wrote(X, 100),
        at_once().read(Y, initial(Y)).wrote(Y, 200),
        at_once().read(X, 100).read(Y, initial(Y)),
        at_once().read(X, 100).read(Y, 200),
        at_once().read(X, initial(X)).read(Y, initial(Y)).but(Fate::Aborted),
    ]);
}

#[test]
fn a_value_may_be_read_twice() {
    accepted([at_once().read(X, initial(X)).read(Y, initial(Y)).read(X, initial(X)).wrote(X, 100)]);
}

#[test]
fn a_chain_of_updates_is_found_in_any_listing() {
    let update = |n: u64| {
        let before = if n == 0 { initial(X) } else { 100 + n };
        tx(0, 1_000).read(X, before).wrote(X, 101 + n)
    };
    let mut numbers: Vec<_> = (0..50).collect();
    // 7 and 50 have no common divisor, so this visits each once.
    numbers.sort_by_key(|n| n * 7 % 50);
    accepted(numbers.into_iter().map(update));
}
