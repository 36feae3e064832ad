//! What waits until there is a row.

use std::borrow::Borrow;

use super::TTable;
use crate::{ReadTransaction, StmResult, Transaction};

impl<R, P> TTable<R, P>
where
    R: Clone + Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    /// Returns the row with this primary key, waiting until there is one. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get); without a row it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// let found = std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| table.insert(tx, (7, "seven"))));
    ///     atomically(|tx| table.wait_for(tx, &7))
    /// });
    /// assert_eq!(found, (7, "seven"));
    /// ```
    pub fn wait_for<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<R>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.get(tx, key)? {
            Some(row) => Ok(row),
            None => tx.retry(),
        }
    }

    /// Removes the row with this primary key and returns it, waiting until there is one. O(log n), and as much for each index.
    ///
    /// # Retry and conflicts
    ///
    /// As [`remove`](Self::remove), which is its form that does not wait; without a row it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.insert(tx, (7, "seven"))).unwrap();
    /// assert_eq!(atomically(|tx| table.take(tx, &7)), (7, "seven"));
    /// assert!(atomically(|tx| table.is_empty(tx)));
    /// ```
    pub fn take<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<R>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.remove(tx, key)? {
            Some(row) => Ok(row),
            None => tx.retry(),
        }
    }
}
