//! An index in which each key is there once.

use std::borrow::Borrow;
use std::fmt;

use super::index::Index;
use crate::collections::TOrdMap;
use crate::handed::{Handed, later};
use crate::{ReadTransaction, StmResult, Transaction};

/// Finds the row of a [`TTable`](super::TTable) that has a certain key, of which there is one at most.
///
/// It comes from [`TTableBuilder::unique`](super::TTableBuilder::unique). Cloning it shares it.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TTable};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct User { id: u64, email: String }
///
/// let mut builder = TTable::builder(|user: &User| user.id);
/// let by_email = builder.unique("email", |user| user.email.clone());
/// let users = builder.build();
///
/// let ada = User { id: 1, email: "ada@example.org".into() };
/// atomically(|tx| users.insert(tx, ada.clone())).unwrap();
/// assert_eq!(atomically(|tx| by_email.get(tx, "ada@example.org")), Some(ada));
/// assert_eq!(atomically(|tx| by_email.get(tx, "eve@example.org")), None);
/// ```
pub struct UniqueIndex<R: 'static, P: 'static, K: 'static> {
    pub(super) keys: TOrdMap<K, P>,
    pub(super) rows: TOrdMap<P, R>,
}

impl<R, P, K> UniqueIndex<R, P, K>
where
    R: Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
    K: Ord + Send + Sync + 'static,
{
    /// Returns the row with this key. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of that row or, if there is none, with those of the gap that the key is in: see
    /// [`TOrdMap`](crate::collections::TOrdMap#conflicts).
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
    /// let by_name = builder.unique("name", |row| row.1);
    /// let table = builder.build();
    /// atomically(|tx| table.insert(tx, (1, "a"))).unwrap();
    /// assert_eq!(atomically(|tx| by_name.get(tx, "a")), Some((1, "a")));
    /// ```
    pub fn get<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: Clone,
    {
        self.with(tx, key, R::clone)
    }

    /// Calls `f` with the row with this key, if there is one. O(log n).
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
    /// let mut builder = TTable::builder(|pair: &(u32, String)| pair.0);
    /// let by_name = builder.unique("name", |pair| pair.1.clone());
    /// let pairs = builder.build();
    /// atomically(|tx| pairs.insert(tx, (1, "one".into()))).unwrap();
    /// assert_eq!(atomically(|tx| by_name.with(tx, "one", |pair| pair.0)), Some(1));
    /// ```
    pub fn with<Q, T>(&self, tx: &ReadTransaction<'_, '_>, key: &Q, f: impl FnOnce(&R) -> T) -> StmResult<Option<T>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.keys.get_ref(tx, key)? {
            Some(primary) => self.rows.with(tx, &*primary, f),
            None => Ok(None),
        }
    }

    /// Returns the primary key of the row with this key: what [`TTable::update`](super::TTable::update) and
    /// [`remove`](super::TTable::remove) take. Conflicts with changes of the two keys, not with others of the row. O(log n).
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
    /// let mut builder = TTable::builder(|pair: &(u32, String)| pair.0);
    /// let by_name = builder.unique("name", |pair| pair.1.clone());
    /// let pairs = builder.build();
    /// atomically(|tx| pairs.insert(tx, (1, "one".into()))).unwrap();
    /// let removed = atomically(|tx| match by_name.primary(tx, "one")? {
    ///     Some(key) => pairs.remove(tx, &key),
    ///     None => Ok(None),
    /// });
    /// assert_eq!(removed, Some((1, "one".into())));
    /// ```
    pub fn primary<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<P>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.keys.get(tx, key)
    }
}

impl<R: 'static, P: 'static, K: 'static> Clone for UniqueIndex<R, P, K> {
    /// Shares the index.
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), rows: self.rows.clone() }
    }
}

impl<R: 'static, P: 'static, K: 'static> fmt::Debug for UniqueIndex<R, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueIndex").finish_non_exhaustive()
    }
}

/// The table's side of it.
pub(super) struct Unique<P: 'static, K: 'static, F> {
    pub(super) name: &'static str,
    pub(super) key: F,
    pub(super) keys: TOrdMap<K, P>,
}

impl<P: Clone + Send + Sync + 'static, K: Ord + Send + Sync + 'static, F> Unique<P, K, F> {
    /// Whether no other row has this key.
    fn put(&self, tx: &Transaction<'_, '_>, mut key: Handed<K>, primary: &P) -> StmResult<bool> {
        let other = self.keys.insert(tx, key.take(), primary.clone())?;
        let is_new = other.is_none();
        later(other);
        Ok(is_new)
    }
}

impl<R, P, K, F> Index<R, P> for Unique<P, K, F>
where
    P: Ord + Clone + Send + Sync + 'static,
    K: Ord + Send + Sync + 'static,
    F: Fn(&R) -> K + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn insert(&self, tx: &Transaction<'_, '_>, row: &R, primary: &P) -> StmResult<bool> {
        self.put(tx, Handed::new((self.key)(row)), primary)
    }

    fn remove(&self, tx: &Transaction<'_, '_>, row: &R, _primary: &P) -> StmResult<()> {
        self.keys.remove(tx, Handed::new((self.key)(row)).get()).map(later)
    }

    fn replace(&self, tx: &Transaction<'_, '_>, old: (&R, &P), new: (&R, &P)) -> StmResult<bool> {
        let (old_key, new_key) = (Handed::new((self.key)(old.0)), Handed::new((self.key)(new.0)));
        if old_key.get() == new_key.get() && old.1 == new.1 {
            return Ok(true);
        }
        self.keys.remove(tx, old_key.get()).map(later)?;
        self.put(tx, new_key, new.1)
    }

    fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.keys.clear(tx)
    }
}
