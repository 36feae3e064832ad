//! What a simulation says of more cores than there are.

use super::chart::{self, Series};
use super::html::{figure, table};
use super::paint;
use crate::comparison::results::Results;
use crate::contest::Family;
use crate::contest::competitor::{Competitor, OURS, PL_MUTEX, PL_MUTEX_EACH};
use crate::simulation::{Calibration, Scheme, Setting, throughput};

const CORES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// Returns the section, or nothing if the run has not the rows that it is calibrated on.
pub fn section(results: &Results) -> String {
    let Some(costs) = Calibration::of(results) else { return String::new() };
    let mut html = format!(
        "<h2 id=\"simulated\">More cores, simulated</h2>\n<div class=\"simulated\">\n<p><b>Simulated, not measured.</b> Transfers \
         between two random accounts, on simulated cores that pass cache lines to each other. From this run come the costs: {:.1} ns \
         for an atomic write of a line that is here (one thread on one counter), {:.0} ns for a line from another core (a quarter \
         of a round trip between two threads that spin), {:.0} ns of other work a transaction. Not simulated: allocation, memory \
         bandwidth, distances between cores, the operating system, waiting other than by looking again.</p>\n",
        costs.atomic, costs.transfer, costs.work
    );
    for (variables, remark) in [(1024, "few meet"), (16, "many meet")] {
        let ticks: Vec<String> = CORES.iter().map(ToString::to_string).collect();
        let svg = chart::lines(
            &series(variables, costs),
            &ticks,
            "cores (simulated)",
            "million transfers a second (logarithmic)",
        );
        let caption = format!("SIMULATED: transfers between {variables} accounts, where {remark}. More is better.");
        html.push_str(&figure(&svg, &caption));
    }
    html.push_str(&check(results, costs));
    html.push_str("</div>\n");
    html
}

fn series(variables: usize, costs: Calibration) -> Vec<Series> {
    let families = |scheme| match scheme {
        Scheme::Deferred => Family::Ours,
        Scheme::FetchAdd => Family::OtherStm,
        Scheme::TimeStamps => Family::Sequential,
        Scheme::OneLock => Family::Mutex,
        Scheme::LockEach => Family::RwLock,
    };
    let line = |scheme: Scheme| Series {
        name: scheme.name().replace("transactions, ", ""),
        colour: paint::of(families(scheme)),
        form: 0,
        points: (0..)
            .zip(CORES)
            .map(|(position, cores)| (position, throughput(Setting { variables, cores, scheme, costs })))
            .collect(),
    };
    Scheme::ALL.map(line).into_iter().collect()
}

/// The simulation beside the measurement, where there are both.
fn check(results: &Results, costs: Calibration) -> String {
    let pairs = [(Scheme::Deferred, OURS), (Scheme::OneLock, PL_MUTEX), (Scheme::LockEach, PL_MUTEX_EACH)];
    let row = |scheme: Scheme, competitor: Competitor, cores: usize| {
        let row = results.contest("transfer-1024")?.row(competitor.name, cores, false)?;
        let simulated = throughput(Setting { variables: 1024, cores, scheme, costs });
        let [median, most] = [row.nanoseconds.median, row.nanoseconds.least].map(|time| 1e3 / time);
        let cells = [format!("{simulated:.0}"), format!("{median:.0}"), format!("{most:.0}")];
        Some([scheme.name().to_owned(), cores.to_string()].into_iter().chain(cells).collect::<Vec<_>>())
    };
    let rows: Vec<Vec<String>> =
        pairs.iter().flat_map(|&(scheme, who)| [1, 2].map(|cores| row(scheme, who, cores))).flatten().collect();
    let header =
        ["million transfers a second, 1024 accounts", "threads", "simulated", "measured: median", "measured: most"];
    let mut html = String::from("<p>How well it tells what was measured:</p>\n");
    html.push_str(&table(&header.map(str::to_owned), &rows, 1));
    html
}
