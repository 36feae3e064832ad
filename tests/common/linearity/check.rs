//! The search for an order.

use std::collections::HashSet;

use super::{Entry, History, Spec, Violation};

/// Looks for an order that explains the history, and returns the state at its end.
///
/// # Errors
///
/// Returns why there is none, for as little of the history as can be.
pub fn check<S: Spec>(start: &S, history: &History<S>) -> Result<S, Violation> {
    search(start, history).map_err(|_| Violation::of(start, history))
}

/// Whether there is an order that explains the history.
pub fn is_linear<S: Spec>(start: &S, history: &History<S>) -> bool {
    search(start, history).is_ok()
}

/// So many operations of each thread have taken effect.
pub(super) struct Node<S> {
    pub(super) done: Vec<usize>,
    pub(super) state: S,
    /// Where it came from, and whose operation was the last.
    from: Option<(usize, usize)>,
}

/// What was tried, if nothing explains all of it.
pub(super) struct Tried<S> {
    nodes: Vec<Node<S>>,
}

impl<S: Spec> Tried<S> {
    /// Where the most operations were explained.
    pub(super) fn furthest(&self) -> &Node<S> {
        let count = |node: &&Node<S>| node.done.iter().sum::<usize>();
        self.nodes.iter().max_by_key(count).expect("there is a first one")
    }

    /// The threads whose operations lead there, in order.
    pub(super) fn way_to(&self, node: &Node<S>) -> Vec<usize> {
        let (mut way, mut at) = (Vec::new(), node.from);
        while let Some((from, thread)) = at {
            way.push(thread);
            at = self.nodes[from].from;
        }
        way.reverse();
        way
    }
}

/// The next operation of each thread that may take effect now: it began before any that has not taken effect was over.
pub(super) fn candidates<'h, S: Spec>(history: &'h History<S>, done: &[usize]) -> Vec<(usize, &'h Entry<S>)> {
    let next = || history.iter().zip(done).enumerate().filter_map(|(thread, (own, at))| Some((thread, own.get(*at)?)));
    let first_end = next().map(|(_, entry)| entry.ended).min().unwrap_or(u64::MAX);
    next().filter(|(_, entry)| entry.began <= first_end).collect()
}

pub(super) fn search<S: Spec>(start: &S, history: &History<S>) -> Result<S, Tried<S>> {
    let mut nodes = vec![Node { done: vec![0; history.len()], state: start.clone(), from: None }];
    let (mut seen, mut open) = (HashSet::new(), vec![0]);
    while let Some(at) = open.pop() {
        let candidates = candidates(history, &nodes[at].done);
        // What has not returned may never take effect, and is the last of its thread.
        if candidates.iter().all(|(_, entry)| entry.returned.is_none()) {
            return Ok(nodes.swap_remove(at).state);
        }
        for (thread, entry) in candidates {
            let Some((state, returned)) = nodes[at].state.after(&entry.ops) else { continue };
            if entry.returned.as_ref().is_some_and(|seen| *seen != returned) {
                continue;
            }
            let mut done = nodes[at].done.clone();
            done[thread] += 1;
            if seen.insert((done.clone(), state.clone())) {
                open.push(nodes.len());
                nodes.push(Node { done, state, from: Some((at, thread)) });
            }
        }
    }
    Err(Tried { nodes })
}
