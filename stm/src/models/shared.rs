//! Counted references, and links that lead to them: edge E9, with E7.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::Relaxed};

use loom::thread;

use super::{Canary, Outcomes, explore, make_statics};
use crate::shared_slice::SharedSlice;
use crate::{Shared, TLink, atomically};

/// A node whose end is an access that loom checks.
struct Node {
    canary: &'static Canary,
    ended: &'static Flag,
}

impl Node {
    fn new() -> Self {
        Self { canary: Box::leak(Box::new(Canary::new())), ended: Box::leak(Box::new(Flag::new(false))) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.canary.end();
        self.ended.store(true, Relaxed);
    }
}

/// E9: whoever frees a node has seen the end of every use of it by a reference.
#[test]
fn the_last_reference_has_seen_the_end_of_every_use() {
    freed_behind_every_use(Shared::new, |node| node);
}

/// The same for slices.
#[test]
fn the_last_reference_to_a_slice_has_seen_the_end_of_every_use() {
    freed_behind_every_use(slice_of_one, |slice| &slice[0]);
}

fn slice_of_one(node: Node) -> SharedSlice<Node> {
    let mut node = Some(node);
    SharedSlice::from_fn(1, |_| node.take().expect("it is one"))
}

fn freed_behind_every_use<R: Clone + Send + 'static>(
    refer_to: impl Fn(Node) -> R + Send + Sync + 'static,
    node_of: fn(&R) -> &Node,
) {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let node = Node::new();
        let ended = node.ended;
        let here = refer_to(node);
        let there = here.clone();
        let other = thread::spawn(move || {
            // Without a pin: the reference alone keeps it.
            node_of(&there).canary.look();
            drop(there);
            // Freed here, where the last reference was dropped, or there.
            ended.load(Relaxed)
        });
        node_of(&here).canary.look();
        drop(here);
        let early = ended.load(Relaxed);
        seen.record((early, other.join().unwrap()));
    });
    outcomes.assert_all([(true, false), (false, true)]);
}

/// E7: a run that has borrowed a slice may drop its reference, and use the elements until it ends.
#[test]
fn what_a_run_has_borrowed_of_a_slice_outlives_the_references() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let node = Node::new();
        let ended = node.ended;
        let here = slice_of_one(node);
        let there = here.clone();
        let other = thread::spawn(move || {
            drop(there);
            crate::collect();
            ended.load(Relaxed)
        });
        let mut here = Some(here);
        atomically(|tx| {
            if let Some(reference) = here.take() {
                let elements = SharedSlice::get(&reference, tx);
                drop(reference);
                elements[0].canary.look();
            }
            Ok(())
        });
        seen.record(other.join().unwrap());
    });
    outcomes.assert_exactly([false, true]);
}

/// E7 and E9: a reference is taken by way of a link while another thread makes the link lead elsewhere.
#[test]
fn a_reference_taken_by_way_of_a_link_outlives_the_links() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let node = Node::new();
        let ended = node.ended;
        let link = Arc::new(TLink::new(Some(Shared::new(node))));
        let other = {
            let link = Arc::clone(&link);
            thread::spawn(move || {
                link.store(None);
                crate::collect();
            })
        };
        let taken = link.load();
        if let Some(node) = &taken {
            node.canary.look();
        }
        let found = taken.is_some();
        drop(taken);
        seen.record((found, ended.load(Relaxed)));
        other.join().unwrap();
    });
    outcomes.assert_all([(false, true), (false, false), (true, false), (true, true)]);
}
