//! Operations on many rows, and on the table as a whole.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, RangeBounds};
use std::vec;

use super::{Conflict, TTable};
use crate::collections::undone_by_panic;
use crate::handed::later;
use crate::{ReadTransaction, Shared, StmResult, Transaction, TxError};

impl<R, P> TTable<R, P>
where
    R: Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    /// Calls `f` with every row, in order of the primary keys, without cloning any. O(n).
    ///
    /// `f` must not change the table itself: it may then miss rows. To do so go through [`iter`](Self::iter), or see
    /// [`retain`](Self::retain).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable, snapshot};
    ///
    /// let table = TTable::builder(|row: &(u32, u32)| row.0).build();
    /// atomically(|tx| table.extend(tx, [(1, 10), (2, 20)])).unwrap();
    /// let sum = snapshot(|tx| {
    ///     let mut sum = 0;
    ///     table.for_each(tx, |row| sum += row.1)?;
    ///     Ok(sum)
    /// });
    /// assert_eq!(sum, 30);
    /// ```
    pub fn for_each(&self, tx: &ReadTransaction<'_, '_>, mut f: impl FnMut(&R)) -> StmResult<()> {
        Shared::get(&self.inner, tx).rows.for_each(tx, |_, row| f(row))
    }

    /// Calls `f` for the rows whose primary keys are in the range, in order, until it breaks. Returns what it broke with. O(log n)
    /// and O(1) for each row that it goes through.
    ///
    /// `f` must not change the table itself: it may then miss rows.
    ///
    /// # Retry and conflicts
    ///
    /// As [`TOrdMap::for_range`](crate::collections::TOrdMap::for_range).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.extend(tx, [(1, "a"), (2, "b")])).unwrap();
    /// let first = atomically(|tx| table.for_range(tx, 2.., |row| ControlFlow::Break(row.1)));
    /// assert_eq!(first.break_value(), Some("b"));
    /// ```
    pub fn for_range<B>(
        &self,
        tx: &ReadTransaction<'_, '_>,
        range: impl RangeBounds<P>,
        mut f: impl FnMut(&R) -> ControlFlow<B>,
    ) -> StmResult<ControlFlow<B>> {
        Shared::get(&self.inner, tx).rows.for_range(tx, range, |_, row| f(row))
    }

    /// Returns clones of all rows, in order of their primary keys. O(n). It is [`range`](Self::range)`(tx, ..)`.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.extend(tx, [(2, "b"), (1, "a")])).unwrap();
    /// assert!(atomically(|tx| table.iter(tx)).eq([(1, "a"), (2, "b")]));
    /// ```
    pub fn iter(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<vec::IntoIter<R>>
    where
        R: Clone,
    {
        self.range(tx, ..).map(Vec::into_iter)
    }

    /// Removes all rows and returns them, in order of their primary keys. O(n) for each index.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every operation.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.extend(tx, [(2, "b"), (1, "a")])).unwrap();
    /// assert!(atomically(|tx| table.drain(tx)).eq([(1, "a"), (2, "b")]));
    /// assert!(atomically(|tx| table.is_empty(tx)));
    /// ```
    pub fn drain(&self, tx: &Transaction<'_, '_>) -> StmResult<vec::IntoIter<R>>
    where
        R: Clone,
    {
        let rows = self.iter(tx)?;
        self.clear(tx)?;
        Ok(rows)
    }

    /// Keeps the rows for which `f` returns true. O(n), and O(log n) for each row removed and each index.
    ///
    /// `f` is called once for each row that is there at the beginning, whatever it does to the table by the same transaction. What
    /// it has refused is removed at the end, even if it has changed the row; what else it does stays.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, u32)| row.0).build();
    /// atomically(|tx| table.extend(tx, (0..10).map(|n| (n, n * n)))).unwrap();
    /// atomically(|tx| table.retain(tx, |row| row.1 % 2 == 0));
    /// assert_eq!(atomically(|tx| table.len(tx)), 5);
    /// ```
    pub fn retain(&self, tx: &Transaction<'_, '_>, mut f: impl FnMut(&R) -> bool) -> StmResult<()>
    where
        R: Clone,
    {
        let inner = Shared::get(&self.inner, tx);
        let refused = inner.rows.refused(tx, |_, row| f(row))?;
        undone_by_panic(tx, |tx| refused.iter().try_for_each(|spot| self.remove(tx, spot.key()).map(later)))
    }

    /// [`insert`](Self::insert)s every row, or none: the inner error is the first that is refused, and nothing has changed then.
    /// O(log n) for each, and as much for each index.
    ///
    /// # Retry and conflicts
    ///
    /// As `insert` of each.
    ///
    /// # Errors
    ///
    /// The outer error is [`Abort`](crate::Abort), if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert_eq!(atomically(|tx| table.extend(tx, [(1, "a"), (2, "b")])), Ok(()));
    /// assert_eq!(atomically(|tx| table.extend(tx, [(3, "c"), (1, "d")])).unwrap_err().row, (1, "d"));
    /// assert_eq!(atomically(|tx| table.len(tx)), 2);
    /// ```
    pub fn extend(
        &self,
        tx: &Transaction<'_, '_>,
        rows: impl IntoIterator<Item = R>,
    ) -> StmResult<Result<(), Conflict<R>>>
    where
        R: Clone,
    {
        tx.nested(|tx| rows.into_iter().try_for_each(|row| self.insert(tx, row)?.map_err(TxError::Cancel)))
    }

    /// Returns a copy of the rows by their primary keys, as they are at one moment, in a [`snapshot`](crate::snapshot()) of its
    /// own: whatever others do meanwhile. O(n); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics inside the body of a transaction, as every transaction does there; use [`iter`](Self::iter).
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// assert_eq!(table.snapshot().get(&1), Some(&(1, "a")));
    /// ```
    #[track_caller]
    pub fn snapshot(&self) -> BTreeMap<P, R>
    where
        R: Clone,
    {
        self.inner.rows.snapshot()
    }
}
