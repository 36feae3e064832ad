//! Software transactional memory: shared state that is composed the way functions are.

mod attempt;
mod cell;
mod clock;
mod commit;
mod config;
mod contention;
mod context;
mod direct;
mod error;
mod hooks;
mod log;
#[cfg(all(test, stm_loom))]
mod models;
mod names;
mod ops;
mod reclaim;
mod reference;
mod run;
#[cfg(feature = "serde")]
mod serde;
mod storage;
mod sync;
mod tcell;
mod tx;
mod unwind;
mod var;
mod wait;
mod word;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use config::{Options, PROMOTE_AFTER};
pub use error::{Abort, ResultExt, RunError, StmResult, TxError, TxResult, cancel};
pub use reference::Ref;
pub use run::{atomically, options, snapshot, try_atomically};
pub use tcell::TCell;
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
