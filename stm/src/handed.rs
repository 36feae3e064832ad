//! What is dropped when the body is over.

use std::mem;

use crate::shared::Shared;

/// Something that was handed to an operation, or that it has no use for. If it is not taken its destructor runs when the body is
/// over, like that of every value.
pub(crate) struct Handed<T: Send + Sync + 'static>(Option<T>);

impl<T: Send + Sync + 'static> Handed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn take(&mut self) -> T {
        self.0.take().expect("it is taken once")
    }

    pub(crate) fn get(&self) -> &T {
        self.0.as_ref().expect("it is looked at before it is taken")
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is changed before it is taken")
    }
}

impl<T: Send + Sync + 'static> Drop for Handed<T> {
    #[inline]
    fn drop(&mut self) {
        if mem::needs_drop::<T>()
            && let Some(value) = self.0.take()
        {
            // Retired, as nobody else has it.
            drop(Shared::new(value));
        }
    }
}

/// Drops something when the body is over.
pub(crate) fn later<T: Send + Sync + 'static>(value: Option<T>) {
    drop(value.map(Handed::new));
}
