//! Where the library stands.

use super::results::{Outcome, Row};
use crate::contest::Family;

/// The library's fastest form in a contest, and the fastest of all others.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub ours: &'a Row,
    pub other: Option<&'a Row>,
}

/// Returns where the library stands with so many threads. `None` if it takes no part.
pub fn standing(contest: &Outcome, threads: usize) -> Option<Standing<'_>> {
    let ranking = contest.ranking(threads);
    let ours = ranking.iter().find(|row| row.family == Family::Ours)?;
    let other = ranking.iter().find(|row| row.family != Family::Ours && !row.is_torn());
    Some(Standing { ours, other: other.copied() })
}

impl Standing<'_> {
    /// The library's time over the other's.
    pub fn factor(self) -> Option<f64> {
        self.other.map(|other| self.ours.nanoseconds.median / other.nanoseconds.median)
    }
}

/// Of these numbers of threads, which ascend, the most that there are cores for, or else the least that there is.
pub fn all_cores(threads: &[usize], cores: usize) -> Option<usize> {
    threads.iter().copied().rfind(|&threads| threads <= cores).or(threads.first().copied())
}

/// The numbers of threads a summary shows: one, as many as cores, and the most.
pub fn shown_threads(contest: &Outcome, cores: usize) -> Vec<usize> {
    let mut all = contest.threads();
    let shown = [1, all_cores(&all, cores).unwrap_or(1), all.last().copied().unwrap_or(1)];
    all.retain(|threads| shown.contains(threads));
    all
}

impl Row {
    /// Whether it promises less than everybody else: it is there as a floor.
    pub fn is_torn(&self) -> bool {
        self.competitor == crate::contest::competitor::ATOMICS.name
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{results, row};
    use super::*;
    use crate::contest::competitor::ATOMICS;

    #[test]
    fn the_best_of_ours_meets_the_best_of_the_others() {
        let results = results(vec![
            row("ours, slow", Family::Ours, 2, 30.0, 0.5),
            row("ours, fast", Family::Ours, 2, 20.0, 0.5),
            row("a mutex", Family::Mutex, 2, 40.0, 1.0),
            row(ATOMICS.name, Family::Atomic, 2, 1.0, 1.0),
        ]);
        let standing = standing(&results.contests[0], 2).expect("ours takes part");
        assert_eq!(standing.ours.competitor, "ours, fast");
        assert_eq!(standing.factor(), Some(0.5));
    }

    #[test]
    fn a_summary_is_short() {
        let threads = |numbers: &[usize], cores| {
            let rows = numbers.iter().map(|&threads| row("ours", Family::Ours, threads, 1.0, 1.0));
            shown_threads(&results(rows.collect()).contests[0], cores)
        };
        assert_eq!(threads(&[1, 2, 4, 8, 32], 2), [1, 2, 32]);
        assert_eq!(threads(&[1, 2, 4, 8, 32], 7), [1, 4, 32]);
        assert_eq!(threads(&[2], 2), [2]);
        assert_eq!(threads(&[32], 2), [32]);
    }
}
