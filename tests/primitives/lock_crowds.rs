//! Locks held by so many owners, or so often by one, that there is no room in place for all of that.

use common::{elsewhere, scaled, watchdog};
use stm::sync::{LockError, Mode, Owner, ReadGuard, TRwLock};
use stm::{atomically, snapshot};

use super::{AT_ONCE, Task};

fn held(lock: &TRwLock<u64>, owner: Owner) -> [u32; 3] {
    [Mode::Read, Mode::Upgradable, Mode::Write].map(|mode| snapshot(|tx| lock.held(tx, owner, mode)))
}

fn is_free(lock: &TRwLock<u64>) -> bool {
    elsewhere(|| lock.try_write().is_some())
}

/// Owners come and go, in any order, and each has what it has.
#[test]
fn any_number_of_owners_hold_it() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(7_u64);
    for crowd in [2, 4, 5, 9, 40] {
        for stride in [1, 3, 7] {
            let owners: Vec<_> = (0..crowd).map(|_| Owner::new()).collect();
            let mut guards: Vec<Option<ReadGuard<u64>>> =
                owners.iter().map(|owner| Some(pollster::block_on(lock.read_async(*owner)))).collect();
            let upgradable = pollster::block_on(lock.upgradable_read_async(owners[crowd / 2]));
            assert!(!is_free(&lock));
            for step in 0..crowd {
                // (Every place once, as neither stride has a factor in common with any of the numbers but 9 and 3.)
                let place = if crowd == 9 { step } else { step * stride % crowd };
                let again = pollster::block_on(lock.read_async(owners[place]));
                assert_eq!(held(&lock, owners[place]), [2, u32::from(place == crowd / 2), 0]);
                drop(guards[place].take());
                assert!(pollster::block_on(lock.read_async(Owner::new())).eq(&7));
                drop(again);
                assert_eq!(held(&lock, owners[place])[0], 0);
                assert!(!atomically(|tx| lock.try_lock(tx, owners[0], Mode::Write)), "the upgradable hold is left");
            }
            drop(upgradable);
            assert!(is_free(&lock));
        }
    }
}

/// An owner holds it as often as it likes, in each mode, and has it until it has let go as often.
#[test]
fn an_owner_holds_it_any_number_of_times() {
    let _watchdog = watchdog();
    let (lock, me, other) = (TRwLock::new(0_u64), Owner::new(), Owner::new());
    for beside in [false, true] {
        for mode in [Mode::Read, Mode::Upgradable, Mode::Write] {
            if beside && mode != Mode::Write {
                atomically(|tx| lock.lock(tx, other, Mode::Read));
            }
            let times = 2_500;
            for _ in 0..times {
                atomically(|tx| lock.lock(tx, me, mode));
            }
            for left in (0..times).rev() {
                assert!(left % 100 != 0 || !is_free(&lock));
                atomically(|tx| lock.unlock(tx, me, mode));
                assert_eq!(held(&lock, me)[mode as usize], left);
            }
            if beside && mode != Mode::Write {
                atomically(|tx| lock.unlock(tx, other, Mode::Read));
            }
            assert!(is_free(&lock));
        }
    }
}

/// Guards that are weakened where there is no room for one more of the weaker kind.
#[test]
fn a_guard_is_weakened_beside_any_number_of_others() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(0_u64);
    for count in [1_022, 1_023, 1_024, 1_025] {
        let reading: Vec<_> = (0..count).map(|_| lock.read()).collect();
        let writing: Vec<_> = (0..3).map(|_| lock.write()).collect();
        assert_eq!(held(&lock, Owner::thread()), [count, 0, 3]);
        let weakened: Vec<_> = writing.into_iter().map(|guard| guard.downgrade()).collect();
        assert_eq!(held(&lock, Owner::thread()), [count + 3, 0, 0]);
        assert!(elsewhere(|| lock.try_read().is_some() && lock.try_write().is_none()));
        drop(reading);
        assert!(elsewhere(|| lock.try_read().is_some() && lock.try_write().is_none()));
        drop(weakened);
        assert!(is_free(&lock));
    }
}

/// Calls of one owner that wait at one time, more than there is room for, and others beside them.
#[test]
fn any_number_of_calls_wait_with_a_claim() {
    let _watchdog = watchdog();
    let (lock, me, other) = (TRwLock::new(0_u64), Owner::new(), Owner::new());
    let _mine = pollster::block_on(lock.read_async(me));
    let theirs = pollster::block_on(lock.read_async(other));
    let mut waiting: Vec<_> = (0..9).map(|_| Task::begin(lock.write_async(me))).collect();
    assert_eq!(
        pollster::block_on(lock.read_async(other)).upgrade_timeout(AT_ONCE).unwrap_err().reason(),
        LockError::Deadlock
    );
    waiting.drain(2..5).for_each(drop);
    assert!(!atomically(|tx| lock.try_lock(tx, Owner::new(), Mode::Read)), "somebody waits to write");
    drop(theirs);
    let guards: Vec<_> = waiting.into_iter().map(Task::finish).collect();
    assert_eq!(held(&lock, me), [1, 0, 6]);
    drop(guards);
    assert!(atomically(|tx| lock.try_lock(tx, other, Mode::Read)), "nobody claims it any more");
    atomically(|tx| lock.unlock(tx, other, Mode::Read));
}

/// Many threads beside each other, more than there are seats: readers beside readers, writers alone, and all come in.
#[test]
fn more_threads_than_seats() {
    let _watchdog = watchdog();
    let (lock, inside) = (TRwLock::new(0_u64), std::sync::atomic::AtomicI64::new(0));
    common::race(9, |me| {
        for round in 0..scaled(300) {
            if (me + round) % 8 == 0 {
                let mut guard = lock.write();
                assert_eq!(inside.swap(-1, std::sync::atomic::Ordering::SeqCst), 0);
                guard.update(|n| *n += 1);
                inside.store(0, std::sync::atomic::Ordering::SeqCst);
            } else {
                let _guard = lock.read();
                assert!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 0);
                std::thread::yield_now();
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    assert!(is_free(&lock));
}

/// Also where a single step would do.
#[test]
fn one_shot_functions_are_refused_in_a_body() {
    let _watchdog = watchdog();
    let (lock, semaphore) = (TRwLock::new(0_u64), stm::sync::TSemaphore::new(1));
    let ways: [&dyn Fn(); 7] = [
        &|| drop(lock.read()),
        &|| drop(lock.write()),
        &|| drop(lock.try_upgradable_read()),
        &|| drop(pollster::block_on(lock.write_async(Owner::new()))),
        &|| drop(semaphore.acquire_blocking(1)),
        &|| drop(semaphore.try_acquire_now(0)),
        &|| drop(pollster::block_on(semaphore.acquire_async(1))),
    ];
    for way in ways {
        let panic = common::expect_panic(|| {
            atomically(|_| {
                way();
                Ok(())
            })
        });
        assert!(panic.message.contains("inside the body of another transaction"), "{}", panic.message);
        assert!(is_free(&lock) && snapshot(|tx| semaphore.available(tx)) == 1);
    }
}
