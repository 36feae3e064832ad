//! An index in which many rows may have one key.

use std::fmt;
use std::ops::{Bound, ControlFlow, RangeBounds};

use super::index::Index;
use crate::collections::TOrdMap;
use crate::handed::Handed;
use crate::{ReadTransaction, StmResult, Transaction};

/// Finds the rows of a [`TTable`](super::TTable) whose keys are in a range, in order.
///
/// It comes from [`TTableBuilder::ordered`](super::TTableBuilder::ordered). Cloning it shares it.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TTable};
///
/// #[derive(Clone)]
/// struct User { id: u64, age: u32 }
///
/// let mut builder = TTable::builder(|user: &User| user.id);
/// let by_age = builder.ordered("age", |user| user.age);
/// let users = builder.build();
///
/// for (id, age) in [(1, 36), (2, 85), (3, 36), (4, 20)] {
///     assert!(atomically(|tx| users.insert(tx, User { id, age })).is_ok());
/// }
/// let found = atomically(|tx| by_age.range(tx, 30..));
/// assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [1, 3, 2]);
/// ```
pub struct OrderedIndex<R: 'static, P: 'static, K: 'static> {
    pub(super) keys: TOrdMap<(K, P), ()>,
    pub(super) rows: TOrdMap<P, R>,
}

impl<R, P, K> OrderedIndex<R, P, K>
where
    R: Send + Sync + 'static,
    P: Ord + Send + Sync + 'static,
    K: Ord + Send + Sync + 'static,
{
    /// Returns the rows whose keys are in the range, in order of the keys; those with the same key in order of their primary keys.
    /// O(log n), and O(log n) for each of them.
    ///
    /// # Retry and conflicts
    ///
    /// See [`for_range`](Self::for_range).
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
    /// let mut builder = TTable::builder(|row: &(u32, &str)| row.0);
    /// let by_name = builder.ordered("name", |row| row.1);
    /// let table = builder.build();
    /// atomically(|tx| table.extend(tx, [(1, "b"), (2, "a"), (3, "c")])).unwrap();
    /// assert_eq!(atomically(|tx| by_name.range(tx, .."c")), [(2, "a"), (1, "b")]);
    /// ```
    pub fn range(&self, tx: &ReadTransaction<'_, '_>, range: impl RangeBounds<K>) -> StmResult<Vec<R>>
    where
        R: Clone,
    {
        let mut found = Vec::new();
        let whole = self.for_range(tx, range, |_, row| {
            found.push(row.clone());
            ControlFlow::<()>::Continue(())
        })?;
        debug_assert!(whole.is_continue());
        Ok(found)
    }

    /// Calls `f` for the rows whose keys are in the range, in order, until it breaks. Returns what it broke with. O(log n), and
    /// O(log n) for each row that it goes through.
    ///
    /// `f` must not change the table itself: it may then miss rows.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the rows that it has gone through, and with all that brings a row into that part of the range or
    /// out of it. Of changes outside, it conflicts with those next to a bound alone: inserts of keys between it and the next key
    /// outside, and the removal of that key.
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
    /// let mut builder = TTable::builder(|pair: &(u32, String)| pair.0);
    /// let by_length = builder.ordered("length", |pair| pair.1.len());
    /// let words = builder.build();
    /// atomically(|tx| words.insert(tx, (1, "transaction".into()))).unwrap();
    /// atomically(|tx| words.insert(tx, (2, "memory".into()))).unwrap();
    /// let shortest = atomically(|tx| by_length.for_range(tx, .., |length, _| ControlFlow::Break(*length)));
    /// assert_eq!(shortest.break_value(), Some(6));
    /// ```
    pub fn for_range<B>(
        &self,
        tx: &ReadTransaction<'_, '_>,
        range: impl RangeBounds<K>,
        mut f: impl FnMut(&K, &R) -> ControlFlow<B>,
    ) -> StmResult<ControlFlow<B>> {
        let before = |(key, _): &(K, P)| match range.start_bound() {
            Bound::Unbounded => false,
            Bound::Included(start) => key < start,
            Bound::Excluded(start) => key <= start,
        };
        let within = |(key, _): &(K, P)| match range.end_bound() {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
        };
        self.keys.for_part(tx, before, within, |(key, primary)| {
            let next = self.rows.with(tx, primary, |row| f(key, row))?;
            Ok(next.unwrap_or(ControlFlow::Continue(())))
        })
    }
}

impl<R: 'static, P: 'static, K: 'static> Clone for OrderedIndex<R, P, K> {
    /// Shares the index.
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), rows: self.rows.clone() }
    }
}

impl<R: 'static, P: 'static, K: 'static> fmt::Debug for OrderedIndex<R, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedIndex").finish_non_exhaustive()
    }
}

/// The table's side of it.
pub(super) struct Ordered<P: 'static, K: 'static, F> {
    pub(super) name: &'static str,
    pub(super) key: F,
    pub(super) keys: TOrdMap<(K, P), ()>,
}

impl<P: Clone + Send + Sync + 'static, K: Send + Sync + 'static, F> Ordered<P, K, F> {
    fn entry<R>(&self, row: &R, primary: &P) -> Handed<(K, P)>
    where
        F: Fn(&R) -> K,
    {
        let (mut key, mut primary) = (Handed::new((self.key)(row)), Handed::new(primary.clone()));
        Handed::new((key.take(), primary.take()))
    }
}

impl<R, P, K, F> Index<R, P> for Ordered<P, K, F>
where
    P: Ord + Clone + Send + Sync + 'static,
    K: Ord + Send + Sync + 'static,
    F: Fn(&R) -> K + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn insert(&self, tx: &Transaction<'_, '_>, row: &R, primary: &P) -> StmResult<bool> {
        self.keys.insert(tx, self.entry(row, primary).take(), ())?;
        Ok(true)
    }

    fn remove(&self, tx: &Transaction<'_, '_>, row: &R, primary: &P) -> StmResult<()> {
        self.keys.remove(tx, self.entry(row, primary).get()).map(drop)
    }

    fn replace(&self, tx: &Transaction<'_, '_>, old: (&R, &P), new: (&R, &P)) -> StmResult<bool> {
        let (old, mut new) = (self.entry(old.0, old.1), self.entry(new.0, new.1));
        if old.get() != new.get() {
            self.keys.remove(tx, old.get())?;
            self.keys.insert(tx, new.take(), ())?;
        }
        Ok(true)
    }

    fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.keys.clear(tx)
    }
}
