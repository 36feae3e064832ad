//! Programs of operations, in transactions with parts that are undone, run on a structure and on a model of it.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stm::{StmResult, Transaction, TxError, TxResult, cancel, try_atomically};

use common::scaled;

/// A structure and its model, which know the same operations.
pub(crate) trait Subject {
    type Op: Clone + Debug;
    type Model: Clone + Debug + PartialEq;

    /// What it is like, as a model.
    fn look(&self, tx: &Transaction<'_, '_>) -> StmResult<Self::Model>;
    /// Does it, and shows what came of it. Retries where it waits.
    fn perform(&self, tx: &Transaction<'_, '_>, op: &Self::Op) -> StmResult<String>;
    /// Does it to the model; `None` where it waits.
    fn predict(model: &mut Self::Model, op: &Self::Op) -> Option<String>;
}

#[derive(Clone, Debug)]
enum Part<O> {
    /// An operation, or nothing if it waits.
    Op(O),
    /// All of them, or nothing if one waits.
    All(Vec<O>),
    /// Done, and then undone by a retry.
    Retried(Vec<O>),
    /// Done in a part of its own, and perhaps cancelled.
    Nested(Vec<O>, bool),
}

/// A transaction, and whether it is cancelled at its end.
type Program<O> = Vec<(Vec<Part<O>>, bool)>;

const WAITS: &str = "waits";

fn all<S: Subject>(subject: &S, tx: &Transaction<'_, '_>, ops: &[S::Op]) -> StmResult<String> {
    ops.iter().map(|op| subject.perform(tx, op)).collect()
}

fn perform<S: Subject>(subject: &S, tx: &Transaction<'_, '_>, part: &Part<S::Op>) -> StmResult<String> {
    let waits = |_: &Transaction<'_, '_>| Ok(String::from(WAITS));
    match part {
        Part::Op(op) => tx.or_else(|tx| subject.perform(tx, op), waits),
        Part::All(ops) => tx.or_else(|tx| all(subject, tx, ops), waits),
        Part::Retried(ops) => tx.or_else(
            |tx| {
                all(subject, tx, ops)?;
                tx.retry()
            },
            waits,
        ),
        Part::Nested(ops, cancels) => {
            let body = |tx: &Transaction<'_, '_>| -> TxResult<String, String> {
                let mut done = String::new();
                for op in ops {
                    done += &tx.or_else(|tx| subject.perform(tx, op), waits)?;
                }
                if *cancels { cancel(done) } else { Ok(done) }
            };
            Ok(tx.nested(body)?.unwrap_or_else(|done| done))
        }
    }
}

fn predict<S: Subject>(model: &mut S::Model, part: &Part<S::Op>) -> String {
    let before = model.clone();
    let one = |model: &mut S::Model, op: &S::Op| {
        let before = model.clone();
        S::predict(model, op).unwrap_or_else(|| {
            *model = before;
            String::from(WAITS)
        })
    };
    match part {
        Part::Op(op) => one(model, op),
        Part::All(ops) => ops.iter().map(|op| S::predict(model, op)).collect::<Option<String>>().unwrap_or_else(|| {
            *model = before;
            String::from(WAITS)
        }),
        Part::Retried(_) => String::from(WAITS),
        Part::Nested(ops, cancels) => {
            let done = ops.iter().map(|op| one(model, op)).collect();
            if *cancels {
                *model = before;
            }
            done
        }
    }
}

fn check<S: Subject>(subject: &S, program: &Program<S::Op>, mut model: S::Model) -> Result<(), TestCaseError> {
    for (parts, cancels) in program {
        let outcome = try_atomically(|tx| {
            let mut done = Vec::new();
            for part in parts {
                done.push((perform(subject, tx, part)?, subject.look(tx)?));
            }
            if *cancels { Err(TxError::Cancel(done)) } else { Ok(done) }
        });
        let before = model.clone();
        let predicted: Vec<_> = parts.iter().map(|part| (predict::<S>(&mut model, part), model.clone())).collect();
        prop_assert_eq!(outcome.is_err(), *cancels);
        prop_assert_eq!(outcome.unwrap_or_else(|done| done), predicted);
        if *cancels {
            model = before;
        }
        let committed = stm::atomically(|tx| subject.look(tx));
        prop_assert_eq!(committed, model.clone());
    }
    Ok(())
}

fn program<O: Clone + Debug + 'static>(op: impl Strategy<Value = O> + 'static) -> impl Strategy<Value = Program<O>> {
    let op = op.boxed();
    let part = prop_oneof![
        4 => op.clone().prop_map(Part::Op),
        2 => vec(op.clone(), 1..4).prop_map(Part::All),
        1 => vec(op.clone(), 1..4).prop_map(Part::Retried),
        2 => (vec(op, 1..4), any::<bool>()).prop_map(|(ops, cancels)| Part::Nested(ops, cancels)),
    ];
    vec((vec(part, 1..6), prop::bool::weighted(0.2)), 1..8)
}

/// Checks that the structure does what its model does, whatever programs are run.
#[track_caller]
pub(crate) fn follows_its_model<S: Subject>(
    op: impl Strategy<Value = S::Op> + 'static,
    make: impl Fn() -> (S, S::Model),
) where
    S::Op: 'static,
{
    let cases = u32::try_from(scaled(400)).expect("fewer cases than that");
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&program(op), |program| {
        let (subject, model) = make();
        check(&subject, &program, model)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
