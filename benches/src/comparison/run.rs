//! Running the contests.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::applications;
use super::arguments::Request;
use super::machine::Machine;
use super::memory;
use super::results::FEW_UNDISTURBED as FEW;
use super::results::{FORMAT, Outcome, Results, Row, SlowOnes};
use crate::contest::{self, Competitor, Contest, Field};
use crate::measure::crew::{Part, Window, cores};
use crate::measure::spread::Spread;
use crate::measure::trial::{Lane, Measured};
use crate::stamp::{PROGRAMS, Program};

/// Runs what is asked for. A contender whose result is wrong ends the program.
///
/// # Errors
///
/// When nothing has such a name.
pub fn run(request: &Request) -> Result<Results, String> {
    let contests: Vec<Contest> = contest::all().into_iter().filter(|contest| request.wants(contest.name)).collect();
    let programs: Vec<&Program> = PROGRAMS.iter().filter(|program| request.wants(program.name)).collect();
    if contests.is_empty() && programs.is_empty() {
        return Err("no workload has such a name; `list` shows them all".to_owned());
    }
    let machine = Machine::here();
    let start = Instant::now();
    let bar = progress_bar(request.length.budget());
    let mut left = contests.len() + programs.len();
    // What one workload does not use, the others may.
    let mut share = || {
        left -= 1;
        request.length.budget().saturating_sub(start.elapsed()) / (left as u32 + 1)
    };
    let mut progress = || bar.set_position(start.elapsed().as_millis() as u64);
    let mut outcomes = Vec::new();
    for contest in contests {
        bar.set_message(contest.title);
        outcomes.extend(outcome(&contest, request, share(), &mut progress));
    }
    let mut applications = Vec::new();
    for program in programs {
        bar.set_message(program.name);
        applications.extend(applications::measure(program, request, share(), &mut progress)?);
    }
    bar.set_message("memory");
    let memory = memory::measure();
    bar.finish_and_clear();
    if outcomes.is_empty() && applications.is_empty() {
        return Err("no competitor has such a name; `list` shows them all".to_owned());
    }
    let (seconds, length) = (start.elapsed().as_secs_f64(), request.length.name().to_owned());
    Ok(Results { format: FORMAT, machine, length, seconds, contests: outcomes, applications, memory })
}

/// As long as the budget: what is left of it is the time left.
fn progress_bar(budget: Duration) -> ProgressBar {
    let bar = ProgressBar::new(budget.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed} gone, {eta} left  {msg}");
    bar.set_style(style.expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Measures one contest. `None` if nobody takes part who was asked for.
fn outcome(contest: &Contest, request: &Request, share: Duration, progress: &mut impl FnMut()) -> Option<Outcome> {
    let mut field = Field::new(&request.plan, contest.baseline);
    (contest.enter)(&mut field);
    if !field.is_contested() {
        return None;
    }
    let effort = request.length.effort(share);
    let measured = field.trial.measure(effort, |_| progress());
    Some(Outcome {
        name: contest.name.to_owned(),
        title: contest.title.to_owned(),
        what: contest.what.to_owned(),
        operation: contest.operation.to_owned(),
        baseline: contest.baseline.name.to_owned(),
        absent: contest.absent.to_owned(),
        losses: contest.losses.to_owned(),
        rows: rows(&measured, &field.competitors, contest.baseline),
    })
}

fn rows(measured: &Measured, competitors: &[Competitor], baseline: Competitor) -> Vec<Row> {
    let mut rows = Vec::new();
    for ((lane, windows), tally) in measured.lanes.iter().zip(&measured.tallies) {
        let beside = windows.iter().any(|window| window.beside > 0);
        let sides: &[Part] = if beside { &[Part::Work, Part::Beside] } else { &[Part::Work] };
        for &part in sides {
            let lane = Lane { part, ..*lane };
            let base = Lane { name: baseline.name, ..lane };
            let Some(nanoseconds) = Spread::of(times(measured, lane)) else { continue };
            let competitor = competitors.iter().find(|competitor| competitor.name == lane.name);
            let tail = measured.tails.iter().find(|(name, _)| *name == lane.name).map(|(_, tail)| tail);
            rows.push(Row {
                competitor: lane.name.to_owned(),
                family: competitor.expect("a lane is a competitor's").family,
                threads: lane.workers,
                beside: part == Part::Beside,
                nanoseconds,
                ratio: Spread::of(ratios(measured, lane, base)),
                reruns: tally.reruns(),
                tail: tail.map(|tail| SlowOnes { p50: tail.p50, p99: tail.p99, p999: tail.p999, most: tail.most }),
                disturbed: windows.iter().filter(|window| window.disturbed).count() as f64 / windows.len() as f64,
            });
        }
    }
    rows
}

/// Whether a window counts. With more threads than cores they take the cores from each other, which is part of what is
/// measured, so there all do.
fn counts(window: &Window, lane: Lane) -> bool {
    !window.disturbed || lane.workers > cores()
}

fn times(measured: &Measured, lane: Lane) -> Vec<f64> {
    let windows = measured.windows(lane);
    let all = || windows.iter();
    let counted: Vec<f64> =
        all().filter(|window| counts(window, lane)).map(|window| window.nanoseconds(lane.part)).collect();
    if counted.len() as f64 >= FEW * windows.len() as f64 {
        return counted;
    }
    all().map(|window| window.nanoseconds(lane.part)).collect()
}

fn ratios(measured: &Measured, lane: Lane, base: Lane) -> Vec<f64> {
    let rounds = || measured.windows(lane).iter().zip(measured.windows(base));
    let ratio = |(ours, theirs): (&Window, &Window)| ours.nanoseconds(lane.part) / theirs.nanoseconds(base.part);
    let undisturbed = |(ours, theirs): &(&Window, &Window)| counts(ours, lane) && counts(theirs, base);
    let counted: Vec<f64> = rounds().filter(undisturbed).map(ratio).collect();
    if counted.len() as f64 >= FEW * rounds().count() as f64 {
        return counted;
    }
    rounds().map(ratio).collect()
}
