//! This project's library, with its own structures.

use std::ops::{Bound, ControlFlow};

use ::stm::channel::TQueue;
use ::stm::collections::{TMap, TOrdMap};
use ::stm::{Abort, Shared, Transaction};

use super::stm::Kit;
use super::{Map, Queue, Stm};

/// Maps are ordered.
pub(crate) struct Ordered;

impl Kit for Ordered {
    type Map<V: Send + Sync + 'static> = TOrdMap<u64, Shared<V>>;
    type Queue<N: Send + Sync + 'static> = TQueue<Shared<N>>;
}

/// Maps are hashed.
pub(crate) struct Hashed;

impl Kit for Hashed {
    type Map<V: Send + Sync + 'static> = TMap<u64, Shared<V>>;
    type Queue<N: Send + Sync + 'static> = TQueue<Shared<N>>;
}

type Tx<'tx> = Transaction<'tx, 'static>;

impl<V: Send + Sync + 'static> Map<Stm<Ordered>, V> for TOrdMap<u64, Shared<V>> {
    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn get<'tx>(&'tx self, tx: &Tx<'tx>, key: u64) -> Result<Option<&'tx V>, Abort> {
        Ok(self.get_ref(tx, &key)?.map(|value| Shared::get(&value, tx)))
    }

    fn insert<'tx>(&'tx self, tx: &Tx<'tx>, key: u64, value: V) -> Result<bool, Abort> {
        let mut vacant = false;
        self.alter(tx, key, |entry| {
            vacant = entry.is_none();
            entry.or_else(|| Some(Shared::new(value)))
        })?;
        Ok(vacant)
    }

    fn remove<'tx>(&'tx self, tx: &Tx<'tx>, key: u64) -> Result<bool, Abort> {
        Ok(self.remove(tx, &key)?.is_some())
    }

    fn range<'tx>(
        &'tx self,
        tx: &Tx<'tx>,
        from: u64,
        to: u64,
        mut visit: impl FnMut(u64, &'tx V) -> Result<bool, Abort>,
    ) -> Result<(), Abort> {
        let stopped = self.for_range(tx, (Bound::Included(from), Bound::Included(to)), |key, value| {
            match visit(*key, Shared::get(value, tx)) {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(Ok(())),
                Err(abort) => ControlFlow::Break(Err(abort)),
            }
        })?;
        stopped.break_value().unwrap_or(Ok(()))
    }

    fn check<'tx>(&'tx self, tx: &Tx<'tx>) -> Result<Option<usize>, Abort> {
        let (mut keys, mut last) = (0, None);
        Map::range(self, tx, 0, u64::MAX, |key, _| {
            keys += usize::from(last.replace(key) < Some(key));
            Ok(true)
        })?;
        Ok((self.len(tx)? == keys).then_some(keys))
    }
}

impl<V: Send + Sync + 'static> Map<Stm<Hashed>, V> for TMap<u64, Shared<V>> {
    fn new() -> Self {
        Self::new()
    }

    #[inline]
    fn get<'tx>(&'tx self, tx: &Tx<'tx>, key: u64) -> Result<Option<&'tx V>, Abort> {
        Ok(self.get_ref(tx, &key)?.map(|value| Shared::get(&value, tx)))
    }

    fn insert<'tx>(&'tx self, tx: &Tx<'tx>, key: u64, value: V) -> Result<bool, Abort> {
        if self.contains_key(tx, &key)? {
            return Ok(false);
        }
        self.insert(tx, key, Shared::new(value)).map(|_| true)
    }

    fn remove<'tx>(&'tx self, tx: &Tx<'tx>, key: u64) -> Result<bool, Abort> {
        Ok(self.remove(tx, &key)?.is_some())
    }

    /// Looks at every key: good enough for a check, and no more.
    fn range<'tx>(
        &'tx self,
        tx: &Tx<'tx>,
        from: u64,
        to: u64,
        mut visit: impl FnMut(u64, &'tx V) -> Result<bool, Abort>,
    ) -> Result<(), Abort> {
        let mut entries = Vec::new();
        self.for_each(tx, |key, value| entries.push((*key, Shared::get(value, tx))))?;
        entries.sort_by_key(|(key, _)| *key);
        for (key, value) in entries {
            if (from..=to).contains(&key) && !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn check<'tx>(&'tx self, tx: &Tx<'tx>) -> Result<Option<usize>, Abort> {
        let mut entries = 0;
        self.for_each(tx, |_, _| entries += 1)?;
        Ok((self.len(tx)? == entries).then_some(entries))
    }
}

impl<K: Kit, N: Send + Sync + 'static> Queue<Stm<K>, N> for TQueue<Shared<N>> {
    fn new(nodes: Vec<Shared<N>>, _capacity: usize) -> Self {
        nodes.into_iter().collect()
    }

    fn push<'tx>(&'tx self, tx: &Tx<'tx>, node: Shared<N>) -> Result<(), Abort> {
        self.push(tx, node)
    }

    fn pop<'tx>(&'tx self, tx: &Tx<'tx>) -> Result<Option<Shared<N>>, Abort> {
        self.try_pop(tx)
    }
}
