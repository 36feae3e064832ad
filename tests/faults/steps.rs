//! A panic at every step of an attempt and of its commit, one after the other. Before the commit is decided the
//! transaction has not happened, from then on it has, as a whole; and in either case nobody notices but its caller.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use common::watchdog;
use stm::probe::Point;

use crate::alone;
use crate::inject::{Course, inject};
use crate::scenarios::{SCENARIOS, Scenario};
use crate::stage::{Releases, Stage, TEXTS, Waiter};

/// All but `StandAside`, which takes a promoted transaction of another thread: see `turns`.
pub(crate) const ALL: [Point; 17] = [
    Point::Begun,
    Point::Read,
    Point::Extend,
    Point::Write,
    Point::Lock,
    Point::Locked,
    Point::Stamped,
    Point::Keep,
    Point::Decided,
    Point::Published,
    Point::Settle,
    Point::Undone,
    Point::Register,
    Point::Arm,
    Point::Block,
    Point::Queue,
    Point::Promoted,
];

/// Runs a scenario with a panic at step number `step`, counted from 0, if there is one.
fn run(stage: &Stage, act: fn(&Stage), step: usize) -> Course {
    let blocked = Arc::clone(&stage.blocked);
    let choose = move |number, point| {
        if point == Point::Block {
            blocked.store(true, Ordering::SeqCst);
        }
        number == step
    };
    inject(choose, || act(stage))
}

/// Checks that of each pair of hooks one has run, and that it is the right one.
#[track_caller]
fn assert_hooks(stage: &Stage, course: &Course) {
    let counts = [&stage.hooks.registered, &stage.hooks.committed, &stage.hooks.undone];
    let [registered, committed, undone] = counts.map(|count| count.load(Ordering::SeqCst));
    let has_hooks = registered > 0 && course.met.contains(&Point::Begun);
    let commits = course.took_effect() || (course.stopped.is_none() && undone == 0);
    assert_eq!(committed, u32::from(has_hooks && commits), "commit hooks that ran");
    assert_eq!(committed + undone, registered, "of {registered} pairs {committed} and {undone} ran");
}

/// Runs the scenario with a panic at `step` and checks everything. `after` is what a run without a panic makes of the
/// variables.
#[track_caller]
fn check(scenario: Scenario, step: usize, after: &[u64], awaited: bool) -> Course {
    let stage = Stage::new();
    let before = vec![0; after.len()];
    let course = thread::scope(|scope| {
        let _releases = Releases(&stage);
        let waiter = Arc::new(Waiter::default());
        let waiting = awaited.then(|| waiter.start(&stage, scope));
        let course = run(&stage, scenario.1, step);
        let expected = if course.took_effect() { after } else { &before };
        let wakes = course.took_effect() && (after[0], after[after.len() - 1 - TEXTS]) != (0, 0);
        if let Some(waiting) = waiting {
            if wakes {
                // By the scenario alone, panic or not.
                waiting.join().expect("it returns");
            } else {
                assert_eq!(waiter.runs(), 1, "nothing to wake up for");
            }
        }
        assert_hooks(&stage, &course);
        stage.assert_usable(expected);
        course
    });
    stage.census.settle(TEXTS);
    let census = stage.census.clone();
    drop(stage);
    census.settle(0);
    course
}

/// Panics at the first step, the second, and so on, until a run gets through. Returns the steps that were met.
#[track_caller]
fn check_every_step(scenario: Scenario, awaited: bool) -> BTreeSet<Point> {
    let stage = Stage::new();
    let clean = run(&stage, scenario.1, usize::MAX);
    assert_eq!(clean.stopped, None);
    let after = stage.state();
    let mut met = BTreeSet::new();
    for step in 0.. {
        let course = check(scenario, step, &after, awaited);
        met.extend(course.met);
        if course.stopped.is_none() {
            assert!(step > 0, "{}: no step was met", scenario.0);
            break;
        }
    }
    met
}

fn check_all(awaited: bool) {
    let mut met = BTreeSet::new();
    for scenario in SCENARIOS {
        println!("{}{}", scenario.0, if awaited { ", awaited" } else { "" });
        met.extend(check_every_step(scenario, awaited));
    }
    assert_eq!(met, BTreeSet::from(ALL), "every kind of step was to be met");
}

#[test]
fn a_panic_at_any_step_undoes_the_transaction_or_leaves_it_in_effect() {
    let (_alone, _watchdog) = (alone(), watchdog());
    check_all(false);
}

#[test]
fn a_panic_at_any_step_wakes_those_who_wait_for_what_took_effect() {
    let (_alone, _watchdog) = (alone(), watchdog());
    check_all(true);
}
