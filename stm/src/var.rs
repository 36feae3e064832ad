//! `TVar`: a handle to a variable on the heap.

use std::cmp::Ordering as Order;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::process;
use std::ptr::NonNull;

use crate::alarm;
use crate::archive;
use crate::cell::RawCell;
use crate::direct;
use crate::names;
use crate::reclaim::{self, Destroy};
use crate::shim::{AtomicBool, AtomicU32, Ordering, fence};
use crate::storage::{self, Place};
use crate::waited::Site;
use crate::word::VersionedLock;

/// A transactional variable: a handle to a value that transactions read and write.
///
/// Cloning the handle shares the variable. `Eq`, `Hash` and `Ord` compare which variable it is, never its value.
///
/// Inside a transaction use [`read`](Self::read), [`write`](Self::write) and their kin; each takes the transaction. The
/// others ([`load`](Self::load), [`store`](Self::store), ..) are one atomic step of their own. Called inside a body they
/// act outside of the transaction and are not undone; one that writes what the transaction has read makes it run again.
///
/// Numbers and other plain values of at most one word are stored in place: a `TVar<u64>` is one allocation of 32 bytes,
/// and reading or writing it in a transaction allocates nothing. Other values have an allocation of their own, are read
/// by reference ([`read_ref`](Self::read_ref), [`with`](Self::with)) without a clone, and are replaced as a whole.
///
/// # Examples
///
/// ```
/// use stm::{TVar, atomically};
///
/// let counter = TVar::new(0_u64);
/// let shared = counter.clone();
/// std::thread::spawn(move || atomically(|tx| shared.modify(tx, |n| n + 1))).join().unwrap();
/// assert_eq!(counter.load(), 1);
/// ```
pub struct TVar<T> {
    shared: NonNull<Shared>,
    marker: PhantomData<Place<T>>,
}

/// The variable itself. Freed through `reclaim` after its last handle is gone.
#[repr(C)]
struct Shared {
    cell: RawCell,
    /// Frees the variable and its value: `Drop` for a handle does not know what `new` knew of the type.
    destroy: Destroy,
    handles: AtomicU32,
    /// `names` has an entry for the variable.
    listed: AtomicBool,
    /// `alarm` may keep an alarm for the variable.
    has_alarm: bool,
    /// Somebody may notice when the value is dropped.
    has_destructor: bool,
    /// The value is its own stored form. Only for those who do not know what `new` knew of the type.
    inline: bool,
}

// SAFETY: threads share the value by reference (Sync) and it is dropped on whichever thread collects it (Send).
unsafe impl<T: Send + Sync> Send for TVar<T> {}
// SAFETY: as above; a `&TVar` can be cloned into a `TVar`, so the same bounds.
unsafe impl<T: Send + Sync> Sync for TVar<T> {}
// A panic in a body undoes what the body did, so a variable is never seen half changed.
impl<T> UnwindSafe for TVar<T> {}
impl<T> RefUnwindSafe for TVar<T> {}

impl<T: Send + Sync + 'static> TVar<T> {
    /// Creates a variable. Inside a transaction or outside of one makes no difference: nobody knows it yet.
    #[doc(alias = "newTVar")]
    #[doc(alias = "newTVarIO")]
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self::make(value, false)
    }

    /// Creates a variable that may get an alarm.
    #[track_caller]
    pub(crate) fn with_alarm(value: T) -> Self {
        Self::make(value, true)
    }

    #[inline]
    #[track_caller]
    fn make(value: T, has_alarm: bool) -> Self {
        let cell = RawCell::new(VersionedLock::FREE, storage::store(value));
        let shared = Box::new(Shared {
            cell,
            destroy: destroy::<T>,
            handles: AtomicU32::new(1),
            listed: AtomicBool::new(false),
            has_alarm,
            has_destructor: mem::needs_drop::<T>(),
            inline: storage::is_inline::<T>(),
        });
        let variable = Self { shared: NonNull::from(Box::leak(shared)), marker: PhantomData };
        // A snapshot that is open can not have this variable in it.
        archive::born(variable.address());
        if names::is_recording() {
            variable.record(Location::caller());
        }
        variable
    }

    /// Notes where the variable was made.
    #[cold]
    fn record(&self, site: Site) {
        names::set_made(self.address(), site);
        // Relaxed: whoever frees the variable has synchronised with this thread through the handle count.
        self.shared().listed.store(true, Ordering::Relaxed);
    }

    /// Gives the variable a name for error messages and debug output. The last name given counts.
    #[track_caller]
    pub fn named(self, name: &'static str) -> Self {
        names::set_name(self.address(), name, Location::caller());
        // Relaxed: as in `record`.
        self.shared().listed.store(true, Ordering::Relaxed);
        self
    }

    /// Returns the committed value.
    #[inline]
    #[must_use = "loading a value has no effect but to return it"]
    #[doc(alias = "readTVarIO")]
    pub fn load(&self) -> T
    where
        T: Clone,
    {
        // SAFETY: the handle keeps the cell alive, and it holds a `T`.
        unsafe { direct::load(self.cell()) }
    }

    /// Replaces the value.
    #[inline]
    #[doc(alias = "writeTVarIO")]
    #[track_caller]
    pub fn store(&self, value: T) {
        // SAFETY: as in `load`.
        unsafe { direct::store(self.cell(), value) }
    }

    /// Replaces the value and returns the one it replaced.
    #[doc(alias = "swapTVar")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// let stock = stm::TVar::new(3_u32);
    /// let taken = stock.fetch_update(|n| if *n > 0 { *n -= 1; true } else { false });
    /// assert!(taken);
    /// assert_eq!(stock.load(), 2);
    /// ```
    #[track_caller]
    pub fn fetch_update<R>(&self, f: impl FnMut(&mut T) -> R) -> R
    where
        T: Clone,
    {
        // SAFETY: as in `load`.
        unsafe { direct::fetch_update(self.cell(), f) }
    }
}

impl<T> TVar<T> {
    /// Returns the name given by [`named`](Self::named).
    pub fn name(&self) -> Option<&'static str> {
        // Relaxed: a name matters only to people.
        if self.shared().listed.load(Ordering::Relaxed) { names::name(self.address()) } else { None }
    }

    /// Runs `f` on the committed value, without waiting for anybody. Knows nothing of the type, for `Debug` and its like.
    pub(crate) fn peek<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: the handle keeps the cell alive, it holds a `T`, and `inline` is what `is_inline::<T>` said.
        unsafe { direct::peek(self.cell(), self.shared().inline, f) }
    }

    pub(crate) fn faint(&self) -> Faint<T> {
        Faint { shared: self.shared, marker: PhantomData }
    }

    fn address(&self) -> usize {
        self.shared.addr().get()
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the allocation lives as long as there are handles, and a while longer.
        unsafe { self.shared.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn cell(&self) -> &RawCell {
        &self.shared().cell
    }
}

/// # Safety
///
/// `shared` was leaked by `TVar::<T>::new`, has no handle, and no pinned thread can reach it.
unsafe fn destroy<T: 'static>(shared: *mut ()) {
    // SAFETY: by the contract this is the last to have it.
    let shared = unsafe { Box::from_raw(shared.cast::<Shared>()) };
    // Relaxed: whoever set it has dropped its handle since, edge E9.
    if shared.listed.load(Ordering::Relaxed) {
        names::remove((&raw const shared.cell).addr());
    }
    let value = shared.cell.value();
    drop(shared);
    if let Some(kind) = storage::kind::<T>() {
        // SAFETY: the value was in the cell, which nobody can reach.
        unsafe { (kind.destroy)(value) };
    }
}

impl<T> Drop for TVar<T> {
    #[inline]
    fn drop(&mut self) {
        // Release: edge E9, whoever frees the variable has seen the end of every use of it.
        if self.shared().handles.fetch_sub(1, Ordering::Release) == 1 {
            self.retire();
        }
    }
}

impl<T> TVar<T> {
    /// The last handle is gone; a transaction may still have the variable in its logs.
    #[cold]
    fn retire(&mut self) {
        // Acquire: edge E9, pairs with the release of every other handle.
        fence(Ordering::Acquire);
        let Shared { destroy, has_destructor, has_alarm, .. } = *self.shared();
        if has_alarm {
            alarm::forget(self.shared.addr().get());
        }
        // SAFETY: no handle is left to reach it by, this is the only call, and the bounds of `new` let any thread drop
        // the value.
        unsafe { reclaim::retire_dropped(self.shared.as_ptr().cast(), destroy, has_destructor) };
    }
}

/// Knows a variable without being a handle to it.
pub(crate) struct Faint<T> {
    shared: NonNull<Shared>,
    marker: PhantomData<Place<T>>,
}

// SAFETY: it gives out handles, and nothing else.
unsafe impl<T> Send for Faint<T> where TVar<T>: Send {}
// SAFETY: as above.
unsafe impl<T> Sync for Faint<T> where TVar<T>: Send {}

impl<T> Faint<T> {
    pub(crate) fn address(&self) -> usize {
        self.shared.addr().get()
    }

    /// A handle, if there is one left.
    ///
    /// # Safety
    ///
    /// The variable has not been retired, and is not until this returns.
    pub(crate) unsafe fn revive(&self) -> Option<TVar<T>> {
        // SAFETY: passed on to the caller.
        let handles = unsafe { &self.shared.as_ref().handles };
        let mut count = handles.load(Ordering::Relaxed);
        while count != 0 {
            // Relaxed: as in `clone`, there is another handle.
            match handles.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(TVar { shared: self.shared, marker: PhantomData }),
                Err(current) => count = current,
            }
        }
        None
    }
}

impl<T> Clone for TVar<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: there is a handle already, so the count is not zero (as in `Arc`).
        if self.shared().handles.fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            // Handles were forgotten two thousand million times; going on would free the variable under their eyes.
            process::abort();
        }
        Self { shared: self.shared, marker: PhantomData }
    }
}

impl<T> PartialEq for TVar<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shared == other.shared
    }
}

impl<T> Eq for TVar<T> {}

impl<T> PartialOrd for TVar<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for TVar<T> {
    fn cmp(&self, other: &Self) -> Order {
        self.shared.cmp(&other.shared)
    }
}

impl<T> Hash for TVar<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shared.hash(state);
    }
}

impl<T: Default + Send + Sync + 'static> Default for TVar<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync + 'static> From<T> for TVar<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the committed value, without waiting for anybody.
impl<T: fmt::Debug> fmt::Debug for TVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TVar");
        if let Some(name) = self.name() {
            shown.field("name", &name);
        }
        self.peek(|value| shown.field("value", value).finish())
    }
}
