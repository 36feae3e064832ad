//! Random programs against a plain interpreter that runs them one at a time on plain values.
//!
//! Alone on one thread a program must give exactly what the interpreter gives: results, final values, which hooks ran in
//! which order, how often the body ran, what it waits for, and how many values are alive. Several programs on several
//! threads must give what the interpreter gives for some order of them that keeps each thread's own.

#[path = "model/mod.rs"]
mod model;

use std::collections::HashSet;

use common::{race, scaled, watchdog};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use model::generate::{DEPTH, Words, action, program, start};
use model::interpreter::Model;
use model::kinds::{Value, count_in};
use model::patience::settle;
use model::print::lines;
use model::program::{Action, Outcome, Program, Runner, Shot, Step, Trace, Var, depth};
use model::property::{examples, holds};
use model::run::Manner;
use model::waiting::runs_again;
use model::world::{NAMES, Start, World};

/// Does the same in both, and compares. Leaves the model knowing what the last program waits for.
fn check_one(world: &World, model: &mut Model, action: &Action) -> Result<Trace, TestCaseError> {
    let expected = model.act(action);
    let manner = Manner {
        runner: Runner::Options,
        attempts: Some(model.attempts()),
        anchored: expected.outcome == Outcome::Waits,
    };
    let (trace, fired) = world.act(action, manner);
    prop_assert_eq!(&trace, &expected, "what it saw and how it ended, then what the interpreter says");
    prop_assert_eq!(world.values(), model.values(), "what it left, then what the interpreter says");
    prop_assert_eq!(fired, model.take_fired(), "which hooks ran, then what the interpreter says");
    Ok(trace)
}

/// Checks that what is alive is what the variables hold, and after them nothing.
fn check_drops(world: World, model: &Model) -> TestCaseResult {
    let census = world.census.clone();
    settle(|| census.live(), model.live_kinds().iter().map(|kind| kind.counted()).sum())?;
    drop(world);
    settle(|| census.live(), 0)
}

fn check_alone(actions: &[Action]) -> TestCaseResult {
    let (world, mut model) = World::new(Default::default());
    for action in actions {
        // A snapshot has no bound on its runs: it would wait.
        let action = if matches!(action, Action::Snapshot(_)) { &action.or_nothing() } else { action };
        check_one(&world, &mut model, action)?;
    }
    check_drops(world, &model)
}

/// Runs a program, and if it waits, finds out for what.
fn check_waiting(start: Start, program: &Program) -> TestCaseResult {
    let (world, mut model) = World::new(start);
    let trace = check_one(&world, &mut model, &Action::Transaction(program.clone()))?;
    if trace.outcome == Outcome::Waits {
        for (handle, name) in NAMES.iter().enumerate() {
            let awaits = model.awaits(handle);
            let woken = runs_again(&world, program, handle, model.attempts(), awaits);
            prop_assert_eq!(woken, awaits, "whether a write of {} ends the wait", name);
        }
    }
    Ok(())
}

type Outcomes = HashSet<(Vec<Vec<Trace>>, Vec<Option<Value>>)>;

/// Every outcome of doing the threads' actions one at a time, each thread's in its order.
fn serial_outcomes(threads: &[Vec<Action>], start: &Model) -> Outcomes {
    fn go(threads: &[Vec<Action>], model: &Model, traces: &mut Vec<Vec<Trace>>, outcomes: &mut Outcomes) {
        let mut ended = true;
        for thread in 0..threads.len() {
            let Some(action) = threads[thread].get(traces[thread].len()) else { continue };
            ended = false;
            let mut model = model.clone();
            let trace = model.act(action);
            traces[thread].push(trace);
            go(threads, &model, traces, outcomes);
            traces[thread].pop();
        }
        if ended {
            outcomes.insert((traces.clone(), model.values()));
        }
    }
    let mut outcomes = HashSet::new();
    go(threads, start, &mut vec![Vec::new(); threads.len()], &mut outcomes);
    outcomes
}

/// Lets the threads act together `times` times, for they meet differently each time.
fn check_together(threads: &[Vec<Action>], times: usize) -> TestCaseResult {
    let threads: Vec<Vec<_>> = threads.iter().map(|actions| actions.iter().map(Action::or_nothing).collect()).collect();
    let outcomes = serial_outcomes(&threads, &World::new(Default::default()).1);
    for _ in 0..times {
        let (world, model) = World::new(Default::default());
        let traces = race(threads.len(), |me| {
            count_in(&world.census);
            let act = |action: &Action| world.act(action, Manner::UNBOUNDED).0;
            threads[me].iter().map(act).collect::<Vec<_>>()
        });
        let outcome = (traces, world.values());
        prop_assert!(outcomes.contains(&outcome), "no order gives {outcome:?}, only {outcomes:?}");
        check_drops(world, &model)?;
    }
    Ok(())
}

fn show_start((start, program): &(Start, Program)) -> String {
    format!("// from {start:?}\n{program:?}")
}

fn show_threads(threads: &[Vec<Action>]) -> String {
    let of_thread = |(number, actions): (usize, &Vec<Action>)| format!("// thread {number}\n{}", lines(actions));
    let text: String = threads.iter().enumerate().map(of_thread).collect();
    format!("// where a thread would wait, it does nothing\n{text}")
}

/// What can be run again, or beside others: what a body does outside of its transaction is neither undone nor part of it.
const TOGETHER: Words = Words { outside: false, ..Words::ALL };

#[test]
fn a_program_alone_does_what_the_interpreter_does() {
    let _watchdog = watchdog();
    let actions = prop::collection::vec(action(Words::ALL, 12), 1..5);
    holds(1_500, actions, |actions| lines(actions), |actions| check_alone(actions));
}

#[test]
fn a_program_waits_for_what_it_has_read_and_for_nothing_else() {
    let _watchdog = watchdog();
    // The last step retries, so most of them wait.
    let retrying = program(TOGETHER, 8).prop_map(|mut program| {
        program.0.push(Step::Retry);
        program
    });
    holds(400, (start(), retrying), show_start, |(start, program)| check_waiting(*start, program));
}

#[test]
fn what_two_threads_do_is_done_in_some_order() {
    let _watchdog = watchdog();
    let threads = prop::collection::vec(prop::collection::vec(action(TOGETHER, 8), 1..4), 2..3);
    holds(200, threads, |threads| show_threads(threads), |threads| check_together(threads, 5));
}

#[test]
fn what_three_threads_do_is_done_in_some_order() {
    let _watchdog = watchdog();
    let threads = prop::collection::vec(prop::collection::vec(action(TOGETHER, 6), 1..3), 3..4);
    holds(200, threads, |threads| show_threads(threads), |threads| check_together(threads, 5));
}

/// Programs that contend as much as possible: everyone reads and writes the same few, while a reader looks at them.
#[test]
fn programs_that_contend_do_what_some_order_does() {
    let _watchdog = watchdog();
    let [number, text, cell, text_cell] = [0, 1, 2, 3].map(Var::World);
    let steps = |thread: Value| {
        vec![
            Step::Read(number),
            Step::Yield,
            Step::Read(text),
            Step::Modify(number, thread),
            Step::Modify(text, 1),
            Step::Yield,
            Step::OrElse(vec![Step::Check(cell, 2), Step::Write(cell, 0)], vec![Step::Modify(cell, 1)]),
            Step::Add(text_cell, number),
        ]
    };
    let mut threads: Vec<_> = (1..=3).map(|thread| vec![Action::Transaction(Program(steps(thread))); 2]).collect();
    let look = vec![Step::Read(number), Step::Yield, Step::Read(text), Step::Yield, Step::Read(text_cell)];
    threads.push(vec![Action::Snapshot(Program(look)), Action::Shot(Shot::Swap(text, 0))]);
    check_together(&threads, scaled(1_000)).expect("some order gives it");
}

/// Says of the generator what the properties above take for granted.
#[test]
fn programs_are_nested_and_say_every_word() {
    fn words(steps: &[Step], said: &mut HashSet<std::mem::Discriminant<Step>>) {
        for step in steps {
            said.insert(std::mem::discriminant(step));
            step.blocks().into_iter().for_each(|block| words(block, said));
        }
    }
    let programs = examples(500, program(Words::ALL, 12));
    let depth_of = |program: &Program| u32::try_from(depth(&program.0)).unwrap();
    let deep = programs.iter().filter(|program| depth_of(program) >= DEPTH).count();
    assert!(deep >= 50, "only {deep} of 500 programs are {DEPTH} blocks deep");
    let mut said = HashSet::new();
    programs.iter().for_each(|program| words(&program.0, &mut said));
    // All but `See`, which stands for a reading in the algebra.
    assert_eq!(said.len(), 30, "a word is never said");
}
