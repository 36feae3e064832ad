//! `TOrdMap`: an ordered map, as a skip list.

mod height;
mod list;
mod node;

use std::borrow::Borrow;

use crate::{ReadTransaction, Ref, Shared, StmResult, Transaction};
use list::{Found, List};

/// An ordered map.
pub struct TOrdMap<K: 'static, V: 'static> {
    list: Shared<List<K, V>>,
}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Creates an empty map.
    pub fn new() -> Self {
        Self { list: Shared::new(List::new()) }
    }

    /// Returns the value of a key.
    #[inline]
    pub fn get<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        self.with(tx, key, V::clone)
    }

    /// Borrows.
    #[inline]
    pub fn get_ref<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<Ref<'tx, V>>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        match list.find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => node.value.read_ref(tx).map(Some),
            Found::Gap(_) => Ok(None),
        }
    }

    /// with
    #[inline]
    pub fn with<Q, R>(&self, tx: &ReadTransaction<'_, '_>, key: &Q, f: impl FnOnce(&V) -> R) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Ok(self.get_ref(tx, key)?.map(|value| f(&value)))
    }

    /// insert
    #[inline]
    pub fn insert(&self, tx: &Transaction<'_, '_>, key: K, value: V) -> StmResult<Option<V>>
    where
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        let height = height::draw();
        let mut gaps = list::no_gaps();
        if let Some(node) = list.slot(tx, |other| other.cmp(&key), height, &mut gaps)? {
            return node.value.replace(tx, value).map(Some);
        }
        list.put(tx, &gaps[..height], key, value)?;
        Ok(None)
    }

    /// remove
    #[inline]
    pub fn remove<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        match list.take(tx, |other| other.borrow().cmp(key))? {
            Some(node) => node.value.read(tx).map(Some),
            None => Ok(None),
        }
    }
}
