//! How the one-shot functions come to hold a lock.

use super::hold::Hold;
use super::holds::Count;
use super::line::Spot;
use super::lock_error::LockError;
use super::mode::Mode;
use super::owner::Owner;
use super::rwlock::TRwLock;
use crate::config::Options;
use crate::context;
use crate::error::StmResult;
use crate::run::{atomically, options};
use crate::task::atomically_async;
use crate::tcell::TCell;
use crate::tx::Transaction;

/// What a first look came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// The lock is held.
    Held,
    /// There is no way without waiting.
    Busy,
    /// The owner, who holds the lock already, has claimed it in the stronger mode.
    Claimed,
    /// The owner holds the lock already, and others who are in the way wait for it to leave.
    Deadlock,
}

/// Nothing, a claim, or a hold, as a word.
const NOTHING: u64 = 0;
const CLAIM: u64 = 1;
const HELD: u64 = 2;

/// A request on its way to become a [`Hold`]. Dropped before, it gives up what it has got.
///
/// The transactions note that here: a panic that comes after a commit (old values are dropped there, somebody's
/// destructor may fail) must not lose it.
struct Request<T: Send + Sync + 'static> {
    /// None once what it has got is somebody else's.
    lock: Option<TRwLock<T>>,
    owner: Owner,
    mode: Mode,
    /// What it has got.
    got: TCell<u64>,
    spot: Option<Spot>,
}

impl<T: Send + Sync + 'static> Request<T> {
    #[inline]
    fn new(lock: TRwLock<T>, owner: Owner, mode: Mode) -> Self {
        Self { lock: Some(lock), owner, mode, got: TCell::new(NOTHING), spot: None }
    }

    fn lock(&self) -> &TRwLock<T> {
        self.lock.as_ref().expect("it is not over")
    }

    /// Takes the lock if that is possible without waiting. If it is not, an owner that has it already may claim it.
    fn first<'tx>(&'tx self, tx: &Transaction<'tx, '_>, may_claim: bool) -> StmResult<First> {
        if self.lock().try_lock(tx, self.owner, self.mode)? {
            self.got.write(tx, HELD)?;
            return Ok(First::Held);
        }
        let (holds, survey) = self.lock().survey(tx, self.owner)?;
        if !may_claim || !survey.has() {
            return Ok(First::Busy);
        }
        if holds.is_deadlock(tx, self.owner, self.mode)? {
            return Ok(First::Deadlock);
        }
        holds.add(tx, &survey, Count::claimed(self.mode))?;
        self.got.write(tx, CLAIM)?;
        Ok(First::Claimed)
    }

    /// Waits with the claim. Gives it up, and says so, if that has become a deadlock: the owner may hold more by now, by another
    /// call.
    fn wait_with_claim<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<First> {
        let (holds, survey) = self.lock().survey(tx, self.owner)?;
        let outcome = if survey.admits(self.mode) {
            First::Held
        } else if holds.is_deadlock(tx, self.owner, self.mode)? {
            First::Deadlock
        } else {
            return tx.retry();
        };
        holds.remove(tx, self.owner, Count::claimed(self.mode))?;
        if outcome == First::Deadlock {
            self.got.write(tx, NOTHING)?;
            return Ok(outcome);
        }
        let (holds, survey) = self.lock().survey(tx, self.owner)?;
        holds.add(tx, &survey, Count::held(self.mode))?;
        self.got.write(tx, HELD)?;
        Ok(outcome)
    }

    fn prepare(&mut self) {
        self.spot = Some(Spot::new());
    }

    fn spot(&self) -> &Spot {
        self.spot.as_ref().expect("it was prepared")
    }

    fn join(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.lock().join(tx, self.spot())
    }

    /// Waits in line.
    fn wait_in_turn<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        if !self.spot().is_first(tx)? {
            return tx.retry();
        }
        let (holds, survey) = self.lock().survey(tx, self.owner)?;
        tx.check(survey.admits(self.mode))?;
        holds.add(tx, &survey, Count::held(self.mode))?;
        self.spot().serve(tx)?;
        self.got.write(tx, HELD)
    }

    #[inline]
    fn into_hold(mut self) -> Hold<T> {
        let lock = self.lock.take().expect("it is not over");
        Hold::new(lock, self.owner, self.mode)
    }
}

impl<T: Send + Sync + 'static> Drop for Request<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(lock) = &self.lock else { return };
        match self.got.load() {
            HELD => lock.holds().remove_now(self.owner, Count::held(self.mode)),
            CLAIM => lock.holds().remove_now(self.owner, Count::claimed(self.mode)),
            _ => {}
        }
    }
}

/// Takes the lock if that is possible by a single step: nobody else holds it or stands in line. What a panic leaves is given up.
#[inline]
#[track_caller]
fn alone<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Option<Hold<T>> {
    context::current()?.refuse_nesting();
    let mut taken = Taken { lock, owner, count: Count::held(mode), has: false };
    lock.holds().add_alone(owner, taken.count, &mut taken.has);
    if !taken.has {
        return None;
    }
    let hold = Hold::new(lock.clone(), owner, mode);
    taken.has = false;
    Some(hold)
}

/// A hold that a panic is to give up.
struct Taken<'l, T: Send + Sync + 'static> {
    lock: &'l TRwLock<T>,
    owner: Owner,
    count: Count,
    has: bool,
}

impl<T: Send + Sync + 'static> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.has {
            self.lock.holds().remove_now(self.owner, self.count);
        }
    }
}

/// Takes the lock if that is possible without waiting.
#[track_caller]
pub(super) fn at_once<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Option<Hold<T>> {
    if let Some(hold) = alone(lock, owner, mode) {
        return Some(hold);
    }
    let request = Request::new(lock.clone(), owner, mode);
    let first = atomically(|tx| request.first(tx, false));
    (first == First::Held).then(|| request.into_hold())
}

/// Takes the lock, and waits for it within the options.
#[track_caller]
pub(super) fn within<T: Send + Sync + 'static>(
    lock: &TRwLock<T>,
    owner: Owner,
    mode: Mode,
    options: &Options,
) -> Result<Hold<T>, LockError> {
    let request = Request::new(lock.clone(), owner, mode);
    let first = options.clone().run(|tx| request.first(tx, true)).map_err(LockError::of_run)?;
    if first == First::Held { Ok(request.into_hold()) } else { wait_within(request, first, options) }
}

/// Goes on after a first look that was not enough.
#[cold]
#[track_caller]
fn wait_within<T: Send + Sync + 'static>(
    mut request: Request<T>,
    mut first: First,
    options: &Options,
) -> Result<Hold<T>, LockError> {
    let late = LockError::of_run;
    if first == First::Busy {
        request.prepare();
        options.clone().run(|tx| request.join(tx)).map_err(late)?;
        options.clone().run(|tx| request.wait_in_turn(tx)).map_err(late)?;
    }
    if first == First::Claimed {
        first = options.clone().run(|tx| request.wait_with_claim(tx)).map_err(late)?;
    }
    if first == First::Deadlock { Err(LockError::Deadlock) } else { Ok(request.into_hold()) }
}

/// Takes the lock, and waits for it for ever.
#[inline]
#[track_caller]
pub(super) fn blocking<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Hold<T> {
    alone(lock, owner, mode).unwrap_or_else(|| blocking_beside(lock, owner, mode))
}

/// Takes the lock where others hold it or stand in line.
#[cold]
#[track_caller]
fn blocking_beside<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Hold<T> {
    let request = Request::new(lock.clone(), owner, mode);
    let first = atomically(|tx| request.first(tx, true));
    if first == First::Held {
        return request.into_hold();
    }
    wait_within(request, first, &options()).unwrap_or_else(|_| deadlock())
}

/// Takes the lock, and waits for it without a thread.
pub(super) async fn waiting<T: Send + Sync + 'static>(
    lock: TRwLock<T>,
    owner: Owner,
    mode: Mode,
) -> Result<Hold<T>, LockError> {
    if let Some(hold) = alone(&lock, owner, mode) {
        return Ok(hold);
    }
    let mut request = Request::new(lock, owner, mode);
    let mut first = atomically_async(|tx| request.first(tx, true)).await;
    if first == First::Busy {
        request.prepare();
        atomically_async(|tx| request.join(tx)).await;
        atomically_async(|tx| request.wait_in_turn(tx)).await;
    }
    if first == First::Claimed {
        first = atomically_async(|tx| request.wait_with_claim(tx)).await;
    }
    if first == First::Deadlock { Err(LockError::Deadlock) } else { Ok(request.into_hold()) }
}

/// Where an error can not be returned.
#[cold]
#[track_caller]
pub(super) fn deadlock() -> ! {
    panic!("{}", LockError::Deadlock)
}
