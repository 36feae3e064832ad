//! Waiting in line: edge E15, that whoever is woken sees to those behind it. A wake-up that is lost is a deadlock, which
//! loom reports.

use std::panic::Location;
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::wait::{who, write_value};
use super::{Outcomes, explore, make_statics, placeholder};
use crate::cell::RawCell;
use crate::wait::{self, Awaited, Batons, Call, Registration, registered};
use crate::word::{VersionedLock, Word};
use crate::{TVar, atomically};

/// The one call of these models.
fn call() -> Call {
    #[track_caller]
    fn caller() -> Call {
        Location::caller()
    }
    static CALL: std::sync::LazyLock<Call> = std::sync::LazyLock::new(caller);
    *CALL
}

fn read(cell: &RawCell) -> (Word, usize) {
    loop {
        let word = cell.lock.load();
        let word = if word.is_locked() { cell.wait_until_free() } else { word };
        if let Some(value) = cell.read(word) {
            return (word.without_waiters(), value.addr());
        }
    }
}

/// Registers and arms this thread in line. The cells of a model are alive.
fn arm(awaited: &mut Vec<Awaited>, batons: &mut Batons) -> Option<Registration> {
    // SAFETY: as said.
    unsafe { Registration::arm(wait::thread_waker(), who(), awaited, Some(call().into()), batons) }
}

/// Says when waiters are in line, so that a model need not spend preemptions on getting them there.
struct Muster {
    present: Mutex<usize>,
    changed: Condvar,
}

impl Muster {
    fn new() -> Self {
        Self { present: Mutex::new(0), changed: Condvar::new() }
    }

    fn report(&self) {
        *self.present.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, waiters: usize) {
        let mut present = self.present.lock().unwrap();
        while *present < waiters {
            present = self.changed.wait(present).unwrap();
        }
    }
}

/// Waits in line until all of the cells, of which it reads the next only when it has found the one before it, are other
/// than 0. Reports when it is in line. Returns the batons it has then, and how often it has waited.
fn wait_in_line(cells: &[RawCell], muster: &Muster) -> (Batons, u32) {
    let (mut batons, mut waits) = (Batons::new(), 0);
    loop {
        let mut awaited: Vec<Awaited> = Vec::new();
        let found = cells.iter().all(|cell| {
            let (word, value) = read(cell);
            awaited.push((&raw const *cell, word));
            value > 0
        });
        if found {
            return (batons, waits);
        }
        if let Some(registration) = arm(&mut awaited, &mut batons) {
            assert!(batons.is_empty(), "it waits for all it has waited for before");
            if waits == 0 {
                muster.report();
            }
            batons = registration.block();
            waits += 1;
        }
    }
}

/// What a model with two in line shares. The cells are in one allocation: waiters are registered in order of address, which
/// must not differ between executions.
struct Shared {
    cells: [RawCell; 2],
    muster: Muster,
    /// Batons that nobody passes on.
    kept: Mutex<Vec<Batons>>,
}

impl Shared {
    fn new() -> Arc<Self> {
        let cells = [super::cell(0), super::cell(0)];
        Arc::new(Self { cells, muster: Muster::new(), kept: Mutex::new(Vec::new()) })
    }

    /// Starts two threads that wait in line for the first so many of the cells, and end with `end`. Returns when they wait.
    fn two_in_line(self: &Arc<Self>, cells: usize, end: fn(&Self, Batons)) -> [thread::JoinHandle<u32>; 2] {
        let waiters = std::array::from_fn(|_| {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                let (batons, waits) = wait_in_line(&shared.cells[..cells], &shared.muster);
                end(&shared, batons);
                waits
            })
        });
        self.muster.wait_for(2);
        waiters
    }
}

/// One write, two in line, and neither takes anything away: the first has to wake the second.
#[test]
fn everybody_goes_through_a_gate_in_line() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let (local, shared) = (placeholder(), Shared::new());
        let waiters = shared.two_in_line(1, |_, batons| drop(batons));
        write_value(local, &shared.cells[0], 1);
        seen.record(waiters.map(|waiter| waiter.join().unwrap()));
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_exactly([[1, 1]]);
}

/// Whoever gives up while it is being woken has to wake the next.
#[test]
fn a_wait_in_line_given_up_wakes_the_next() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let (local, shared) = (placeholder(), Shared::new());
        let impatient = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut awaited = vec![(&raw const shared.cells[0], VersionedLock::FREE)];
                arm(&mut awaited, &mut Batons::new()).is_some_and(|registration| !registration.end().is_empty())
            })
        };
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || wait_in_line(&shared.cells[..1], &shared.muster).1)
        };
        write_value(local, &shared.cells[0], 1);
        seen.record((impatient.join().unwrap(), waiter.join().unwrap()));
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_exactly([(false, 0), (false, 1), (true, 0), (true, 1)]);
}

/// The first to be woken by the first variable waits again, for the second too, of which the other has not heard.
#[test]
fn whoever_speaks_for_a_line_wakes_it_in_the_end() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let (local, shared) = (placeholder(), Shared::new());
        let waiters = shared.two_in_line(2, |_, batons| drop(batons));
        write_value(local, &shared.cells[0], 1);
        write_value(local, &shared.cells[1], 1);
        let mut waits = waiters.map(|waiter| waiter.join().unwrap());
        waits.sort_unstable();
        seen.record(waits);
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_all([[1, 1], [1, 2]]);
}

/// The first who is woken does not come to its end: each write wakes one all the same.
#[test]
fn the_next_write_wakes_the_next_in_line() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let (local, shared) = (placeholder(), Shared::new());
        let waiters = shared.two_in_line(1, |shared, batons| shared.kept.lock().unwrap().push(batons));
        write_value(local, &shared.cells[0], 1);
        write_value(local, &shared.cells[0], 2);
        seen.record(waiters.map(|waiter| waiter.join().unwrap()));
        shared.kept.lock().unwrap().clear();
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_exactly([[1, 1]]);
}

/// A writer that finds the variable locked when it wants to arm it again leaves the line to the baton.
#[test]
fn two_writers_and_a_line() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(1, move || {
        make_statics();
        let (local, shared) = (placeholder(), Shared::new());
        let waiters = shared.two_in_line(1, |_, batons| drop(batons));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || write_value(local, &shared.cells[0], 1))
        };
        write_value(local, &shared.cells[0], 2);
        writer.join().unwrap();
        seen.record(waiters.map(|waiter| waiter.join().unwrap()));
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_exactly([[1, 1]]);
}

/// The whole way: two items for two transactions, put there by one write.
#[test]
fn two_items_are_taken_by_two() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(1, move || {
        make_statics();
        let items = TVar::new(0_usize);
        let takers: [_; 2] = std::array::from_fn(|_| {
            let items = items.clone();
            thread::spawn(move || {
                atomically(|tx| match items.read(tx)? {
                    0 => tx.retry_in_line(),
                    n => items.write(tx, n - 1).map(|()| tx.attempt_number()),
                })
            })
        });
        items.store(2);
        let mut runs = takers.map(|taker| taker.join().unwrap());
        runs.sort_unstable();
        seen.record(runs);
        assert_eq!(items.load(), 0);
        assert_eq!(registered(), 0, "a waiter or a baton was left behind");
    });
    outcomes.assert_all([[1, 1], [1, 2]]);
}
