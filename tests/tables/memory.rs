//! Rows are dropped once, when nobody can see them any more.

use common::{Census, Counted, on_a_small_stack, scaled, watchdog};
use stm::atomically;
use stm::collections::{OrderedIndex, TTable};

/// A table of so many rows, in falling order: each comes first.
fn filled(census: &Census, count: u64) -> (TTable<Counted, u64>, OrderedIndex<Counted, u64, u64>) {
    let mut builder = TTable::builder(|row: &Counted| row.payload);
    let by_rank = builder.ordered("rank", |row: &Counted| row.payload / 10);
    let table = builder.build();
    for thousand in (0..count.div_ceil(1_000)).rev() {
        let rows = (thousand * 1_000..count.min((thousand + 1) * 1_000)).rev();
        atomically(|tx| table.extend(tx, rows.clone().map(|n| census.value(n)))).expect("all keys differ");
    }
    (table, by_rank)
}

/// Half a million rows, each with a node in both lists.
#[test]
fn a_million_nodes_of_rows_are_dropped_without_recursion_and_without_a_leak() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let (census, count) = (Census::new(), scaled(500_000));
        let (table, by_rank) = filled(&census, count as u64);
        census.settle(count);
        drop(table);
        // It shares the rows.
        census.settle(count);
        drop(by_rank);
        census.settle(0);
    });
}

#[test]
fn a_hundred_thousand_rows_are_cleared_in_one_transaction() {
    let _watchdog = watchdog();
    let (census, count) = (Census::new(), scaled(100_000));
    let (table, by_rank) = filled(&census, count as u64);
    atomically(|tx| table.clear(tx));
    census.settle(0);
    assert!(atomically(|tx| by_rank.range(tx, ..)).is_empty());
}
