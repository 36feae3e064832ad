//! What became of a transaction that gave up, for whoever has to find out why.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;

use crate::shim::thread_owner;
use crate::waited::Waited;

/// How the last transaction of a thread that ended with [`RunError::TimedOut`](crate::RunError::TimedOut) or
/// [`RunError::TooManyAttempts`](crate::RunError::TooManyAttempts) got there. Made by [`last_report`].
///
/// `Display` says in a line which transaction it was, where it was started, how often its body ran, and what it waited
/// for or was kept from committing by.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) gave_out: Limit,
    pub(crate) name: Option<&'static str>,
    pub(crate) site: &'static Location<'static>,
    pub(crate) runs: u32,
    pub(crate) ending: Ending,
}

/// What ended the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Time,
    Attempts,
}

/// Where the transaction stood when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It had not done anything.
    Begun,
    /// It waited for one of these variables to change.
    Waited(Waited),
    /// It was aborted by others, so many times in a row.
    Aborted(u32),
    /// It waited to be run while nobody else commits.
    Queued,
    /// Its body had asked to run again.
    Restarted,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction ")?;
        if let Some(name) = self.name {
            write!(f, "`{name}` ")?;
        }
        write!(f, "started at {} ", self.site)?;
        match self.runs {
            0 => f.write_str("did not run")?,
            1 => f.write_str("ran once")?,
            runs => write!(f, "ran {runs} times")?,
        }
        match &self.ending {
            Ending::Begun => Ok(()),
            Ending::Waited(waited) => write!(f, ", and waited for a change of {waited}"),
            Ending::Aborted(1) => f.write_str(", and was aborted by others the last time"),
            Ending::Aborted(times) => write!(f, ", and was aborted by others the last {times} times"),
            Ending::Queued => f.write_str(", and waited for its turn to run while nobody else commits"),
            Ending::Restarted => f.write_str(", and had asked to run again"),
        }
    }
}

thread_owner! { static LAST: RefCell<Option<Report>> = RefCell::new(None) }

pub(crate) fn record(report: Report) {
    // A thread that is ending has nobody left to ask.
    let _ = LAST.try_with(|last| last.replace(Some(report)));
}

/// Returns how the last transaction of this thread gave up that ended with
/// [`RunError::TimedOut`](crate::RunError::TimedOut) or [`RunError::TooManyAttempts`](crate::RunError::TooManyAttempts), if
/// there was one.
///
/// It is kept for the thread that ran the body last: for an asynchronous transaction, the one that polled it to its end.
/// Transactions that do not give up leave it as it is.
///
/// # Examples
///
/// ```
/// use stm::{TVar, last_report, options};
///
/// let jobs = TVar::new(0_u32).named("jobs");
/// let outcome = options().name("poll").max_attempts(1).run(|tx| tx.check(jobs.read(tx)? > 0));
/// assert!(outcome.is_err());
/// let report = last_report().expect("one has given up just now").to_string();
/// assert!(report.contains("`poll`") && report.contains("ran once") && report.contains("`jobs`"));
/// ```
pub fn last_report() -> Option<Report> {
    LAST.try_with(|last| last.borrow().clone()).ok().flatten()
}

/// Appends this thread's last report, if it is about that limit.
pub(crate) fn append(f: &mut fmt::Formatter<'_>, limit: Limit) -> fmt::Result {
    match last_report() {
        Some(report) if report.gave_out == limit => write!(f, ": {report}"),
        _ => Ok(()),
    }
}
