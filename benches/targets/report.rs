//! The tables a reader gets.

use stm_benches::measure::crew::Part;
use stm_benches::measure::trial::{Lane, Limit, Measured, TailTarget, Target, Trial};
use stm_benches::table::print_table;

/// One printed row of the table of targets.
struct Row {
    workload: String,
    peer: String,
    measured: String,
    reach: String,
    aim: String,
    verdict: &'static str,
}

/// Everything that was measured so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    times: Vec<[String; 3]>,
    tails: Vec<[String; 6]>,
    notes: Vec<String>,
    windows: usize,
    disturbed: usize,
}

impl Report {
    /// Adds a trial's rows.
    pub(crate) fn add(&mut self, title: &str, trial: &Trial, measured: &Measured) {
        self.rows.extend(trial.targets.iter().map(|target| row(title, target, measured)));
        self.rows.extend(trial.tail_targets.iter().filter_map(|target| tail_row(title, target, measured)));
        for (lane, windows) in &measured.lanes {
            self.windows += windows.len();
            self.disturbed += windows.iter().filter(|window| window.disturbed).count();
            self.add_times(title, *lane, measured);
            if windows.iter().any(|window| window.beside > 0) {
                self.add_times(title, lane.beside(), measured);
            }
        }
        for (name, tail) in &measured.tails {
            let [p50, p99, p999, most] =
                [tail.p50, tail.p99, tail.p999, tail.most].map(|nanoseconds| format!("{nanoseconds:.0}"));
            let who = format!("{title}: {name}");
            self.tails.push([who, format!("{:.1}", tail.operations as f64 / 1e6), p50, p99, p999, most]);
        }
        self.notes.extend(measured.notes.iter().map(|(name, note)| format!("{title}: {name}: {note}")));
    }

    fn add_times(&mut self, title: &str, lane: Lane, measured: &Measured) {
        let (median, best) = (measured.nanoseconds(lane), measured.best(lane));
        self.times.push([title.to_owned(), label(lane), format!("{median:.2} ({best:.2})")]);
    }

    /// Prints the table of targets and, below it, the times behind it.
    pub(crate) fn print(&self) {
        let header = ["workload", "against", "measured", "reach", "aim", "ok?"];
        let rows = self.rows.iter().map(|row| {
            let Row { workload, peer, measured, reach, aim, verdict } = row;
            [workload, peer, measured, reach, aim, *verdict].map(str::to_owned)
        });
        print_table(header, &rows.collect::<Vec<_>>());
        let missed = self.rows.iter().filter(|row| row.verdict == MISSED).count();
        println!("\n{missed} of {} targets missed.", self.rows.len());
        let percent = 100.0 * self.disturbed as f64 / self.windows as f64;
        println!("In {percent:.0} % of the windows another process took a core; medians are of the others.\n");
        let header = ["workload", "contender", "ns an operation: median (min)"];
        print_table(header, &self.times);
        if !self.tails.is_empty() {
            println!();
            let header = ["slow operations, ns", "million", "P50", "P99", "P99.9", "slowest"];
            print_table(header, &self.tails);
        }
        if !self.notes.is_empty() {
            println!();
            self.notes.iter().for_each(|note| println!("{note}"));
        }
    }
}

const MISSED: &str = "MISSED";

const UNASKED: &str = "-";

fn row(title: &str, target: &Target, measured: &Measured) -> Row {
    let more_is_better = [target.reach, target.aim].iter().any(|limit| matches!(limit, Limit::AtLeast(_)));
    let (dividend, divisor) = match more_is_better {
        true => (target.peer, target.ours),
        false => (target.ours, target.peer),
    };
    let ratio = measured.ratio(dividend, divisor);
    let nanoseconds = measured.nanoseconds(target.ours);
    let peer = match target.ours.name == target.peer.name {
        true => format!("itself with {}", threads(target.peer.workers)),
        false => target.peer.name.to_owned(),
    };
    Row {
        workload: format!("{title}: {}", label(target.ours)),
        peer,
        measured: match target.aim {
            Limit::Nanoseconds(_) => format!("{ratio:.2}x, {nanoseconds:.2} ns"),
            _ => format!("{ratio:.2}x"),
        },
        reach: limit(target.reach),
        aim: limit(target.aim),
        verdict: verdict(target.reach, target.aim, ratio, nanoseconds),
    }
}

/// The row of a contender's slow operations. `None` if it has not recorded any.
fn tail_row(title: &str, target: &TailTarget, measured: &Measured) -> Option<Row> {
    let (_, tail) = measured.tails.iter().find(|(name, _)| *name == target.name)?;
    let ratio = tail.p999 / tail.p50;
    Some(Row {
        workload: format!("{title}: {}: P99.9", target.name),
        peer: "its own median".to_owned(),
        measured: format!("{ratio:.2}x"),
        reach: limit(target.reach),
        aim: limit(target.aim),
        verdict: verdict(target.reach, target.aim, ratio, tail.p999),
    })
}

fn verdict(reach: Limit, aim: Limit, ratio: f64, nanoseconds: f64) -> &'static str {
    let within = |limit| match limit {
        Limit::AtMost(most) => ratio <= most,
        Limit::AtLeast(least) => ratio >= least,
        Limit::Nanoseconds(most) => nanoseconds <= most,
        Limit::Open => false,
    };
    match (within(reach), within(aim)) {
        (_, true) => "aim",
        (true, false) => "yes",
        (false, false) if matches!(reach, Limit::Open) => UNASKED,
        (false, false) => MISSED,
    }
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::AtMost(most) => format!("<= {most}x"),
        Limit::AtLeast(least) => format!(">= {least}x"),
        Limit::Nanoseconds(most) => format!("<= {most} ns"),
        Limit::Open => "-".to_owned(),
    }
}

fn label(lane: Lane) -> String {
    let beside = if lane.part == Part::Beside { ", beside" } else { "" };
    format!("{}, {}{beside}", lane.name, threads(lane.workers))
}

fn threads(count: usize) -> String {
    match count {
        1 => "1 thread".to_owned(),
        _ => format!("{count} threads"),
    }
}
