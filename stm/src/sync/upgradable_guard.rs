//! `UpgradableGuard`: a lock held to read, and perhaps to write.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::hold::Hold;
use super::limit::within;
use super::mode::Mode;
use super::obtain;
use super::read_guard::ReadGuard;
use super::upgrade_error::UpgradeError;
use super::write_guard::WriteGuard;
use crate::config::Options;
use crate::run::options;

/// A [`TRwLock`](super::TRwLock) held to read, with the way to write: there is no other such guard meanwhile. Dropping
/// it releases the lock, in one atomic step that is possible anywhere; inside a body it acts at once and is not undone.
#[must_use = "the lock is released when this is dropped"]
pub struct UpgradableGuard<T: Send + Sync + 'static> {
    hold: Hold<T>,
}

impl<T: Send + Sync + 'static> UpgradableGuard<T> {
    pub(super) fn new(hold: Hold<T>) -> Self {
        Self { hold }
    }

    /// Shows the current value from now on. It is another one only if the same owner has set it since this guard was
    /// made. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let mut outer = lock.upgradable_read();
    /// lock.write().set(2); // the same owner
    /// assert_eq!(*outer, 1);
    /// outer.refresh();
    /// assert_eq!(*outer, 2);
    /// ```
    pub fn refresh(&mut self) {
        self.hold.refresh();
    }

    /// Comes to write without letting go: waits until the others who read have left, before all who stand in line.
    ///
    /// O(1) while at most four owners hold the lock. Else O(n) in their number, or O(n²) if it has to wait, for it looks whether
    /// that would be a deadlock. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns the guard with [`LockError::Deadlock`](super::LockError::Deadlock) if another owner who holds the lock waits for
    /// this one to leave: to write, or to have it upgradable if this one has it so.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.upgradable_read();
    /// let next = *value + 1; // nobody can change it in between
    /// value.upgrade().expect("nobody else upgrades").set(next);
    /// assert_eq!(*lock.read(), 2);
    /// ```
    #[track_caller]
    pub fn upgrade(self) -> Result<WriteGuard<T>, UpgradeError<Self>> {
        self.upgrade_within(&options())
    }

    /// [`upgrade`](Self::upgrade), as long as the time is not over.
    ///
    /// Complexity and conflicts: as [`upgrade`](Self::upgrade).
    ///
    /// # Errors
    ///
    /// As `upgrade`, and with [`LockError::TimedOut`](super::LockError::TimedOut) if the others have not left in that
    /// time.
    ///
    /// # Panics
    ///
    /// As `upgrade`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::sync::{LockError, Owner, TRwLock};
    ///
    /// let lock = TRwLock::new(1);
    /// let other = pollster::block_on(lock.read_async(Owner::new()));
    /// let failed = lock.upgradable_read().upgrade_timeout(Duration::from_millis(5)).unwrap_err();
    /// assert_eq!(failed.reason(), LockError::TimedOut);
    /// assert_eq!(*failed.into_guard(), 1);
    /// ```
    #[track_caller]
    pub fn upgrade_timeout(self, timeout: Duration) -> Result<WriteGuard<T>, UpgradeError<Self>> {
        self.upgrade_within(&within(timeout))
    }

    #[track_caller]
    fn upgrade_within(self, options: &Options) -> Result<WriteGuard<T>, UpgradeError<Self>> {
        match obtain::within(self.hold.lock(), self.hold.owner(), Mode::Write, options) {
            Ok(hold) => Ok(WriteGuard::new(hold)),
            Err(reason) => Err(UpgradeError::new(self, reason)),
        }
    }

    /// [`upgrade`](Self::upgrade) as a future. Dropping the future releases the lock altogether.
    ///
    /// Complexity and conflicts: as [`upgrade`](Self::upgrade).
    ///
    /// # Errors
    ///
    /// As `upgrade`.
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let lock = TRwLock::new(1);
    /// let value = lock.upgradable_read_async(Owner::new()).await;
    /// value.upgrade_async().await.unwrap().set(2);
    /// # }) }
    /// ```
    pub async fn upgrade_async(self) -> Result<WriteGuard<T>, UpgradeError<Self>> {
        match obtain::waiting(self.hold.lock().clone(), self.hold.owner(), Mode::Write).await {
            Ok(hold) => Ok(WriteGuard::new(hold)),
            Err(reason) => Err(UpgradeError::new(self, reason)),
        }
    }

    /// Goes on with only reading. O(1) while at most four owners hold the lock, else O(n) in their number. Conflicts with whoever
    /// locks or unlocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.upgradable_read().downgrade();
    /// assert_eq!(*value, 1);
    /// ```
    pub fn downgrade(mut self) -> ReadGuard<T> {
        self.hold.weaken(Mode::Read);
        ReadGuard::new(self.hold)
    }
}

impl<T: Send + Sync + 'static> Deref for UpgradableGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.hold.value()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for UpgradableGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpgradableGuard").field(self.hold.value()).finish()
    }
}
