//! What the tests of all ports do.

use super::competitor::Competitor;
use super::outcome::Outcome;

/// Runs a program by every competitor, by as many threads as it can, and expects its result to be right.
pub(crate) fn every_run(run: impl Fn(Competitor, usize) -> Outcome) {
    for competitor in Competitor::ALL {
        for threads in 1..=if competitor.is_concurrent() { 4 } else { 1 } {
            let outcome = run(competitor, threads);
            assert_eq!(outcome.verdict, Ok(()), "{competitor}, {threads} threads");
        }
    }
}
