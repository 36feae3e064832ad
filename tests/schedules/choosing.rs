//! `or_else`: whoever finds no branch to go on with waits for what either has read.

use stm::{TCell, atomically};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

/// Takes what is in one of two places, and says in which, and whether it had to wait.
fn take(places: &[TCell<u64>; 2]) -> (usize, bool) {
    atomically(|tx| {
        let place = tx.or_else(
            |tx| {
                tx.check(places[0].replace(tx, 0)? != 0)?;
                Ok(0)
            },
            |tx| {
                tx.check(places[1].replace(tx, 0)? != 0)?;
                Ok(1)
            },
        )?;
        Ok((place, tx.attempt_number() > 1))
    })
}

#[test]
fn a_write_of_what_the_first_branch_has_read_wakes() {
    exhaust([(0, false), (0, true)], || {
        let places = cells([0, 0]);
        both(|| places[0].store(1), || take(&places)).1
    });
}

#[test]
fn a_write_of_what_the_second_branch_has_read_wakes() {
    exhaust([(1, false), (1, true)], || {
        let places = cells([0, 0]);
        both(|| places[1].store(1), || take(&places)).1
    });
}

#[test]
fn what_the_first_branch_has_written_is_not_there_for_the_second() {
    exhaust([[0, 1], [1, 1]], || {
        let [trace, flag, done] = cells([0, 0, 0]);
        both(
            || flag.store(1),
            || {
                atomically(|tx| {
                    tx.or_else(
                        |tx| {
                            trace.write(tx, 1)?;
                            tx.check(flag.read(tx)? == 1)?;
                            done.write(tx, 1)
                        },
                        |tx| {
                            assert_eq!(trace.read(tx)?, 0, "the first branch is undone");
                            done.write(tx, 1)
                        },
                    )
                });
            },
        );
        [trace.load(), done.load()]
    });
}

#[test]
fn the_branch_taken_is_justified_when_it_commits() {
    // The second branch is right only while the first has nothing to take: who comes later sees both.
    exhaust([[0, 1], [2, 1]], || {
        let [urgent, normal, taken] = cells([0, 1, 0]);
        both(
            || {
                atomically(|tx| {
                    // Makes the first branch possible, and notes whether the second had been taken by then.
                    urgent.write(tx, 1)?;
                    let before = taken.read(tx)?;
                    normal.write(tx, 10 + before)
                });
            },
            || {
                atomically(|tx| {
                    let branch = tx.or_else(
                        |tx| {
                            tx.check(urgent.read(tx)? == 1)?;
                            Ok(2)
                        },
                        |_| Ok(1),
                    )?;
                    taken.write(tx, branch)
                });
            },
        );
        match (normal.load(), taken.load()) {
            (10, 2) => [2, 1],
            (11, 1) => [0, 1],
            other => unreachable!("not in any order: {other:?}"),
        }
    });
}

#[test]
fn two_who_choose_take_two_different_things() {
    sample([[0, 1], [1, 0]], || {
        let places = cells([0, 0]);
        let taken = race(3, |index| {
            if index == 2 {
                places[1].store(1);
                places[0].store(1);
                return 2;
            }
            take(&places).0
        });
        assert_eq!([places[0].load(), places[1].load()], [0, 0]);
        [taken[0], taken[1]]
    });
}
