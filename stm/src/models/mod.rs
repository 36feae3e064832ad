//! Loom models of the protocol, each beside the edge of docs/memory-model.md that it guards. `.ci/loom` runs them.
//!
//! A model explores every interleaving of a few operations, up to a number of preemptions, and everything the memory
//! model lets a load return. It asserts what must not happen, and afterwards that what can happen did: a model that
//! never meets the interesting case proves nothing. `.ci/weaken` checks that each edge, when weakened, breaks a model.

mod archive;
mod blocks;
mod broadcast;
mod commit;
mod dormant;
mod handles;
mod line;
mod ordered;
mod places;
mod reclaim;
mod shared;
mod slot;
mod task;
mod threes;
mod token;
mod trie;
mod wait;
mod word_cell;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};
use std::sync::{Arc, Mutex as StdMutex};

use loom::cell::UnsafeCell;

use crate::attempt::{Attempt, Tracking};
use crate::cell::RawCell;
use crate::clock;
use crate::commit::{Conflict, Privilege};
use crate::error::Abort;
use crate::reclaim::{Handle, Local};
use crate::storage::{self, Bits};
use crate::wait::registered;
use crate::word::VersionedLock;

/// Runs a model with at most `preemptions` preemptions, or as the environment says.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let deep = env::var_os("STM_LOOM_DEEP").is_some();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions + usize::from(deep)));
    builder.max_branches = 10_000;
    builder.check(model);
}

/// As [`explore`], for models of structures: with cells at the same places in each execution.
fn explore_placed(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore(preemptions, move || {
        places::begin();
        model();
    });
    places::end();
}

/// What the executions of a model came to.
struct Outcomes<T>(Arc<StdMutex<BTreeMap<T, u64>>>);

impl<T> Clone for Outcomes<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Ord + Debug> Outcomes<T> {
    fn new() -> Self {
        Self(Arc::new(StdMutex::new(BTreeMap::new())))
    }

    fn record(&self, outcome: T) {
        *self.0.lock().unwrap().entry(outcome).or_default() += 1;
    }

    /// Asserts that the executions came to exactly these.
    #[track_caller]
    fn assert_exactly(&self, expected: impl IntoIterator<Item = T>) {
        let expected: Vec<T> = expected.into_iter().collect();
        for outcome in self.0.lock().unwrap().keys() {
            assert!(expected.contains(outcome), "met {outcome:?}, where {expected:?} can be");
        }
        self.assert_all(expected);
    }

    /// Asserts that the executions came to all of these, and perhaps to more.
    #[track_caller]
    fn assert_all(&self, expected: impl IntoIterator<Item = T>) {
        let seen = self.0.lock().unwrap();
        for outcome in expected {
            assert!(seen.contains_key(&outcome), "never met {outcome:?}, only {seen:?}");
        }
    }
}

/// Makes the statics on the main thread: loom lets whoever uses a static know all that its maker knew then, which no
/// real program does.
fn make_statics() {
    clock::now();
    assert_eq!(registered(), 0);
    let local = Handle::current();
    drop(local.local().pin());
}

fn cell(value: usize) -> RawCell {
    RawCell::new(VersionedLock::FREE, bits(value))
}

/// A number in its stored form.
fn bits(value: usize) -> Bits {
    std::ptr::without_provenance_mut(value)
}

/// Attempts on cells that hold numbers.
struct Runner(Attempt);

impl Runner {
    /// Numbers are never retired, so the record serves only as a placeholder, and threads can share one.
    fn new(local: &'static Local) -> Self {
        Self(Attempt::new(local))
    }

    /// Runs a body once, in the way of `run::attempt`.
    fn once<T>(&self, body: impl FnOnce(&Tx<'_>) -> Result<T, Abort>) -> Result<T, Conflict> {
        self.once_as(Privilege::Ordinary, Tracking::Logged, body)
    }

    fn once_as<T>(
        &self,
        privilege: Privilege,
        tracking: Tracking,
        body: impl FnOnce(&Tx<'_>) -> Result<T, Abort>,
    ) -> Result<T, Conflict> {
        let Self(attempt) = self;
        attempt.begin(1, privilege, tracking);
        let result = body(&Tx(attempt)).map_err(|_abort| Conflict).and_then(|value| {
            // SAFETY: the cells of a model outlive its attempts.
            unsafe { attempt.commit(wait::who) }.map(|()| value)
        });
        match result {
            Ok(value) => {
                if attempt.finish() {
                    assert!(attempt.tidy().is_none());
                }
                Ok(value)
            }
            Err(Conflict) => {
                assert!(attempt.roll_back().is_none());
                Err(Conflict)
            }
        }
    }
}

/// What the body of a [`Runner`] works with.
struct Tx<'a>(&'a Attempt);

impl Tx<'_> {
    fn read(&self, cell: &RawCell) -> Result<usize, Abort> {
        // SAFETY: the cells of a model outlive its attempts.
        unsafe { self.0.read(cell, storage::fits::<usize>, || ()) }.map(|bits| bits.addr())
    }

    fn write(&self, cell: &RawCell, value: usize) -> Result<(), Abort> {
        // SAFETY: as above; a number needs no destructor.
        unsafe { self.0.write(cell, bits(value), None) }
    }
}

/// A record to make [`Runner`]s with.
fn placeholder() -> &'static Local {
    Handle::current().local()
}

/// Notices when it is looked at after its end, or without a happens-before between the look and the end.
struct Canary {
    alive: UnsafeCell<bool>,
}

// SAFETY: loom checks every access.
unsafe impl Sync for Canary {}

impl Canary {
    fn new() -> Self {
        Self { alive: UnsafeCell::new(true) }
    }

    fn look(&self) {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.alive.with(|alive| assert!(unsafe { *alive }, "looked at after its end"));
    }

    fn end(&self) {
        // SAFETY: loom checks that nobody else has it.
        self.alive.with_mut(|alive| assert!(std::mem::replace(unsafe { &mut *alive }, false), "ended twice"));
    }
}

/// How many of the [`Watched`] that were made in it, and of their clones, are there.
#[derive(Clone)]
struct Census(Arc<Count>);

impl Census {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn new_one(&self) -> Watched {
        self.0.fetch_add(1, Relaxed);
        Watched { canary: Box::leak(Box::new(Canary::new())), census: self.clone(), is_copy: false }
    }

    fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Asserts that they can be freed now.
    #[track_caller]
    fn assert_all_gone(&self) {
        // Each collection frees what was unlinked before it. A thread that was joined may yet have to leave its garbage.
        for _ in 0..20 {
            if self.count() == 0 {
                return;
            }
            crate::collect();
            loom::thread::yield_now();
        }
        panic!("{} of them are never freed", self.count());
    }
}

/// A value with a canary in it.
struct Watched {
    canary: &'static Canary,
    census: Census,
    is_copy: bool,
}

impl Watched {
    fn look(&self) {
        self.canary.look();
    }

    /// Whether it is one that was cloned from another.
    fn is_copy(&self) -> bool {
        self.is_copy
    }
}

impl Clone for Watched {
    fn clone(&self) -> Self {
        self.look();
        let mut copy = self.census.new_one();
        copy.is_copy = true;
        copy
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.canary.end();
        self.census.0.fetch_sub(1, Relaxed);
    }
}
