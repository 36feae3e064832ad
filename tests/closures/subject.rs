//! The structures with keys, by one interface.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher, RandomState};

use stm::collections::{OrderedIndex, TMap, TOrdMap, TTable, UniqueIndex};
use stm::{ReadTransaction, StmResult, Transaction};

use super::program::Outcome;

/// What a closure does besides.
type Call<'a> = &'a mut dyn FnMut();

pub(crate) trait Keyed: Default {
    /// Refuses a value that another key has; and has no `alter`.
    const IS_UNIQUE: bool;

    fn insert(&self, tx: &Transaction<'_, '_>, key: u8, value: u64) -> StmResult<Outcome>;
    fn remove(&self, tx: &Transaction<'_, '_>, key: u8) -> StmResult<Option<u64>>;
    fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()>;
    fn view(&self, tx: &Transaction<'_, '_>) -> StmResult<()>;
    fn all(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<BTreeMap<u8, u64>>;
    fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize>;
    /// Returns the value before.
    fn update(&self, tx: &Transaction<'_, '_>, key: u8, value: u64, call: Call<'_>) -> StmResult<Outcome>;
    fn alter(&self, tx: &Transaction<'_, '_>, key: u8, value: Option<u64>, call: Call<'_>) -> StmResult<Outcome>;
    fn get_or_insert(&self, tx: &Transaction<'_, '_>, key: u8, value: u64, call: Call<'_>) -> StmResult<Outcome>;
    fn retain(&self, tx: &Transaction<'_, '_>, keep: &mut dyn FnMut(u64) -> bool) -> StmResult<Outcome>;
}

/// What the maps have in common.
macro_rules! keyed_map {
    ($map:ty, $view:expr) => {
        impl Keyed for $map {
            const IS_UNIQUE: bool = false;

            fn insert(&self, tx: &Transaction<'_, '_>, key: u8, value: u64) -> StmResult<Outcome> {
                self.insert(tx, key, value).map(Ok)
            }

            fn remove(&self, tx: &Transaction<'_, '_>, key: u8) -> StmResult<Option<u64>> {
                self.remove(tx, &key)
            }

            fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
                self.clear(tx)
            }

            fn view(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
                ($view)(self, tx)
            }

            fn all(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<BTreeMap<u8, u64>> {
                let (mut all, mut count) = (BTreeMap::new(), 0);
                for (key, value) in self.iter(tx)? {
                    assert_eq!(self.get(tx, &key)?, Some(value));
                    all.insert(key, value);
                    count += 1;
                }
                assert_eq!((all.len(), self.len(tx)?, self.is_empty(tx)?), (count, count, count == 0));
                Ok(all)
            }

            fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
                self.len(tx)
            }

            fn update(&self, tx: &Transaction<'_, '_>, key: u8, value: u64, call: Call<'_>) -> StmResult<Outcome> {
                let change = |place: &mut u64| {
                    call();
                    std::mem::replace(place, value)
                };
                self.update(tx, &key, change).map(Ok)
            }

            fn alter(
                &self,
                tx: &Transaction<'_, '_>,
                key: u8,
                value: Option<u64>,
                call: Call<'_>,
            ) -> StmResult<Outcome> {
                let mut before = None;
                self.alter(tx, key, |old| {
                    call();
                    before = old;
                    value
                })?;
                Ok(Ok(before))
            }

            fn get_or_insert(
                &self,
                tx: &Transaction<'_, '_>,
                key: u8,
                value: u64,
                call: Call<'_>,
            ) -> StmResult<Outcome> {
                let make = || {
                    call();
                    value
                };
                self.get_or_insert_with(tx, key, make).map(|value| Ok(Some(value)))
            }

            fn retain(&self, tx: &Transaction<'_, '_>, keep: &mut dyn FnMut(u64) -> bool) -> StmResult<Outcome> {
                self.retain(tx, |_, value| keep(*value)).map(|()| Ok(None))
            }
        }
    };
}

pub(crate) type Hashed = TMap<u8, u64, RandomState>;
/// All keys in one chain.
pub(crate) type Chained = TMap<u8, u64, BuildHasherDefault<Equal>>;
pub(crate) type Ordered = TOrdMap<u8, u64>;

keyed_map!(Hashed, |map: &Hashed, tx: &Transaction<'_, '_>| map.view(tx).map(drop));
keyed_map!(Chained, |map: &Chained, tx: &Transaction<'_, '_>| map.view(tx).map(drop));
keyed_map!(Ordered, |_: &Ordered, _: &Transaction<'_, '_>| Ok(()));

/// Gives everything one hash.
#[derive(Debug, Default)]
pub(crate) struct Equal;

impl Hasher for Equal {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _bytes: &[u8]) {}
}

/// Rows of a key and a value, of which another index is unique, and one has several rows a key.
pub(crate) struct Table {
    table: TTable<(u8, u64), u8>,
    by_value: UniqueIndex<(u8, u64), u8, u64>,
    by_remainder: OrderedIndex<(u8, u64), u8, u64>,
}

impl Default for Table {
    fn default() -> Self {
        let mut builder = TTable::builder(|row: &(u8, u64)| row.0);
        let by_value = builder.unique("value", |row| row.1);
        let by_remainder = builder.ordered("remainder", |row| row.1 % 3);
        Self { table: builder.build(), by_value, by_remainder }
    }
}

impl Keyed for Table {
    const IS_UNIQUE: bool = true;

    fn insert(&self, tx: &Transaction<'_, '_>, key: u8, value: u64) -> StmResult<Outcome> {
        let old = self.table.upsert(tx, (key, value))?;
        Ok(old.map(|row| row.map(|(_, value)| value)).map_err(|refused| {
            assert_eq!((refused.index, refused.row), ("value", (key, value)));
        }))
    }

    fn remove(&self, tx: &Transaction<'_, '_>, key: u8) -> StmResult<Option<u64>> {
        Ok(self.table.remove(tx, &key)?.map(|(_, value)| value))
    }

    fn clear(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.table.clear(tx)
    }

    fn view(&self, _tx: &Transaction<'_, '_>) -> StmResult<()> {
        Ok(())
    }

    /// After a look at whether the indexes say the same.
    fn all(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<BTreeMap<u8, u64>> {
        let rows: BTreeMap<u8, u64> = self.table.iter(tx)?.collect();
        for value in 0..12 {
            let expected = rows.iter().find(|(_, other)| **other == value).map(|(key, value)| (*key, *value));
            assert_eq!(self.by_value.get(tx, &value)?, expected);
        }
        let mut expected: Vec<_> = rows.iter().map(|(key, value)| (*key, *value)).collect();
        expected.sort_unstable_by_key(|(key, value)| (value % 3, *key));
        assert_eq!(self.by_remainder.range(tx, ..)?, expected);
        Ok(rows)
    }

    fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.table.len(tx)
    }

    fn update(&self, tx: &Transaction<'_, '_>, key: u8, value: u64, call: Call<'_>) -> StmResult<Outcome> {
        let old = self.table.update(tx, &key, |row| {
            call();
            std::mem::replace(&mut row.1, value)
        })?;
        Ok(old.map_err(|refused| assert_eq!((refused.index, refused.row), ("value", (key, value)))))
    }

    fn alter(&self, _: &Transaction<'_, '_>, _: u8, _: Option<u64>, _: Call<'_>) -> StmResult<Outcome> {
        Ok(Ok(None))
    }

    fn get_or_insert(&self, _: &Transaction<'_, '_>, _: u8, _: u64, _: Call<'_>) -> StmResult<Outcome> {
        Ok(Ok(None))
    }

    fn retain(&self, tx: &Transaction<'_, '_>, keep: &mut dyn FnMut(u64) -> bool) -> StmResult<Outcome> {
        self.table.retain(tx, |row| keep(row.1)).map(|()| Ok(None))
    }
}
