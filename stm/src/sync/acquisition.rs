//! How the one-shot functions come to have permits.

use std::mem;

use super::line::Spot;
use super::permit::Permit;
use super::semaphore::TSemaphore;
use crate::context;
use crate::error::StmResult;
use crate::tcell::TCell;
use crate::tx::Transaction;

/// A request on its way to become a [`Permit`]. Dropped before, it gives up what it has got.
///
/// The transaction that takes the permits notes that here: a panic that comes after its commit (old values are dropped
/// there, somebody's destructor may fail) must not lose them.
pub(super) struct Acquisition {
    semaphore: TSemaphore,
    n: u64,
    taken: TCell<bool>,
    spot: Option<Spot>,
}

impl Acquisition {
    pub(super) fn new(semaphore: &TSemaphore, n: u64) -> Self {
        Self { semaphore: semaphore.clone(), n, taken: TCell::new(false), spot: None }
    }

    /// Takes the permits if that is possible without waiting.
    pub(super) fn attempt<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<bool> {
        let taken = self.semaphore.try_acquire(tx, self.n)?;
        if taken {
            self.taken.write(tx, true)?;
        }
        Ok(taken)
    }

    /// Gets something to stand in line with.
    pub(super) fn prepare(&mut self) {
        self.spot = Some(Spot::new());
    }

    fn spot(&self) -> &Spot {
        self.spot.as_ref().expect("it was prepared")
    }

    pub(super) fn join(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.semaphore.join(tx, self.spot())
    }

    /// Waits in line for the permits.
    pub(super) fn wait<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.semaphore.take_in_turn(tx, self.spot(), self.n)?;
        self.taken.write(tx, true)
    }

    pub(super) fn into_permit(mut self) -> Permit {
        Permit::new(self.semaphore.clone(), mem::take(&mut self.n))
    }
}

/// Takes permits by a single step, if nobody is in the way or in line. What a panic leaves is given back.
#[inline]
#[track_caller]
pub(super) fn alone(semaphore: &TSemaphore, n: u64) -> Option<Permit> {
    context::current()?.refuse_nesting();
    let mut taken = Taken { semaphore, n, has: false };
    semaphore.take_now(n, &mut taken.has);
    mem::take(&mut taken.has).then(|| Permit::new(semaphore.clone(), n))
}

/// Permits that a panic is to give back.
struct Taken<'s> {
    semaphore: &'s TSemaphore,
    n: u64,
    has: bool,
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has {
            self.semaphore.give_back(self.n);
        }
    }
}

impl Drop for Acquisition {
    fn drop(&mut self) {
        if self.taken.load() {
            self.semaphore.give_back(self.n);
        }
    }
}
