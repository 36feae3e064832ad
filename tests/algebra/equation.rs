//! Two programs that should be the same, and how to find out whether they are.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::model::kinds::Value;
use crate::model::program::{Action, Fired, Outcome, Program, Runner, Step, Trace};
use crate::model::property::holds;
use crate::model::run::Manner;
use crate::model::waiting::runs_again;
use crate::model::world::{NAMES, Start, World};
use crate::parts::{Parts, parts};

/// How much of two programs has to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// Everything: what is seen, what is left, which hooks run in which order, and what is waited for.
    Full,
    /// What is left to others: values, the hooks of the commit, and how it ended. One side has looked at more.
    Effects,
}

/// All there is to know of a program that ran.
#[derive(Debug, PartialEq)]
struct Observed {
    trace: Trace,
    values: Vec<Option<Value>>,
    fired: Vec<Fired>,
    awaited: Vec<&'static str>,
}

/// Runs a program, and if it waits, finds out for what. The interpreter only says whether to expect that, and of which
/// variables, so that nothing has to be waited for in vain.
fn observe(start: Start, steps: &[Step]) -> Observed {
    let program = Program(steps.to_vec());
    let (world, mut model) = World::new(start);
    let anchored = model.run(&program).outcome == Outcome::Waits;
    let manner = Manner { runner: Runner::Options, attempts: Some(1), anchored };
    let (trace, fired) = world.act(&Action::Transaction(program.clone()), manner);
    let values = world.values();
    let mut awaited = Vec::new();
    if trace.outcome == Outcome::Waits {
        for (handle, name) in NAMES.into_iter().enumerate() {
            if runs_again(&world, &program, handle, 1, model.awaits(handle)) {
                awaited.push(name);
            }
        }
    }
    Observed { trace, values, fired, awaited }
}

fn check(start: Start, left: &[Step], right: &[Step], sameness: Sameness) -> TestCaseResult {
    let (mut left, mut right) = (observe(start, left), observe(start, right));
    if sameness == Sameness::Effects {
        for side in [&mut left, &mut right] {
            side.trace.seen.clear();
            side.awaited.clear();
            side.fired.retain(|fired| matches!(fired, Fired::Commit(_)));
        }
    }
    prop_assert_eq!(left, right);
    Ok(())
}

/// Checks a law: both sides, in whatever place, from whatever state.
#[track_caller]
pub(crate) fn law(cases: usize, sameness: Sameness, sides: impl Fn(&Parts) -> (Vec<Step>, Vec<Step>)) {
    let in_place = |parts: &Parts| {
        let (left, right) = sides(parts);
        (parts.in_context(left), parts.in_context(right))
    };
    let show = |parts: &Parts| {
        let (left, right) = in_place(parts);
        format!("// from {:?}\n{:?}\n// is to be the same as\n{:?}", parts.start, Program(left), Program(right))
    };
    holds(cases, parts(), show, |parts| {
        let (left, right) = in_place(parts);
        check(parts.start, &left, &right, sameness)
    });
}
