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
    /// # Examples
    ///
    /// See [`UniqueIndex`].
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
    /// # Examples
    ///
    /// See [`OrderedIndex`].
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

    /// Makes the table, which is empty.
    ///
    /// # Examples
    ///
    /// See [`TTable`].
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
