//! Random transactions on a structure, and on what it is compared with: same answers, same content.

use std::fmt::Debug;

use common::{scaled, watchdog};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stm::{StmResult, Transaction, cancel};

/// How a part of a transaction ends.
#[derive(Clone, Debug)]
pub(crate) enum Part<O> {
    Plain(Vec<O>),
    Nested(Vec<O>),
    Cancelled(Vec<O>),
    /// The first branch does something and retries.
    Alternative(Vec<O>, Vec<O>),
}

/// Transactions, and whether each commits.
pub(crate) type Program<O> = Vec<(Vec<Part<O>>, bool)>;

/// Keys are below this.
pub(crate) const KEYS: u64 = 40;

/// A structure with its model.
pub(crate) trait Subject: Sized {
    type Op: Clone + Debug;
    /// What an operation tells.
    type Seen: Debug + PartialEq;
    type View;
    type Model: Clone + Default;

    fn act(&self, tx: &Transaction<'_, '_>, op: &Self::Op, views: &mut Vec<Self::View>) -> StmResult<Self::Seen>;

    fn act_on(model: &mut Self::Model, op: &Self::Op) -> Self::Seen;

    /// Whether what is committed is what is in the model.
    fn check(&self, model: &Self::Model) -> Result<(), TestCaseError>;

    /// Whether the views that were taken are what the model has kept of each.
    fn check_views(views: &[Self::View], model: &Self::Model) -> Result<(), TestCaseError>;
}

fn act_all<S: Subject>(
    tx: &Transaction<'_, '_>,
    subject: &S,
    ops: &[S::Op],
    views: &mut Vec<S::View>,
) -> StmResult<Vec<S::Seen>> {
    ops.iter().map(|op| subject.act(tx, op, views)).collect()
}

fn act_part<S: Subject>(
    tx: &Transaction<'_, '_>,
    subject: &S,
    part: &Part<S::Op>,
    views: &mut Vec<S::View>,
) -> StmResult<Vec<S::Seen>> {
    match part {
        Part::Plain(ops) => act_all(tx, subject, ops, views),
        Part::Nested(ops) => {
            let nested = tx.nested(|tx| act_all(tx, subject, ops, views).map_err(stm::TxError::<()>::from))?;
            Ok(nested.expect("it does not cancel"))
        }
        Part::Cancelled(ops) => {
            let nested = tx.nested(|tx| cancel::<(), _>(act_all(tx, subject, ops, &mut Vec::new())?))?;
            Ok(nested.expect_err("it cancels"))
        }
        Part::Alternative(first, second) => tx.or_else(
            |tx| {
                act_all(tx, subject, first, &mut Vec::new())?;
                tx.retry()
            },
            |tx| act_all(tx, subject, second, views),
        ),
    }
}

fn part_on<S: Subject>(model: &mut S::Model, part: &Part<S::Op>) -> Vec<S::Seen> {
    match part {
        Part::Plain(ops) | Part::Nested(ops) | Part::Alternative(_, ops) => {
            ops.iter().map(|op| S::act_on(model, op)).collect()
        }
        Part::Cancelled(ops) => {
            let mut aside = model.clone();
            ops.iter().map(|op| S::act_on(&mut aside, op)).collect()
        }
    }
}

fn follow<S: Subject>(subject: S, program: &Program<S::Op>) -> Result<(), TestCaseError> {
    let (mut model, mut views) = (S::Model::default(), Vec::new());
    for (parts, commits) in program {
        let mut aside = model.clone();
        let expected: Vec<_> = parts.iter().map(|part| part_on::<S>(&mut aside, part)).collect();
        let outcome = stm::try_atomically(|tx| {
            let mut views = Vec::new();
            let seen: StmResult<Vec<_>> = parts.iter().map(|part| act_part(tx, &subject, part, &mut views)).collect();
            if *commits { Ok((seen?, views)) } else { cancel(seen?) }
        });
        match outcome {
            Ok((seen, new)) => {
                prop_assert_eq!(seen, expected);
                views.extend(new);
                model = aside;
            }
            Err(seen) => prop_assert_eq!(seen, expected),
        }
        subject.check(&model)?;
    }
    S::check_views(&views, &model)?;
    // They outlive what they are views of.
    drop(subject);
    S::check_views(&views, &model)
}

fn part<O: Clone + Debug + 'static>(op: impl Fn() -> BoxedStrategy<O>) -> impl Strategy<Value = Part<O>> {
    let ops = || prop::collection::vec(op(), 0..8);
    prop_oneof![
        4 => ops().prop_map(Part::Plain),
        1 => ops().prop_map(Part::Nested),
        1 => ops().prop_map(Part::Cancelled),
        1 => (ops(), ops()).prop_map(|(first, second)| Part::Alternative(first, second)),
    ]
}

/// Runs programs of such operations, each on a new structure.
pub(crate) fn hold<S: Subject>(new: impl Fn() -> S, op: impl Fn() -> BoxedStrategy<S::Op>)
where
    S::Op: 'static,
{
    let _watchdog = watchdog();
    let programs = prop::collection::vec((prop::collection::vec(part(op), 1..4), prop::bool::weighted(0.8)), 1..10);
    let cases = u32::try_from(scaled(150)).expect("a number of cases");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&programs, |program| follow(new(), &program)).unwrap_or_else(|e| panic!("{e}"));
}
