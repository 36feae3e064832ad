//! Why no order explains a history, in few words.

use std::fmt::{self, Display, Formatter, Write};

use super::check::{candidates, search};
use super::{Entry, History, Spec, is_linear};

/// A history that no order explains: as little of it as that takes, and where the best attempt ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation {
    text: String,
    size: usize,
}

impl Violation {
    /// Of a history that is not linearisable.
    pub(super) fn of<S: Spec>(start: &S, history: &History<S>) -> Self {
        let least = without_looks(start, until_first_fault(start, history));
        let size = least.iter().map(Vec::len).sum();
        Self { text: explain(start, &least), size }
    }

    /// How many operations it takes.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What had begun at a time; what had not returned by then may have taken effect or not.
fn until<S: Spec>(history: &History<S>, time: u64) -> History<S> {
    let cut = |entry: &Entry<S>| {
        let is_over = entry.ended <= time;
        let returned = entry.returned.clone().filter(|_| is_over);
        Entry {
            ops: entry.ops.clone(),
            returned,
            began: entry.began,
            ended: if is_over { entry.ended } else { u64::MAX },
        }
    };
    history.iter().map(|own| own.iter().filter(|entry| entry.began <= time).map(cut).collect()).collect()
}

/// Up to the first return that nothing explains: what came later is not needed.
fn until_first_fault<S: Spec>(start: &S, history: &History<S>) -> History<S> {
    let mut ends: Vec<_> = history.iter().flatten().map(|entry| entry.ended).collect();
    ends.sort_unstable();
    // A part of an explained history up to some time is explained by the same order.
    let first = ends.partition_point(|time| is_linear(start, &until(history, *time)));
    ends.get(first).map_or_else(|| history.clone(), |time| until(history, *time))
}

/// Without operations that only look, as far as it is wrong without them: an order that explains them explains the rest.
fn without_looks<S: Spec>(start: &S, mut history: History<S>) -> History<S> {
    for thread in 0..history.len() {
        for at in (0..history[thread].len()).rev() {
            if history[thread][at].ops.iter().all(S::looks) {
                let mut less = history.clone();
                less[thread].remove(at);
                if !is_linear(start, &less) {
                    history = less;
                }
            }
        }
    }
    history
}

/// Calls and what they returned, one behind the other.
fn calls<S: Spec>(entry: &Entry<S>) -> String {
    let mut text = String::new();
    for (at, op) in entry.ops.iter().enumerate() {
        let comma = if at == 0 { "" } else { "; " };
        // Writing into a string does not fail.
        let _ = match &entry.returned {
            Some(returned) => write!(text, "{comma}{op:?} = {:?}", returned[at]),
            None => write!(text, "{comma}{op:?} has not returned"),
        };
    }
    text
}

fn explain<S: Spec>(start: &S, history: &History<S>) -> String {
    let mut lines = vec![format!("no order explains these operations; at first there is {start:?}")];
    let mut all: Vec<_> =
        history.iter().enumerate().flat_map(|(thread, own)| own.iter().map(move |entry| (thread, entry))).collect();
    all.sort_by_key(|(_, entry)| entry.began);
    for (thread, entry) in all {
        let end = if entry.ended == u64::MAX { String::new() } else { entry.ended.to_string() };
        lines.push(format!("  thread {thread}, {}..{end}: {}", entry.began, calls(entry)));
    }
    let Err(tried) = search(start, history) else { return lines.join("\n") };
    let (node, mut at) = (tried.furthest(), vec![0; history.len()]);
    lines.push(String::from("the most that can be explained, in this order:"));
    for thread in tried.way_to(node) {
        lines.push(format!("  thread {thread}: {}", calls(&history[thread][at[thread]])));
        at[thread] += 1;
    }
    lines.push(format!("then there is {:?}, and", node.state));
    for (thread, entry) in candidates(history, &node.done) {
        let would = match node.state.after(&entry.ops) {
            Some((_, returned)) => format!("would return {returned:?}"),
            None => String::from("would wait"),
        };
        lines.push(format!("  thread {thread}: {} {would}", calls(entry)));
    }
    lines.join("\n")
}
