//! What a weaker isolation would let happen: lost updates, write skew, readers that disagree.

use std::sync::atomic::{AtomicU32, Ordering};

use stm::{TCell, TVar, atomically, snapshot};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

/// Two threads increment; every update has to count. Returns how often they had to do it: 2 times, or more.
fn increments(increment: impl Fn(&TCell<u64>, &AtomicU32) + Sync) -> bool {
    let [counter] = cells([0]);
    let runs = AtomicU32::new(0);
    both(|| increment(&counter, &runs), || increment(&counter, &runs));
    assert_eq!(counter.load(), 2, "an update is lost");
    runs.load(Ordering::Relaxed) > 2
}

#[test]
fn no_update_is_lost_between_read_and_write() {
    exhaust([false, true], || {
        increments(|counter, runs| {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let value = counter.read(tx)?;
                counter.write(tx, value + 1)
            });
        })
    });
}

#[test]
fn no_update_is_lost_of_a_modification() {
    exhaust([false, true], || {
        increments(|counter, runs| {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                counter.modify(tx, |value| value + 1)
            });
        })
    });
}

#[test]
fn no_update_is_lost_that_writes_another_variable_first() {
    // The write of the other keeps the read and the write of the counter apart in the logs.
    exhaust([false, true], || {
        let [other] = cells([0]);
        increments(|counter, runs| {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let value = counter.read(tx)?;
                other.write(tx, value)?;
                counter.write(tx, value + 1)
            });
        })
    });
}

#[test]
fn no_update_is_lost_of_a_one_shot_operation() {
    exhaust([false, true], || {
        increments(|counter, runs| {
            counter.fetch_update(|value| {
                runs.fetch_add(1, Ordering::Relaxed);
                *value += 1;
            });
        })
    });
}

#[test]
fn a_transaction_and_a_one_shot_operation_do_not_lose_each_other() {
    exhaust([10, 11], || {
        let counter = TVar::new(0_u64);
        both(|| counter.store(10), || atomically(|tx| counter.modify(tx, |value| value + 1)));
        counter.load()
    });
}

#[test]
fn values_swapped_in_are_swapped_out_once() {
    exhaust([[0, 1, 2], [2, 0, 1]], || {
        let place = TVar::new(0_u64);
        let (first, second) = both(|| place.swap(1), || place.swap(2));
        [first, second, place.load()]
    });
}

#[test]
fn there_is_no_write_skew() {
    exhaust([[0, 1], [1, 0]], || {
        let doctors = cells([1, 1]);
        let go_home = |mine: usize| {
            atomically(|tx| {
                if doctors[0].read(tx)? + doctors[1].read(tx)? > 1 {
                    doctors[mine].write(tx, 0)?;
                }
                Ok(())
            });
        };
        both(|| go_home(0), || go_home(1));
        [doctors[0].load(), doctors[1].load()]
    });
}

#[test]
fn a_chain_of_reads_and_writes_does_not_close() {
    // Each reads what the next writes: if all saw the old values, each would have to come before the next. What comes
    // out is the longest row of those that do see the one before.
    sample([2, 3], || {
        let places = cells([0; 3]);
        race(3, |index| {
            atomically(|tx| {
                let next = places[(index + 1) % 3].read(tx)?;
                places[index].write(tx, next + 1)
            });
        });
        let values = places.each_ref().map(TCell::load);
        assert!(values.iter().any(|&value| value > 1), "nobody has seen anybody: {values:?}");
        values.into_iter().filter(|&value| value > 0).max().unwrap_or(0)
    });
}

#[test]
fn readers_agree_on_the_order_of_independent_writes() {
    let views = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let pairs = views.into_iter().flat_map(|left| views.map(|right| [left, right]));
    let disagree = [[(0, 1), (1, 0)], [(1, 0), (0, 1)]];
    sample(pairs.filter(|pair| !disagree.contains(pair)), || {
        let places = cells([0, 0]);
        let seen = race(4, |index| {
            if index < 2 {
                places[index].store(1);
                return (0, 0);
            }
            // Each looks in an order of its own.
            snapshot(|tx| {
                let first = places[index - 2].read(tx)?;
                let second = places[3 - index].read(tx)?;
                Ok(if index == 2 { (first, second) } else { (second, first) })
            })
        });
        [seen[2], seen[3]]
    });
}
