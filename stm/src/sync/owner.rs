//! `Owner`: who holds a lock.

use crate::shim::{AtomicU64, Ordering, ThreadId, shared_static, thread_id};

shared_static! {
    /// The number of the next owner.
    static NEXT: AtomicU64 = AtomicU64::new(0)
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
pub struct Owner(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Thread(ThreadId),
    Token(u64),
}

impl Owner {
    /// Makes an owner that is no other.
    ///
    /// # Examples
    ///
    /// ```
    /// let owner = stm::sync::Owner::new();
    /// ```
    #[allow(clippy::new_without_default, reason = "each is another one, so none is the default")]
    pub fn new() -> Self {
        // Relaxed: the numbers have to differ, and nothing else.
        Self(Kind::Token(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The calling thread as an owner: what the functions use that name none.
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
        Self(Kind::Thread(thread_id()))
    }
}
