//! Each known anomaly, in its smallest form and in others: rejected, and by its name.

use common::history::{Anomaly, Attempt, Fate, Violation, check};

use crate::by_hand::{Say, history, initial, tx};

/// Two of the variables.
const X: usize = 0;
const Y: usize = 1;

#[track_caller]
fn rejected(anomaly: Anomaly, attempts: impl IntoIterator<Item = Attempt>) -> Violation {
    let history = history(attempts);
    let violation = check(&history).expect_err("no order explains this");
    assert_eq!(violation.anomaly, anomaly, "{violation}");
    // The order of the list is an accident.
    let mut reversed = history.clone();
    reversed.attempts.reverse();
    assert_eq!(check(&reversed).expect_err("nor this").anomaly, anomaly);
    violation
}

/// All of these run at once, so that real time says nothing.
fn at_once() -> Attempt {
    tx(10, 20)
}

#[test]
fn a_lost_update_is_named() {
    rejected(
        Anomaly::LostUpdate,
        [at_once().read(X, initial(X)).wrote(X, 100), at_once().read(X, initial(X)).wrote(X, 200)],
    );
}

#[test]
fn a_lost_blind_write_is_named() {
    let violation = rejected(
        Anomaly::LostUpdate,
        [at_once().read(X, initial(X)).wrote(X, 100).at(3), at_once().wrote(X, 200).at(2)],
    );
    assert_eq!(violation.attempts.len(), 2);
}

#[test]
fn an_update_lost_between_two_versions_that_are_known_is_named() {
    rejected(
        Anomaly::LostUpdate,
        [
            at_once().wrote(X, 100).at(2),
            at_once().wrote(X, 200).at(3),
            at_once().read(X, initial(X)).wrote(X, 300).at(4),
        ],
    );
}

#[test]
fn a_write_skew_is_named() {
    let read_both = || at_once().read(X, initial(X)).read(Y, initial(Y));
    rejected(Anomaly::WriteSkew, [read_both().wrote(X, 100), read_both().wrote(Y, 200)]);
}

#[test]
fn a_read_skew_is_named() {
    let writer = at_once().read(X, initial(X)).read(Y, initial(Y)).wrote(X, 100).wrote(Y, 101);
    rejected(Anomaly::ReadSkew, [writer.clone(), at_once().read(X, 100).read(Y, initial(Y))]);
    rejected(Anomaly::ReadSkew, [writer, at_once().read(X, initial(X)).read(Y, 101).wrote(X + 2, 200).at(9)]);
}

#[test]
fn a_read_skew_over_several_transactions_is_named() {
    rejected(
        Anomaly::ReadSkew,
        [
            at_once().read(X, initial(X)).wrote(X, 100),
            at_once().read(X, 100).read(Y, initial(Y)).wrote(Y, 200),
            at_once().read(X, initial(X)).read(Y, 200),
        ],
    );
}

#[test]
fn a_read_of_an_aborted_write_is_named() {
    let violation = rejected(
        Anomaly::DirtyRead,
        [at_once().read(X, 100), at_once().read(X, initial(X)).wrote(X, 100).but(Fate::Aborted)],
    );
    assert!(violation.to_string().contains("which T2 wrote and did not leave behind"), "{violation}");
}

#[test]
fn a_read_of_a_write_that_did_not_last_is_named() {
    // Overwritten by the same transaction, or in a scope that was undone.
    rejected(
        Anomaly::DirtyRead,
        [at_once().read(X, 100), at_once().read(X, initial(X)).discarded(X, 100).wrote(X, 101)],
    );
}

#[test]
fn a_read_of_what_nobody_wrote_is_named() {
    let violation = rejected(Anomaly::DirtyRead, [at_once().read(X, 100).but(Fate::Cancelled)]);
    assert!(violation.to_string().contains("which nobody wrote"), "{violation}");
    // A value of another variable is no better, nor one of its own future.
    rejected(Anomaly::DirtyRead, [at_once().read(X, initial(Y))]);
    rejected(Anomaly::DirtyRead, [at_once().read(X, 100).wrote(X, 100)]);
}

#[test]
fn a_read_that_does_not_repeat_is_named() {
    for fate in [Fate::Committed, Fate::Waiting, Fate::Aborted] {
        rejected(
            Anomaly::NonRepeatableRead,
            [
                at_once().read(X, initial(X)).wrote(X, 100),
                at_once().read(X, initial(X)).read(Y, initial(Y)).read(X, 100).but(fate),
            ],
        );
    }
}

#[test]
fn a_long_fork_is_named() {
    for fate in [Fate::Committed, Fate::Aborted] {
        rejected(
            Anomaly::LongFork,
            [
                at_once().read(X, initial(X)).wrote(X, 100),
                at_once().read(Y, initial(Y)).wrote(Y, 200),
                at_once().read(X, 100).read(Y, initial(Y)),
                at_once().read(X, initial(X)).read(Y, 200).but(fate),
            ],
        );
    }
}

#[test]
fn a_zombie_read_is_named() {
    let writer = at_once().read(X, initial(X)).read(Y, initial(Y)).wrote(X, 100).wrote(Y, 101);
    for fate in [Fate::Aborted, Fate::Waiting, Fate::Cancelled] {
        let zombie = at_once().read(X, 100).read(Y, initial(Y)).but(fate);
        rejected(Anomaly::ZombieRead, [writer.clone(), zombie]);
    }
}

#[test]
fn a_zombie_that_misses_what_others_build_on_is_named() {
    rejected(
        Anomaly::ZombieRead,
        [
            at_once().read(X, initial(X)).wrote(X, 100),
            at_once().read(X, 100).read(Y, initial(Y)).wrote(Y, 200),
            at_once().read(X, initial(X)).read(Y, 200).wrote(X, 300).but(Fate::Aborted),
        ],
    );
}

#[test]
fn a_real_time_inversion_is_named() {
    let violation = rejected(
        Anomaly::RealTimeInversion,
        [tx(10, 20).read(X, initial(X)).wrote(X, 100), tx(21, 30).read(X, initial(X))],
    );
    assert!(violation.to_string().contains("T1 was over when T2 began"), "{violation}");
    // A view that was true, but not any more when the attempt began, is no better for having been thrown away.
    rejected(
        Anomaly::RealTimeInversion,
        [tx(10, 20).read(X, initial(X)).wrote(X, 100), tx(21, 30).read(X, initial(X)).but(Fate::Aborted)],
    );
    // A read from the future.
    rejected(Anomaly::RealTimeInversion, [tx(21, 30).read(X, initial(X)).wrote(X, 100), tx(10, 20).read(X, 100)]);
    // Writes in the wrong order.
    rejected(Anomaly::RealTimeInversion, [tx(10, 20).wrote(X, 100).at(3), tx(21, 30).wrote(X, 200).at(2)]);
}

#[test]
fn a_real_time_inversion_over_several_transactions_is_named() {
    rejected(
        Anomaly::RealTimeInversion,
        [
            tx(10, 20).read(X, initial(X)).wrote(X, 100),
            tx(15, 40).read(Y, initial(Y)).wrote(Y, 200),
            tx(25, 35).read(Y, 200).read(X, initial(X)),
        ],
    );
}

#[test]
fn versions_that_two_writes_share_are_named() {
    rejected(Anomaly::SharedVersion, [at_once().wrote(X, 100).at(2), at_once().wrote(X, 200).at(2)]);
}

#[test]
fn transactions_that_read_from_each_other_go_in_a_circle() {
    let violation = rejected(
        Anomaly::Cycle,
        [
            at_once().read(X, initial(X)).read(Y, 200).wrote(X, 100),
            at_once().read(X, 100).read(Y, initial(Y)).wrote(Y, 200),
        ],
    );
    assert_eq!(violation.attempts.len(), 2);
    // The same with versions that replace each other, so that no chain leads to them.
    rejected(Anomaly::Cycle, [at_once().read(X, 200).wrote(X, 100), at_once().read(X, 100).wrote(X, 200)]);
}

#[test]
fn a_circle_of_three_missed_writes_is_found() {
    let z = Y + 1;
    rejected(
        Anomaly::Cycle,
        [
            at_once().read(X, initial(X)).read(Y, initial(Y)).wrote(Y, 100).at(2),
            at_once().read(Y, initial(Y)).read(z, initial(z)).wrote(z, 200).at(2),
            at_once().read(z, initial(z)).read(X, initial(X)).wrote(X, 300).at(2),
        ],
    );
}

#[test]
fn the_contradiction_is_as_short_as_possible() {
    // A long honest history, in the middle of which a reader misses half of a commit.
    let mut attempts: Vec<_> = (0..100)
        .map(|n| {
            let before = |x| if n == 0 { initial(x) } else { 1_000 * n + x as u64 };
            let after = |x| 1_000 * (n + 1) + x as u64;
            let read = tx(100 + 10 * n, 109 + 10 * n).read(X, before(X)).read(Y, before(Y));
            read.wrote(X, after(X)).wrote(Y, after(Y))
        })
        .collect();
    attempts.push(tx(100, 10_000).read(X, 50_000).read(Y, 49_001));
    let violation = rejected(Anomaly::ReadSkew, attempts);
    assert_eq!(violation.attempts.len(), 2, "{violation}");
    assert_eq!(
        violation.to_string(),
        "read skew: each of these has to come before the next, and the last before the first\n  \
         T1: thread 50, transaction 1, run 1, committed, 590..599; read x0 = initial 49000; read x1 = initial 49001; \
         wrote x0 = initial 50000; wrote x1 = initial 50001\n  \
         T2: thread 101, transaction 1, run 1, committed, 100..10000; read x0 = initial 50000; read x1 = initial 49001\n  \
         T1 before T2: T2 read x0 = initial 50000, which T1 wrote\n  \
         T2 before T1: T2 read x1 = initial 49001, over which T1 wrote initial 50001\n"
    );
}

#[test]
fn of_several_contradictions_the_shortest_is_told_and_then_the_earliest() {
    // Three that miss each other's writes, before everything else.
    let missed = |x, y, value| tx(0, 9).read(x, initial(x)).read(y, initial(y)).wrote(y, value);
    let three = [missed(0, 1, 100), missed(1, 2, 200), missed(2, 0, 300)];
    // Half of a commit, twice.
    let skewed = |start, x, y, value| {
        let writer = tx(start, start + 9).read(x, initial(x)).read(y, initial(y)).wrote(x, value).wrote(y, value + 1);
        [writer, tx(start, start + 9).read(x, value).read(y, initial(y))]
    };
    let violation =
        rejected(Anomaly::ReadSkew, three.into_iter().chain(skewed(20, 5, 6, 500)).chain(skewed(10, 3, 4, 400)));
    let starts: Vec<_> = violation.attempts.iter().map(|attempt| attempt.start).collect();
    assert_eq!(starts, [10, 10], "{violation}");
}

#[test]
fn a_contradiction_among_what_committed_is_told_before_others() {
    let one = tx(10, 20).read(X, initial(X)).wrote(X, 100);
    let two = tx(21, 30).read(X, 100).read(Y, initial(Y)).wrote(Y, 200);
    let skewed = tx(31, 40).read(X, initial(X)).read(Y, 200);
    // It also comes too late for what it has read, which is shorter to tell and says less.
    rejected(Anomaly::ReadSkew, [one.clone(), two.clone(), skewed.clone()]);
    rejected(Anomaly::ReadSkew, [one, two, skewed.clone(), skewed.but(Fate::Aborted)]);
}

#[test]
#[should_panic(expected = "a blind write without a version")]
fn a_history_whose_order_can_not_be_known_is_refused() {
    let _ = check(&history([at_once().wrote(X, 100)]));
}

#[test]
#[should_panic(expected = "was written twice")]
fn a_history_that_says_a_value_twice_is_refused() {
    let _ = check(&history([at_once().wrote(X, 100).at(1), at_once().wrote(X, 100).at(2)]));
}
