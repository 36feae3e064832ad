//! Elements whose destructors run transactions, which no body may: no structure drops one before the body is over.

use std::mem::forget;

use common::watchdog;
use stm::collections::{TOrdMap, TTable};
use stm::{StmResult, TCell, Transaction, atomically};

static ENDED: TCell<u64> = TCell::new(0);

static KEY: Busy = Busy(3);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Busy(u64);

impl Drop for Busy {
    fn drop(&mut self) {
        atomically(|tx| ENDED.modify(tx, |n| n + 1));
    }
}

/// Runs an operation that is to drop some, now or later, outside of its body. What it returns is not dropped at all.
fn drops<T>(operation: impl Fn(&Transaction<'_, '_>) -> StmResult<T>) {
    let before = ENDED.load();
    atomically(|tx| operation(tx).map(forget));
    // Others may be in the middle of something. If nothing is dropped, the watchdog ends this.
    while ENDED.load() == before {
        stm::collect();
        std::thread::yield_now();
    }
}

/// One test, so that what is dropped in one part does not count in the other.
#[test]
fn structures_drop_nothing_within_a_body() {
    let _watchdog = watchdog();
    keys_of_an_ordered_map();
    rows_and_keys_of_a_table();
}

fn keys_of_an_ordered_map() {
    let map: TOrdMap<Busy, Busy> = (0..8).chain(0..8).map(|n| (Busy(n), Busy(n))).collect();
    drops(|tx| map.insert(tx, Busy(3), Busy(4)));
    drops(|tx| map.update(tx, &KEY, |value| forget(std::mem::replace(value, Busy(5)))));
    drops(|tx| map.retain(tx, |key, _| key.0 < 6));
    drops(|tx| map.extend(tx, [(Busy(1), Busy(2))]));
    let other: TOrdMap<Busy, Busy> = [(Busy(1), Busy(1)), (Busy(9), Busy(9))].into();
    drops(|tx| map.append(tx, &other));
    drops(|tx| map.remove(tx, &KEY));
    drops(|tx| map.clear(tx));
}

fn rows_and_keys_of_a_table() {
    let mut builder = TTable::builder(|row: &[Busy; 3]| row[0].clone());
    let by_name = builder.unique("name", |row| row[1].clone());
    let by_age = builder.ordered("age", |row| row[2].clone());
    let table = builder.build();
    let row = |[id, name, age]: [u64; 3]| [Busy(id), Busy(name), Busy(age)];
    for n in 0..6 {
        assert!(atomically(|tx| table.insert(tx, row([n, 10 + n, 20]))).is_ok());
    }
    // One that is taken, in each index that refuses it.
    drops(|tx| table.insert(tx, row([3, 19, 20])));
    drops(|tx| table.insert(tx, row([9, 13, 20])));
    drops(|tx| table.upsert(tx, row([3, 19, 21])));
    drops(|tx| table.upsert(tx, row([3, 12, 21])));
    let key = Busy(2);
    drops(|tx| table.update(tx, &key, |row| forget(std::mem::replace(&mut row[0], Busy(7)))));
    let key = Busy(4);
    drops(|tx| table.update(tx, &key, |row| forget(std::mem::replace(&mut row[2], Busy(22)))));
    drops(|tx| table.update(tx, &key, |row| forget(std::mem::replace(&mut row[1], Busy(10)))));
    drops(|tx| table.remove(tx, &key));
    // These drop nothing.
    atomically(|tx| table.range(tx, ..).map(forget));
    atomically(|tx| by_name.get(tx, &key).map(forget));
    atomically(|tx| by_age.range(tx, ..).map(forget));
    drops(|tx| table.retain(tx, |row| row[0].0 < 4));
    drops(|tx| table.clear(tx));
}
