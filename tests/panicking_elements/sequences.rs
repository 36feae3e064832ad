//! `TDeque` and `TArray`.

use common::{Census, Frail};
use stm::atomically;
use stm::collections::{TArray, TDeque};

use super::case::{Case, frail, numbers};

/// More than one block of them.
fn deque(census: &Census) -> TDeque<Frail> {
    frail(census, 0..40).collect()
}

fn items(deque: &TDeque<Frail>) -> Vec<u64> {
    let all = numbers(&atomically(|tx| deque.to_vec(tx)));
    assert_eq!(atomically(|tx| deque.len(tx)), all.len());
    all
}

#[test]
fn a_deque() {
    Case {
        name: "TDeque",
        fresh: deque,
        content: items,
        operations: &[
            |tx, deque, census| deque.push_front(tx, Frail::of(census, 50)),
            |tx, deque, census| deque.push_back(tx, Frail::of(census, 50)),
            |tx, deque, _| deque.pop_front(tx).map(drop),
            |tx, deque, _| deque.pop_back(tx).map(drop),
            |tx, deque, _| deque.drain(tx).map(drop),
            |tx, deque, _| deque.clear(tx),
        ],
        sequences: &[
            |tx, deque, census| deque.extend_back(tx, frail(census, 50..80)),
            |tx, deque, _| (0..36).try_for_each(|_| deque.pop_front(tx).map(drop)),
            |tx, deque, census| {
                deque.drain(tx)?;
                deque.push_front(tx, Frail::of(census, 50))?;
                deque.push_back(tx, Frail::of(census, 51))
            },
        ],
        calls: &["clone", "drop"],
    }
    .check();
}

fn elements(array: &TArray<Frail>) -> Vec<u64> {
    numbers(&atomically(|tx| array.to_vec(tx)))
}

#[test]
fn an_array() {
    Case {
        name: "TArray",
        fresh: |census| frail(census, 0..10).collect(),
        content: elements,
        operations: &[
            |tx, array, census| array.write(tx, 3, Frail::of(census, 50)),
            |tx, array, census| array.replace(tx, 3, Frail::of(census, 50)).map(drop),
            |tx, array, _| {
                let new = |mut old: Frail| {
                    old.set(50);
                    old
                };
                array.modify(tx, 3, new)
            },
            |tx, array, _| array.update(tx, 3, |element| element.set(50)),
            |tx, array, _| array.swap(tx, 3, 4),
        ],
        sequences: &[
            |tx, array, census| array.fill(tx, Frail::of(census, 50)),
            |tx, array, census| (0..10).try_for_each(|index| array.write(tx, index % 5, Frail::of(census, 50))),
        ],
        calls: &["clone", "drop"],
    }
    .check();
}

/// Of which the elements are clones.
#[test]
fn an_array_of_one_value() {
    Case {
        name: "TArray::new",
        fresh: |census| TArray::new(6, Frail::of(census, 1)),
        content: elements,
        operations: &[|tx, array, _| array.to_vec(tx).map(drop)],
        sequences: &[],
        calls: &["clone", "drop"],
    }
    .check();
}
