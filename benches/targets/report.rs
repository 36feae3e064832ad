//! The tables a reader gets.

use super::crew::Window;
use super::trial::{Lane, Limit, Measured, Target};
use crate::table::print_table;

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
    windows: usize,
    disturbed: usize,
}

impl Report {
    /// Adds a trial's rows.
    pub(crate) fn add(&mut self, title: &str, targets: &[Target], measured: &Measured) {
        for target in targets {
            self.rows.push(row(title, target, measured));
        }
        for (lane, windows) in &measured.lanes {
            let best = windows.iter().map(Window::nanoseconds).fold(f64::INFINITY, f64::min);
            self.windows += windows.len();
            self.disturbed += windows.iter().filter(|window| window.disturbed).count();
            self.times.push([
                title.to_owned(),
                label(*lane),
                format!("{:.2} ({best:.2})", measured.nanoseconds(*lane)),
            ]);
        }
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
    }
}

const MISSED: &str = "MISSED";

fn row(title: &str, target: &Target, measured: &Measured) -> Row {
    let (dividend, divisor) = match target.reach {
        Limit::AtLeast(_) => (target.peer, target.ours),
        _ => (target.ours, target.peer),
    };
    let ratio = measured.ratio(dividend, divisor);
    let nanoseconds = measured.nanoseconds(target.ours);
    let within = |limit| match limit {
        Limit::AtMost(most) => ratio <= most,
        Limit::AtLeast(least) => ratio >= least,
        Limit::Nanoseconds(most) => nanoseconds <= most,
        Limit::Open => false,
    };
    let verdict = match (within(target.reach), within(target.aim)) {
        (_, true) => "aim",
        (true, false) => "yes",
        (false, false) => MISSED,
    };
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
        verdict,
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
    format!("{}, {}", lane.name, threads(lane.workers))
}

fn threads(count: usize) -> String {
    match count {
        1 => "1 thread".to_owned(),
        _ => format!("{count} threads"),
    }
}
