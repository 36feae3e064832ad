//! `TCell`: a variable in place, without a handle and without an allocation.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::cell::RawCell;
use crate::clock::Version;
use crate::contention::Spin;
use crate::direct;
use crate::reclaim;
use crate::storage::{self, Place};
use crate::word::VersionedLock;

/// A transactional variable in place: in a `static`, on the stack, or as a field of a structure of yours.
///
/// It holds what a [`TVar`](crate::TVar) points to, and has the same operations. In exchange for saving the handle, a
/// transaction borrows it: a cell must live at least as long as the run of the body (`'tx`), which the compiler checks.
/// Cells outside of the body do; so do those reached through a reference that the transaction itself gave out.
///
/// A `TCell<u64>` is 16 bytes. A value that does not fit into a word is moved to an allocation of its own by the first
/// access.
///
/// # Examples
///
/// ```
/// use stm::{StmResult, TCell, Transaction, atomically};
///
/// static NEXT: TCell<u64> = TCell::new(1);
/// static ISSUED: TCell<u64> = TCell::new(0);
///
/// fn issue(tx: &Transaction) -> StmResult<u64> {
///     ISSUED.modify(tx, |n| n + 1)?;
///     NEXT.replace(tx, NEXT.read(tx)? + 1)
/// }
///
/// assert_eq!(atomically(issue), 1);
/// assert_eq!((ISSUED.load(), NEXT.load()), (1, 2));
/// ```
#[repr(C, align(16))]
pub struct TCell<T: 'static> {
    body: Body<T>,
    marker: PhantomData<Place<T>>,
}

/// A cell that nobody has used yet is *dormant*: its word says so (and that it is locked), and the value is still the
/// one it was made with, in place of the stored form. That is what lets `new` be a `const fn`.
#[cfg(not(any(stm_loom, stm_shuttle)))]
#[repr(C)]
union Body<T> {
    cell: mem::ManuallyDrop<RawCell>,
    dormant: mem::ManuallyDrop<Dormant<T>>,
}

#[cfg(not(any(stm_loom, stm_shuttle)))]
#[repr(C)]
struct Dormant<T> {
    lock: VersionedLock,
    value: T,
}

/// Modelled atomics are objects and can not share their place with a value.
#[cfg(any(stm_loom, stm_shuttle))]
struct Body<T> {
    cell: RawCell,
    dormant: std::cell::UnsafeCell<mem::MaybeUninit<T>>,
}

// SAFETY: threads share the value by reference (Sync), move it out of a cell they share and drop old values on whichever
// thread collects them (Send).
unsafe impl<T: Send + Sync + 'static> Sync for TCell<T> {}
// SAFETY: a cell owns its value; old values may be dropped elsewhere, as above.
unsafe impl<T: Send + Sync + 'static> Send for TCell<T> {}
impl<T: 'static> UnwindSafe for TCell<T> {}
impl<T: 'static> RefUnwindSafe for TCell<T> {}

impl<T: Send + Sync + 'static> TCell<T> {
    /// Creates a variable.
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    pub const fn new(value: T) -> Self {
        let mut body =
            Body { cell: mem::ManuallyDrop::new(RawCell::new(VersionedLock::DORMANT, std::ptr::null_mut())) };
        // SAFETY: the union is large enough for its field. The bytes of the stored form that the value does not cover
        // stay zero, as `storage::store` would leave them.
        unsafe { (&raw mut (*(&raw mut body.dormant).cast::<Dormant<T>>()).value).write(value) };
        Self { body, marker: PhantomData }
    }

    /// Creates a variable.
    #[cfg(any(stm_loom, stm_shuttle))]
    pub fn new(value: T) -> Self {
        let cell = RawCell::new(VersionedLock::DORMANT, std::ptr::null_mut());
        let dormant = std::cell::UnsafeCell::new(mem::MaybeUninit::new(value));
        Self { body: Body { cell, dormant }, marker: PhantomData }
    }
}

impl<T: 'static> TCell<T> {
    /// The cell, which may not be ready: nothing but its word may be looked at then.
    pub(crate) fn raw(&self) -> &RawCell {
        #[cfg(not(any(stm_loom, stm_shuttle)))]
        // SAFETY: word and stored value are initialised in either state, and all accesses to them are atomic while the
        // cell is shared.
        unsafe {
            &self.body.cell
        }
        #[cfg(any(stm_loom, stm_shuttle))]
        &self.body.cell
    }

    fn dormant_value(&self) -> *const T {
        #[cfg(not(any(stm_loom, stm_shuttle)))]
        // SAFETY: only the address is computed.
        unsafe {
            &raw const (*(&raw const self.body.dormant).cast::<Dormant<T>>()).value
        }
        #[cfg(any(stm_loom, stm_shuttle))]
        self.body.dormant.get().cast_const().cast()
    }

    /// The cell, ready for use.
    #[inline(always)]
    pub(crate) fn cell(&self) -> &RawCell {
        self.make_ready();
        self.raw()
    }

    #[inline(always)]
    pub(crate) fn make_ready(&self) {
        if !self.raw().lock.is_ready() {
            self.awaken();
        }
    }

    /// Brings the first value into its stored form. Whoever comes second waits for whoever is at it.
    #[cold]
    fn awaken(&self) {
        let cell = self.raw();
        // A boxed value needs an allocation, which must not happen under the lock: it may fail.
        let room = (!storage::is_inline::<T>()).then(storage::Room::<T>::new);
        if !cell.lock.try_lock_dormant() {
            let mut spin = Spin::new();
            while !cell.lock.is_ready() {
                spin.wait();
            }
            return;
        }
        // SAFETY: the dormant word says that the value is there, and this thread alone may move it out.
        let value = unsafe { self.dormant_value().read() };
        cell.set(match room {
            Some(room) => room.fill(value),
            None => storage::store(value),
        });
        cell.lock.publish(Version::INITIAL);
    }
}

impl<T: Send + Sync + 'static> TCell<T> {
    /// Returns the committed value.
    #[inline]
    #[must_use = "loading a value has no effect but to return it"]
    pub fn load(&self) -> T
    where
        T: Clone,
    {
        // SAFETY: the borrow keeps the cell alive, and it holds a `T`.
        unsafe { direct::load(self.cell()) }
    }

    /// Replaces the value.
    #[inline]
    #[track_caller]
    pub fn store(&self, value: T) {
        // SAFETY: as in `load`.
        unsafe { direct::store(self.cell(), value) }
    }

    /// Replaces the value and returns the one it replaced.
    #[track_caller]
    pub fn swap(&self, value: T) -> T
    where
        T: Clone,
    {
        // SAFETY: as in `load`.
        unsafe { direct::swap(self.cell(), value) }
    }

    /// Changes the value in place, in one atomic step, and returns what `f` returned. `f` runs on a clone, and again if
    /// somebody else was faster.
    #[track_caller]
    pub fn fetch_update<R>(&self, f: impl FnMut(&mut T) -> R) -> R
    where
        T: Clone,
    {
        // SAFETY: as in `load`.
        unsafe { direct::fetch_update(self.cell(), f) }
    }
}

impl<T: 'static> TCell<T> {
    /// The value, for as long as the cell is borrowed. Waits for a commit that is just storing it.
    ///
    /// # Safety
    ///
    /// Nobody writes the cell any more but commits that have been decided before the caller learned of that.
    pub(crate) unsafe fn frozen(&self) -> &T {
        let bits = self.cell().load();
        if !storage::is_inline::<T>() {
            // SAFETY: the node is in the cell, and stays in it.
            return unsafe { storage::borrow::<T>(&raw const bits) };
        }
        let place = self.dormant_value();
        #[cfg(any(stm_loom, stm_shuttle))]
        // SAFETY: the place is unused once the cell is ready, and models run one thread at a time.
        unsafe {
            place.cast_mut().write(std::ptr::read(storage::borrow::<T>(&raw const bits)));
        }
        // SAFETY: the value is at the front of the stored form, which begins where the dormant value did: behind the word, with no
        // padding, for an inline value needs no more alignment. The last store to it was seen by the load above.
        unsafe { &*place }
    }
}

impl<T: 'static> Drop for TCell<T> {
    fn drop(&mut self) {
        let cell = self.raw();
        let dormant = cell.lock.load_again().is_dormant();
        let Some(kind) = storage::kind::<T>() else { return };
        let bits = if dormant {
            if !mem::needs_drop::<T>() {
                return;
            }
            // SAFETY: the dormant word says that the value is there; nobody can look at it any more.
            storage::store(unsafe { self.dormant_value().read() })
        } else {
            cell.value()
        };
        // Not dropped here: a body may be running, and a long structure of cells would be dropped recursively.
        // SAFETY: the cell was the way to the value and is gone; any thread may drop it by the bounds of `new`.
        unsafe { reclaim::retire_dropped(bits, kind.destroy, true) };
    }
}

impl<T: Default + Send + Sync + 'static> Default for TCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync + 'static> From<T> for TCell<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: 'static> TCell<T> {
    /// Runs `f` on the committed value, without waiting for anybody. For `Debug`.
    pub(crate) fn show<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: as in `load`.
        unsafe { direct::peek(self.cell(), storage::is_inline::<T>(), f) }
    }
}

/// Shows the committed value, without waiting for anybody.
impl<T: fmt::Debug> fmt::Debug for TCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(|value| f.debug_struct("TCell").field("value", value).finish())
    }
}
