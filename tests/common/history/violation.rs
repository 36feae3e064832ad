//! What a checker has found, in words.

use std::error::Error;
use std::fmt::{self, Write};

use super::record::{Access, Attempt, Fate, History, Value, show};

/// The shape of a violation.
///
/// The names are those of the literature: Berenson et al., "A critique of ANSI SQL isolation levels" (SIGMOD 1995), for
/// most; Adya, "Weak consistency" (PhD thesis, MIT 1999), for what they mean in terms of dependencies, in brackets below;
/// Sovran et al., "Transactional storage for geo-replicated systems" (SOSP 2011), for the long fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// A transaction replaced a version that it had not seen, though it had read the variable.
    LostUpdate,
    /// Two transactions each read what the other replaced (G2).
    WriteSkew,
    /// A transaction saw some effects of another, and missed some (G-single).
    ReadSkew,
    /// Somebody saw a value that no transaction left behind (G1a, G1b), or half of one.
    DirtyRead,
    /// An attempt read a variable twice and saw two values.
    NonRepeatableRead,
    /// Two readers saw two writes in different orders (G2).
    LongFork,
    /// An attempt that did not commit saw what never was together.
    ZombieRead,
    /// What ended before something else began comes after it.
    RealTimeInversion,
    /// Two transactions claim one version of one variable.
    SharedVersion,
    /// Any other circle.
    Cycle,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LostUpdate => "lost update",
            Self::WriteSkew => "write skew",
            Self::ReadSkew => "read skew",
            Self::DirtyRead => "dirty read",
            Self::NonRepeatableRead => "non-repeatable read",
            Self::LongFork => "long fork",
            Self::ZombieRead => "zombie read",
            Self::RealTimeInversion => "real-time inversion",
            Self::SharedVersion => "shared version",
            Self::Cycle => "cycle",
        })
    }
}

/// Why one attempt has to come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The second read what the first left (WR).
    Read(Access),
    /// The second replaced what the first left (WW).
    Replaced { variable: usize, old: Value, new: Value },
    /// The first read what the second replaced (RW).
    Missed { variable: usize, old: Value, new: Value },
    /// The first was over when the second began.
    Time,
}

/// One step of a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) reason: Reason,
}

/// A history that no order of its transactions explains, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub anomaly: Anomaly,
    /// The attempts that contradict each other, no more than it takes: in the order of the circle, if it is one.
    pub attempts: Vec<Attempt>,
    report: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.anomaly, self.report)
    }
}

impl Error for Violation {}

impl Violation {
    /// A circle of attempts of which each has to come before the next.
    pub(super) fn circle(anomaly: Anomaly, history: &History, circle: &[Link]) -> Self {
        let attempts: Vec<_> = circle.iter().map(|link| history.attempts[link.from].clone()).collect();
        let mut report = String::from("each of these has to come before the next, and the last before the first\n");
        for (place, attempt) in attempts.iter().enumerate() {
            let around = [circle[(place + circle.len() - 1) % circle.len()], circle[place]];
            let matters = |access: &Access| around.iter().any(|link| link.reason.variable() == Some(access.variable));
            describe(&mut report, place, attempt, matters);
        }
        for (place, link) in circle.iter().enumerate() {
            let (from, to) = (place + 1, (place + 1) % circle.len() + 1);
            let reason = match link.reason {
                Reason::Read(Access { variable, value }) => {
                    format!("T{to} read x{variable} = {}, which T{from} wrote", show(value))
                }
                Reason::Replaced { variable, old, new } => {
                    format!("T{to} wrote x{variable} = {} over {}, which T{from} wrote", show(new), show(old))
                }
                Reason::Missed { variable, old, new } => {
                    format!("T{from} read x{variable} = {}, over which T{to} wrote {}", show(old), show(new))
                }
                Reason::Time => format!("T{from} was over when T{to} began"),
            };
            writeln!(report, "  T{from} before T{to}: {reason}").expect("a string takes anything");
        }
        Self { anomaly, attempts, report }
    }

    /// Something that is wrong by itself: `culprits` with what they did to `variable`.
    pub(super) fn plain(
        anomaly: Anomaly,
        history: &History,
        culprits: &[usize],
        variable: usize,
        claim: fmt::Arguments<'_>,
    ) -> Self {
        let attempts: Vec<_> = culprits.iter().map(|&culprit| history.attempts[culprit].clone()).collect();
        let mut report = format!("{claim}\n");
        for (place, attempt) in attempts.iter().enumerate() {
            describe(&mut report, place, attempt, |access| access.variable == variable);
        }
        Self { anomaly, attempts, report }
    }
}

impl Reason {
    fn variable(&self) -> Option<usize> {
        match *self {
            Self::Read(Access { variable, .. }) | Self::Replaced { variable, .. } | Self::Missed { variable, .. } => {
                Some(variable)
            }
            Self::Time => None,
        }
    }
}

/// One attempt, with those of its accesses that matter here.
fn describe(report: &mut String, place: usize, attempt: &Attempt, matters: impl Fn(&Access) -> bool) {
    let fate = match attempt.fate {
        Fate::Committed => "committed",
        Fate::Cancelled => "cancelled",
        Fate::Waiting => "waited",
        Fate::Aborted => "ran again",
    };
    let Attempt { thread, transaction, run, start, end, .. } = attempt;
    let mut line =
        format!("  T{}: thread {thread}, transaction {transaction}, run {run}, {fate}, {start}..{end}", place + 1);
    if let Some(version) = attempt.version {
        write!(line, ", version {version}").expect("a string takes anything");
    }
    for (verb, accesses) in [("read", &attempt.reads), ("wrote", &attempt.writes), ("discarded", &attempt.discarded)] {
        let mut seen = Vec::new();
        for access in accesses.iter().filter(|access| matters(access)) {
            if !seen.contains(access) {
                seen.push(*access);
                write!(line, "; {verb} x{} = {}", access.variable, show(access.value))
                    .expect("a string takes anything");
            }
        }
    }
    report.push_str(&line);
    report.push('\n');
}
