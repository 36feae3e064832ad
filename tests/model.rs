//! Random programs against a plain interpreter that runs them one at a time on plain values.
//!
//! Alone on one thread a program must give exactly what the interpreter gives: results, final
//! values, and which hooks ran in which order. Several programs on several threads must give
//! what the interpreter gives for some order of them that keeps each thread's own.

#[path = "model/interpreter.rs"]
mod interpreter;
#[path = "model/program.rs"]
mod program;
#[path = "model/world.rs"]
mod world;

use std::collections::HashSet;

use common::{race, scaled, watchdog};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use interpreter::Model;
use program::{Step, Trace, VARIABLES, Value, program};
use world::World;

fn check_alone(programs: &[Vec<Step>]) -> TestCaseResult {
    let (world, mut model) = (World::new(), Model::default());
    for program in programs {
        let named = model.named;
        let expected = model.run(program);
        let (trace, fired) = world.run(program, named);
        prop_assert_eq!(trace, expected, "what it saw and how it ended");
        prop_assert_eq!(world.values(), model.values, "what it left");
        prop_assert_eq!(fired, std::mem::take(&mut model.fired), "which hooks ran");
    }
    Ok(())
}

/// Every outcome of running the threads' programs one at a time, each thread's in its order.
fn serial_outcomes(threads: &[Vec<Vec<Step>>]) -> HashSet<(Vec<Vec<Trace>>, [Value; VARIABLES])> {
    fn go(
        threads: &[Vec<Vec<Step>>],
        model: &Model,
        traces: &mut Vec<Vec<Trace>>,
        outcomes: &mut HashSet<(Vec<Vec<Trace>>, [Value; VARIABLES])>,
    ) {
        let mut ended = true;
        for thread in 0..threads.len() {
            let Some(program) = threads[thread].get(traces[thread].len()) else { continue };
            ended = false;
            let mut model = model.clone();
            let trace = model.run(program);
            traces[thread].push(trace);
            go(threads, &model, traces, outcomes);
            traces[thread].pop();
        }
        if ended {
            outcomes.insert((traces.clone(), model.values));
        }
    }
    let mut outcomes = HashSet::new();
    go(threads, &Model::default(), &mut vec![Vec::new(); threads.len()], &mut outcomes);
    outcomes
}

/// Runs the programs together `times` times, for they meet differently each time.
fn check_together(threads: &[Vec<Vec<Step>>], times: usize) -> TestCaseResult {
    let outcomes = serial_outcomes(threads);
    for _ in 0..times {
        let world = World::new();
        let traces = race(threads.len(), |me| {
            let run = |program: &Vec<Step>| world.run(program, 0).0;
            threads[me].iter().map(run).collect::<Vec<_>>()
        });
        let outcome = (traces, world.values());
        prop_assert!(outcomes.contains(&outcome), "no order gives {outcome:?}, only {outcomes:?}");
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_program_alone_does_what_the_interpreter_does(programs in prop::collection::vec(program(12), 1..4)) {
        check_alone(&programs)?;
    }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn programs_of_two_threads_do_what_some_order_does(
        threads in prop::collection::vec(prop::collection::vec(program(8), 1..4), 2..3),
    ) {
        let _watchdog = watchdog();
        check_together(&threads, 5)?;
    }

    #[test]
    fn programs_of_three_threads_do_what_some_order_does(
        threads in prop::collection::vec(prop::collection::vec(program(6), 1..3), 3..4),
    ) {
        let _watchdog = watchdog();
        check_together(&threads, 5)?;
    }
}

/// Programs that contend as much as possible: everyone reads and writes the same few.
#[test]
fn programs_that_contend_do_what_some_order_does() {
    let _watchdog = watchdog();
    let steps = |thread: u8| {
        vec![
            Step::Read(0),
            Step::Yield,
            Step::Read(2),
            Step::Modify(0, thread),
            Step::Modify(2, 1),
            Step::Yield,
            Step::OrElse(vec![Step::Check(4, 2), Step::Write(4, 0)], vec![Step::Modify(4, 1)]),
            Step::Add(1, 0),
        ]
    };
    let threads: Vec<_> = (1..=3).map(|thread| vec![steps(thread), steps(thread)]).collect();
    check_together(&threads, scaled(2_000)).expect("some order gives it");
}
