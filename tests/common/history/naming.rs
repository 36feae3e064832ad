//! Which anomaly a circle is.

use super::record::History;
use super::violation::{Anomaly, Link, Reason};

/// Names a shortest circle.
pub(super) fn name(history: &History, circle: &[Link]) -> Anomaly {
    let attempt = |index: usize| &history.attempts[index];
    let missed: Vec<_> = circle.iter().filter(|link| matches!(link.reason, Reason::Missed { .. })).collect();
    if circle.iter().any(|link| link.reason == Reason::Time) {
        return Anomaly::RealTimeInversion;
    }
    if is_long_fork(history, circle) {
        return Anomaly::LongFork;
    }
    if circle.iter().filter(|link| !attempt(link.from).committed()).count() == 1 {
        return Anomaly::ZombieRead;
    }
    match (missed.as_slice(), circle) {
        ([one], _) if is_about_one_variable(circle) && attempt(one.from).committed() => Anomaly::LostUpdate,
        ([one], _) if arrives_by_reading(circle, one.from) => Anomaly::ReadSkew,
        ([_, _], [_, _]) => Anomaly::WriteSkew,
        _ => Anomaly::Cycle,
    }
}

fn is_about_one_variable(circle: &[Link]) -> bool {
    let mut variables = circle.iter().map(|link| match link.reason {
        Reason::Missed { variable, .. } | Reason::Replaced { variable, .. } => Some(variable),
        Reason::Read(_) | Reason::Time => None,
    });
    let first = variables.next().flatten();
    first.is_some() && variables.all(|variable| variable == first)
}

fn arrives_by_reading(circle: &[Link], at: usize) -> bool {
    circle.iter().any(|link| link.to == at && matches!(link.reason, Reason::Read(_)))
}

/// Two writers and two readers; each reader has seen one of the writes and missed the other.
fn is_long_fork(history: &History, circle: &[Link]) -> bool {
    let reader_ends = |read: &Link, missed: &Link| {
        matches!((read.reason, missed.reason), (Reason::Read(_), Reason::Missed { .. }))
            && history.attempts[missed.from].only_reads()
    };
    match circle {
        [a, b, c, d] => (reader_ends(a, b) && reader_ends(c, d)) || (reader_ends(b, c) && reader_ends(d, a)),
        _ => false,
    }
}
