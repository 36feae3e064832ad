//! Counted references, and links that lead to them: edge E9, with E7.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering::Relaxed};

use loom::thread;

use super::{Canary, Outcomes, explore, make_statics};
use crate::{Shared, TLink};

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
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let node = Node::new();
        let ended = node.ended;
        let here = Shared::new(node);
        let there = here.clone();
        let other = thread::spawn(move || {
            // Without a pin: the reference alone keeps it.
            there.canary.look();
            drop(there);
            // Freed here, where the last reference was dropped, or there.
            ended.load(Relaxed)
        });
        here.canary.look();
        drop(here);
        let early = ended.load(Relaxed);
        seen.record((early, other.join().unwrap()));
    });
    outcomes.assert_all([(true, false), (false, true)]);
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
