//! Operations that write what a closure has made of a value, whose closure uses the same structure by the same transaction: it
//! is as if the value was read, then the closure called, then the result written.

#[path = "closures/by_hand.rs"]
mod by_hand;
#[path = "closures/program.rs"]
mod program;
#[path = "closures/subject.rs"]
mod subject;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{quietly, scaled, watchdog};
use proptest::prelude::*;
use stm::{StmResult, Transaction, TxError, TxResult, atomically, cancel, snapshot};

use program::{Model, Step, steps};
use subject::{Chained, Hashed, Keyed, Ordered, Table};

/// Takes a step beside the model.
fn take<S: Keyed>(tx: &Transaction<'_, '_>, subject: &S, model: &mut Model, step: &Step) -> StmResult<()> {
    match step {
        Step::Insert(key, value) => assert_eq!(subject.insert(tx, *key, *value)?, model.insert::<S>(*key, *value)),
        Step::Remove(key) => assert_eq!(subject.remove(tx, *key)?, model.rows.remove(key)),
        Step::Clear => {
            subject.clear(tx)?;
            model.rows.clear();
        }
        Step::View => subject.view(tx)?,
        Step::Nested(steps, undone) => {
            let before = model.clone();
            let result = tx.nested(|tx| -> TxResult<(), ()> {
                steps.iter().try_for_each(|step| take(tx, subject, model, step))?;
                if *undone { cancel(()) } else { Ok(()) }
            })?;
            if result.is_err() {
                *model = before;
            }
        }
        Step::Update(..) | Step::Alter(..) | Step::GetOrInsert(..) | Step::Retain(..) => {
            around(tx, subject, model, step)?;
        }
    }
    assert_eq!(subject.all(tx)?, model.rows, "after {step:?}");
    Ok(())
}

/// Takes a step with a closure that takes steps of its own, and may panic after them.
fn around<S: Keyed>(tx: &Transaction<'_, '_>, subject: &S, model: &mut Model, step: &Step) -> StmResult<()> {
    let (inner, panics) = step.inside();
    let (mut called, mut over) = (false, Ok(()));
    let before = model.rows.clone();
    // The first call takes the steps.
    let mut call = || {
        if !std::mem::replace(&mut called, true) {
            over = inner.iter().try_for_each(|step| take(tx, subject, model, step));
            assert!(!panics, "on purpose");
        }
    };
    let done = catch_unwind(AssertUnwindSafe(|| match step {
        Step::Update(key, value, ..) => subject.update(tx, *key, *value, &mut call),
        Step::Alter(key, value, ..) => subject.alter(tx, *key, *value, &mut call),
        Step::GetOrInsert(key, value, ..) => subject.get_or_insert(tx, *key, *value, &mut call),
        Step::Retain(divisor, ..) => subject.retain(tx, &mut |value| {
            call();
            value % divisor != 0
        }),
        _ => unreachable!("a step without a closure"),
    }));
    over?;
    match done {
        Ok(result) => assert_eq!(result?, model.write::<S>(step, &before), "{step:?}"),
        // What the closure has done before stays, and nothing is written.
        Err(_) => assert!(panics && called, "a panic of the structure itself"),
    }
    Ok(())
}

fn check<S: Keyed>(transactions: &[(Vec<Step>, bool)]) {
    let _watchdog = watchdog();
    let (subject, mut model) = (S::default(), Model::default());
    for (steps, undone) in transactions {
        let result = stm::try_atomically(|tx| {
            let mut inner = model.clone();
            steps.iter().try_for_each(|step| take(tx, &subject, &mut inner, step)).map_err(TxError::Abort)?;
            if *undone { cancel(()) } else { Ok(inner) }
        });
        if let Ok(after) = result {
            model = after;
        }
        assert_eq!(snapshot(|tx| subject.all(tx)), model.rows);
        assert_eq!(snapshot(|tx| subject.len(tx)), model.rows.len());
    }
    // It goes on like any other.
    let rows: BTreeMap<u8, u64> = (0..50).map(|key| (key, u64::from(key) + 1000)).collect();
    atomically(|tx| rows.iter().try_for_each(|(key, value)| subject.insert(tx, *key, *value).map(drop)));
    assert_eq!(snapshot(|tx| subject.all(tx)), rows);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: scaled(300) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_an_operation_writes_comes_after_its_closure(
        transactions in prop::collection::vec((steps(), prop::bool::weighted(0.2)), 1..6),
    ) {
        let checked = quietly(|| {
            check::<Hashed>(&transactions);
            check::<Chained>(&transactions);
            check::<Ordered>(&transactions);
            check::<Table>(&transactions);
        });
        if let Err(panic) = checked {
            std::panic::resume_unwind(panic);
        }
    }
}
