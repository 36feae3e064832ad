//! A lock that is held: what all guards consist of.

use super::holds::Count;
use super::mode::Mode;
use super::owner::Owner;
use super::rwlock::TRwLock;
use crate::shared::Shared;

/// The lock is held until this is dropped. Dropping it is one atomic step, possible anywhere.
pub(super) struct Hold<T: Send + Sync + 'static> {
    lock: TRwLock<T>,
    owner: Owner,
    mode: Mode,
    /// What the lock protected when this was made or brought up to date.
    value: Shared<T>,
}

impl<T: Send + Sync + 'static> Hold<T> {
    /// The lock is held by this owner in this mode already.
    pub(super) fn new(lock: TRwLock<T>, owner: Owner, mode: Mode) -> Self {
        let value = lock.current();
        Self { lock, owner, mode, value }
    }

    pub(super) fn lock(&self) -> &TRwLock<T> {
        &self.lock
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    pub(super) fn value(&self) -> &T {
        &self.value
    }

    pub(super) fn refresh(&mut self) {
        self.value = self.lock.current();
    }

    pub(super) fn set(&mut self, value: Shared<T>) {
        self.lock.replace(value.clone());
        self.value = value;
    }

    /// Holds it in another mode, which is weaker, from now on.
    pub(super) fn weaken(&mut self, mode: Mode) {
        let stronger = std::mem::replace(&mut self.mode, mode);
        self.lock.holds().exchange_now(self.owner, Count::held(stronger), Count::held(mode));
    }
}

impl<T: Send + Sync + 'static> Drop for Hold<T> {
    fn drop(&mut self) {
        self.lock.holds().remove_now(self.owner, Count::held(self.mode));
    }
}
