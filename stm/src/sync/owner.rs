//! `Owner`: who holds a lock.

use std::ptr;

use crate::shim::{AtomicU64, Ordering, get_pointer, set_pointer, shared_static, thread_pointer};

shared_static! {
    /// The number of the next owner.
    static NEXT: AtomicU64 = AtomicU64::new(1)
}

thread_pointer! {
    /// The thread's number as an owner, or null: a word that is readable while the thread's destructors run.
    static THREAD: ()
}

/// Who holds a [`TRwLock`](super::TRwLock): the lock is re-entrant for its owner.
///
/// A thread is an owner ([`Owner::thread`]), which the blocking functions use. Tasks move between threads, and what
/// transactions lock outlasts them, so these name an owner of their own: [`Owner::new`]. It is a token to be copied to
/// whatever belongs together. Two that use one owner at the same time do not exclude each other.
///
/// # Examples
///
/// ```
/// use stm::sync::Owner;
///
/// let (mine, yours) = (Owner::new(), Owner::new());
/// assert_ne!(mine, yours);
/// assert_eq!(Owner::thread(), Owner::thread());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u64);

impl Owner {
    /// Makes an owner that is no other. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let owner = stm::sync::Owner::new();
    /// ```
    #[allow(clippy::new_without_default, reason = "each is another one, so none is the default")]
    pub fn new() -> Self {
        // Relaxed: the numbers have to differ, and nothing else.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The calling thread as an owner: what the functions use that name none. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Mode, Owner, TRwLock};
    ///
    /// let lock = TRwLock::new(1);
    /// let reading = lock.read();
    /// // The thread holds it already, so a transaction on its behalf gets it, too.
    /// let me = Owner::thread();
    /// assert!(stm::atomically(|tx| lock.try_lock(tx, me, Mode::Read)));
    /// # stm::atomically(|tx| lock.unlock(tx, me, Mode::Read));
    /// ```
    pub fn thread() -> Self {
        let known = get_pointer(&THREAD);
        if known.is_null() { Self::of_new_thread() } else { Self(known.addr() as u64) }
    }

    #[cold]
    fn of_new_thread() -> Self {
        let owner = Self::new();
        // (Where a word is 32 bits wide, the numbers of threads have to fit into that.)
        let number = usize::try_from(owner.0).expect("there are not so many owners");
        set_pointer(&THREAD, ptr::without_provenance(number));
        owner
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Not 0, and no other owner's.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}
