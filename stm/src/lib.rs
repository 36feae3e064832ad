//! Software transactional memory: shared state that is composed the way functions are.
//!
//! A [`TVar`] is a shared variable. A *transaction* reads and writes any number of them, and takes effect in one step, or
//! not at all. Two operations that are each atomic become one atomic operation by writing one after the other.
//!
//! ```
//! use stm::{StmResult, TVar, Transaction, atomically};
//!
//! fn withdraw(tx: &Transaction, account: &TVar<u64>, amount: u64) -> StmResult<()> {
//!     let balance = account.read(tx)?;
//!     tx.check(balance >= amount)?; // not enough: wait until somebody has changed the balance
//!     account.write(tx, balance - amount)
//! }
//!
//! fn deposit(tx: &Transaction, account: &TVar<u64>, amount: u64) -> StmResult<()> {
//!     account.modify(tx, |balance| balance + amount)
//! }
//!
//! let (savings, checking) = (TVar::new(100), TVar::new(0));
//! atomically(|tx| {
//!     withdraw(tx, &savings, 30)?;
//!     deposit(tx, &checking, 30)
//! });
//! assert_eq!((savings.load(), checking.load()), (70, 30));
//! ```
//!
//! # Contents
//!
//! - [Running](#running): [`atomically`](atomically()), [`try_atomically`], [`snapshot`](snapshot()), [`options`]
//! - [Waiting and choosing](#waiting-and-choosing): [`retry`](ReadTransaction::retry),
//!   [`check`](ReadTransaction::check), [`or_else`](Transaction::or_else)
//! - [Limits and tasks](#limits-and-tasks): [`Options::timeout`], [`timer`](timer()), [`atomically_async`],
//!   [`changes`](TVar::changes)
//! - [Undoing a part](#undoing-a-part): [`nested`](Transaction::nested), [`cancel`]
//! - [Variables](#variables): [`TVar`], [`TCell`], one-shot operations
//! - [What a body may do](#what-a-body-may-do)
//! - [Programs that hang](#programs-that-hang)
//! - [Guarantees](#guarantees), [when not to use it](#when-not-to-use-it), [features](#features)
//!
//! # Running
//!
//! The body of a transaction is a closure that gets a `&Transaction` and returns a [`StmResult`]. It is run, and if
//! another transaction has interfered, run again; it takes effect once. Each operation on a variable returns a
//! `StmResult` too: `?` passes on the signal that this run is over. With the macro the `?` writes itself:
//!
//! ```
//! # #[cfg(feature = "macros")] {
//! use stm::{TVar, atomically};
//!
//! let (a, b) = (TVar::new(1), TVar::new(2));
//! atomically!(|tx| {
//!     let old = a.replace(tx, b.read(tx));
//!     b.write(tx, old);
//! });
//! assert_eq!((a.load(), b.load()), (2, 1));
//! # }
//! ```
//!
//! A body that only reads belongs into [`snapshot`](snapshot()): it gets a [`ReadTransaction`], with which the compiler lets it
//! do nothing else. A helper that takes `&ReadTransaction` works in both.
//!
//! # Waiting and choosing
//!
//! `retry` says that the body can not go on with what it has read. The thread sleeps until one of those variables is
//! written, and the body runs again. ([`retry_in_line`](ReadTransaction::retry_in_line) has one of many woken where one is
//! enough.) `or_else` tries one function and, if that retries, another: waiting composes like
//! everything else.
//!
//! ```
//! use stm::{StmResult, TVar, Transaction, atomically};
//!
//! fn pop(tx: &Transaction, queue: &TVar<Vec<u32>>) -> StmResult<u32> {
//!     match queue.update(tx, Vec::pop)? {
//!         Some(item) => Ok(item),
//!         None => tx.retry(),
//!     }
//! }
//!
//! let (urgent, normal) = (TVar::new(vec![]), TVar::new(vec![7]));
//! let next = atomically(|tx| tx.or_else(|tx| pop(tx, &urgent), |tx| pop(tx, &normal)));
//! assert_eq!(next, 7);
//! ```
//!
//! # Limits and tasks
//!
//! [`options`] bounds a transaction in time or in runs; a [`timer`](timer()) bounds a part of one, being a variable to wait for
//! like any other. The error says what was waited for.
//!
//! A task runs the same bodies by [`atomically_async`] and its kin, on any executor. Waiting then costs no thread; threads
//! and tasks wait for the same variables. The body itself runs from start to end within one poll.
//!
//! ```
//! use std::time::Duration;
//! use stm::{RunError, TVar, options};
//!
//! # fn main() { pollster::block_on(async {
//! let ready = TVar::new(false).named("ready");
//! let wait = options().timeout(Duration::from_millis(10)).run_async(|tx| tx.check(ready.read(tx)?));
//! assert_eq!(wait.await, Err(RunError::TimedOut));
//! # }) }
//! ```
//!
//! # Undoing a part
//!
//! An error of your own ends [`try_atomically`] through [`cancel`]: nothing takes effect, and the caller gets the error.
//! [`nested`](Transaction::nested) does the same for a part of a body, which goes on afterwards.
//!
//! # Variables
//!
//! [`TVar`] is a handle: cloning it shares the variable, and it can be stored anywhere. [`TCell`] is the variable itself,
//! in a `static` or as a field. Numbers and the like are stored in place; other values are read by reference
//! ([`read_ref`](TVar::read_ref), [`with`](TVar::with)) and replaced as a whole, so let them be cheap to clone, or cut
//! them into several variables.
//!
//! [`load`](TVar::load), [`store`](TVar::store), [`swap`](TVar::swap) and [`fetch_update`](TVar::fetch_update) are
//! transactions on one variable, without a body and at the price of an atomic operation or two.
//!
//! # What a body may do
//!
//! Read and write variables, compute, allocate, panic. As it may run more than once, it must not do what can not be
//! undone: print, send, sleep, lock. Put that into [`on_commit`](Transaction::on_commit).
//!
//! A body can not start another transaction; functions that take `&Transaction` are how transactions are composed.
//!
//! # Programs that hang
//!
//! [`debug::waiting`] says which transactions wait, where they were started, for how long, and for which variables; and which one
//! keeps the others from committing.
//!
//! # Guarantees
//!
//! - **Strict serialisability** of everything that commits.
//! - **Opacity**: no body, not even one that will be run again, sees values of two different moments.
//! - **No starvation**: a transaction commits at the latest in its [`PROMOTE_AFTER`]th run since it last waited.
//! - **Long readers get through**: the body of a [`snapshot`](snapshot()) runs once, whatever others commit meanwhile, if the
//!   variables it reads are older than it.
//! - **No lost wake-up**: a waiter runs again when something it has read was written. Who only reads wakes nobody.
//! - **Panics undo** what the body did. Nothing is poisoned, and nothing stays locked.
//!
//! # When not to use it
//!
//! One number is an atomic. One structure that nobody waits on is a mutex. Work that is handed over is a channel. A
//! transaction pays for bookkeeping on every variable it touches; it earns that back when state is spread over several
//! variables, or when threads wait for conditions.
//!
//! # Features
//!
//! - `macros` (default): `atomically!`, `snapshot!`, `#[transactional]`.
//! - `stream`: `futures_core::Stream` for [`Changes`] and for the consumers' ends of [queues](channel).
//! - `sink`: `futures_sink::Sink` for the producers' ends of queues.
//! - `serde`: `Serialize` and `Deserialize` for [`TVar`], by value, and for structures, by content.

#![doc(test(attr(deny(unused_must_use), allow(dead_code, unused_variables))))]

mod alarm;
mod archive;
mod attempt;
mod cell;
mod changes;
pub mod channel;
mod clock;
pub mod collections;
mod commit;
mod config;
mod contention;
mod context;
mod count;
pub mod debug;
mod direct;
mod error;
mod handed;
mod height;
mod hooks;
mod log;
#[cfg(all(test, stm_loom))]
mod models;
mod names;
mod ops;
mod reclaim;
mod reference;
mod report;
mod run;
#[cfg(feature = "serde")]
mod serde;
mod shared;
mod shared_slice;
mod shim;
mod step;
mod storage;
pub mod sync;
mod task;
mod tcell;
mod timer;
mod tlink;
mod tx;
mod unwind;
mod var;
mod wait;
mod waited;
mod word;

/// The README's code runs as a test.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

/// Steps of an attempt at which a test can step in, and what the library knows of a commit.
#[cfg(stm_probe)]
pub mod probe {
    pub use crate::clock::set_clock;
    pub use crate::shim::point::{Point, clear, last_commit, set};
}

pub use changes::Changes;
pub use config::{Options, PROMOTE_AFTER};
pub use error::{Abort, ResultExt, RunError, StmResult, TxError, TxResult, cancel};
pub use reference::Ref;
pub use report::{Report, last_report};
pub use run::{atomically, options, snapshot, try_atomically};
pub use shared::Shared;
pub use task::{atomically_async, try_atomically_async};
pub use tcell::TCell;
pub use timer::timer;
pub use tlink::{Linkage, TLink};
pub use tx::{ReadTransaction, Transaction};
pub use var::TVar;

#[cfg(feature = "macros")]
pub use stm_macros::{atomically, snapshot, transactional};

/// Frees what this thread has retired, and what ended threads have left, as far as no running transaction can still see
/// it. Returns how many values and variables that were.
///
/// Replaced values and dropped variables are freed in batches, by the thread that replaced or dropped them. There is no
/// need to call this except to have their destructors run now. Inside a body it frees nothing that the body can see.
///
/// # Panics
///
/// Goes on with the first panic of a destructor, after all of them have run.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use stm::TVar;
///
/// let first = Arc::new(1);
/// let variable = TVar::new(first.clone());
/// variable.store(Arc::new(2));
/// while Arc::strong_count(&first) > 1 {
///     stm::collect();
/// }
/// ```
pub fn collect() -> usize {
    reclaim::with_local(reclaim::collect)
}
