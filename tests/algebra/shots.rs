//! Laws of whole transactions: one-shot operations, snapshots, and transactions that end without effect.

use std::collections::HashSet;

use common::watchdog;
use proptest::prelude::*;

use crate::CASES;
use crate::model::generate::{Words, looks, program, start, value, variable};
use crate::model::kinds::Value;
use crate::model::print::lines;
use crate::model::program::{Action, Fired, Outcome, Program, Runner, Shot, Step, Var, number_hooks};
use crate::model::property::holds;
use crate::model::run::Manner;
use crate::model::shrink::Shrink;
use crate::model::world::{Start, World};

/// What is seen of actions, taken together, and what they leave.
fn observe(start: Start, actions: &[Action]) -> (Vec<Value>, Vec<Option<Value>>) {
    let (world, _) = World::new(start);
    let seen = actions.iter().flat_map(|action| world.act(action, Manner::UNBOUNDED).0.seen).collect();
    (seen, world.values())
}

/// A variable and a value; the rest of the case follows from them.
#[derive(Clone, Copy, Debug)]
struct Word(Var, Value);

impl Shrink for Word {
    fn smaller(&self) -> Vec<Self> {
        Vec::new()
    }
}

fn transaction(steps: impl IntoIterator<Item = Step>) -> Action {
    Action::Transaction(Program(steps.into_iter().collect()))
}

/// Checks that two ways to do something with one variable and one value are the same.
#[track_caller]
fn same<const L: usize, const R: usize>(sides: impl Fn(Var, Value) -> ([Action; L], [Action; R])) {
    let _watchdog = watchdog();
    let words = (start(), (variable(Words::TOTAL), value()).prop_map(|(x, value)| Word(x, value)));
    let show = |(start, Word(x, value)): &(Start, Word)| {
        let (left, right) = sides(*x, *value);
        format!("// from {start:?}\n{}// is to be the same as\n{}", lines(&left), lines(&right))
    };
    holds(CASES, words, show, |(start, Word(x, value))| {
        let (left, right) = sides(*x, *value);
        prop_assert_eq!(observe(*start, &left), observe(*start, &right));
        Ok(())
    });
}

#[test]
fn loading_is_a_transaction_that_reads() {
    same(|x, _| ([Action::Shot(Shot::Load(x))], [transaction([Step::Read(x)])]));
}

#[test]
fn storing_is_a_transaction_that_writes() {
    same(|x, value| ([Action::Shot(Shot::Store(x, value))], [transaction([Step::Write(x, value)])]));
}

#[test]
fn swapping_is_a_transaction_that_replaces() {
    same(|x, value| ([Action::Shot(Shot::Swap(x, value))], [transaction([Step::Replace(x, value)])]));
}

#[test]
fn changing_is_a_transaction_that_updates() {
    same(|x, by| ([Action::Shot(Shot::FetchUpdate(x, by))], [transaction([Step::Update(x, by)])]));
}

#[test]
fn swapping_is_loading_and_storing() {
    same(|x, value| {
        let apart = [Action::Shot(Shot::Load(x)), Action::Shot(Shot::Store(x, value))];
        ([Action::Shot(Shot::Swap(x, value))], apart)
    });
}

#[test]
fn of_two_stores_the_last_one_counts() {
    same(|x, value| {
        let twice = [Action::Shot(Shot::Store(x, value ^ 1)), Action::Shot(Shot::Store(x, value))];
        (twice, [Action::Shot(Shot::Store(x, value))])
    });
}

/// A snapshot sees what a transaction sees that only reads.
#[test]
fn a_snapshot_is_a_transaction_of_a_reader() {
    let _watchdog = watchdog();
    let cases = (start(), looks(Words::PURE, 8).prop_map(Program));
    let sides = |program: &Program| {
        let snapshot = Action::Snapshot(program.clone()).or_nothing();
        let transaction = Action::Transaction(program.clone()).or_nothing();
        (snapshot, transaction)
    };
    let show = |(start, program): &(Start, Program)| format!("// from {start:?}\n{:?}", sides(program));
    holds(CASES, cases, show, |(start, program)| {
        let (left, right) = sides(program);
        prop_assert_eq!(observe(*start, &[left]), observe(*start, &[right]));
        Ok(())
    });
}

/// A program's outcome, what it left, and its hooks.
fn run(start: Start, program: &Program) -> (Outcome, [Vec<Option<Value>>; 2], Vec<Fired>) {
    let (world, mut model) = World::new(start);
    let before = world.values();
    let anchored = model.run(program).outcome == Outcome::Waits;
    let manner = Manner { runner: Runner::Options, attempts: Some(1), anchored };
    let (trace, fired) = world.act(&Action::Transaction(program.clone()), manner);
    (trace.outcome, [before, world.values()], fired)
}

fn show(case: &(Start, Program)) -> String {
    format!("// from {:?}\n{:?}", case.0, case.1)
}

#[test]
fn what_does_not_commit_leaves_everything_as_it_was() {
    let _watchdog = watchdog();
    let ending = prop_oneof![value().prop_map(Step::Cancel), Just(Step::Retry)];
    let programs = (program(Words::PURE, 8), ending).prop_map(|(mut program, ending)| {
        program.0.push(ending);
        program
    });
    holds(CASES, (start(), programs), show, |(start, program)| {
        let (outcome, [before, after], fired) = run(*start, program);
        prop_assert!(outcome != Outcome::Done, "it ends by a cancel or a retry");
        prop_assert_eq!(before, after);
        prop_assert!(fired.iter().all(|fired| matches!(fired, Fired::Rollback(_))), "{:?}", fired);
        Ok(())
    });
}

/// A program that registers hooks, named in order, and reaches its end: only parts of it are undone.
fn with_hooks() -> impl Strategy<Value = Program> {
    program(Words { hooks: true, cancels: true, ..Words::TOTAL }, 12).prop_map(|Program(steps)| {
        let mut steps = vec![Step::Nested(steps), Step::Hooks(0)];
        number_hooks(&mut steps);
        Program(steps)
    })
}

#[test]
fn hooks_of_a_commit_run_in_the_order_of_registration() {
    let _watchdog = watchdog();
    holds(CASES, (start(), with_hooks()), show, |(start, program)| {
        let (outcome, _, fired) = run(*start, program);
        prop_assert_eq!(outcome, Outcome::Done);
        let commits = fired.iter().filter(|fired| matches!(fired, Fired::Commit(_)));
        prop_assert!(commits.is_sorted_by(|one, other| name(one) < name(other)), "{:?}", fired);
        // Those of undone parts ran when the parts were undone, and no pair ran twice.
        prop_assert!(fired.is_sorted_by_key(|fired| matches!(fired, Fired::Commit(_))), "{:?}", fired);
        let names: HashSet<_> = fired.iter().map(name).collect();
        prop_assert_eq!(names.len(), fired.len(), "{:?}", fired);
        Ok(())
    });
}

fn name((Fired::Commit(name) | Fired::Rollback(name)): &Fired) -> Value {
    *name
}

#[test]
fn hooks_of_an_undone_transaction_run_latest_first() {
    let _watchdog = watchdog();
    let programs = program(Words { hooks: true, ..Words::TOTAL }, 12).prop_map(|Program(mut steps)| {
        steps.extend([Step::Hooks(0), Step::Cancel(0)]);
        number_hooks(&mut steps);
        Program(steps)
    });
    holds(CASES, (start(), programs), show, |(start, program)| {
        let (_, _, fired) = run(*start, program);
        prop_assert!(fired.iter().all(|fired| matches!(fired, Fired::Rollback(_))), "{:?}", fired);
        prop_assert!(fired.is_sorted_by(|one, other| name(one) > name(other)), "{:?}", fired);
        Ok(())
    });
}
