//! `TTable`: rows, a unique index and an ordered one.

use std::collections::BTreeMap;

use common::Random;
use common::linearity::Spec;
use stm::collections::{OrderedIndex, TTable, UniqueIndex};
use stm::{ReadTransaction, StmResult, Transaction};

use super::workload::{Setting, Subject, is_linearisable};

/// Its primary key, its key in the unique index, and that in the ordered one.
type Row = (u64, u64, u64);

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Insert(Row),
    /// The row with the first key becomes another one.
    Update(u64, Row),
    Remove(u64),
    Get(u64),
    ByUnique(u64),
    ByOrdered(u64, u64),
    All,
    Len,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Row(Option<Row>),
    Rows(Vec<Row>),
    /// Whether there was such a row.
    Done(bool),
    Refused(&'static str),
    Count(usize),
}

/// Rows by primary key.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Rows(pub(crate) BTreeMap<u64, Row>);

impl Rows {
    /// Puts a row in, which is to replace another one, unless a third has its key.
    fn enter(&mut self, row: Row, old: Option<u64>) -> Ret {
        if Some(row.0) != old && self.0.contains_key(&row.0) {
            return Ret::Refused("primary");
        }
        if self.0.values().any(|other| other.1 == row.1 && Some(other.0) != old) {
            return Ret::Refused("unique");
        }
        old.map(|old| self.0.remove(&old));
        self.0.insert(row.0, row);
        Ret::Done(true)
    }
}

impl Spec for Rows {
    type Op = Op;
    type Ret = Ret;

    fn step(&mut self, op: &Op) -> Option<Ret> {
        Some(match *op {
            Op::Insert(row) => self.enter(row, None),
            Op::Update(key, row) if self.0.contains_key(&key) => self.enter(row, Some(key)),
            Op::Update(..) => Ret::Done(false),
            Op::Remove(key) => Ret::Row(self.0.remove(&key)),
            Op::Get(key) => Ret::Row(self.0.get(&key).copied()),
            Op::ByUnique(key) => Ret::Row(self.0.values().find(|row| row.1 == key).copied()),
            Op::ByOrdered(start, end) => {
                let mut rows: Vec<_> = self.0.values().filter(|row| (start..end).contains(&row.2)).copied().collect();
                rows.sort_unstable_by_key(|row| (row.2, row.0));
                Ret::Rows(rows)
            }
            Op::All => Ret::Rows(self.0.values().copied().collect()),
            Op::Len => Ret::Count(self.0.len()),
        })
    }

    fn looks(op: &Op) -> bool {
        !matches!(op, Op::Insert(_) | Op::Update(..) | Op::Remove(_))
    }
}

struct Table {
    rows: TTable<Row, u64>,
    unique: UniqueIndex<Row, u64, u64>,
    ordered: OrderedIndex<Row, u64, u64>,
}

impl Subject for Table {
    type Spec = Rows;

    fn make(_setting: Setting) -> (Self, Rows) {
        let mut builder = TTable::builder(|row: &Row| row.0);
        let unique = builder.unique("unique", |row: &Row| row.1);
        let ordered = builder.ordered("ordered", |row: &Row| row.2);
        (Self { rows: builder.build(), unique, ordered }, Rows::default())
    }

    fn draw(&self, random: &mut Random, _thread: usize, _fresh: u64) -> Op {
        let mut below = |bound| random.below(bound) as u64;
        let row = (below(4), below(4), below(3));
        match below(12) {
            0..4 => Op::Insert(row),
            4 | 5 => Op::Update(below(4), row),
            6 | 7 => Op::Remove(row.0),
            8 => Op::Get(row.0),
            9 => Op::ByUnique(row.1),
            10 => Op::ByOrdered(row.2, row.2 + 2),
            _ => Op::Len,
        }
    }

    fn whole(&self) -> Vec<Op> {
        vec![Op::All, Op::ByOrdered(0, 10), Op::ByUnique(1)]
    }

    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Get(key) => Ret::Row(self.rows.get(tx, &key)?),
            Op::ByUnique(key) => Ret::Row(self.unique.get(tx, &key)?),
            Op::ByOrdered(start, end) => Ret::Rows(self.ordered.range(tx, start..end)?),
            Op::All => Ret::Rows(self.rows.range(tx, ..)?),
            Op::Len => Ret::Count(self.rows.len(tx)?),
            _ => unreachable!("{op:?} does not look"),
        })
    }

    fn change(&self, tx: &Transaction<'_, '_>, op: &Op) -> StmResult<Ret> {
        Ok(match *op {
            Op::Insert(row) => match self.rows.insert(tx, row)? {
                Ok(()) => Ret::Done(true),
                Err(conflict) => Ret::Refused(conflict.index),
            },
            Op::Update(key, new) => match self.rows.update(tx, &key, |row| *row = new)? {
                Ok(found) => Ret::Done(found.is_some()),
                Err(conflict) => Ret::Refused(conflict.index),
            },
            Op::Remove(key) => Ret::Row(self.rows.remove(tx, &key)?),
            _ => unreachable!("{op:?} does not change anything"),
        })
    }
}

#[test]
fn a_table_is() {
    is_linearisable::<Table>("TTable");
}
