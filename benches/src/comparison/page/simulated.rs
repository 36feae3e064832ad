//! What a simulation says of more cores than there are.

use super::chart::{self, Series};
use super::html::{figure, table};
use super::paint;
use crate::comparison::results::Results;
use crate::contest::Family;
use crate::contest::competitor::{Competitor, OURS, PL_MUTEX, PL_MUTEX_EACH};
use crate::simulation::{Calibration, Scheme, Setting, Simulated, simulate};

const CORES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
/// The numbers of cores that the table of transfers shows.
const SHOWN: [usize; 3] = [2, 16, 128];
/// What a transfer takes, in nanoseconds: among the cores of one small cache, of a desk's processor, of a server's, and from one
/// socket to another.
const TRANSFERS: [f64; 4] = [25.0, 60.0, 110.0, 250.0];
/// With how many cores the table of what transfers take is made.
const MIDDLE: usize = 16;

/// How many accounts there are, how many operations of hundred only look at two, and what that is like.
const MIXES: [(usize, usize, &str); 3] = [
    (1024, 0, "transfers between 1024 accounts, where few meet"),
    (16, 0, "transfers between 16 accounts, where many meet"),
    (1024, 90, "looks at two of 1024 accounts, and one operation in ten a transfer"),
];

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
    for (variables, looks, about) in MIXES {
        let simulated = Scheme::ALL.map(|scheme| {
            let setting = |cores| Setting { variables, looks, cores, scheme, costs };
            (scheme, CORES.map(|cores| simulate(setting(cores))))
        });
        let ticks: Vec<String> = CORES.iter().map(ToString::to_string).collect();
        let series: Vec<Series> = simulated.iter().map(|(scheme, points)| line(*scheme, points)).collect();
        let svg = chart::lines(&series, &ticks, "cores (simulated)", "million operations a second (logarithmic)");
        html.push_str(&figure(&svg, &format!("SIMULATED: {about}. More is better.")));
        html.push_str(&rates(&simulated, about));
    }
    html.push_str(
        "<p class=\"note\">In the tables an operation: lines that come from another core; then runs that are given up, and how often a \
         run looks again at what it has read and goes on at a later moment. Who waits looks again, and each look is a line.</p>\n",
    );
    html.push_str(&farther(costs));
    html.push_str(&check(results, costs));
    html.push_str("</div>\n");
    html
}

fn line(scheme: Scheme, points: &[Simulated]) -> Series {
    let family = match scheme {
        Scheme::Deferred => Family::Ours,
        Scheme::FetchAdd => Family::OtherStm,
        Scheme::CachedClock => Family::Copy,
        Scheme::TimeStamps => Family::Sequential,
        Scheme::SequenceLock => Family::Channel,
        Scheme::OneLock => Family::Mutex,
        Scheme::ReadWriteLock => Family::RwLock,
        Scheme::LockEach => Family::LockFree,
    };
    Series {
        name: scheme.name().replace("transactions, ", ""),
        colour: paint::of(family),
        form: 0,
        points: (0..).zip(points).map(|(position, simulated)| (position, simulated.throughput)).collect(),
    }
}

/// Lines that travel and runs that are given up, an operation.
fn rates(simulated: &[(Scheme, [Simulated; CORES.len()])], about: &str) -> String {
    let mut header = vec![format!("SIMULATED, an operation: {about}")];
    header.extend(SHOWN.map(|cores| format!("{cores} cores")));
    let cell = |simulated: Simulated| {
        let Simulated { transfers, aborts, extensions, .. } = simulated;
        format!("{transfers:.2} <small>· {aborts:.3} · {extensions:.3}</small>")
    };
    let row = |(scheme, points): &(Scheme, [Simulated; CORES.len()])| {
        let shown = CORES.iter().zip(points).filter(|(cores, _)| SHOWN.contains(cores));
        [scheme.name().to_owned()].into_iter().chain(shown.map(|(_, point)| cell(*point))).collect()
    };
    let rows: Vec<Vec<String>> = simulated.iter().map(row).collect();
    table(&header, &rows, 1)
}

/// What is left where lines come from farther away.
fn farther(costs: Calibration) -> String {
    let (variables, looks, about) = MIXES[0];
    let mut header = vec![format!("SIMULATED, million operations a second, {MIDDLE} cores: {about}")];
    header.extend(TRANSFERS.map(|transfer| format!("{transfer:.0} ns a line")));
    let row = |scheme: Scheme| {
        let throughput = |transfer| {
            let costs = Calibration { transfer, ..costs };
            simulate(Setting { variables, looks, cores: MIDDLE, scheme, costs }).throughput
        };
        let cells = TRANSFERS.map(|transfer| format!("{:.1}", throughput(transfer)));
        [scheme.name().to_owned()].into_iter().chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = Scheme::ALL.into_iter().map(row).collect();
    table(&header, &rows, 1)
}

/// The simulation beside the measurement, where there are both.
fn check(results: &Results, costs: Calibration) -> String {
    let pairs = [(Scheme::Deferred, OURS), (Scheme::OneLock, PL_MUTEX), (Scheme::LockEach, PL_MUTEX_EACH)];
    let row = |scheme: Scheme, competitor: Competitor, cores: usize| {
        let row = results.contest("transfer-1024")?.row(competitor.name, cores, false)?;
        let simulated = simulate(Setting { variables: 1024, looks: 0, cores, scheme, costs }).throughput;
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

#[cfg(test)]
mod tests {
    use super::super::super::results::tests::{results, row};
    use super::*;
    use crate::comparison::results::Outcome;
    use crate::contest::competitor::{ATOMIC_TURN, FETCH_ADD};

    #[test]
    fn everything_simulated_is_marked_as_such() {
        let mut results = results(vec![row(OURS.name, Family::Ours, 1, 30.0, 1.0)]);
        assert_eq!(section(&results), "", "nothing to calibrate it on");
        let contest =
            |name: &str, row| Outcome { name: name.to_owned(), rows: vec![row], ..results.contests[0].clone() };
        results.contests = vec![
            contest("transfer-1024", results.contests[0].rows[0].clone()),
            contest("counter-shared", row(FETCH_ADD.name, Family::Atomic, 1, 5.0, 1.0)),
            contest("ping-pong", row(ATOMIC_TURN.name, Family::Atomic, 2, 240.0, 1.0)),
        ];
        let html = section(&results);
        assert!(html.contains("Simulated, not measured"));
        for (part, times) in [("<figcaption>SIMULATED", MIXES.len()), ("<th>SIMULATED", MIXES.len() + 1)] {
            assert_eq!(html.matches(part).count(), times, "{part}");
        }
        assert!(Scheme::ALL.iter().all(|scheme| html.contains(scheme.name())));
    }
}
