//! `TTable`: rows, primary keys and keys of indexes.

use common::{Census, Frail};
use stm::collections::{OrderedIndex, TTable, UniqueIndex};
use stm::{atomically, snapshot};

use super::case::{Case, numbers};

#[derive(Clone)]
struct Row {
    id: Frail,
    mail: Frail,
    age: Frail,
}

struct Rows {
    table: TTable<Row, Frail>,
    by_mail: UniqueIndex<Row, Frail, Frail>,
    by_age: OrderedIndex<Row, Frail, Frail>,
}

fn row(census: &Census, [id, mail, age]: [u64; 3]) -> Row {
    Row { id: Frail::of(census, id), mail: Frail::of(census, mail), age: Frail::of(census, age) }
}

fn rows(census: &Census) -> Rows {
    let mut builder = TTable::builder(|row: &Row| row.id.clone());
    let by_mail = builder.unique("mail", |row: &Row| row.mail.clone());
    let by_age = builder.ordered("age", |row: &Row| row.age.clone());
    let rows = Rows { table: builder.build(), by_mail, by_age };
    for n in 0..6 {
        let row = row(census, [n, 100 + n, 200 + n % 2]);
        assert!(atomically(|tx| rows.table.insert(tx, row.clone())).is_ok());
    }
    rows
}

/// All rows, of which each index knows.
fn content(rows: &Rows) -> Vec<u64> {
    let all = snapshot(|tx| rows.table.range(tx, ..));
    for row in &all {
        let id = snapshot(|tx| rows.by_mail.primary(tx, &row.mail));
        assert_eq!(id.map(|id| id.number()), Some(row.id.number()));
    }
    let mut expected: Vec<_> = all.iter().map(|row| [row.age.number(), row.id.number()]).collect();
    expected.sort_unstable();
    let found = snapshot(|tx| rows.by_age.range(tx, ..));
    assert_eq!(found.iter().map(|row| [row.age.number(), row.id.number()]).collect::<Vec<_>>(), expected);
    assert_eq!(snapshot(|tx| rows.table.len(tx)), all.len());
    all.iter().flat_map(|row| numbers([&row.id, &row.mail, &row.age])).collect()
}

#[test]
fn a_table() {
    Case {
        name: "TTable",
        fresh: rows,
        content,
        operations: &[
            |tx, rows, census| rows.table.insert(tx, row(census, [9, 109, 200])).map(drop),
            |tx, rows, census| rows.table.insert(tx, row(census, [3, 109, 200])).map(drop),
            |tx, rows, census| rows.table.insert(tx, row(census, [9, 103, 200])).map(drop),
            |tx, rows, census| rows.table.upsert(tx, row(census, [9, 109, 200])).map(drop),
            |tx, rows, census| rows.table.upsert(tx, row(census, [3, 109, 202])).map(drop),
            |tx, rows, census| rows.table.update(tx, &Frail::of(census, 3), |row| row.age.set(200)).map(drop),
            |tx, rows, census| rows.table.update(tx, &Frail::of(census, 3), |row| row.id.set(30)).map(drop),
            |tx, rows, census| rows.table.update(tx, &Frail::of(census, 3), |row| row.mail.set(104)).map(drop),
            |tx, rows, census| rows.table.remove(tx, &Frail::of(census, 3)).map(drop),
            |tx, rows, census| rows.by_mail.get(tx, &Frail::of(census, 103)).map(drop),
            |tx, rows, _| rows.table.clear(tx),
            |tx, rows, _| rows.table.drain(tx).map(drop),
        ],
        sequences: &[
            |tx, rows, _| rows.table.retain(tx, |row| row.id.number() % 2 == 0),
            |tx, rows, census| rows.table.extend(tx, (7..10).map(|n| row(census, [n, 100 + n, 200]))).map(drop),
            |tx, rows, census| {
                rows.table.drain(tx)?;
                rows.table.insert(tx, row(census, [3, 103, 200])).map(drop)
            },
        ],
        calls: &["eq", "cmp", "clone", "drop"],
    }
    .check();
}
