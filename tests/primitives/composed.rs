//! Slots among threads, and everything together in one transaction.

use std::thread;

use common::{Ends, race, scaled, threads, watchdog};
use stm::sync::{TLatch, TMVar, TPromise, TSemaphore};
use stm::{TVar, atomically, snapshot};

use super::Task;

/// A slot and a semaphore that one transaction changes together: no snapshot sees one without the other.
#[test]
fn a_take_and_a_release_are_one_step() {
    let _watchdog = watchdog();
    let (slot, semaphore) = (TMVar::new(1_u64), TSemaphore::new(0));
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    let (full, permits) = snapshot(|tx| Ok((!slot.is_empty(tx)?, semaphore.available(tx)?)));
                    assert_eq!(u64::from(full) + permits, 1);
                }
            });
        }
        for round in 1..=scaled(3_000) as u64 {
            let value = atomically(|tx| {
                let value = slot.take(tx)?;
                semaphore.release(tx, 1)?;
                Ok(value)
            });
            assert_eq!(value, round);
            atomically(|tx| {
                semaphore.acquire(tx, 1)?;
                slot.put(tx, value + 1)
            });
        }
    });
}

#[test]
fn either_of_two_slots_will_do() {
    let _watchdog = watchdog();
    let (urgent, normal) = (TMVar::new_empty(), TMVar::new_empty());
    let items = scaled(2_000) as u64;
    let sum: u64 = thread::scope(|scope| {
        let takers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let next = || atomically(|tx| tx.or_else(|tx| urgent.take(tx), |tx| normal.take(tx)));
                    let mut sum = 0;
                    loop {
                        match next() {
                            0 => return sum,
                            item => sum += item,
                        }
                    }
                })
            })
            .collect();
        for (slot, first) in [(&urgent, 1), (&normal, 2)] {
            scope.spawn(move || {
                (first..=items).step_by(2).for_each(|item| atomically(|tx| slot.put(tx, item)));
                atomically(|tx| slot.put(tx, 0));
            });
        }
        takers.into_iter().map(|taker| taker.join().expect("it returns")).sum()
    });
    assert_eq!(sum, items * (items + 1) / 2);
}

/// Values pass through one slot, each to one taker, and nobody sleeps who could go on.
#[test]
fn no_wake_up_is_lost_at_a_slot() {
    let _watchdog = watchdog();
    let (slot, count) = (TMVar::new_empty(), threads());
    let items = scaled(1_000) as u64;
    let taken = race(2 * count, |me| {
        if me < count {
            (0..items).for_each(|item| atomically(|tx| slot.put(tx, item)));
            return 0;
        }
        (0..items)
            .map(|item| match item % 3 {
                0 => pollster::block_on(stm::atomically_async(|tx| slot.take(tx))),
                // In a transaction that has written something, too, which waits like everybody.
                1 => atomically(|tx| {
                    TVar::new(0).write(tx, 1)?;
                    slot.take(tx)
                }),
                _ => *atomically(|tx| slot.take_shared(tx)),
            })
            .sum::<u64>()
    });
    assert_eq!(taken.into_iter().sum::<u64>(), count as u64 * (items * (items - 1) / 2));
    assert!(snapshot(|tx| slot.is_empty(tx)));
}

/// A value is of use to one taker, and to all readers.
#[test]
fn one_taker_is_woken_and_all_readers() {
    let _watchdog = watchdog();
    let slot = TMVar::new_empty();
    let mut takers: Vec<_> = (0..5).map(|_| Task::begin(stm::atomically_async(|tx| slot.take(tx)))).collect();
    let readers: Vec<_> = (0..5).map(|_| Task::begin(stm::atomically_async(|tx| slot.read(tx)))).collect();
    atomically(|tx| slot.put(tx, 1));
    let woken = |tasks: &[Task<_>]| -> Vec<_> { tasks.iter().map(Task::wakes).collect() };
    assert_eq!(woken(&takers), [1, 0, 0, 0, 0]);
    assert!(readers.into_iter().all(|reader| reader.finish() == 1));
    assert_eq!(takers.remove(0).finish(), 1);
    for number in 2..6 {
        atomically(|tx| slot.put(tx, number));
        // Some woken one has looked in vain perhaps, when the one before it had taken; the one in front has its turn.
        let found = takers.iter_mut().find_map(Task::advance);
        assert_eq!(found, Some(number));
        takers.remove(0);
    }
    assert!(snapshot(|tx| slot.is_empty(tx)));
}

#[test]
fn all_of_them_compose() {
    let _watchdog = watchdog();
    let (slot, permits, latch, promise) = (TMVar::new_empty(), TSemaphore::new(1), TLatch::new(1), TPromise::new());
    let future = promise.future();
    let answer = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            atomically(|tx| {
                latch.wait(tx)?;
                permits.acquire(tx, 1)?;
                let order: u64 = slot.take(tx)?;
                Ok(promise.set(tx, order * 2)?.is_ok())
            })
        });
        atomically(|tx| latch.count_down(tx));
        atomically(|tx| slot.put(tx, 21));
        let answer = future.get_blocking();
        assert!(worker.join().expect("it returns"));
        answer
    });
    assert_eq!(answer, Ok(42));
    assert_eq!(snapshot(|tx| Ok((permits.available(tx)?, slot.is_empty(tx)?))), (0, true));
}

/// Those who wait for one slot may have looked at other things before, by which some go on and others do not.
#[test]
fn who_waits_for_something_else_as_well_is_woken_by_that() {
    let _watchdog = watchdog();
    let (empty, full, day) = (TMVar::new_empty(), TMVar::new(0), TVar::new(0));
    let (empty, full, day) = (&empty, &full, &day);
    let until =
        |last: u32| {
            let take = Task::begin(stm::atomically_async(move |tx| {
                if day.read(tx)? >= last { Ok(None) } else { empty.take(tx).map(Some) }
            }));
            let put = Task::begin(stm::atomically_async(move |tx| {
                if day.read(tx)? >= last { Ok(false) } else { full.put(tx, 1).map(|()| true) }
            }));
            (take, put)
        };
    let (mut patient, hasty) = (until(2), until(1));
    day.store(1);
    assert!(patient.0.advance().is_none() && patient.1.advance().is_none());
    assert_eq!((hasty.0.finish(), hasty.1.finish()), (None, false));
    // They still wait in line for the slots.
    atomically(|tx| Ok((empty.put(tx, 7)?, full.take(tx)?)));
    assert_eq!((patient.0.finish(), patient.1.finish()), (Some(7), true));
}

/// That goes for the slot itself, too: that it is still full does not say that it holds the same.
#[test]
fn who_has_looked_into_a_slot_before_is_woken_by_each_change_of_it() {
    let _watchdog = watchdog();
    let slot = &TMVar::new(0);
    let until = |last: u32| {
        Task::begin(stm::atomically_async(move |tx| {
            if slot.try_read(tx)?.is_some_and(|value| value >= last) {
                Ok(false)
            } else {
                slot.put(tx, 5).map(|()| true)
            }
        }))
    };
    let (mut plain, mut patient) = (Task::begin(stm::atomically_async(|tx| slot.put(tx, 1))), until(2));
    let hasty = until(1);
    atomically(|tx| slot.write(tx, 1));
    assert!(plain.advance().is_none() && patient.advance().is_none());
    assert!(!hasty.finish(), "it has found what it waits for");
    assert_eq!(atomically(|tx| slot.take(tx)), 1);
    plain.finish();
    assert_eq!(atomically(|tx| slot.take(tx)), 1);
    assert!(patient.finish());
}
