//! `WriteGuard`: a lock held to write.

use std::fmt;
use std::ops::Deref;

use super::hold::Hold;
use super::mode::Mode;
use super::read_guard::ReadGuard;
use super::upgradable_guard::UpgradableGuard;
use crate::shared::Shared;

/// A [`TRwLock`](super::TRwLock) held to write. Dropping it releases the lock, in one atomic step that is possible
/// anywhere; inside a body it acts at once and is not undone.
#[must_use = "the lock is released when this is dropped"]
pub struct WriteGuard<T: Send + Sync + 'static> {
    hold: Hold<T>,
}

impl<T: Send + Sync + 'static> WriteGuard<T> {
    pub(super) fn new(hold: Hold<T>) -> Self {
        Self { hold }
    }

    /// Replaces the value, at once: guards that the same owner makes from now on show it, and so does this one.
    ///
    /// O(1). Conflicts with transactions that have read the value.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let mut value = lock.write();
    /// value.set(2);
    /// assert_eq!((*value, *lock.read()), (2, 2));
    /// ```
    pub fn set(&mut self, value: T) {
        self.hold.set(Shared::new(value));
    }

    /// Changes a clone of the value in place, [sets](Self::set) it, and returns what `f` returned. A panic in `f`
    /// changes nothing.
    ///
    /// Complexity and conflicts: as [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(vec![1]);
    /// lock.write().update(|items| items.push(2));
    /// assert_eq!(*lock.read(), [1, 2]);
    /// ```
    pub fn update<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R
    where
        T: Clone,
    {
        // The same owner may have set another one by a guard of its own.
        self.hold.refresh();
        let mut value = self.hold.value().clone();
        let result = f(&mut value);
        self.set(value);
        result
    }

    /// Goes on with only reading: nobody writes in between. O(1) while at most four owners hold the lock, else O(n) in their
    /// number. Conflicts with whoever locks or unlocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let mut value = lock.write();
    /// value.set(2);
    /// assert_eq!(*value.downgrade(), 2);
    /// ```
    pub fn downgrade(mut self) -> ReadGuard<T> {
        self.hold.weaken(Mode::Read);
        ReadGuard::new(self.hold)
    }

    /// Goes on with reading, and the way to write again. O(1) while at most four owners hold the lock, else O(n) in their number.
    /// Conflicts with whoever locks or unlocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.write().downgrade_to_upgradable();
    /// value.upgrade().expect("nobody else upgrades").set(2);
    /// ```
    pub fn downgrade_to_upgradable(mut self) -> UpgradableGuard<T> {
        self.hold.weaken(Mode::Upgradable);
        UpgradableGuard::new(self.hold)
    }
}

impl<T: Send + Sync + 'static> Deref for WriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.hold.value()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for WriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteGuard").field(self.hold.value()).finish()
    }
}
