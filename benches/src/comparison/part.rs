//! One workload's part of a run, measured in the process that is asked for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::applications;
use super::arguments::Request;
use super::results::FEW_UNDISTURBED as FEW;
use super::results::{Application, Outcome, Row, SlowOnes};
use crate::contest::{self, Competitor, Contest, Field};
use crate::measure::crew::{Part as Side, Window, cores};
use crate::measure::spread::Spread;
use crate::measure::trial::{Lane, Measured};
use crate::stamp::{PROGRAMS, Program};

/// What came of one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Part {
    Contest(Outcome),
    Application(Application),
    /// Nobody takes part who was asked for.
    Nothing,
}

/// The workloads that are asked for, by name.
pub fn names(request: &Request) -> Vec<&'static str> {
    let contests = contest::all().into_iter().map(|contest| contest.name);
    let programs = PROGRAMS.iter().map(|program| program.name);
    let broken = contest::broken::contest().name;
    let mut names: Vec<&str> = contests.chain(programs).filter(|name| request.wants(name)).collect();
    // Not one of those that there are: it is there to be asked for, and for nothing else.
    if request.only.iter().any(|only| only == broken) {
        names.push(broken);
    }
    names
}

/// What is shown while it is measured.
pub fn title(name: &'static str) -> &'static str {
    contest::all().into_iter().find(|contest| contest.name == name).map_or(name, |contest| contest.title)
}

/// Measures one workload for about so long.
///
/// # Errors
///
/// When nothing has this name, or an application's result is wrong.
///
/// # Panics
///
/// When a contest's result is wrong.
pub fn measure(name: &str, request: &Request, share: Duration) -> Result<Part, String> {
    let mut contests = contest::all().into_iter().chain([contest::broken::contest()]);
    if let Some(contest) = contests.find(|contest| contest.name == name) {
        return Ok(outcome(&contest, request, share).map_or(Part::Nothing, Part::Contest));
    }
    let program: Option<&Program> = PROGRAMS.iter().find(|program| program.name == name);
    let program = program.ok_or_else(|| format!("no workload `{name}`"))?;
    Ok(applications::measure(program, request, share)?.map_or(Part::Nothing, Part::Application))
}

/// Measures one contest. `None` if nobody takes part who was asked for.
fn outcome(contest: &Contest, request: &Request, share: Duration) -> Option<Outcome> {
    let mut field = Field::new(&request.plan, contest.baseline);
    (contest.enter)(&mut field);
    if !field.is_contested() {
        return None;
    }
    let effort = request.length.effort(share);
    let measured = field.trial.measure(effort, |_| ());
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
        let sides: &[Side] = if beside { &[Side::Work, Side::Beside] } else { &[Side::Work] };
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
                beside: part == Side::Beside,
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
