//! The changes of one variable, one after the other.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::task::{Context, Poll};

use crate::cell::RawCell;
use crate::direct;
use crate::tcell::TCell;
use crate::var::TVar;
use crate::wait::{Batons, Registration};
use crate::waited::Site;
use crate::waited::Who;
use crate::word::Word;

/// The values that a variable gets. Made by [`TVar::changes`] and [`TCell::changes`].
///
/// Each call of [`next`](Self::next) waits for a commit that wrote the variable after the value that was returned last, or
/// after this was made, and returns what it holds then. Every write counts, of an equal value too. Values that are replaced
/// before anybody asks for them are passed over; the latest never is.
///
/// It has no end, and keeps a handle to its variable. With the feature `stream` it is a `futures_core::Stream`.
#[must_use = "changes are seen by whoever waits for them"]
pub struct Changes<'v, T: 'static> {
    variable: Variable<'v, T>,
    /// The word of the variable when it was looked at last.
    seen: Word,
    waiting: Option<Registration>,
    /// Where this was made, for people.
    site: Site,
}

enum Variable<'v, T: 'static> {
    Handle(TVar<T>),
    Cell(&'v TCell<T>),
}

impl<T: Send + Sync + 'static> Variable<'_, T> {
    fn cell(&self) -> &RawCell {
        match self {
            Self::Handle(variable) => variable.cell(),
            Self::Cell(cell) => cell.cell(),
        }
    }
}

impl<'v, T: Send + Sync + 'static> Changes<'v, T> {
    #[track_caller]
    fn new(variable: Variable<'v, T>) -> Self {
        let seen = direct::version(variable.cell());
        Self { variable, seen, waiting: None, site: Location::caller() }
    }

    /// Waits for the next change, and returns the value after it.
    ///
    /// Dropping the future is harmless: it misses nothing, and leaves no trace of the wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::TVar;
    ///
    /// # fn main() { pollster::block_on(async {
    /// let level = TVar::new(1);
    /// let mut changes = level.changes();
    /// level.store(2);
    /// level.store(3);
    /// assert_eq!(changes.next().await, 3);
    /// # }) }
    /// ```
    pub async fn next(&mut self) -> T
    where
        T: Clone,
    {
        /// Takes the waiter back when the future is dropped.
        struct Asking<'c, 'v, T: 'static>(&'c mut Changes<'v, T>);

        impl<T: 'static> Drop for Asking<'_, '_, T> {
            fn drop(&mut self) {
                self.0.waiting = None;
            }
        }

        let asking = Asking(self);
        poll_fn(|cx| asking.0.poll_change(cx)).await
    }

    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<T>
    where
        T: Clone,
    {
        if let Some(registration) = &self.waiting
            && !registration.entrust(cx.waker())
        {
            return Poll::Pending;
        }
        self.waiting = None;
        loop {
            // SAFETY: the variable is kept alive, and holds a `T`.
            let (word, value) = unsafe { direct::load_newer::<T>(self.variable.cell(), self.seen) };
            if let Some(value) = value {
                self.seen = word;
                return Poll::Ready(value);
            }
            let mut awaited = vec![(&raw const *self.variable.cell(), self.seen)];
            let who = Who { name: Some("changes"), site: self.site };
            // SAFETY: the variable is kept alive.
            let armed = unsafe { Registration::arm(None, who, &mut awaited, None, &mut Batons::new()) };
            if let Some(registration) = armed
                && !registration.entrust(cx.waker())
            {
                self.waiting = Some(registration);
                return Poll::Pending;
            }
        }
    }
}

/// Nothing in it is pinned.
impl<T> Unpin for Changes<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for Changes<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Changes");
        match &self.variable {
            Variable::Handle(variable) => shown.field("of", variable),
            Variable::Cell(cell) => shown.field("of", cell),
        };
        shown.finish_non_exhaustive()
    }
}

#[cfg(feature = "stream")]
impl<T: Clone + Send + Sync + 'static> futures_core::Stream for Changes<'_, T> {
    type Item = T;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().poll_change(cx).map(Some)
    }
}

impl<T: Send + Sync + 'static> TVar<T> {
    /// The values that the variable gets from now on, one after the other: see [`Changes`].
    ///
    /// The value it has now is not among them. To miss nothing, [`load`](Self::load) that afterwards: it may then be seen twice.
    #[track_caller]
    pub fn changes(&self) -> Changes<'static, T> {
        Changes::new(Variable::Handle(self.clone()))
    }

    /// Waits until the committed value meets the condition, and returns it. The future has a handle of its own.
    ///
    /// # Panics
    ///
    /// As [`atomically_async`](crate::atomically_async).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let level = stm::TVar::new(0);
    /// let reached = level.wait_until_async(|level| *level >= 5);
    /// level.store(5);
    /// assert_eq!(reached.await, 5);
    /// # }) }
    /// ```
    #[track_caller]
    pub fn wait_until_async<F>(&self, mut f: F) -> impl Future<Output = T> + use<T, F>
    where
        T: Clone,
        F: FnMut(&T) -> bool,
    {
        let variable = self.clone();
        crate::task::atomically_async(move |tx| {
            let value = variable.read_ref(tx)?;
            if f(&value) { Ok((*value).clone()) } else { tx.retry() }
        })
    }
}

impl<T: Send + Sync + 'static> TCell<T> {
    /// The values that the variable gets from now on, one after the other: see [`Changes`] and [`TVar::changes`].
    #[track_caller]
    pub fn changes(&self) -> Changes<'_, T> {
        Changes::new(Variable::Cell(self))
    }

    /// Waits until the committed value meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// As [`atomically_async`](crate::atomically_async).
    #[track_caller]
    pub fn wait_until_async<'v, F>(&'v self, mut f: F) -> impl Future<Output = T> + use<'v, T, F>
    where
        T: Clone,
        F: FnMut(&T) -> bool,
    {
        crate::task::atomically_async(move |tx| {
            let value = self.read_ref(tx)?;
            if f(&value) { Ok((*value).clone()) } else { tx.retry() }
        })
    }
}
