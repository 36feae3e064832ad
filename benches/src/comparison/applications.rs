//! The ported applications.

use std::time::{Duration, Instant};

use super::arguments::Request;
use super::results::{Application, ApplicationRow};
use crate::measure::crew::cores;
use crate::measure::diary;
use crate::measure::spread::Spread;
use crate::stamp::{Competitor, Outcome, Program};

/// Rounds that there are at least, and at most.
const ROUNDS: [usize; 2] = [3, 51];

/// More threads than this, and than cores, are not asked of the applications: they compute, and hardly ever wait, so that threads
/// without a core only make the others' pieces smaller. Eight on fewer cores show what that costs.
const MOST_THREADS: usize = 8;

struct Entry {
    competitor: Competitor,
    threads: usize,
    outcomes: Vec<Outcome>,
}

/// Runs a program round by round. `None` if nobody takes part who was asked for.
///
/// # Errors
///
/// When a result is wrong.
pub fn measure(program: &Program, request: &Request, share: Duration) -> Result<Option<Application>, String> {
    let (start, size) = (Instant::now(), request.size);
    let mut entries = entries(program, request);
    if entries.iter().all(|entry| entry.competitor == Competitor::Sequential) {
        return Ok(None);
    }
    for round in 0..ROUNDS[1] {
        if round >= ROUNDS[0] && start.elapsed() >= share {
            break;
        }
        for entry in &mut entries {
            diary::note(&entry.competitor.to_string(), entry.threads);
            let outcome = program.run(entry.competitor, size, entry.threads);
            if let Err(wrong) = &outcome.verdict {
                return Err(format!("{}, {}, {} threads: {wrong}", program.name, entry.competitor, entry.threads));
            }
            entry.outcomes.push(outcome);
        }
    }
    Ok(Some(Application {
        name: program.name.to_owned(),
        what: program.what.to_owned(),
        parameters: program.arguments(size),
        size: size.name().to_owned(),
        losses: program.losses.to_owned(),
        rows: rows(&entries),
    }))
}

fn entries(program: &Program, request: &Request) -> Vec<Entry> {
    let most = MOST_THREADS.max(cores());
    let threads = || request.plan.threads.iter().copied().filter(|&threads| threads <= most);
    let wanted = |competitor: &Competitor| {
        let name = competitor.to_string();
        !request.plan.has_failed(&name) && (*competitor == Competitor::Sequential || request.plan.wants(&name))
    };
    program
        .competitors()
        .filter(wanted)
        .flat_map(|competitor| threads().map(move |threads| (competitor, threads)))
        .filter(|&(competitor, threads)| threads == 1 || competitor.is_concurrent())
        .map(|(competitor, threads)| Entry { competitor, threads, outcomes: Vec::new() })
        .collect()
}

fn rows(entries: &[Entry]) -> Vec<ApplicationRow> {
    let sequential = entries.iter().find(|entry| entry.competitor == Competitor::Sequential);
    let row = |entry: &Entry| {
        let milliseconds = entry.outcomes.iter().map(|outcome| 1e3 * outcome.elapsed.as_secs_f64()).collect();
        let ratios = sequential.map(|sequential| {
            let rounds = entry.outcomes.iter().zip(&sequential.outcomes);
            rounds.map(|(one, other)| one.elapsed.as_secs_f64() / other.elapsed.as_secs_f64()).collect()
        });
        let transactional = entry.competitor.is_transactional();
        let reruns = entry.outcomes.iter().map(Outcome::aborts_per_commit).collect();
        Some(ApplicationRow {
            competitor: entry.competitor.to_string(),
            family: entry.competitor.entrant().family,
            threads: entry.threads,
            milliseconds: Spread::of(milliseconds)?,
            ratio: ratios.and_then(Spread::of),
            reruns: Spread::of(reruns).filter(|_| transactional).map(|spread| spread.median),
        })
    };
    entries.iter().filter_map(row).collect()
}
