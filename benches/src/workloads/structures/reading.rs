//! How a read of one of the library's structures is run.

use stm::{ReadTransaction, StmResult};

/// A way to run a body that only reads.
pub trait Reading: Send + Sync + 'static {
    fn run<'env, T>(body: impl for<'tx> FnMut(&ReadTransaction<'tx, 'env>) -> StmResult<T>) -> T;
}

/// In a transaction, as a part of which it might be followed by writes.
pub struct InTransaction;

impl Reading for InTransaction {
    #[inline]
    fn run<'env, T>(mut body: impl for<'tx> FnMut(&ReadTransaction<'tx, 'env>) -> StmResult<T>) -> T {
        stm::atomically(|tx| body(tx))
    }
}

/// In a snapshot.
pub struct InSnapshot;

impl Reading for InSnapshot {
    #[inline]
    fn run<'env, T>(body: impl for<'tx> FnMut(&ReadTransaction<'tx, 'env>) -> StmResult<T>) -> T {
        stm::snapshot(body)
    }
}
