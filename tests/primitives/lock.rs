//! Locks among threads: one writer or many readers, in the order in which they came; owners, upgrades, guards.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;

use common::{Ends, Random, elsewhere, expect_panic, race, scaled, threads, watchdog};
use stm::sync::{LockError, Mode, Owner, TRwLock};
use stm::{StmResult, TVar, atomically, snapshot};

use super::{AT_ONCE, Task, until};

fn held(lock: &TRwLock<u64>, owner: Owner) -> [u32; 3] {
    let mode = |tx: &stm::ReadTransaction<'_, '_>, mode| lock.held(tx, owner, mode);
    snapshot(|tx| Ok([mode(tx, Mode::Read)?, mode(tx, Mode::Upgradable)?, mode(tx, Mode::Write)?]))
}

/// Whether nobody has it, and nobody stands in line.
fn is_free(lock: &TRwLock<u64>) -> bool {
    elsewhere(|| lock.try_write().is_some())
}

/// Who is inside: readers count up, a writer is minus one.
struct Inside(AtomicI64);

impl Inside {
    fn read(&self) {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) >= 0, "a reader beside a writer");
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn write(&self) {
        assert_eq!(self.0.swap(-1, Ordering::SeqCst), 0, "a writer is not alone");
        self.0.store(0, Ordering::SeqCst);
    }
}

#[test]
fn a_writer_is_alone_and_readers_are_not() {
    let _watchdog = watchdog();
    let (lock, inside, written) = (TRwLock::new(0_u64), Inside(AtomicI64::new(0)), AtomicU64::new(0));
    race(threads(), |me| {
        let mut random = Random::new(me as u64);
        let mut write = |mut guard: stm::sync::WriteGuard<u64>| {
            inside.write();
            guard.update(|n| *n += 1);
            written.fetch_add(1, Ordering::SeqCst);
        };
        for _ in 0..scaled(1_000) {
            match random.below(9) {
                0 => write(lock.write()),
                1 => lock.try_write().into_iter().for_each(&mut write),
                2 => lock.write_timeout(AT_ONCE).into_iter().for_each(&mut write),
                3 => write(pollster::block_on(lock.write_async(Owner::new()))),
                4 => {
                    let guard = lock.upgradable_read();
                    inside.read();
                    guard.upgrade().into_iter().for_each(&mut write);
                }
                5 => {
                    // Two readers can come to this at once: one of them has to give in.
                    let guard = lock.read();
                    inside.read();
                    guard.upgrade().into_iter().for_each(&mut write);
                }
                6 => pollster::block_on(async {
                    drop(lock.read_async(Owner::new()).await);
                }),
                7 => {
                    lock.read_timeout(AT_ONCE).into_iter().for_each(|_guard| inside.read());
                }
                _ => {
                    let outer = lock.read();
                    let inner = lock.read();
                    assert_eq!(*outer, *inner);
                    inside.read();
                }
            }
        }
    });
    assert_eq!(*lock.read(), written.load(Ordering::SeqCst));
    assert!(is_free(&lock));
}

/// Readers who hold on until they have the next guard never let a writer in, unless they have to queue behind it.
#[test]
fn a_writer_is_overtaken_by_nobody_who_comes_later() {
    let _watchdog = watchdog();
    const READERS: u64 = 3;
    const ENOUGH: u64 = 1_000;
    let (lock, done, granted) = (TRwLock::new(0_u64), AtomicBool::new(false), AtomicU64::new(0));
    let most = thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 0..READERS {
            scope.spawn(|| {
                // A new owner each time: the old one would not have to queue.
                let mut held = None;
                while !done.load(Ordering::SeqCst) {
                    if granted.load(Ordering::SeqCst) > ENOUGH {
                        // The test has failed; let it find out.
                        drop(held.take());
                        thread::yield_now();
                        continue;
                    }
                    let mut next = Task::new(lock.read_async(Owner::new()));
                    let guard = next.advance();
                    if guard.is_none() {
                        drop(held.take());
                    }
                    held = Some(guard.unwrap_or_else(|| pollster::block_on(next.future)));
                    granted.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        (0..scaled(200))
            .map(|_| {
                granted.store(0, Ordering::SeqCst);
                until(|| granted.load(Ordering::SeqCst) > 5);
                let mut writing = Task::new(lock.write_async(Owner::new()));
                let guard = writing.advance();
                let before = granted.load(Ordering::SeqCst);
                let _guard = guard.unwrap_or_else(|| pollster::block_on(writing.future));
                granted.load(Ordering::SeqCst) - before
            })
            .max()
    });
    // Those who were in line before, and those who had their guard and had not counted it.
    assert!(most <= Some(2 * READERS), "{most:?} readers got in meanwhile");
    assert!(is_free(&lock));
}

#[test]
fn guards_are_given_out_in_order() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(0_u64);
    let first = lock.read();
    let mut writer = Task::begin(lock.write_async(Owner::new()));
    let mut readers: Vec<_> = (0..3).map(|_| Task::begin(lock.read_async(Owner::new()))).collect();
    let mut last = Task::begin(lock.write_async(Owner::new()));
    assert!(elsewhere(|| lock.try_read().is_none()), "a writer is in line");
    assert!(lock.try_read().is_some(), "its owner reads already");
    drop(first);
    let mut guard = writer.advance().expect("the reader has left");
    guard.set(1);
    assert!(readers.iter_mut().all(|reader| reader.advance().is_none()));
    drop(guard);
    let guards: Vec<_> = readers.iter_mut().map(|reader| reader.advance().expect("all of them read")).collect();
    assert!(guards.iter().all(|guard| **guard == 1));
    assert!(last.advance().is_none());
    drop(guards);
    drop(last.finish());
    assert!(is_free(&lock));
}

#[test]
fn a_lock_is_had_again_by_its_owner() {
    let _watchdog = watchdog();
    let (lock, me) = (TRwLock::new(0_u64), Owner::thread());
    let mut writing = lock.write();
    writing.set(1);
    {
        let (reading, upgradable) = (lock.read(), lock.upgradable_read());
        let mut again = lock.try_write().expect("it is this thread's");
        assert_eq!((*reading, *upgradable, *again), (1, 1, 1));
        again.set(2);
        assert_eq!(held(&lock, me), [1, 1, 2]);
        assert!(elsewhere(|| lock.try_read().is_none()));
    }
    assert_eq!(held(&lock, me), [0, 0, 1]);
    // What is set by another guard of the same owner is not lost.
    assert_eq!(writing.update(|n| std::mem::replace(n, 3)), 2);
    let reading = writing.downgrade();
    assert_eq!((*reading, held(&lock, me)), (3, [1, 0, 0]));
    assert!(elsewhere(|| lock.try_read().is_some() && lock.try_write().is_none()));
    let mut outer = lock.upgradable_read();
    lock.write().set(4);
    outer.refresh();
    assert_eq!((*reading, *outer, held(&lock, me)), (3, 4, [1, 1, 0]));
    let outer = outer.upgrade().expect("nobody else reads").downgrade_to_upgradable();
    drop(reading);
    let last = outer.downgrade();
    assert_eq!((*last, held(&lock, me)), (4, [1, 0, 0]));
    drop(last);
    assert!(is_free(&lock));
}

#[test]
fn the_second_who_upgrades_is_told() {
    let _watchdog = watchdog();
    let (lock, other) = (TRwLock::new(0_u64), Owner::new());
    let reading = lock.read();
    let theirs = pollster::block_on(lock.upgradable_read_async(other));
    let mut upgrading = Task::begin(theirs.upgrade_async());
    // It goes before all who come anew, and not before those who are there.
    assert!(elsewhere(|| lock.try_read().is_none()));
    assert!(lock.try_read().is_some());
    let error = reading.upgrade().expect_err("each would wait for the other");
    assert_eq!(error.reason(), LockError::Deadlock);
    assert!(error.to_string().contains("deadlock"), "{error}");
    let reading = error.into_guard();
    assert_eq!(lock.write_timeout(AT_ONCE).expect_err("as before"), LockError::Deadlock);
    assert_eq!(lock.upgradable_read_timeout(AT_ONCE).expect_err("as before"), LockError::Deadlock);
    assert!(expect_panic(|| lock.write()).message.contains("deadlock"));
    assert!(lock.try_write().is_none());
    assert!(upgrading.advance().is_none());
    drop(reading);
    let mut writing = upgrading.finish().expect("nobody else reads");
    writing.set(1);
    assert_eq!(held(&lock, other), [0, 0, 1]);
    drop(writing);
    assert!(is_free(&lock));
}

#[test]
fn an_upgrade_goes_before_those_in_line() {
    let _watchdog = watchdog();
    let lock = TRwLock::new(0_u64);
    let theirs = pollster::block_on(lock.read_async(Owner::new()));
    let mine = pollster::block_on(lock.upgradable_read_async(Owner::new()));
    let mut writer = Task::begin(lock.write_async(Owner::new()));
    let mut upgrading = Task::begin(mine.upgrade_async());
    let mut reader = Task::begin(lock.read_async(Owner::new()));
    drop(theirs);
    assert!(writer.advance().is_none());
    let mut writing = upgrading.advance().expect("it was first").expect("and the only one");
    writing.set(1);
    assert!(writer.advance().is_none() && reader.advance().is_none());
    drop(writing);
    assert_eq!(*writer.advance().expect("it is next"), 1);
    drop(reader.finish());
    assert!(is_free(&lock));
}

#[test]
fn transactions_wait_for_guards() {
    let _watchdog = watchdog();
    let (lock, me) = (TRwLock::new(1_u64), Owner::new());
    let get = |tx: &stm::ReadTransaction<'_, '_>| -> StmResult<u64> { Ok(*lock.get(tx)?) };
    let reading = lock.read();
    assert_eq!(snapshot(get), 1);
    let mut setting = Task::begin(stm::atomically_async(|tx| lock.set(tx, 2)));
    assert!(atomically(|tx| lock.try_lock(tx, me, Mode::Read)));
    drop(reading);
    assert!(setting.advance().is_none(), "another owner reads");
    atomically(|tx| lock.unlock(tx, me, Mode::Read));
    setting.finish();
    let mut writing = lock.write();
    let mut getting = Task::begin(stm::atomically_async(|tx| get(tx)));
    writing.set(3);
    assert!(getting.advance().is_none());
    assert_eq!(snapshot(|tx| Ok(*lock.get_as(tx, Owner::thread())?)), 3);
    drop(writing);
    assert_eq!(getting.finish(), 3);
    let guard = lock.read();
    let queued = Task::begin(lock.write_async(Owner::new()));
    // They respect who stands in line.
    assert!(!atomically(|tx| lock.try_lock(tx, me, Mode::Read)));
    drop(queued);
    drop(guard);
    assert!(atomically(|tx| lock.try_lock(tx, me, Mode::Read)));
    let panic = expect_panic(|| atomically(|tx| lock.unlock(tx, me, Mode::Write)));
    assert!(panic.message.contains("does not hold the lock in mode Write"), "{}", panic.message);
    assert_eq!(held(&lock, me), [1, 0, 0]);
}

/// What is taken in one transaction is taken at once, whatever the order.
#[test]
fn two_locks_are_locked_together() {
    let _watchdog = watchdog();
    let (locks, inside) = ([TRwLock::new(0_u64), TRwLock::new(0)], [TVar::new(0_u64), TVar::new(0)]);
    race(threads(), |me| {
        let owner = Owner::new();
        for round in 0..scaled(300) {
            let order = if (me + round) % 2 == 0 { [0, 1] } else { [1, 0] };
            atomically(|tx| order.into_iter().try_for_each(|index| locks[index].lock(tx, owner, Mode::Write)));
            for variable in &inside {
                assert_eq!(variable.swap(1), 0);
            }
            for variable in &inside {
                assert_eq!(variable.swap(0), 1);
            }
            atomically(|tx| order.into_iter().try_for_each(|index| locks[index].unlock(tx, owner, Mode::Write)));
        }
    });
    assert!(locks.iter().all(is_free));
}
