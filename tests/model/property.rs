//! Looking for a counterexample, and showing a small one.

use std::env;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::panic;

use common::{quietly, scaled};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestCaseResult, TestError, TestRunner};

use super::shrink::Shrink;

/// The variable that names the seed of a run. A failure says which one to give it.
const SEED: &str = "PROPTEST_RNG_SEED";

fn seed() -> u64 {
    match env::var(SEED) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED} must be a number, not {text:?}")),
        // The standard library's source of randomness, which needs no dependency.
        Err(_) => RandomState::new().hash_one(0),
    }
}

fn config(cases: usize, seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases: u32::try_from(scaled(cases)).expect("fewer cases than that"),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        rng_seed: RngSeed::Fixed(seed),
        // Each part of a value draws from a generator of its own; the default one is slow to set up.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    }
}

/// The first values that [`holds`] would try with the seed 0.
pub(crate) fn examples<S: Strategy>(count: usize, values: S) -> Vec<S::Value> {
    let mut runner = TestRunner::new(config(1, 0));
    (0..count).map(|_| values.new_tree(&mut runner).expect("nothing is rejected").current()).collect()
}

/// What is wrong with `value`, if anything is.
fn complaint<V>(value: &V, check: &impl Fn(&V) -> TestCaseResult) -> Option<String> {
    match quietly(|| check(value)) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(payload) => Some(match payload.downcast_ref::<String>() {
            Some(text) => text.clone(),
            None => payload.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned()),
        }),
    }
}

/// Makes a failing value smaller for as long as it fails.
fn minimal<V: Shrink>(mut value: V, mut reason: String, check: &impl Fn(&V) -> TestCaseResult) -> (V, String) {
    'smaller: loop {
        for candidate in value.smaller() {
            if let Some(found) = complaint(&candidate, check) {
                (value, reason) = (candidate, found);
                continue 'smaller;
            }
        }
        return (value, reason);
    }
}

/// Checks `cases` values, and fails with a small one that does not hold, shown by `show`.
#[track_caller]
pub(crate) fn holds<S: Strategy>(
    cases: usize,
    values: S,
    show: impl Fn(&S::Value) -> String,
    check: impl Fn(&S::Value) -> TestCaseResult,
) where
    S::Value: Shrink + Debug,
{
    let seed = seed();
    let found = TestRunner::new(config(cases, seed)).run(&values, |value| match complaint(&value, &check) {
        None => Ok(()),
        Some(reason) => Err(TestCaseError::fail(reason)),
    });
    match found {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => {
            let (value, reason) = minimal(value, reason.to_string(), &check);
            panic!("{}\n{reason}\nsame again: {SEED}={seed}", show(&value));
        }
        Err(TestError::Abort(reason)) => panic!("gave up: {reason}; same again: {SEED}={seed}"),
    }
}
