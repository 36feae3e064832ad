//! Waiting for what should happen soon: for other threads to let garbage go, and for a sleeping transaction to wake.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stm::collect;

use super::performed::call;

/// Long enough for a machine that is busy with other things; a test that holds does not wait for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while a counterexample is made smaller, which fails again and again.
const LITTLE: Duration = Duration::from_millis(200);

thread_local! {
    static LOST: Cell<bool> = const { Cell::new(false) };
}

/// How long to wait. Once that was in vain, there is little patience left.
pub(crate) fn patience() -> Duration {
    if LOST.get() { LITTLE } else { PATIENCE }
}

/// It was in vain.
pub(crate) fn lose_patience() {
    LOST.set(true);
}

/// Collects garbage until `live` values are alive, and checks that it stays so.
pub(crate) fn settle(live: impl Fn() -> isize, expected: usize) -> TestCaseResult {
    let expected = isize::try_from(expected).expect("a few");
    let start = Instant::now();
    // Other tests of the same binary may hold back reclamation for a moment.
    while live() > expected && start.elapsed() < patience() {
        call!(collect());
        thread::sleep(Duration::from_micros(50));
    }
    if live() > expected {
        lose_patience();
    }
    // A value dropped twice, or too early, shows as too few live ones.
    for _ in 0..4 {
        call!(collect());
    }
    prop_assert_eq!(live(), expected, "values created and not dropped, then how many the variables hold");
    Ok(())
}
