//! A transaction that keeps losing is promoted, and then commits in one run, whatever the others do.

use stm::{TCell, atomically, options};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

/// Writes both variables in the order given, promoted from the second run on. Returns how many runs it took.
fn write_both(first: &TCell<u64>, second: &TCell<u64>) -> u32 {
    let runs = options().promote_after(2).run(|tx| {
        first.modify(tx, |value| value + 1)?;
        second.modify(tx, |value| value + 1)?;
        Ok(tx.attempt_number())
    });
    let runs = runs.expect("nothing bounds the number of runs");
    assert!(runs <= 2, "a promoted run commits: this took {runs}");
    runs
}

#[test]
fn writers_in_opposite_order_both_commit_by_the_second_run() {
    exhaust([[1, 1], [1, 2], [2, 1]], || {
        let [left, right] = cells([0, 0]);
        let (first, second) = both(|| write_both(&left, &right), || write_both(&right, &left));
        assert_eq!([left.load(), right.load()], [2, 2]);
        [first, second]
    });
}

/// Increments by a transaction whose first run loses, to this thread itself. Promoted, it must not lose again.
fn increment_promoted(counter: &TCell<u64>) {
    let runs = options().promote_after(2).run(|tx| {
        let value = counter.read(tx)?;
        if tx.attempt_number() == 1 {
            counter.fetch_update(|value| *value += 1);
        }
        counter.write(tx, value + 1)?;
        Ok(tx.attempt_number())
    });
    assert_eq!(runs, Ok(2), "one run loses, the promoted one commits");
}

#[test]
fn a_promoted_transaction_does_not_lose_to_transactions() {
    exhaust([4], || {
        let [counter] = cells([0]);
        let increment = || atomically(|tx| counter.modify(tx, |value| value + 1));
        both(
            || increment_promoted(&counter),
            || {
                increment();
                increment();
            },
        );
        counter.load()
    });
}

#[test]
fn a_promoted_transaction_does_not_lose_to_one_shot_operations() {
    exhaust([4], || {
        let [counter] = cells([0]);
        let increment = || counter.fetch_update(|value| *value += 1);
        both(
            || increment_promoted(&counter),
            || {
                increment();
                increment();
            },
        );
        counter.load()
    });
}

#[test]
fn a_promoted_transaction_does_not_lose_what_it_only_reads() {
    // It reads one variable and writes another; the other thread writes the first.
    exhaust([[2, 1], [2, 2], [2, 3]], || {
        let [source, target] = cells([0, 0]);
        let (runs, ()) = both(
            || {
                options().promote_after(2).run(|tx| {
                    let value = source.read(tx)?;
                    if tx.attempt_number() == 1 {
                        source.fetch_update(|value| *value += 1);
                    }
                    target.write(tx, value)?;
                    Ok(tx.attempt_number())
                })
            },
            || {
                source.fetch_update(|value| *value += 1);
                source.fetch_update(|value| *value += 1);
            },
        );
        assert_eq!(source.load(), 3);
        [u64::from(runs.expect("nothing bounds the number of runs")), target.load()]
    });
}

#[test]
fn all_who_queue_for_the_token_get_it() {
    sample([6], || {
        let [counter] = cells([0]);
        race(3, |_| increment_promoted(&counter));
        counter.load()
    });
}

#[test]
fn who_waits_is_woken_by_a_promoted_transaction() {
    exhaust([false, true], || {
        let [counter] = cells([0]);
        let ((), runs) = both(
            || increment_promoted(&counter),
            || {
                atomically(|tx| {
                    tx.check(counter.read(tx)? == 2)?;
                    Ok(tx.attempt_number())
                })
            },
        );
        runs > 1
    });
}

#[test]
fn writers_of_a_ring_all_commit_by_the_second_run() {
    // How many had to be promoted.
    sample([0, 1, 2], || {
        let places = cells([0; 3]);
        let runs = race(3, |index| write_both(&places[index], &places[(index + 1) % 3]));
        assert_eq!(places.each_ref().map(TCell::load), [2; 3]);
        runs.into_iter().filter(|&runs| runs == 2).count()
    });
}
