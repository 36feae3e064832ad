//! Where the library stands.

use super::results::{Application, ApplicationRow, Outcome, Results, Row};
use crate::contest::Family;

/// One competitor's figures in a line.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    pub competitor: &'a str,
    pub family: Family,
    /// Of one operation, or of an application's whole run.
    pub nanoseconds: f64,
    /// To the baseline, round by round.
    pub ratio: Option<f64>,
    pub reruns: Option<f64>,
    pub doubtful: bool,
}

/// The library's fastest form in a workload with so many threads, and the fastest of all others.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// By which the workload is asked for.
    pub name: &'a str,
    pub title: &'a str,
    pub losses: &'a str,
    pub baseline: &'a str,
    pub threads: usize,
    pub ours: Figures<'a>,
    pub other: Option<Figures<'a>>,
}

impl Line<'_> {
    /// The library's time over the other's.
    pub fn factor(&self) -> Option<f64> {
        self.other.map(|other| self.ours.nanoseconds / other.nanoseconds)
    }

    pub fn is_doubtful(&self) -> bool {
        self.ours.doubtful || self.other.is_some_and(|other| other.doubtful)
    }
}

/// Where the library stands: workloads in the report's order, each with a few numbers of threads. Those in which it takes no part,
/// and applications whose input is too small to say anything, are left out.
pub fn lines(results: &Results) -> Vec<Line<'_>> {
    let cores = results.machine.cores;
    let contests = results.contests.iter().flat_map(|contest| {
        let shown = shown_threads(contest.threads(), cores);
        shown.into_iter().filter_map(move |threads| contest_line(contest, threads, cores))
    });
    let applications =
        results.applications.iter().filter(|application| !application.is_tiny()).flat_map(|application| {
            let shown = shown_threads(application.threads(), cores);
            shown.into_iter().filter_map(move |threads| application_line(application, threads))
        });
    contests.chain(applications).collect()
}

fn contest_line(contest: &Outcome, threads: usize, cores: usize) -> Option<Line<'_>> {
    let ranking = contest.ranking(threads).into_iter().map(|row| Figures::of(row, cores)).collect();
    let (ours, other) = ahead(ranking)?;
    let Outcome { name, title, losses, baseline, .. } = contest;
    Some(Line { name, title, losses, baseline, threads, ours, other })
}

fn application_line(application: &Application, threads: usize) -> Option<Line<'_>> {
    let (ours, other) = ahead(application.ranking(threads).into_iter().map(Figures::of_run).collect())?;
    let Application { name, losses, .. } = application;
    Some(Line { name, title: name, losses, baseline: Application::BASELINE, threads, ours, other })
}

/// Of figures, fastest first: the library's best, and the best of all others that promise as much.
fn ahead(ranking: Vec<Figures<'_>>) -> Option<(Figures<'_>, Option<Figures<'_>>)> {
    let ours = *ranking.iter().find(|figures| figures.family == Family::Ours)?;
    let other = ranking.iter().find(|figures| figures.family != Family::Ours && !figures.promises_less());
    Some((ours, other.copied()))
}

impl<'a> Figures<'a> {
    fn of(row: &'a Row, cores: usize) -> Self {
        Self {
            competitor: &row.competitor,
            family: row.family,
            nanoseconds: row.nanoseconds.median,
            ratio: row.ratio.map(|ratio| ratio.median),
            reruns: row.reruns,
            doubtful: row.is_doubtful(cores),
        }
    }

    fn of_run(row: &'a ApplicationRow) -> Self {
        Self {
            competitor: &row.competitor,
            family: row.family,
            nanoseconds: 1e6 * row.milliseconds.median,
            ratio: row.ratio.map(|ratio| ratio.median),
            reruns: row.reruns,
            doubtful: false,
        }
    }

    /// Whether it is there as a floor: loads that are of no one moment, or a program for one thread.
    fn promises_less(self) -> bool {
        self.competitor == crate::contest::competitor::ATOMICS.name || self.family == Family::Sequential
    }
}

/// Of these numbers of threads, which ascend, the most that there are cores for, or else the least that there is.
pub fn all_cores(threads: &[usize], cores: usize) -> Option<usize> {
    threads.iter().copied().rfind(|&threads| threads <= cores).or(threads.first().copied())
}

/// The numbers of threads a summary shows, of all that ascend: one, as many as cores, and the most.
fn shown_threads(mut all: Vec<usize>, cores: usize) -> Vec<usize> {
    let shown = [1, all_cores(&all, cores).unwrap_or(1), all.last().copied().unwrap_or(1)];
    all.retain(|threads| shown.contains(threads));
    all
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{results, row};
    use super::*;
    use crate::contest::competitor::ATOMICS;
    use crate::stamp::Size;

    #[test]
    fn the_best_of_ours_meets_the_best_of_the_others() {
        let mut results = results(vec![
            row("ours, slow", Family::Ours, 2, 30.0, 0.5),
            row("ours, fast", Family::Ours, 2, 20.0, 0.5),
            row("a mutex", Family::Mutex, 2, 40.0, 1.0),
            row(ATOMICS.name, Family::Atomic, 2, 1.0, 1.0),
        ]);
        results.applications.clear();
        let lines = lines(&results);
        assert_eq!((lines.len(), lines[0].ours.competitor), (1, "ours, fast"));
        assert_eq!(lines[0].factor(), Some(0.5));
    }

    #[test]
    fn applications_stand_beside_the_contests() {
        let mut results = results(vec![row("ours", Family::Ours, 1, 30.0, 0.5)]);
        let line = lines(&results)[1];
        // The sequential program is no match, but what the ratio is to.
        assert_eq!((line.name, line.ours.nanoseconds, line.ours.ratio), ("vacation", 12e6, Some(1.2)));
        assert_eq!((line.other.map(|other| other.competitor), line.factor()), (Some("a mutex"), Some(1.5)));
        results.applications[0].size = Size::Tiny.name().to_owned();
        assert_eq!(lines(&results).len(), 1, "what is tiny says nothing");
    }

    #[test]
    fn a_summary_is_short() {
        let threads = |numbers: &[usize], cores| shown_threads(numbers.to_vec(), cores);
        assert_eq!(threads(&[1, 2, 4, 8, 32], 2), [1, 2, 32]);
        assert_eq!(threads(&[1, 2, 4, 8, 32], 7), [1, 4, 32]);
        assert_eq!(threads(&[2], 2), [2]);
        assert_eq!(threads(&[32], 2), [32]);
    }
}
