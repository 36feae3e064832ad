//! A machine that does everything the library offers, in any order, beside an interpreter that does the same to plain
//! values: making variables in every way, sharing, naming, comparing, showing and dropping handles, one-shot operations,
//! and transactions by every door.

#[path = "operations/machine.rs"]
mod machine;
#[path = "model/mod.rs"]
mod model;
#[path = "operations/promised.rs"]
mod promised;

use std::collections::BTreeSet;

use common::watchdog;
use proptest::prelude::*;

use machine::{check, operation};
use model::performed;
use model::print::lines;
use model::property::{examples, holds};

#[test]
fn whatever_is_done_is_what_the_interpreter_does() {
    let _watchdog = watchdog();
    let operations = prop::collection::vec(operation(), 1..25);
    holds(800, operations, |operations| lines(operations), |operations| check(operations));
}

/// The names of what the machine does are taken where it does it, those of what there is from the sources: an operation
/// that is new, and that the machine does not know, is missing here.
#[test]
fn the_machine_performs_every_operation_there_is() {
    let _watchdog = watchdog();
    performed::take();
    for operations in examples(300, prop::collection::vec(operation(), 1..25)) {
        check(&operations).expect("it does what the interpreter does");
    }
    let performed: BTreeSet<_> = performed::take().into_iter().map(str::to_owned).collect();
    assert_eq!(performed, promised::operations());
}
