//! A key's place in the map, from one step of an operation to a later one.

use std::borrow::Borrow;

use super::TOrdMap;
use super::list::Found;
use super::node::Node;
use crate::{ReadTransaction, Ref, Shared, StmResult, Transaction};

/// A key that a transaction has found in the map.
pub(in crate::collections) struct Spot<'tx, K: 'static, V: 'static>(&'tx Node<K, V>);

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Searches a key.
    #[inline]
    pub(in crate::collections) fn spot<'tx, Q>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        key: &Q,
    ) -> StmResult<Option<Spot<'tx, K, V>>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match Shared::get(&self.list, tx).find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => Ok(Some(Spot(node))),
            Found::Gap(_) => Ok(None),
        }
    }

    /// Whether the key is still there, after user code that may have changed the map by the same transaction.
    #[inline]
    pub(in crate::collections) fn holds<'tx>(
        &self,
        tx: &ReadTransaction<'tx, '_>,
        spot: &Spot<'tx, K, V>,
    ) -> StmResult<bool> {
        spot.0.is_still_in(tx, Shared::get(&self.list, tx).id())
    }
}

impl<'tx, K: Send + Sync + 'static, V: Send + Sync + 'static> Spot<'tx, K, V> {
    pub(super) fn at(node: &'tx Node<K, V>) -> Self {
        Self(node)
    }

    #[inline]
    pub(in crate::collections) fn key(&self) -> &'tx K {
        &self.0.key
    }

    #[inline]
    pub(in crate::collections) fn read_ref(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<Ref<'tx, V>> {
        self.0.value.read_ref(tx)
    }

    /// Gives a key that is still there another value.
    #[inline]
    pub(in crate::collections) fn write(&self, tx: &Transaction<'tx, '_>, value: V) -> StmResult<()> {
        self.0.value.write(tx, value)
    }
}
