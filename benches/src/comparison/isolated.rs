//! Runs each workload in a process of its own: who panics there, overflows a stack, exhausts the memory or never comes back takes
//! nothing else down. The workload is then measured again without it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::arguments::Request;
use super::part::{self, Part};
use super::results::Failure;
use crate::measure::diary::{self, Entry};

/// What the process is asked for.
#[derive(Clone, Debug)]
pub struct Errand {
    pub name: String,
    pub request: Request,
    pub share: Duration,
    pub diary: PathBuf,
}

/// What the process does: measures one workload, and prints its part.
///
/// # Errors
///
/// When nothing has this name, and when a result is wrong.
pub fn run(errand: &Errand) -> Result<(), String> {
    diary::open(&errand.diary).map_err(|error| format!("{}: {error}", errand.diary.display()))?;
    // A thread that panics may leave others waiting for it, and they would be waited for.
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        said(panic);
        std::process::exit(101);
    }));
    let part = part::measure(&errand.name, &errand.request, errand.share)?;
    println!("{}", serde_json::to_string(&part).expect("there are only numbers and texts"));
    Ok(())
}

/// Measures one workload for about that long, and again without whoever has failed.
///
/// # Errors
///
/// When no process can be started.
pub fn measure(name: &str, request: &Request, share: Duration, failures: &mut Vec<Failure>) -> Result<Part, String> {
    let diary = std::env::temp_dir().join(format!("stm-benches-{}.diary", std::process::id()));
    let mut request = request.clone();
    let part = loop {
        // What the one before has written is not this one's.
        let _ = std::fs::remove_file(&diary);
        let failure = match attempt(name, &request, share, &diary)? {
            Ok(part) => break part,
            Err(failure) => failure,
        };
        eprintln!("\n{}", failure.line());
        let culprit = failure.competitor.clone();
        failures.push(failure);
        if culprit.is_empty() || request.plan.has_failed(&culprit) {
            break Part::Nothing;
        }
        request.plan.failed.push(culprit);
    };
    let _ = std::fs::remove_file(&diary);
    Ok(part)
}

fn attempt(name: &str, request: &Request, share: Duration, diary: &Path) -> Result<Result<Part, Failure>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(request.errand(name, share, diary)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("no process for {name}: {error}"))?;
    let end = watch(child, request.patience, diary).map_err(|error| format!("the process for {name}: {error}"))?;
    if let (How::Ended(status), Ok(part)) = (&end.how, serde_json::from_str(&end.printed))
        && status.success()
    {
        return Ok(Ok(part));
    }
    let at = diary::read(diary);
    Ok(Err(Failure {
        workload: name.to_owned(),
        threads: at.as_ref().map_or(0, |entry| entry.threads),
        competitor: at.map(|entry| entry.name).unwrap_or_default(),
        end: match end.how {
            How::Ended(status) => status.to_string(),
            How::Stuck => format!("did not come back within {} s, and was ended", request.patience.as_secs()),
        },
        said: gist(&end.said),
    }))
}

struct End {
    how: How,
    printed: String,
    said: String,
}

enum How {
    Ended(ExitStatus),
    /// The diary had no new entry for too long.
    Stuck,
}

/// Waits for the process as long as its diary goes on.
fn watch(mut child: Child, patience: Duration, diary: &Path) -> std::io::Result<End> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let (over, ended) = channel::<()>();
        let printed = collect(scope, stdout, move || drop(over));
        let said = collect(scope, stderr, || ());
        let mut last: (Option<Entry>, Instant) = (None, Instant::now());
        let mut stuck = false;
        // Rarely: a look takes a core for an instant from those that are measured.
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_secs(1).min(patience)) {
            let entry: Option<Entry> = diary::read(diary);
            if entry != last.0 {
                last = (entry, Instant::now());
            } else if !stuck && last.1.elapsed() > patience {
                stuck = true;
                child.kill()?;
            }
        }
        let status = child.wait()?;
        let [printed, said] = [printed, said].map(|text| text.join().unwrap_or_default());
        Ok(End { how: if stuck { How::Stuck } else { How::Ended(status) }, printed, said })
    })
}

/// Reads what there is to the end, and then says so: by dropping what `over` holds, as nothing is ever sent.
fn collect<'scope>(
    scope: &'scope Scope<'scope, '_>,
    from: Option<impl Read + Send + 'scope>,
    over: impl FnOnce() + Send + 'scope,
) -> std::thread::ScopedJoinHandle<'scope, String> {
    scope.spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What was read before an error is all there is.
            let _ = from.read_to_end(&mut bytes);
        }
        over();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The first lines of what a process said, without what is the same for everybody.
fn gist(said: &str) -> String {
    const LINES: usize = 3;
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note:"));
    lines.take(LINES).collect::<Vec<_>>().join(" ")
}

impl Failure {
    /// All of it in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let who = match (self.competitor.as_str(), self.threads) {
            ("", _) => "nobody yet".to_owned(),
            (name, 0) => name.to_owned(),
            (name, threads) => format!("{name}, {threads} threads"),
        };
        format!("FAILED: {}: {who}: {}. {}", self.workload, self.end, self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gist_is_short() {
        let said = "\nthread '<unnamed>' panicked at x.rs:1:2:\nmoney was lost\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(gist(said), "thread '<unnamed>' panicked at x.rs:1:2: money was lost");
    }
}
