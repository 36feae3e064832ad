//! `Shared` and `TLink`: what they refer to is dropped once, and never while a run may still see it.

#[path = "bricks/machine.rs"]
mod machine;

#[path = "bricks/drops.rs"]
mod drops;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use common::{
    Census, Clash, Counted, Ends, elsewhere, on_a_small_stack, quietly, race, runs_until, scaled, threads, watchdog,
};
use stm::{Linkage, ReadTransaction, Shared, StmResult, TCell, TLink, Transaction, TxResult, atomically, cancel};
use stm::{snapshot, try_atomically};

/// A node of a chain.
struct Node {
    item: Counted,
    below: TLink<Node>,
}

fn node(census: &Census, payload: u64, below: Option<Shared<Node>>) -> Shared<Node> {
    Shared::new(Node { item: census.value(payload), below: TLink::new(below) })
}

/// A chain of nodes with the payloads from `first` on.
fn chain(census: &Census, first: u64, length: u64) -> Option<Shared<Node>> {
    (first..first + length).rev().fold(None, |below, payload| Some(node(census, payload, below)))
}

fn payloads<'tx>(tx: &ReadTransaction<'tx, '_>, top: &'tx TLink<Node>) -> StmResult<Vec<u64>> {
    let (mut link, mut found) = (top, Vec::new());
    while let Some(node) = link.read(tx)? {
        found.push(node.item.payload);
        link = &node.get().below;
    }
    Ok(found)
}

fn push<'tx>(tx: &Transaction<'tx, '_>, top: &'tx TLink<Node>, item: Counted) -> StmResult<()> {
    let below = top.read(tx)?.map(Linkage::to_shared);
    top.write(tx, Some(Shared::new(Node { item, below: TLink::new(below) })))
}

fn pop<'tx>(tx: &Transaction<'tx, '_>, top: &'tx TLink<Node>) -> StmResult<Option<&'tx Node>> {
    let Some(node) = top.read(tx)? else { return Ok(None) };
    top.write(tx, node.get().below.read(tx)?.map(Linkage::to_shared))?;
    Ok(Some(node.get()))
}

/// Lets whatever may be freed be freed, by this thread and by another.
fn collect_everywhere() {
    for _ in 0..8 {
        stm::collect();
        elsewhere(stm::collect);
    }
}

#[test]
fn a_link_is_two_words_and_a_reference_one() {
    assert_eq!((size_of::<TLink<Node>>(), align_of::<TLink<Node>>()), (16, 16));
    assert_eq!((size_of::<Shared<Node>>(), size_of::<Option<Shared<Node>>>()), (8, 8));
    assert_eq!(size_of::<Option<Linkage<'_, Node>>>(), 8);
}

#[test]
fn a_value_is_dropped_once_after_its_last_reference() {
    let census = Census::new();
    let first = Shared::new(census.value(1));
    let second = first.clone();
    assert!(Shared::ptr_eq(&first, &second) && !Shared::ptr_eq(&first, &Shared::new(census.value(1))));
    drop(first);
    census.settle(1);
    assert_eq!(second.payload, 1);
    let link = TLink::new(Some(second));
    census.settle(1);
    let third = link.load();
    link.store(None);
    census.settle(1);
    drop(third);
    census.settle(0);
    link.store(Some(Shared::new(census.value(2))));
    link.store(Some(Shared::new(census.value(3))));
    census.settle(1);
    drop(link);
    census.settle(0);
}

#[test]
fn the_last_reference_may_be_dropped_while_the_body_reads_on() {
    let census = Census::new();
    let mut last = Some(node(&census, 7, chain(&census, 8, 2)));
    atomically(|tx| {
        let node = Shared::get(last.as_ref().expect("the body runs once"), tx);
        drop(last.take());
        collect_everywhere();
        assert_eq!((census.live(), node.item.payload), (3, 7));
        let below = node.below.read(tx)?.expect("it has two below");
        // Cells in it are as good as ever.
        node.below.write(tx, None)?;
        collect_everywhere();
        assert_eq!((census.live(), payloads(tx, &below.get().below)?), (3, vec![9]));
        Ok(())
    });
    census.settle(0);
}

#[test]
fn a_node_that_another_thread_removes_stays_while_a_body_holds_it() {
    let census = Census::new();
    let top = TLink::new(chain(&census, 1, 3));
    let removed = atomically(|tx| {
        let first = top.read(tx)?.expect("there are three");
        let second = first.get().below.read(tx)?.expect("there are three");
        elsewhere(|| {
            atomically(|tx| pop(tx, &top).map(drop));
            atomically(|tx| pop(tx, &top).map(drop));
        });
        collect_everywhere();
        assert_eq!((census.live(), first.item.payload, second.item.payload), (3, 1, 2));
        assert!(first != second);
        Ok(second.to_shared())
    });
    collect_everywhere();
    census.settle(2);
    assert_eq!((removed.item.payload, snapshot(|tx| payloads(tx, &top))), (2, vec![3]));
    drop(removed);
    drop(top);
    census.settle(0);
}

#[test]
fn a_node_that_the_body_itself_replaces_before_it_commits_stays_too() {
    let census = Census::new();
    let top = TLink::empty();
    atomically(|tx| {
        top.write(tx, chain(&census, 1, 1))?;
        let pending = top.read(tx)?.expect("just written");
        top.write(tx, chain(&census, 2, 1))?;
        let undone: Result<(), ()> = tx.nested(|tx| {
            top.write(tx, chain(&census, 3, 1))?;
            cancel(())
        })?;
        assert_eq!(undone, Err(()));
        collect_everywhere();
        assert_eq!((census.live(), pending.item.payload), (3, 1));
        assert_eq!(payloads(tx, &top)?, [2]);
        Ok(())
    });
    census.settle(1);
}

#[test]
fn what_a_body_made_and_did_not_keep_is_dropped() {
    let _watchdog = watchdog();
    let (census, clash) = (Census::new(), Clash::new());
    let top = TLink::new(chain(&census, 1, 2));
    let cancelled = try_atomically(|tx| -> TxResult<(), ()> {
        push(tx, &top, census.value(3))?;
        pop(tx, &top)?;
        pop(tx, &top)?;
        push(tx, &top, census.value(4))?;
        cancel(())
    });
    assert_eq!(cancelled, Err(()));
    census.settle(2);
    atomically(|tx| {
        push(tx, &top, census.value(5))?;
        if tx.attempt_number() == 1 { clash.at_commit(tx) } else { pop(tx, &top).map(drop) }
    });
    census.settle(2);
    let panicked = quietly(|| {
        atomically(|tx| {
            push(tx, &top, census.value(6))?;
            if top.read(tx)?.is_some() { panic!("in the body") } else { Ok(()) }
        });
    });
    assert!(panicked.is_err());
    census.settle(2);
    assert_eq!(snapshot(|tx| payloads(tx, &top)), [1, 2]);
}

#[test]
fn links_are_loaded_and_stored_outside() {
    let link = TLink::new(None);
    assert!(link.load().is_none() && format!("{link:?}") == "TLink(empty)");
    let one = Shared::new(1_u64);
    link.store(Some(one.clone()));
    assert!(Shared::ptr_eq(&link.load().expect("stored"), &one) && format!("{link:?}") == "TLink(..)");
    assert_eq!(atomically(|tx| Ok(*link.read(tx)?.expect("stored"))), 1);
    // In a body too, at once.
    atomically(|tx| {
        link.store(Some(Shared::new(2)));
        tx.check(*link.load().expect("stored") == 2)
    });
    assert_eq!(format!("{:?} {:?}", one, Shared::<u64>::default()), "1 0");
    assert_eq!(*TLink::from(Shared::from(5)).load().expect("made with it"), 5);
}

#[test]
fn a_retry_waits_for_a_link() {
    let _watchdog = watchdog();
    let link = TLink::empty();
    let wait = |runs: &common::Runs| {
        atomically(|tx| {
            runs.count();
            link.read(tx)?.map_or_else(|| tx.retry(), |node: Linkage<'_, u64>| Ok(*node))
        })
    };
    assert_eq!(runs_until(wait, |_| link.store(Some(Shared::new(7)))), (7, 2));
}

#[test]
fn a_snapshot_sees_the_links_of_its_moment_in_one_run() {
    let census = Census::new();
    let top = TLink::new(chain(&census, 1, 3));
    let runs = Cell::new(0);
    snapshot(|tx| {
        runs.set(runs.get() + 1);
        let first = top.read(tx)?.expect("there are three");
        elsewhere(|| {
            // The links that the snapshot has not followed yet, and then all of them.
            let second = top.load().and_then(|first| first.below.load()).expect("there are three");
            second.below.store(chain(&census, 10, 1));
            top.load().expect("there are three").below.store(None);
            top.store(chain(&census, 20, 2));
        });
        collect_everywhere();
        assert_eq!(payloads(tx, &top)?, [1, 2, 3]);
        assert_eq!((payloads(tx, &first.get().below)?, census.live()), (vec![2, 3], 6));
        // A reference to an old node outlives its link.
        let second = first.get().below.read(tx)?.expect("there are three").to_shared();
        assert_eq!(second.item.payload, 2);
        Ok(())
    });
    assert_eq!((runs.get(), snapshot(|tx| payloads(tx, &top))), (1, vec![20, 21]));
    census.settle(2);
}

#[test]
fn chains_are_whole_while_writers_never_stop() {
    let _watchdog = watchdog();
    let (census, done, moves) = (Census::new(), AtomicBool::new(false), AtomicU64::new(0));
    let tops: [TLink<Node>; 2] = [TLink::new(chain(&census, 0, 8)), TLink::empty()];
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for _ in 1..threads() {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    // From one to the other and, when that is all, back.
                    atomically(|tx| {
                        let from = usize::from(tops[0].read(tx)?.is_none());
                        let Some(node) = pop(tx, &tops[from])? else { return Ok(()) };
                        push(tx, &tops[1 - from], node.item.clone())
                    });
                    drop(tops[0].load().and_then(|node| node.below.load()));
                    moves.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0.. {
            if moves.load(Ordering::SeqCst) > scaled(40_000) as u64 {
                break;
            }
            let mut all = if round % 2 == 0 {
                snapshot(|tx| Ok([payloads(tx, &tops[0])?, payloads(tx, &tops[1])?].concat()))
            } else {
                atomically(|tx| Ok([payloads(tx, &tops[0])?, payloads(tx, &tops[1])?].concat()))
            };
            all.sort_unstable();
            assert_eq!(all, (0..8).collect::<Vec<_>>());
        }
    });
    census.settle(8);
    drop(tops);
    census.settle(0);
}

#[test]
fn references_are_counted_from_many_threads() {
    let _watchdog = watchdog();
    let census = Census::new();
    let links: Vec<TLink<Counted>> = (0..3).map(|n| TLink::new(Some(Shared::new(census.value(n))))).collect();
    race(threads(), |me| {
        for round in 0..scaled(4_000) {
            let (here, there) = (&links[(me + round) % 3], &links[(me + round / 3) % 3]);
            match round % 4 {
                0 => there.store(here.load()),
                1 => here.store(Some(Shared::new(census.value(round as u64)))),
                2 => atomically(|tx| there.write(tx, here.read(tx)?.map(Linkage::to_shared))),
                _ => assert!(atomically(|tx| Ok(here.read(tx)?.is_some())) && here.load().is_some()),
            }
        }
    });
    // Two links may lead to one.
    let mut left: Vec<_> = links.iter().map(|link| &raw const **link.load().as_ref().expect("never empty")).collect();
    left.sort_unstable();
    left.dedup();
    census.settle(left.len());
    drop(links);
    census.settle(0);
}
