//! Which waits for a lock are deadlocks: those of owners who hold it, and of whom each waits for the other to leave.

use std::collections::VecDeque;
use std::pin::Pin;

use common::{elsewhere, watchdog};
use stm::atomically;
use stm::sync::{LockError, Mode, Owner, TRwLock};

use super::{AT_ONCE, Task};

const MODES: [Mode; 3] = [Mode::Read, Mode::Upgradable, Mode::Write];

/// Who waits, for one mode, with whatever guard comes of it.
type Waiting = Pin<Box<dyn Future<Output = Box<dyn Send>> + Send>>;

fn request(lock: &TRwLock<u64>, owner: Owner, mode: Mode) -> Waiting {
    let lock = lock.clone();
    Box::pin(async move {
        let guard: Box<dyn Send> = match mode {
            Mode::Read => Box::new(lock.read_async(owner).await),
            Mode::Upgradable => Box::new(lock.upgradable_read_async(owner).await),
            Mode::Write => Box::new(lock.write_async(owner).await),
        };
        guard
    })
}

/// What one owner holds, and what it waits for beside that.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Party {
    holds: Option<Mode>,
    wants: Option<Mode>,
}

/// Whether one who holds `held` is in the way of one who wants `wanted`.
fn excludes(held: Mode, wanted: Mode) -> bool {
    match wanted {
        Mode::Read => held == Mode::Write,
        Mode::Upgradable => held != Mode::Read,
        Mode::Write => true,
    }
}

/// Whether what the parties hold can be held at one time.
fn is_possible(parties: &[Party]) -> bool {
    let pair = |one: usize, other: usize| match (parties[one].holds, parties[other].holds) {
        (Some(one), Some(other)) => !excludes(one, other) && !excludes(other, one),
        _ => true,
    };
    (0..parties.len()).all(|one| (0..one).all(|other| pair(one, other)))
}

/// Whether the party is in a circle of parties of whom each waits for the next to leave: by walking along all ways.
fn is_in_a_circle(parties: &[Party], which: usize) -> bool {
    let mut ahead = VecDeque::from([which]);
    let mut seen = vec![false; parties.len()];
    while let Some(one) = ahead.pop_front() {
        let Some(wanted) = parties[one].wants else { continue };
        for (other, party) in parties.iter().enumerate() {
            if other == one || !party.holds.is_some_and(|held| excludes(held, wanted)) {
                continue;
            }
            if other == which {
                return true;
            }
            if !std::mem::replace(&mut seen[other], true) {
                ahead.push_back(other);
            }
        }
    }
    false
}

fn is_deadlock(lock: &TRwLock<u64>, owner: Owner, mode: Mode) -> bool {
    let reading = pollster::block_on(lock.read_async(owner));
    let outcome = match mode {
        Mode::Write => reading.upgrade_timeout(AT_ONCE).map(drop).map_err(|error| error.reason()),
        _ => unreachable!("there is no such upgrade"),
    };
    outcome == Err(LockError::Deadlock)
}

/// All that two or three parties can hold and want, the last of whom asks: it is told that it is a deadlock if, and only if, there
/// is a circle.
#[test]
fn a_deadlock_is_a_circle_and_nothing_else() {
    let _watchdog = watchdog();
    let some = || [None, Some(Mode::Read), Some(Mode::Upgradable), Some(Mode::Write)].into_iter();
    let party = || some().flat_map(move |holds| some().map(move |wants| Party { holds, wants }));
    let (mut circles, mut others) = (0, 0);
    for mine in some().flatten() {
        for (one, other) in party().flat_map(|one| party().map(move |other| (one, other))) {
            let mut parties = [one, other, Party { holds: Some(mine), wants: None }];
            if !is_possible(&parties) || parties[..2].iter().any(|party| party.wants.is_some() && party.holds.is_none())
            {
                continue;
            }
            let (lock, owners) = (TRwLock::new(0_u64), [Owner::new(), Owner::new(), Owner::new()]);
            for (party, owner) in parties.iter().zip(owners) {
                if let Some(mode) = party.holds {
                    atomically(|tx| lock.lock(tx, owner, mode));
                }
            }
            // Those who come to wait, one after the other; who would not, or may not, does not take part.
            let mut waiting = Vec::new();
            for which in 0..2 {
                let Some(mode) = parties[which].wants else { continue };
                let before = parties;
                let blocked =
                    |other: usize| other != which && before[other].holds.is_some_and(|held| excludes(held, mode));
                let so_far = |other: usize| if other > which { None } else { before[other].wants };
                let now: Vec<_> = (0..3).map(|n| Party { holds: before[n].holds, wants: so_far(n) }).collect();
                if !(0..3).any(blocked) || is_in_a_circle(&now, which) {
                    parties[which].wants = None;
                } else {
                    waiting.push((which, Task::begin(request(&lock, owners[which], mode))));
                }
            }
            parties[2].wants = Some(Mode::Write);
            let expected = is_in_a_circle(&parties, 2);
            assert_eq!(is_deadlock(&lock, owners[2], Mode::Write), expected, "{parties:?}");
            *(if expected { &mut circles } else { &mut others }) += 1;
            // Who has not been told goes on once the others have left.
            for (party, owner) in parties.iter().zip(owners).rev() {
                if let Some(mode) = party.holds
                    && party.wants.is_none() | (owner == owners[2])
                {
                    atomically(|tx| lock.unlock(tx, owner, mode));
                }
            }
            while let Some(place) = (0..waiting.len()).find(|place| {
                let (_, task): &mut (usize, Task<Waiting>) = &mut waiting[*place];
                task.advance().is_some()
            }) {
                let (which, _) = waiting.swap_remove(place);
                let holds = parties[which].holds.expect("it holds something");
                atomically(|tx| lock.unlock(tx, owners[which], holds));
            }
            assert!(waiting.is_empty(), "somebody waits for ever: {parties:?}");
            assert!(elsewhere(|| lock.try_write().is_some()));
        }
    }
    assert!(circles > 20 && others > 20, "{circles} circles, {others} others");
}

/// The same of an owner who asks for the upgradable hold.
#[test]
fn who_waits_for_the_upgradable_hold_waits_for_one_other() {
    let _watchdog = watchdog();
    let (lock, owners) = (TRwLock::new(0_u64), [Owner::new(), Owner::new(), Owner::new()]);
    let [holder, second, third] = owners;
    atomically(|tx| {
        lock.lock(tx, holder, Mode::Upgradable)?;
        lock.lock(tx, second, Mode::Read)?;
        lock.lock(tx, third, Mode::Read)
    });
    let mut upgradable = Task::begin(lock.upgradable_read_async(second));
    // The holder waits for nobody: so it is no deadlock that another one waits to write, nor that a third waits as the second does.
    let mut writing = Task::begin(lock.write_async(third));
    let another = Task::begin(lock.upgradable_read_async(second));
    drop(another);
    // But the holder itself can not go to write: the second would wait for it.
    let guard = pollster::block_on(lock.read_async(holder));
    assert_eq!(guard.upgrade_timeout(AT_ONCE).expect_err("a circle").reason(), LockError::Deadlock);
    atomically(|tx| lock.unlock(tx, holder, Mode::Upgradable));
    let guard = upgradable.advance().expect("the holder has left");
    let refused = guard.upgrade_timeout(AT_ONCE).expect_err("the third waits for it, and holds on");
    assert_eq!(refused.reason(), LockError::Deadlock);
    drop(refused.into_guard());
    assert!(writing.advance().is_none());
    atomically(|tx| lock.unlock(tx, second, Mode::Read));
    drop(writing.advance().expect("all others have left"));
    atomically(|tx| lock.unlock(tx, third, Mode::Read));
    assert!(lock.try_write().is_some());
}

/// An owner with two calls at one time may close a circle without asking: who waits is told then.
#[test]
fn a_circle_that_comes_later_is_found() {
    let _watchdog = watchdog();
    let (lock, owners) = (TRwLock::new(0_u64), [Owner::new(), Owner::new(), Owner::new()]);
    let [holder, second, third] = owners;
    let reading = pollster::block_on(lock.read_async(third));
    let theirs = pollster::block_on(lock.read_async(second));
    atomically(|tx| lock.lock(tx, holder, Mode::Upgradable));
    let mut upgrading = Task::begin(reading.upgrade_async());
    let mut upgradable = Task::begin(lock.upgradable_read_async(second));
    // The third, which waits to write, has the upgradable hold before the second gets it.
    atomically(|tx| {
        lock.unlock(tx, holder, Mode::Upgradable)?;
        lock.lock(tx, third, Mode::Upgradable)
    });
    let refused = upgrading.advance().expect("it is told").expect_err("each would wait for the other");
    assert_eq!(refused.reason(), LockError::Deadlock);
    drop(refused.into_guard());
    atomically(|tx| lock.unlock(tx, third, Mode::Upgradable));
    drop(upgradable.advance().expect("it goes on"));
    drop(theirs);
    assert!(lock.try_write().is_some());
}

/// The hold of one who waits may be let go by others who have its guard. Then it is nobody's deadlock that it waits.
#[test]
fn who_waits_and_holds_nothing_any_more_is_in_nobody_s_way() {
    let _watchdog = watchdog();
    let (lock, me, you) = (TRwLock::new(0_u64), Owner::new(), Owner::new());
    let (mine, yours) = (pollster::block_on(lock.read_async(me)), pollster::block_on(lock.read_async(you)));
    let third = pollster::block_on(lock.read_async(Owner::new()));
    let mut writing = Task::begin(lock.write_async(me));
    drop(mine);
    let refused = yours.upgrade_timeout(AT_ONCE).expect_err("the third reads");
    assert_eq!(refused.reason(), LockError::TimedOut, "the third alone is in the way");
    let yours = refused.into_guard();
    drop(third);
    let mut upgraded = yours.upgrade_timeout(AT_ONCE).expect("nobody else holds it");
    upgraded.set(1);
    assert!(writing.advance().is_none());
    assert!(MODES.iter().all(|mode| !atomically(|tx| lock.try_lock(tx, Owner::new(), *mode))));
    drop(upgraded);
    assert_eq!(*writing.finish(), 1);
    assert!(lock.try_write().is_some());
}

/// Who waits for the upgradable hold is overtaken by nobody who comes for the same, and does not keep readers out.
#[test]
fn readers_come_in_beside_who_waits_for_the_upgradable_hold() {
    let _watchdog = watchdog();
    let (lock, me, new) = (TRwLock::new(0_u64), Owner::new(), Owner::new());
    let theirs = pollster::block_on(lock.upgradable_read_async(Owner::new()));
    let _mine = pollster::block_on(lock.read_async(me));
    let mut waiting = Task::begin(lock.upgradable_read_async(me));
    assert!(atomically(|tx| lock.try_lock(tx, new, Mode::Read)));
    atomically(|tx| lock.unlock(tx, new, Mode::Read));
    drop(theirs);
    assert!(!atomically(|tx| lock.try_lock(tx, new, Mode::Upgradable)));
    drop(waiting.advance().expect("it is its turn"));
    assert!(atomically(|tx| lock.try_lock(tx, new, Mode::Upgradable)));
}
