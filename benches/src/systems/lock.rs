//! Locks.

use std::sync::PoisonError;

/// A value behind a lock.
pub trait Lock<T>: Send + Sync {
    fn new(value: T) -> Self;

    /// Calls `look` while nobody changes the value.
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R;

    /// Calls `change` while nobody else sees the value.
    fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R;
}

/// A kind of lock.
pub trait LockKind: Send + Sync + 'static {
    type Of<T: Send + Sync + 'static>: Lock<T> + 'static;
}

pub struct StdMutex;
pub struct PlMutex;
pub struct StdRwLock;
pub struct PlRwLock;

impl LockKind for StdMutex {
    type Of<T: Send + Sync + 'static> = std::sync::Mutex<T>;
}

impl LockKind for PlMutex {
    type Of<T: Send + Sync + 'static> = parking_lot::Mutex<T>;
}

impl LockKind for StdRwLock {
    type Of<T: Send + Sync + 'static> = std::sync::RwLock<T>;
}

impl LockKind for PlRwLock {
    type Of<T: Send + Sync + 'static> = parking_lot::RwLock<T>;
}

impl<T: Send> Lock<T> for std::sync::Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[inline]
    fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send> Lock<T> for parking_lot::Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    #[inline]
    fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.lock())
    }
}

impl<T: Send + Sync> Lock<T> for std::sync::RwLock<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[inline]
    fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send + Sync> Lock<T> for parking_lot::RwLock<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.read())
    }

    #[inline]
    fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.write())
    }
}

/// Calls `change` with both values of different locks, of which everybody locks the lower one first.
#[inline]
pub fn with_both<T, L: Lock<T>, R>(
    locks: &[L],
    first: usize,
    second: usize,
    change: impl FnOnce(&mut T, &mut T) -> R,
) -> R {
    locks[first.min(second)].with_mut(|lower| {
        locks[first.max(second)].with_mut(|upper| match first < second {
            true => change(lower, upper),
            false => change(upper, lower),
        })
    })
}
