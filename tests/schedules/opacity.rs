//! What a body sees belongs to one moment, also in an attempt that will be run again.

use std::sync::atomic::{AtomicU32, Ordering};

use stm::{TCell, Transaction, atomically, cancel, snapshot, try_atomically};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

fn bump(pair: &[TCell<u64>; 2]) {
    atomically(|tx| {
        pair[0].modify(tx, |value| value + 1)?;
        pair[1].modify(tx, |value| value + 1)
    });
}

/// While one thread changes both variables of a pair, `look` reads them. Returns what it saw, and whether it ran again.
fn while_the_pair_changes(look: impl FnOnce(&[TCell<u64>; 2], &AtomicU32) -> u64 + Send) -> (u64, bool) {
    let pair = cells([0, 0]);
    let runs = AtomicU32::new(0);
    let ((), seen) = both(|| bump(&pair), || look(&pair, &runs));
    (seen, runs.load(Ordering::Relaxed) > 1)
}

#[test]
fn a_transaction_never_sees_half_of_a_commit() {
    exhaust([(0, false), (1, false), (1, true)], || {
        while_the_pair_changes(|pair, runs| {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let (left, right) = (pair[0].read(tx)?, pair[1].read(tx)?);
                assert_eq!(left, right, "in every attempt");
                Ok(left)
            })
        })
    });
}

#[test]
fn a_snapshot_without_a_log_never_sees_half_of_a_commit() {
    // One run: what is replaced meanwhile is kept for it.
    exhaust([(0, false), (1, false)], || {
        while_the_pair_changes(|pair, runs| {
            snapshot(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let (left, right) = (pair[0].read(tx)?, pair[1].read(tx)?);
                assert_eq!(left, right, "in every attempt");
                Ok(left)
            })
        })
    });
}

#[test]
fn a_writer_never_sees_half_of_a_commit() {
    exhaust([(0, false), (1, false), (1, true)], || {
        let [third] = cells([0]);
        while_the_pair_changes(move |pair, runs| {
            atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let left = pair[0].read(tx)?;
                third.write(tx, left)?;
                let right = pair[1].read(tx)?;
                assert_eq!(left, right, "in every attempt");
                Ok(left)
            })
        })
    });
}

#[test]
fn an_error_that_leaves_was_true_at_one_moment() {
    exhaust([(0, false), (1, false), (1, true)], || {
        while_the_pair_changes(|pair, runs| {
            let seen: Result<(), _> = try_atomically(|tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                cancel((pair[0].read(tx)?, pair[1].read(tx)?))
            });
            let (left, right) = seen.expect_err("it always cancels");
            assert_eq!(left, right);
            left
        })
    });
}

#[test]
fn one_look_after_the_other_never_goes_back_in_time() {
    exhaust([(0, 0), (0, 1), (1, 1)], || {
        let pair = cells([0, 0]);
        let ((), seen) = both(|| bump(&pair), || (pair[0].load(), pair[1].load()));
        seen
    });
}

#[test]
fn several_writers_leave_a_sum_that_readers_always_find() {
    fn shift<'tx>(tx: &Transaction<'tx, '_>, places: &'tx [TCell<u64>; 3], from: usize) -> stm::StmResult<()> {
        let taken = places[from].replace(tx, 0)?;
        places[(from + 1) % 3].modify(tx, |value| value + taken)
    }
    // How often the reader's body ran: it has to be disturbed to be of interest.
    sample([false, true], || {
        let places = cells([1, 2, 3]);
        let runs = AtomicU32::new(0);
        race(4, |index| {
            if index < 3 {
                atomically(|tx| shift(tx, &places, index));
                return;
            }
            for _ in 0..2 {
                atomically(|tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let mut sum = 0;
                    for place in &places {
                        sum += place.read(tx)?;
                    }
                    assert_eq!(sum, 6, "in every attempt");
                    Ok(())
                });
            }
        });
        assert_eq!(places.iter().map(TCell::load).sum::<u64>(), 6);
        runs.load(Ordering::Relaxed) > 2
    });
}
