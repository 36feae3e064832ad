//! The skip list under an ordered map: searches that look before they read. Edge E17.

use std::cell::Cell;

use loom::thread;

use super::{Outcomes, explore_placed, make_statics};
use crate::collections::TOrdMap;
use crate::{StmResult, Transaction, atomically};

/// Runs a body, and counts its runs.
fn counted(mut body: impl FnMut(&Transaction<'_, '_>) -> StmResult<()>) -> u32 {
    let runs = Cell::new(0);
    atomically(|tx| {
        runs.set(runs.get() + 1);
        body(tx)
    });
    runs.get()
}

fn keys(map: &TOrdMap<u64, u64>) -> Vec<u64> {
    map.snapshot().into_keys().collect()
}

/// E17: a key is put behind a node that a look came to, while another takes that node out.
#[test]
fn a_key_is_not_put_behind_a_node_that_is_gone() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let map: TOrdMap<u64, u64> = [(1, 0)].into_iter().collect();
        let other = {
            let map = map.clone();
            thread::spawn(move || counted(|tx| map.remove(tx, &1).map(drop)))
        };
        let mine = counted(|tx| map.insert(tx, 2, 0).map(drop));
        let other = other.join().unwrap();
        assert_eq!(keys(&map), [2], "a key was lost, or came back");
        seen.record((mine, other));
    });
    outcomes.assert_all([(1, 1), (1, 2), (2, 1)]);
}

/// E17: by a link that another has committed since, a search comes to a node that its own run has taken out. What it reads then is
/// its own; it learns of the conflict all the same, and does not search for ever.
#[test]
fn a_search_that_comes_to_what_its_run_has_taken_out_ends() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let map: TOrdMap<u64, u64> = [(1, 0), (2, 0)].into_iter().collect();
        let other = {
            let map = map.clone();
            thread::spawn(move || counted(|tx| map.remove(tx, &1).map(drop)))
        };
        let mine = counted(|tx| {
            map.remove(tx, &2)?;
            map.insert(tx, 3, 0).map(drop)
        });
        let other = other.join().unwrap();
        assert_eq!(keys(&map), [3], "a key was lost, or came back");
        seen.record((mine, other));
    });
    outcomes.assert_all([(1, 1), (1, 2), (2, 1)]);
}
