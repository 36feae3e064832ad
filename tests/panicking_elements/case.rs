//! What is done to every structure.

use std::any::Any;
use std::collections::BTreeSet;

use common::{Census, Frail, light_fuse, put_out_fuse, quietly, watchdog};
use stm::{StmResult, Transaction, atomically};

/// What may be done to a structure as part of a transaction. The census counts what it is given.
pub(crate) type Change<S> = fn(&Transaction<'_, '_>, &S, &Census) -> StmResult<()>;

/// A structure of [`Frail`] elements.
pub(crate) struct Case<'c, S> {
    pub(crate) name: &'static str,
    /// One with some elements.
    pub(crate) fresh: fn(&Census) -> S,
    /// What is in it; panics if that contradicts itself.
    pub(crate) content: fn(&S) -> Vec<u64>,
    /// One operation each: done or not done, also if its panic is caught within the body.
    pub(crate) operations: &'c [Change<S>],
    /// Several operations each, or one that takes several elements from the caller.
    pub(crate) sequences: &'c [Change<S>],
    /// Which user code it runs.
    pub(crate) calls: &'c [&'static str],
}

/// Elements with these numbers.
pub(crate) fn frail(census: &Census, numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Frail> {
    numbers.into_iter().map(|number| Frail::of(census, number))
}

pub(crate) fn numbers<'f>(elements: impl IntoIterator<Item = &'f Frail>) -> Vec<u64> {
    elements.into_iter().map(Frail::number).collect()
}

/// What has happened in all tries so far.
#[derive(Default)]
struct Tally {
    /// The messages of all panics.
    panics: BTreeSet<String>,
    /// The elements of each try.
    tries: Vec<Census>,
}

impl Tally {
    /// Notes which user code has panicked, and returns its message then.
    fn note<R>(&mut self, result: Result<R, Box<dyn Any + Send>>) -> Result<R, String> {
        result.map_err(|payload| {
            let message = payload.downcast_ref::<String>().expect("the fuse's message").clone();
            self.panics.insert(message.clone());
            message
        })
    }

    /// Drops what is there to be dropped, also if a destructor panics.
    fn collect(&mut self) {
        (0..4).for_each(|_| drop(self.note(quietly(stm::collect))));
    }

    /// No structure is left, and so no element.
    fn settle(&mut self, name: &str) {
        for census in self.tries.drain(..) {
            println!("{name}: all elements are dropped");
            census.settle(0);
            assert!(census.live() >= 0, "{name}: an element was dropped twice");
        }
    }
}

impl<S> Case<'_, S> {
    pub(crate) fn check(&self) {
        let _watchdog = watchdog();
        let mut tally = Tally::default();
        for (index, change) in self.operations.iter().chain(self.sequences).enumerate() {
            let name = format!("{}, change {index}", self.name);
            self.a_panic_of_the_body_undoes_it(&name, *change, &mut tally);
            if index < self.operations.len() {
                self.a_panic_that_is_caught_undoes_the_operation(&name, *change, &mut tally);
            }
        }
        self.making_and_dropping_may_panic(&mut tally);
        let calls: BTreeSet<_> = self.calls.iter().map(|call| format!("{call} failed")).collect();
        assert_eq!(tally.panics, calls, "{}", self.name);
    }

    /// What is in a fresh one after so many times of the change.
    fn expected(&self, change: Change<S>, times: usize) -> Vec<u64> {
        let census = Census::new();
        let structure = (self.fresh)(&census);
        (0..times).for_each(|_| atomically(|tx| change(tx, &structure, &census)));
        (self.content)(&structure)
    }

    /// Before a change, and after it once and twice.
    fn stages(&self, change: Change<S>) -> [Vec<u64>; 3] {
        [0, 1, 2].map(|times| self.expected(change, times))
    }

    /// It is at one of the first two stages, and goes on from there.
    fn assert_whole(&self, name: &str, structure: &S, stages: &[Vec<u64>; 3], change: Change<S>) {
        let before = (self.content)(structure);
        // Nobody counts what comes now.
        atomically(|tx| change(tx, structure, &Census::new()));
        let after = (self.content)(structure);
        let goes_on = stages.windows(2).any(|stages| stages == [&*before, &*after]);
        assert!(goes_on, "{name}: {before:?}, and then {after:?}, but the stages are {stages:?}");
    }

    fn a_panic_of_the_body_undoes_it(&self, name: &str, change: Change<S>, tally: &mut Tally) {
        let stages = self.stages(change);
        for calls in 0.. {
            let census = Census::new();
            let structure = (self.fresh)(&census);
            light_fuse(calls);
            let result = tally.note(quietly(|| atomically(|tx| change(tx, &structure, &census))));
            tally.collect();
            let burnt = put_out_fuse();
            let name = format!("{name}, a panic after {calls} calls");
            // A destructor that panics after the commit does not undo it.
            assert!(result.is_err() || (self.content)(&structure) == stages[1], "{name}: it was committed");
            self.assert_whole(&name, &structure, &stages, change);
            tally.tries.push(census);
            if !burnt {
                break;
            }
        }
        tally.settle(name);
    }

    fn a_panic_that_is_caught_undoes_the_operation(&self, name: &str, change: Change<S>, tally: &mut Tally) {
        let stages = self.stages(change);
        for calls in 0.. {
            let census = Census::new();
            let structure = (self.fresh)(&census);
            let burnt = atomically(|tx| {
                light_fuse(calls);
                let result = quietly(|| change(tx, &structure, &census));
                let burnt = put_out_fuse();
                if let Ok(done) = tally.note(result) {
                    done.expect("nobody is in its way");
                }
                Ok(burnt)
            });
            self.assert_whole(&format!("{name}, caught after {calls} calls"), &structure, &stages, change);
            tally.tries.push(census);
            if !burnt {
                break;
            }
        }
        tally.settle(name);
    }

    fn making_and_dropping_may_panic(&self, tally: &mut Tally) {
        for is_made_before in [false, true] {
            for calls in 0.. {
                let census = Census::new();
                let made = is_made_before.then(|| (self.fresh)(&census));
                light_fuse(calls);
                drop(tally.note(quietly(|| drop(made.unwrap_or_else(|| (self.fresh)(&census))))));
                tally.collect();
                tally.tries.push(census);
                if !put_out_fuse() {
                    break;
                }
            }
            tally.settle(self.name);
        }
    }
}
