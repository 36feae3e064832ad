//! What a table does with its indexes.

use crate::{StmResult, Transaction};

/// An index, whatever its keys are.
pub(super) trait Index<R, P>: Send + Sync {
    fn name(&self) -> &'static str;

    /// Adds a row. Returns false, and may have changed something, if another row has its key and the index is a unique one.
    fn insert(&self, tx: &Transaction<'_, '_>, row: &R, primary: &P) -> StmResult<bool>;

    /// Takes a row out.
    fn remove(&self, tx: &Transaction<'_, '_>, row: &R, primary: &P) -> StmResult<()>;

    /// Puts one row in the place of another; otherwise as [`insert`](Self::insert).
    fn replace(&self, tx: &Transaction<'_, '_>, old: (&R, &P), new: (&R, &P)) -> StmResult<bool>;

    fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()>;
}
