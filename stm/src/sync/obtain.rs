//! How the one-shot functions come to hold a lock.

use super::hold::Hold;
use super::line::Spot;
use super::lock_error::LockError;
use super::mode::Mode;
use super::owner::Owner;
use super::rwlock::TRwLock;
use crate::config::Options;
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
    /// Another one has.
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
    lock: TRwLock<T>,
    owner: Owner,
    mode: Mode,
    /// What it has got.
    got: TCell<u64>,
    spot: Option<Spot>,
    /// What it has got is somebody else's now.
    is_over: bool,
}

impl<T: Send + Sync + 'static> Request<T> {
    fn new(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Self {
        Self { lock: lock.clone(), owner, mode, got: TCell::new(NOTHING), spot: None, is_over: false }
    }

    /// Takes the lock if that is possible without waiting. If it is not, an owner that has it already may claim it.
    fn first<'tx>(&'tx self, tx: &Transaction<'tx, '_>, may_claim: bool) -> StmResult<First> {
        if self.lock.try_lock(tx, self.owner, self.mode)? {
            self.got.write(tx, HELD)?;
            return Ok(First::Held);
        }
        let holds = self.lock.holds(tx);
        let (has, is_claimed) =
            holds.with(tx, |holds| (holds.has(self.owner), holds.is_claimed_by_another(self.owner)))?;
        match (has, is_claimed) {
            (false, _) => Ok(First::Busy),
            (true, true) => Ok(First::Deadlock),
            (true, false) if may_claim => {
                holds.update(tx, |holds| holds.claim(self.owner))?;
                self.got.write(tx, CLAIM)?;
                Ok(First::Claimed)
            }
            (true, false) => Ok(First::Busy),
        }
    }

    /// Waits with the claim.
    fn wait_with_claim<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        let holds = self.lock.holds(tx);
        tx.check(holds.with(tx, |holds| holds.admit(self.owner, self.mode))?)?;
        holds.update(tx, |holds| {
            holds.unclaim(self.owner);
            holds.add(self.owner, self.mode);
        })?;
        self.got.write(tx, HELD)
    }

    fn prepare(&mut self) {
        self.spot = Some(Spot::new());
    }

    fn spot(&self) -> &Spot {
        self.spot.as_ref().expect("it was prepared")
    }

    fn join(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.lock.join(tx, self.spot())
    }

    /// Waits in line.
    fn wait_in_turn<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        if !self.spot().is_first(tx)? {
            return tx.retry();
        }
        let holds = self.lock.holds(tx);
        tx.check(holds.with(tx, |holds| holds.admit(self.owner, self.mode))?)?;
        holds.update(tx, |holds| holds.add(self.owner, self.mode))?;
        self.spot().serve(tx)?;
        self.got.write(tx, HELD)
    }

    fn into_hold(mut self) -> Hold<T> {
        self.is_over = true;
        Hold::new(self.lock.clone(), self.owner, self.mode)
    }
}

impl<T: Send + Sync + 'static> Drop for Request<T> {
    fn drop(&mut self) {
        match self.got.load() {
            _ if self.is_over => {}
            HELD => self.lock.let_go(self.owner, self.mode),
            CLAIM => self.lock.unclaim(self.owner),
            _ => {}
        }
    }
}

/// Takes the lock if that is possible without waiting.
#[track_caller]
pub(super) fn at_once<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Option<Hold<T>> {
    let request = Request::new(lock, owner, mode);
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
    let mut request = Request::new(lock, owner, mode);
    let late = LockError::of_run;
    match options.clone().run(|tx| request.first(tx, true)).map_err(late)? {
        First::Held => {}
        First::Deadlock => return Err(LockError::Deadlock),
        First::Claimed => options.clone().run(|tx| request.wait_with_claim(tx)).map_err(late)?,
        First::Busy => {
            request.prepare();
            options.clone().run(|tx| request.join(tx)).map_err(late)?;
            options.clone().run(|tx| request.wait_in_turn(tx)).map_err(late)?;
        }
    }
    Ok(request.into_hold())
}

/// Takes the lock, and waits for it for ever.
#[track_caller]
pub(super) fn blocking<T: Send + Sync + 'static>(lock: &TRwLock<T>, owner: Owner, mode: Mode) -> Hold<T> {
    let Ok(hold) = within(lock, owner, mode, &options()) else { deadlock() };
    hold
}

/// Takes the lock, and waits for it without a thread.
pub(super) async fn waiting<T: Send + Sync + 'static>(
    lock: TRwLock<T>,
    owner: Owner,
    mode: Mode,
) -> Result<Hold<T>, LockError> {
    let mut request = Request::new(&lock, owner, mode);
    match atomically_async(|tx| request.first(tx, true)).await {
        First::Held => {}
        First::Deadlock => return Err(LockError::Deadlock),
        First::Claimed => atomically_async(|tx| request.wait_with_claim(tx)).await,
        First::Busy => {
            request.prepare();
            atomically_async(|tx| request.join(tx)).await;
            atomically_async(|tx| request.wait_in_turn(tx)).await;
        }
    }
    Ok(request.into_hold())
}

/// Where an error can not be returned.
#[cold]
#[track_caller]
pub(super) fn deadlock() -> ! {
    panic!("{}", LockError::Deadlock)
}
