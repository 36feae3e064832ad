//! What threads and tasks wait for each other by: slots, permits, locks, barriers, promises and latches, as parts of
//! transactions.
//!
//! Each is a handle: cloning it shares the thing.
//!
//! | type | what it is | who waits |
//! |---|---|---|
//! | [`TMVar`] | a slot for one value | takers and readers until it is full, putters until it is empty |
//! | [`TSemaphore`] | a number of permits | who wants more than there are |
//! | [`TRwLock`] | a value under a lock that is held beyond a transaction | writers for all, readers for writers |
//! | [`TBarrier`] | a meeting point, to be used again and again | who has arrived, until all have |
//! | [`TPromise`], [`TFuture`] | a value that is set once | readers, until it is set |
//! | [`TLatch`] | a gate that opens once | everybody, until it has been counted down |
//!
//! # Inside and outside of transactions
//!
//! A function that takes `tx` is a part of a transaction: it waits by [`retry`](crate::ReadTransaction::retry), and so
//! composes with `or_else`, [`timer`](crate::timer()) and everything else. The others are one-shot, and their names say
//! how they wait: `.._blocking` (and [`TBarrier::wait`], [`TRwLock::read`] and their like) block the thread,
//! `.._timeout` do so for a while, `.._async` are futures, and `.._now` do not wait. One-shot functions that run a
//! transaction of their own panic inside the body of another. Guards may be dropped anywhere: giving back is one atomic
//! step, which inside a body acts at once and is not undone.
//!
//! # Fairness
//!
//! A `retry` undoes everything the body did, so a transaction can not leave a mark that says who came first. Where that
//! matters ([`TSemaphore`] with requests of many sizes, writers of a [`TRwLock`]) the one-shot functions first commit a
//! place in a line, and are served in the order of the line. Transactions respect the line: they do not get past those
//! who stand in it, but have no place themselves.
//!
//! # Giving up
//!
//! Whoever waits in a one-shot function and gives up leaves no trace, whether by a timeout, by dropping the future, or
//! by a panic: no place in a line, no arrival, no claim, no permit.

mod acquisition;
mod arrival;
mod barrier;
mod broken_promise;
mod future;
mod hold;
mod holds;
mod latch;
mod limit;
mod line;
mod lock_error;
mod mode;
mod mvar;
mod obtain;
mod owner;
mod permit;
mod promise;
mod read_guard;
mod rwlock;
mod semaphore;
#[cfg(feature = "serde")]
mod serde;
mod turn;
mod upgradable_guard;
mod upgrade_error;
mod write_guard;

pub use arrival::Arrival;
pub use barrier::TBarrier;
pub use broken_promise::BrokenPromise;
pub use future::TFuture;
pub use latch::TLatch;
pub use lock_error::LockError;
pub use mode::Mode;
pub use mvar::TMVar;
pub use owner::Owner;
pub use permit::Permit;
pub use promise::TPromise;
pub use read_guard::ReadGuard;
pub use rwlock::TRwLock;
pub use semaphore::TSemaphore;
pub use turn::Turn;
pub use upgradable_guard::UpgradableGuard;
pub use upgrade_error::UpgradeError;
pub use write_guard::WriteGuard;
