//! Waiting for a change: whoever waits is woken. One who is not sleeps for ever, and shuttle reports the deadlock.

use std::sync::atomic::{AtomicU32, Ordering};

use stm::{StmResult, TCell, TVar, Transaction, atomically, snapshot};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

/// One thread waits until the variable is not 0, while `write` makes it so. Returns whether the body ran again.
fn handover(write: impl FnOnce(&TCell<u64>) + Send) -> bool {
    let [slot] = cells([0]);
    let ((), runs) = both(
        || write(&slot),
        || {
            atomically(|tx| {
                tx.check(slot.read(tx)? != 0)?;
                Ok(tx.attempt_number())
            })
        },
    );
    runs > 1
}

#[test]
fn a_commit_wakes_who_waits() {
    exhaust([false, true], || handover(|slot| atomically(|tx| slot.write(tx, 1))));
}

#[test]
fn a_commit_that_has_read_it_wakes_who_waits() {
    exhaust([false, true], || handover(|slot| atomically(|tx| slot.modify(tx, |value| value + 1))));
}

#[test]
fn a_one_shot_store_wakes_who_waits() {
    exhaust([false, true], || handover(|slot| slot.store(1)));
}

#[test]
fn a_one_shot_swap_wakes_who_waits() {
    exhaust([false, true], || handover(|slot| assert_eq!(slot.swap(1), 0)));
}

#[test]
fn a_one_shot_update_wakes_who_waits() {
    exhaust([false, true], || handover(|slot| slot.fetch_update(|value| *value += 1)));
}

#[test]
fn a_commit_of_several_variables_wakes_who_waits() {
    exhaust([false, true], || {
        let [other] = cells([0]);
        handover(|slot| {
            atomically(|tx| {
                other.write(tx, 1)?;
                slot.write(tx, 1)
            });
        })
    });
}

#[test]
fn a_snapshot_waits_too() {
    exhaust([1], || {
        let slot = TVar::new(0);
        both(
            || slot.store(1),
            || {
                snapshot(|tx| {
                    let value = slot.read(tx)?;
                    tx.check(value != 0)?;
                    Ok(value)
                })
            },
        )
        .1
    });
}

#[test]
fn who_waits_for_what_it_has_written_as_well_is_woken() {
    exhaust([false, true], || {
        let [slot] = cells([0]);
        let ((), runs) = both(
            || slot.store(1),
            || {
                atomically(|tx| {
                    let value = slot.replace(tx, 5)?;
                    tx.check(value != 0)?;
                    Ok(tx.attempt_number())
                })
            },
        );
        assert_eq!(slot.load(), 5);
        runs > 1
    });
}

#[test]
fn who_waits_for_two_variables_is_woken_by_either() {
    exhaust([1, 2], || {
        let [left, right] = cells([0, 0]);
        both(
            || {
                right.store(1);
                left.store(1);
            },
            || {
                atomically(|tx| {
                    let sum = left.read(tx)? + right.read(tx)?;
                    tx.check(sum > 0)?;
                    Ok(sum)
                })
            },
        )
        .1
    });
}

#[test]
fn a_commit_that_fails_does_not_forget_who_waits() {
    // The first run locks what somebody waits for, and then finds that its read has been overtaken by its own store.
    exhaust([(false, 2), (true, 2)], || {
        let [slot, read] = cells([0, 0]);
        let write = || {
            atomically(|tx| {
                let seen = read.read(tx)?;
                slot.write(tx, 1)?;
                if tx.attempt_number() == 1 {
                    read.store(seen + 1);
                }
                Ok(tx.attempt_number())
            })
        };
        let wait = || {
            atomically(|tx| {
                tx.check(slot.read(tx)? != 0)?;
                Ok(tx.attempt_number())
            })
        };
        let (runs, waits) = both(write, wait);
        (waits > 1, runs)
    });
}

#[test]
fn one_commit_wakes_all_who_wait() {
    // How many of them slept, or came too late for it.
    sample([0, 1, 2], || {
        let [slot] = cells([0]);
        let waited = race(3, |index| {
            if index == 0 {
                slot.store(1);
                return false;
            }
            atomically(|tx| {
                tx.check(slot.read(tx)? != 0)?;
                Ok(tx.attempt_number() > 1)
            })
        });
        waited.into_iter().filter(|&waited| waited).count()
    });
}

#[test]
fn two_threads_pass_a_ball() {
    exhaust([4], || {
        let [ball] = cells([0]);
        let hits = AtomicU32::new(0);
        let play = |side: u64| {
            for _ in 0..2 {
                atomically(|tx| {
                    let at = ball.read(tx)?;
                    tx.check(at == side)?;
                    ball.write(tx, 1 - side)
                });
                hits.fetch_add(1, Ordering::Relaxed);
            }
        };
        both(|| play(0), || play(1));
        hits.into_inner()
    });
}

/// A queue of one place; 0 says that it is empty.
struct Queue(TCell<u64>);

impl Queue {
    fn push<'tx>(&'tx self, tx: &Transaction<'tx, '_>, item: u64) -> StmResult<()> {
        tx.check(self.0.read(tx)? == 0)?;
        self.0.write(tx, item)
    }

    fn pop<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<u64> {
        let item = self.0.replace(tx, 0)?;
        tx.check(item != 0)?;
        Ok(item)
    }
}

#[test]
fn a_queue_of_one_place_delivers_everything_once() {
    // What the first consumer gets: two of the four items, those of one producer in order.
    let pairs = (1..=4).flat_map(|first| (1..=4).map(move |second| [first, second]));
    let possible =
        pairs.filter(|&[first, second]| first != second && [first, second] != [2, 1] && [first, second] != [4, 3]);
    sample(possible, || {
        let [place] = cells([0]);
        let queue = Queue(place);
        let got = race(4, |index| match index {
            0 | 1 => [0, 1].map(|_| atomically(|tx| queue.pop(tx))),
            producer => {
                for step in 1..=2 {
                    let item = (producer as u64 - 2) * 2 + step;
                    atomically(|tx| queue.push(tx, item));
                }
                [0, 0]
            }
        });
        let mut all: Vec<_> = got.iter().take(2).flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4], "each item is delivered once");
        got[0]
    });
}

#[test]
fn a_variable_is_awaited_outside_of_a_body() {
    exhaust([2], || {
        let slot = TVar::new(0_u64);
        let ((), value) = both(
            || {
                slot.store(1);
                slot.store(2);
            },
            || slot.wait_until(|&value| value == 2),
        );
        value
    });
}
