//! `Shared`: a counted reference to something that transactions may use for as long as they run.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::count::Count;
use crate::reclaim;
use crate::tx::ReadTransaction;

/// A counted reference to a value, as `Arc` is one, that a transaction can borrow for its whole run.
///
/// The value is dropped once the last reference to it is gone *and* no transaction that could still see it runs. So
/// [`get`](Self::get) gives out a `&'tx T`, with which [`TCell`](crate::TCell)s inside of the value can be used, although the
/// reference may be dropped, or taken out of the structure it was found in, while the body goes on. That makes it the brick for
/// structures of one's own: a handle to a structure is a `Shared` of what the structure consists of, and a link between nodes is a
/// [`TLink`](crate::TLink).
///
/// The destructor of the value runs outside of bodies, on some thread that uses transactions. A long chain of nodes is dropped
/// without recursion.
///
/// # Examples
///
/// ```
/// use stm::{Shared, StmResult, TCell, Transaction, atomically};
///
/// struct Gauge { low: TCell<u64>, high: TCell<u64> }
///
/// fn record(tx: &Transaction, gauge: &Shared<Gauge>, value: u64) -> StmResult<()> {
///     let gauge = Shared::get(gauge, tx);
///     gauge.low.modify(tx, |low| low.min(value))?;
///     gauge.high.modify(tx, |high| high.max(value))
/// }
///
/// let gauge = Shared::new(Gauge { low: TCell::new(u64::MAX), high: TCell::new(0) });
/// atomically(|tx| record(tx, &gauge, 7));
/// assert_eq!((gauge.low.load(), gauge.high.load()), (7, 7));
/// ```
#[repr(transparent)]
pub struct Shared<T: 'static> {
    inner: NonNull<Inner<T>>,
    marker: PhantomData<T>,
}

#[repr(C)]
struct Inner<T> {
    count: Count,
    value: T,
}

// SAFETY: threads share the value by reference (Sync), and it is dropped on whichever thread collects it (Send).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above; a `&Shared` can be cloned into a `Shared`, so the same bounds.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Moves a value to the heap. Inside a transaction or outside of one makes no difference: nobody knows it yet.
    pub fn new(value: T) -> Self {
        let inner = Box::new(Inner { count: Count::one(), value });
        Self { inner: NonNull::from(Box::leak(inner)), marker: PhantomData }
    }
}

impl<T: 'static> Shared<T> {
    /// Borrows the value for the whole run.
    ///
    /// (An associated function, as in `Shared::get(&shared, tx)`, so as not to hide a method of the value. So are the others.)
    #[inline(always)]
    pub fn get<'tx>(this: &Self, _tx: &ReadTransaction<'tx, '_>) -> &'tx T {
        // SAFETY: `this` is a reference to the value, so it has not been retired yet; and the run is pinned, so what is retired
        // from now on is freed when the run, and with it `'tx`, is over.
        unsafe { &(*this.inner.as_ptr()).value }
    }

    /// Whether the two are references to one value.
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.inner == other.inner
    }

    /// Gives the reference away as a word.
    #[inline(always)]
    pub(crate) fn into_raw(this: Self) -> *mut () {
        mem::ManuallyDrop::new(this).inner.as_ptr().cast()
    }

    /// A new reference to what `raw` refers to.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and the reference it stands for is not dropped during this.
    #[inline]
    pub(crate) unsafe fn clone_raw(raw: NonNull<()>) -> Self {
        let borrowed = mem::ManuallyDrop::new(Self { inner: raw.cast(), marker: PhantomData });
        Self::clone(&borrowed)
    }

    /// The value behind the word.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and the reference it stands for is not dropped, or the value not freed,
    /// during `'a`.
    #[inline(always)]
    pub(crate) unsafe fn borrow_raw<'a>(raw: NonNull<()>) -> &'a T {
        // SAFETY: passed on to the caller.
        unsafe { &(*raw.cast::<Inner<T>>().as_ptr()).value }
    }

    /// Drops the reference that `raw` stands for, if it stands for one.
    ///
    /// # Safety
    ///
    /// `raw` is null or came from [`into_raw`](Self::into_raw), and is not used again.
    pub(crate) unsafe fn drop_raw(raw: *mut ()) {
        if let Some(inner) = NonNull::new(raw) {
            drop(Self { inner: inner.cast(), marker: PhantomData });
        }
    }

    /// The value again.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), is not used again, and nobody has ever had another reference.
    pub(crate) unsafe fn take_raw(raw: *mut ()) -> T {
        // SAFETY: `new` has leaked it, and by the contract this is the last to have it.
        unsafe { Box::from_raw(raw.cast::<Inner<T>>()) }.value
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: the allocation lives as long as there are references, and a while longer.
        unsafe { self.inner.as_ref() }
    }

    /// The last reference is gone; a transaction may still use the value.
    #[cold]
    #[inline(never)]
    fn retire(&mut self) {
        // SAFETY: no reference is left to reach it by, this is the only call, and the bounds of `new` let any thread drop
        // the value.
        unsafe { reclaim::retire_dropped(self.inner.as_ptr().cast(), destroy::<T>, mem::needs_drop::<T>()) };
    }
}

/// # Safety
///
/// `inner` was leaked by `Shared::<T>::new`, no reference is left, and no pinned thread can reach it.
unsafe fn destroy<T>(inner: *mut ()) {
    // SAFETY: by the contract this is the last to have it.
    drop(unsafe { Box::from_raw(inner.cast::<Inner<T>>()) });
}

impl<T: 'static> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        self.inner().count.increase();
        Self { inner: self.inner, marker: PhantomData }
    }
}

impl<T: 'static> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        if self.inner().count.decrease() {
            self.retire();
        }
    }
}

impl<T: 'static> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T: Default + Send + Sync + 'static> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync + 'static> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
