//! Declaring a table.

use std::fmt;

use super::index::Index;
use super::ordered::{Ordered, OrderedIndex};
use super::unique::{Unique, UniqueIndex};
use super::{Inner, TTable};
use crate::Shared;
use crate::collections::TOrdMap;

/// Declares the indexes of a [`TTable`]: see [`TTable::builder`].
pub struct TTableBuilder<R: 'static, P: 'static> {
    primary: Box<dyn Fn(&R) -> P + Send + Sync>,
    rows: TOrdMap<P, R>,
    indexes: Vec<Box<dyn Index<R, P>>>,
}

impl<R, P> TTableBuilder<R, P>
where
    R: Send + Sync + 'static,
    P: Ord + Clone + Send + Sync + 'static,
{
    pub(super) fn new(primary: impl Fn(&R) -> P + Send + Sync + 'static) -> Self {
        Self { primary: Box::new(primary), rows: TOrdMap::new(), indexes: Vec::new() }
    }

    /// Declares an index in which each key is there at most once: a row with a key that another one has is refused, under this
    /// name.
    ///
    /// `key` must return the same for the same row each time, and not use transactions.
    ///
    /// O(1); conflicts with nothing.
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
    /// assert_eq!(atomically(|tx| table.insert(tx, (2, "a"))).unwrap_err().index, "name");
    /// assert_eq!(atomically(|tx| by_name.get(tx, "a")), Some((1, "a")));
    /// ```
    pub fn unique<K>(
        &mut self,
        name: &'static str,
        key: impl Fn(&R) -> K + Send + Sync + 'static,
    ) -> UniqueIndex<R, P, K>
    where
        K: Ord + Send + Sync + 'static,
    {
        let keys = TOrdMap::new();
        self.indexes.push(Box::new(Unique { name, key, keys: keys.clone() }));
        UniqueIndex { keys, rows: self.rows.clone() }
    }

    /// Declares an index in which several rows may have the same key.
    ///
    /// `key` must return the same for the same row each time, and not use transactions.
    ///
    /// O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let mut builder = TTable::builder(|row: &(u32, &str)| row.0);
    /// let by_name = builder.ordered("name", |row| row.1);
    /// let table = builder.build();
    /// atomically(|tx| table.extend(tx, [(1, "b"), (2, "a"), (3, "b")])).unwrap();
    /// assert_eq!(atomically(|tx| by_name.range(tx, "b"..)), [(1, "b"), (3, "b")]);
    /// ```
    pub fn ordered<K>(
        &mut self,
        name: &'static str,
        key: impl Fn(&R) -> K + Send + Sync + 'static,
    ) -> OrderedIndex<R, P, K>
    where
        K: Ord + Send + Sync + 'static,
    {
        let keys = TOrdMap::new();
        self.indexes.push(Box::new(Ordered { name, key, keys: keys.clone() }));
        OrderedIndex { keys, rows: self.rows.clone() }
    }

    /// Makes the table, which is empty. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TTable};
    ///
    /// let builder = TTable::builder(|row: &(u32, &str)| row.0);
    /// let table = builder.build();
    /// assert!(atomically(|tx| table.is_empty(tx)));
    /// ```
    pub fn build(self) -> TTable<R, P> {
        let Self { primary, rows, indexes } = self;
        TTable { inner: Shared::new(Inner { primary, rows, indexes }) }
    }
}

impl<R: 'static, P: 'static> fmt::Debug for TTableBuilder<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.indexes.iter().map(|index| index.name()).collect();
        f.debug_struct("TTableBuilder").field("indexes", &names).finish_non_exhaustive()
    }
}
