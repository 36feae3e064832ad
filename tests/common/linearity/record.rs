//! Recording what threads call, from the outside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Spec;

/// Calls that one thread has made at one moment: an operation, or a transaction of several.
#[derive(Clone, Debug)]
pub struct Entry<S: Spec> {
    /// What was called.
    pub ops: Vec<S::Op>,
    /// What each call has returned; nothing if they have not returned yet.
    pub returned: Option<Vec<S::Ret>>,
    /// Before the call.
    pub began: u64,
    /// After the return, or the end of time.
    pub ended: u64,
}

/// What each thread has called, in its order.
pub type History<S> = Vec<Vec<Entry<S>>>;

/// Gives out the times of calls and returns. Threads share nothing else while they record.
///
/// What ended at an earlier time than something else began was over before: the steps of this counter are in one order that
/// agrees with what happens before what. It orders memory too, more than a program without it would, so what only goes wrong
/// where nothing is ordered has to be found by the models of the library.
#[derive(Debug, Default)]
pub struct Clock {
    now: AtomicU64,
}

impl Clock {
    /// Creates a clock at 0.
    pub fn new() -> Self {
        Self::default()
    }

    fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Makes the calls, and notes them at the end of the thread's own log.
    pub fn record<S: Spec>(
        &self,
        log: &mut Vec<Entry<S>>,
        ops: Vec<S::Op>,
        perform: impl FnOnce(&[S::Op]) -> Vec<S::Ret>,
    ) {
        let began = self.tick();
        let returned = perform(&ops);
        let ended = self.tick();
        log.push(Entry { ops, returned: Some(returned), began, ended });
    }
}

/// Takes a history of operations on one key each apart: it is linearisable if that of each key is.
///
/// # Panics
///
/// Panics if there is a transaction of several operations.
pub fn by_key<S: Spec, K: Ord>(history: &History<S>, key: impl Fn(&S::Op) -> K) -> BTreeMap<K, History<S>> {
    let mut parts = BTreeMap::new();
    for (thread, entries) in history.iter().enumerate() {
        for entry in entries {
            let [op] = &entry.ops[..] else { panic!("a transaction has no one key: {entry:?}") };
            let part: &mut History<S> = parts.entry(key(op)).or_insert_with(|| vec![Vec::new(); history.len()]);
            part[thread].push(entry.clone());
        }
    }
    parts
}
