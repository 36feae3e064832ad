//! `TTable`: rows with indexes.

mod builder;
mod conflict;
mod index;
mod ordered;
#[cfg(feature = "serde")]
mod serde;
mod unique;
mod waiting;
mod whole;

use std::borrow::Borrow;
use std::collections::btree_map;
use std::fmt;
use std::ops::{ControlFlow, RangeBounds};
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::tordmap::Spot;
use super::{TOrdMap, undone_by_panic};
use crate::handed::{Handed, later};
use crate::{ReadTransaction, Ref, Shared, StmResult, Transaction, TxResult, cancel};
use index::Index;

pub use builder::TTableBuilder;
pub use conflict::Conflict;
pub use ordered::OrderedIndex;
pub use unique::UniqueIndex;

/// Rows of type `R` with a primary key of type `P`, and with indexes, which a change of a row changes in the same transaction.
///
/// A table is declared by [`builder`](Self::builder). Declaring an index returns a handle to it, by which rows are found: it
/// knows the type of its keys, and belongs to its table. Keys are computed from rows, so a row and its index entries can not
/// contradict each other. It is a handle: cloning it shares the table, and `==` says whether two handles are of one table.
///
/// There is no `Default` and no `FromIterator`, for a table has to be declared, and no `Extend`, for rows may be refused: so there
/// is [`extend`](Self::extend). With the feature `serde` a table is serialised as its rows, and a [`TTableBuilder`] deserialises
/// one.
///
/// # Complexity
///
/// The rows and each index are a [`TOrdMap`]. An insert takes O(log n) for each index, as does a removal; an update does so for
/// those whose keys it changes, and for all if it changes the primary key. To find a row by its primary key is O(log n). What goes
/// through many rows, or changes them, says so itself.
///
/// # Conflicts
///
/// An operation conflicts where those on the maps do ([`TOrdMap`](TOrdMap#conflicts)). An update that changes no key conflicts with
/// operations on that row alone.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TTable};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct User { id: u64, email: String, age: u32 }
///
/// let mut builder = TTable::builder(|user: &User| user.id);
/// let by_email = builder.unique("email", |user| user.email.clone());
/// let by_age = builder.ordered("age", |user| user.age);
/// let users = builder.build();
///
/// let ada = User { id: 1, email: "ada@example.org".into(), age: 36 };
/// atomically(|tx| users.insert(tx, ada.clone())).unwrap();
///
/// let imposter = User { id: 2, email: "ada@example.org".into(), age: 20 };
/// let refused = atomically(|tx| users.insert(tx, imposter.clone())).unwrap_err();
/// assert_eq!((refused.index, refused.row.id), ("email", 2));
///
/// atomically(|tx| users.update(tx, &1, |user| user.age += 1)).unwrap();
/// assert_eq!(atomically(|tx| by_age.range(tx, 37..=37)).len(), 1);
/// assert_eq!(atomically(|tx| by_email.get(tx, "ada@example.org")).map(|user| user.age), Some(37));
/// ```
pub struct TTable<R: 'static, P: 'static> {
    inner: Shared<Inner<R, P>>,
}

struct Inner<R: 'static, P: 'static> {
    primary: Box<dyn Fn(&R) -> P + Send + Sync>,
    rows: TOrdMap<P, R>,
    indexes: Vec<Box<dyn Index<R, P>>>,
}

/// What [`Conflict`] calls the primary key.
const PRIMARY: &str = "primary";

impl<R, P> TTable<R, P>
where
    R: Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    /// Begins to declare a table whose rows have this primary key: each has another. O(1); conflicts with nothing.
    ///
    /// `primary` must return the same for the same row each time, and not use transactions.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// assert_eq!(atomically(|tx| table.get(tx, &1)), Some((1, "a")));
    /// ```
    pub fn builder(primary: impl Fn(&R) -> P + Send + Sync + 'static) -> TTableBuilder<R, P> {
        TTableBuilder::new(primary)
    }

    /// Adds a row. O(log n), and as much for each index.
    ///
    /// The inner error is the row with the name of the index in which another row has its key; nothing has changed then.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the row's keys, and with inserts and removals next to them.
    ///
    /// # Errors
    ///
    /// The outer error is [`Abort`](crate::Abort), if the run is over. The row is dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert_eq!(atomically(|tx| table.insert(tx, (1, "a"))), Ok(()));
    /// assert_eq!(atomically(|tx| table.insert(tx, (1, "b"))).unwrap_err().index, "primary");
    /// ```
    pub fn insert(&self, tx: &Transaction<'_, '_>, row: R) -> StmResult<Result<(), Conflict<R>>>
    where
        R: Clone,
    {
        let inner = Shared::get(&self.inner, tx);
        let mut row = Handed::new(row);
        let primary = Handed::new((inner.primary)(row.get()));
        if inner.rows.contains_key(tx, primary.get())? {
            return Ok(Err(Conflict { index: PRIMARY, row: row.take() }));
        }
        inner.enter(tx, primary, row)
    }

    /// Adds a row, or puts it in the place of the one with its primary key, which is returned then. O(log n), and as much for each
    /// index in which it changes a key.
    ///
    /// The inner error is the row with the name of the index in which a third row has its key; nothing has changed then.
    ///
    /// # Retry and conflicts
    ///
    /// As [`insert`](Self::insert), or [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// The outer error is [`Abort`](crate::Abort), if the run is over. The row is dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert_eq!(atomically(|tx| table.upsert(tx, (1, "a"))), Ok(None));
    /// assert_eq!(atomically(|tx| table.upsert(tx, (1, "b"))), Ok(Some((1, "a"))));
    /// assert_eq!(atomically(|tx| table.get(tx, &1)), Some((1, "b")));
    /// ```
    #[doc(alias = "replace")]
    #[doc(alias = "put")]
    pub fn upsert(&self, tx: &Transaction<'_, '_>, row: R) -> StmResult<Result<Option<R>, Conflict<R>>>
    where
        R: Clone,
    {
        let inner = Shared::get(&self.inner, tx);
        let row = Handed::new(row);
        let primary = Handed::new((inner.primary)(row.get()));
        let Some(spot) = inner.rows.spot(tx, primary.get())? else {
            return Ok(inner.enter(tx, primary, row)?.map(|()| None));
        };
        let mut old = Handed::new(R::clone(&*spot.read_ref(tx)?));
        Ok(inner.exchange(tx, primary.get(), spot, row)?.map(|()| Some(old.take())))
    }

    /// Changes the row with this primary key, on a clone, and returns what `f` returned: nothing if there is no such row. O(log n),
    /// and as much for each index in which it changes a key: for all, if it changes the primary key.
    ///
    /// The keys may change, the primary key too. The inner error is the changed row with the name of the index in which another
    /// row has its key; nothing has changed then.
    ///
    /// It is what you would write by hand: [`get`](Self::get), then `f`, then [`remove`](Self::remove) of `key` and
    /// [`insert`](Self::insert) of the changed row. So `f` may use the table by the same transaction, and what the operation writes
    /// comes last, even if `f` has changed or removed the row meanwhile. What else `f` does stays, also if the row is refused.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the row, with those of the keys that it changes, and with inserts and removals next to them.
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
    /// let table = TTable::builder(|row: &(u32, String)| row.0).build();
    /// atomically(|tx| table.insert(tx, (1, "a".into()))).unwrap();
    /// assert_eq!(atomically(|tx| table.update(tx, &1, |row| row.1.push('!'))), Ok(Some(())));
    /// assert_eq!(atomically(|tx| table.update(tx, &2, |row| row.1.push('!'))), Ok(None));
    /// assert_eq!(atomically(|tx| table.get(tx, &1)), Some((1, "a!".into())));
    /// ```
    pub fn update<T>(
        &self,
        tx: &Transaction<'_, '_>,
        key: &P,
        f: impl FnOnce(&mut R) -> T,
    ) -> StmResult<Result<Option<T>, Conflict<R>>>
    where
        R: Clone,
    {
        let inner = Shared::get(&self.inner, tx);
        let Some(spot) = inner.rows.spot(tx, key)? else { return Ok(Ok(None)) };
        let mut row = Handed::new(R::clone(&*spot.read_ref(tx)?));
        let result = f(row.get_mut());
        Ok(inner.exchange(tx, key, spot, row)?.map(|()| Some(result)))
    }

    /// Removes the row with this primary key, and returns it. O(log n), and as much for each index.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the row, and with inserts and removals next to its keys.
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
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// assert_eq!(atomically(|tx| table.remove(tx, &1)), Some((1, "a")));
    /// assert_eq!(atomically(|tx| table.remove(tx, &1)), None);
    /// ```
    pub fn remove<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<Option<R>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
        R: Clone,
    {
        let inner = Shared::get(&self.inner, tx);
        undone_by_panic(tx, |tx| {
            let Some(row) = inner.rows.remove(tx, key)? else { return Ok(None) };
            let mut row = Handed::new(row);
            let primary = Handed::new((inner.primary)(row.get()));
            inner.indexes.iter().try_for_each(|index| index.remove(tx, row.get(), primary.get()))?;
            Ok(Some(row.take()))
        })
    }

    /// Removes all rows. O(n) for each index.
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
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// atomically(|tx| table.clear(tx));
    /// assert_eq!(atomically(|tx| table.len(tx)), 0);
    /// ```
    pub fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        let inner = Shared::get(&self.inner, tx);
        inner.rows.clear(tx)?;
        inner.indexes.iter().try_for_each(|index| index.clear(tx))
    }

    /// Returns the row with this primary key. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`TOrdMap::get`]: conflicts with changes of the row or, if there is none, of the gap that the key is in.
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
    /// assert_eq!(atomically(|tx| table.get(tx, &1)), None);
    /// ```
    pub fn get<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<R>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
        R: Clone,
    {
        Shared::get(&self.inner, tx).rows.get(tx, key)
    }

    /// Borrows the row with this primary key for as long as the run lasts. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
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
    /// let table = TTable::builder(|row: &(u32, String)| row.0).build();
    /// atomically(|tx| table.insert(tx, (1, "one".into()))).unwrap();
    /// assert!(atomically(|tx| Ok(table.get_ref(tx, &1)?.is_some_and(|row| row.1 == "one"))));
    /// ```
    pub fn get_ref<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<Ref<'tx, R>>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Shared::get(&self.inner, tx).rows.get_ref(tx, key)
    }

    /// Returns whether there is a row with this primary key. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`TOrdMap::contains_key`]: a change of the row that leaves it its primary key is no conflict.
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
    /// assert!(!atomically(|tx| table.contains_key(tx, &1)));
    /// ```
    pub fn contains_key<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<bool>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Shared::get(&self.inner, tx).rows.contains_key(tx, key)
    }

    /// Calls `f` with the row with this primary key, if there is one. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
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
    /// atomically(|tx| table.insert(tx, (1, "one"))).unwrap();
    /// assert_eq!(atomically(|tx| table.with(tx, &1, |row| row.1.len())), Some(3));
    /// ```
    pub fn with<Q, T>(&self, tx: &ReadTransaction<'_, '_>, key: &Q, f: impl FnOnce(&R) -> T) -> StmResult<Option<T>>
    where
        P: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Shared::get(&self.inner, tx).rows.with(tx, key, f)
    }

    /// Returns the rows whose primary keys are in the range, in order. O(log n) and O(1) for each of them.
    ///
    /// # Retry and conflicts
    ///
    /// As [`TOrdMap::for_range`].
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
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// assert_eq!(atomically(|tx| table.range(tx, ..5)), [(1, "a")]);
    /// ```
    pub fn range(&self, tx: &ReadTransaction<'_, '_>, range: impl RangeBounds<P>) -> StmResult<Vec<R>>
    where
        R: Clone,
    {
        let mut found = Vec::new();
        let _: ControlFlow<()> = Shared::get(&self.inner, tx).rows.for_range(tx, range, |_, row| {
            found.push(row.clone());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Counts the rows. O(n), as [`TOrdMap::len`]. To know whether there are any ask [`is_empty`](Self::is_empty), which takes
    /// O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every insert and every removal. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TTable, snapshot};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert_eq!(snapshot(|tx| table.len(tx)), 0);
    /// ```
    pub fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Shared::get(&self.inner, tx).rows.len(tx)
    }

    /// Returns whether there is no row. O(1). Conflicts with the removal of the first row, and with inserts before it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{collections::TTable, snapshot};
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert!(snapshot(|tx| table.is_empty(tx)));
    /// ```
    pub fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Shared::get(&self.inner, tx).rows.is_empty(tx)
    }
}

impl<R, P> Inner<R, P>
where
    R: Clone + Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    /// Adds a row, whose primary key no other has.
    fn enter<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        mut primary: Handed<P>,
        mut row: Handed<R>,
    ) -> StmResult<Result<(), Conflict<R>>> {
        // All of it in one scope, which a panic of user code undoes, even if it is caught within the body.
        let entered = tx.nested(|tx| {
            self.each(|index| index.insert(tx, row.get(), primary.get()))?;
            self.rows.insert(tx, primary.take(), row.take()).map(later)?;
            Ok(())
        })?;
        Ok(entered.map_err(|index| Conflict { index, row: row.take() }))
    }

    /// Puts a row in the place of the one that was at `spot`, before user code that may have changed the table.
    fn exchange<'tx>(
        &'tx self,
        tx: &Transaction<'tx, '_>,
        key: &P,
        spot: Spot<'tx, P, R>,
        mut row: Handed<R>,
    ) -> StmResult<Result<(), Conflict<R>>> {
        let is_there = self.rows.holds(tx, &spot)?;
        let old = if is_there { Some(spot.read_ref(tx)?) } else { self.rows.get_ref(tx, key)? };
        let mut primary = Handed::new((self.primary)(row.get()));
        let moves = primary.get() != key;
        if moves && self.rows.contains_key(tx, primary.get())? {
            return Ok(Err(Conflict { index: PRIMARY, row: row.take() }));
        }
        let Some(old) = old else { return self.enter(tx, primary, row) };
        // As in `enter`.
        let entered = tx.nested(|tx| {
            self.each(|index| index.replace(tx, (&old, key), (row.get(), primary.get())))?;
            if is_there && !moves {
                spot.write(tx, row.take())?;
                return Ok(());
            }
            if moves {
                self.rows.remove(tx, key).map(later)?;
            }
            self.rows.insert(tx, primary.take(), row.take()).map(later)?;
            Ok(())
        })?;
        Ok(entered.map_err(|index| Conflict { index, row: row.take() }))
    }
}

impl<R: 'static, P: 'static> Inner<R, P> {
    /// Calls `enter` for each index, and cancels with the name of the first for which it returns false.
    fn each(&self, enter: impl Fn(&dyn Index<R, P>) -> StmResult<bool>) -> TxResult<(), &'static str> {
        for index in &self.indexes {
            if !enter(&**index)? {
                return cancel(index.name());
            }
        }
        Ok(())
    }
}

impl<R: 'static, P: 'static> TTable<R, P> {
    /// Whether the two are handles of one table. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TTable;
    ///
    /// let table = TTable::builder(|row: &(u32, &str)| row.0).build();
    /// assert!(table.ptr_eq(&table.clone()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.inner, &other.inner)
    }
}

/// By which table it is, not by what is in it.
impl<R: 'static, P: 'static> PartialEq for TTable<R, P> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<R: 'static, P: 'static> Eq for TTable<R, P> {}

// As for a map; what computes the keys is only called.
impl<R: 'static, P: 'static> UnwindSafe for TTable<R, P> {}
impl<R: 'static, P: 'static> RefUnwindSafe for TTable<R, P> {}

impl<R: 'static, P: 'static> Clone for TTable<R, P> {
    /// Shares the table.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

/// Shows the rows that were committed at one moment.
impl<R, P> fmt::Debug for TTable<R, P>
where
    R: fmt::Debug + Send + Sync + 'static,
    P: Ord + fmt::Debug + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.rows.fmt(f)
    }
}

/// Goes through the rows, with their primary keys, as they are at one moment: see [`TOrdMap::snapshot`].
impl<R: Clone + Send + Sync + 'static, P: Ord + Clone + Send + Sync + 'static> IntoIterator for &TTable<R, P> {
    type Item = (P, R);
    type IntoIter = btree_map::IntoIter<P, R>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        (&self.inner.rows).into_iter()
    }
}
