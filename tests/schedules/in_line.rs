//! Waiting in line: whoever is woken and does not use it wakes the next. One who is not woken sleeps for ever, and shuttle
//! reports the deadlock.

use stm::{StmResult, TCell, Transaction, TxResult, atomically, cancel, options, try_atomically};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

/// Takes one of so many items.
fn take<'tx>(tx: &Transaction<'tx, '_>, items: &'tx TCell<u64>) -> StmResult<u32> {
    match items.read(tx)? {
        0 => tx.retry_in_line(),
        n => items.write(tx, n - 1).map(|()| tx.attempt_number()),
    }
}

#[test]
fn a_write_wakes_who_waits_in_line() {
    exhaust([1, 2], || {
        let [items] = cells([0]);
        both(|| items.store(1), || atomically(|tx| take(tx, &items))).1
    });
}

/// One write brings items for all.
#[test]
fn as_many_are_woken_as_there_is_something_for() {
    // How many of them slept, or came too late for it.
    sample([0, 1, 2, 3], || {
        let [items] = cells([0]);
        let runs = race(4, |index| {
            if index == 0 {
                items.store(3);
                return 1;
            }
            atomically(|tx| take(tx, &items))
        });
        assert_eq!(items.load(), 0);
        runs.into_iter().filter(|&runs| runs > 1).count()
    });
}

/// The items come one at a time.
#[test]
fn each_item_is_taken() {
    sample([0, 1, 2], || {
        let [items] = cells([0]);
        let runs = race(4, |index| {
            if index < 2 {
                items.fetch_update(|items| *items += 1);
                return 1;
            }
            atomically(|tx| take(tx, &items))
        });
        assert_eq!(items.load(), 0);
        runs.into_iter().filter(|&runs| runs > 1).count()
    });
}

/// Three wait for two items, and one of them does not take any: it cancels, or gives up.
#[test]
fn whoever_refuses_passes_it_on() {
    for gives_up in [false, true] {
        // Whether the one that refuses ran again. Who gives up does so in its second run.
        let expected = if gives_up { vec![true] } else { vec![false, true] };
        sample(expected, move || {
            let [items, done] = cells([0, 0]);
            let runs = race(4, |index| {
                let mut runs = 0;
                match index {
                    0 => items.store(2),
                    1 if gives_up => {
                        let _ = options().max_attempts(2).run(|tx| {
                            runs += 1;
                            take_unless_done(tx, &items, &done)?;
                            tx.restart::<()>()
                        });
                    }
                    1 => {
                        let _ = try_atomically(|tx| -> TxResult<(), ()> {
                            runs += 1;
                            take_unless_done(tx, &items, &done)?;
                            cancel(())
                        });
                    }
                    _ => {
                        atomically(|tx| take(tx, &items));
                        done.store(1);
                    }
                }
                runs
            });
            assert_eq!(items.load(), 0);
            runs[1] > 1
        });
    }
}

/// Takes an item, or finds that somebody has had one and nothing need come any more.
fn take_unless_done<'tx>(tx: &Transaction<'tx, '_>, items: &'tx TCell<u64>, done: &'tx TCell<u64>) -> StmResult<()> {
    if done.read(tx)? == 0 { take(tx, items).map(drop) } else { Ok(()) }
}
