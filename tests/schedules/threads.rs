//! Threads of a scenario, and its variables.
//!
//! All that work are joined by one more, which does nothing else. A scope does not wait until what its threads keep for
//! themselves is destroyed, as a join does. And shuttle wakes up whoever opened a scope when the last of its threads
//! ends, whatever it sleeps for: that would make good a lost wake-up of its own, and end a join early.

use shuttle::thread;
use stm::{TCell, atomically};

const PANIC: &str = "a thread that panics ends the scenario";

/// Runs two functions at once, each on a thread of its own.
pub(crate) fn both<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    let mut results = None;
    thread::scope(|scope| {
        let results = &mut results;
        scope.spawn(move || {
            let first = scope.spawn(|| warmed_up(first));
            let second = scope.spawn(|| warmed_up(second));
            *results = Some((first.join().expect(PANIC), second.join().expect(PANIC)));
        });
    });
    results.expect(PANIC)
}

/// Runs `body(0)` to `body(threads - 1)` at once and returns what each returned, in that order.
pub(crate) fn race<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let (mut results, body) = (Vec::new(), &body);
    thread::scope(|scope| {
        let results = &mut results;
        scope.spawn(move || {
            let all: Vec<_> = (0..threads).map(|index| scope.spawn(move || warmed_up(|| body(index)))).collect();
            results.extend(all.into_iter().map(|thread| thread.join().expect(PANIC)));
        });
    });
    results
}

/// Runs `body` after a transaction, since the first of a thread is a special case: a snapshot keeps a log in it.
fn warmed_up<R>(body: impl FnOnce() -> R) -> R {
    atomically(|_| Ok(()));
    body()
}

/// Creates variables that are in use already. They lie next to each other, so that their order in memory, by which
/// commits lock and waiters register, is that of the array in every execution.
pub(crate) fn cells<const N: usize>(values: [u64; N]) -> [TCell<u64>; N] {
    values.map(|value| {
        let cell = TCell::new(value);
        assert_eq!(cell.load(), value);
        cell
    })
}
