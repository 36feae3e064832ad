//! The command line of `stm-benches`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::isolated::Errand;
use crate::contest::Plan;
use crate::measure::crew::cores;
use crate::measure::trial::Effort;
use crate::stamp::Size;

pub const USAGE: &str = "\
Compares this library with locks, atomics, channels and other STMs on the same work, on this machine.

usage: stm-benches [--quick | --full] [--only WORKLOAD,..] [--with COMPETITOR,..] [--out DIR]
                   [--size tiny|small|middle|full] [--patience SECONDS]
       stm-benches compare A.json B.json
       stm-benches render A.json [--out DIR]
       stm-benches list

  --quick   under 2 minutes, instead of about 15
  --full    about an hour
  --only    the workloads whose names contain one of these
  --with    the competitors whose names contain one of these, beside each workload's baseline
  --out     where report.html and report.json go; default: target/comparison
  --size    how large the applications' inputs are, instead of as fits the run (tiny if quick, small, middle if full):
            small and full are the published ones; the full ones take many hours, all together
  --patience  after so long without an end to it a competitor is ended, and left out as one that panics is; default: 60,
            with full inputs 3600
  compare   what changed from one run to another, and beyond which noise
  render    writes the page of an earlier run anew
  list      the names of all workloads and competitors";

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Quick,
    Default,
    Full,
}

impl Length {
    /// How long the whole may take. The last workloads may go over it a little, as each has rounds that it needs.
    pub fn budget(self) -> Duration {
        Duration::from_secs(match self {
            Self::Quick => 80,
            Self::Default => 14 * 60,
            Self::Full => 60 * 60,
        })
    }

    pub fn effort(self, limit: Duration) -> Effort {
        // On a busy machine a quick run makes the rounds that each workload needs and no more: there the windows decide how long it
        // takes, those of many threads most.
        let (milliseconds, rounds, crowd) = match self {
            Self::Quick => (1, 21, 6),
            Self::Default => (2, 101, 8),
            Self::Full => (5, 201, 8),
        };
        Effort { window: Duration::from_millis(milliseconds), rounds, limit, crowd }
    }

    fn threads(self) -> Vec<usize> {
        let mut threads = match self {
            Self::Quick => vec![1, cores(), 8],
            Self::Default | Self::Full => vec![1, 2, 4, 8, 32, cores()],
        };
        // Queues have as many producers as consumers, own counters are for 32 threads.
        threads.retain(|threads| *threads == 1 || threads.is_multiple_of(2) && *threads <= 32);
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// How large the applications' inputs are, if nothing else is asked for.
    fn size(self) -> Size {
        match self {
            Self::Quick => Size::Tiny,
            Self::Default => Size::Small,
            Self::Full => Size::Middle,
        }
    }

    fn option(self) -> Option<&'static str> {
        match self {
            Self::Quick => Some("--quick"),
            Self::Default => None,
            Self::Full => Some("--full"),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

/// See [`Request::patience`].
fn patience(size: Size) -> Duration {
    // A single run of an application with its full input may take many minutes.
    Duration::from_secs(if size == Size::Full { 3600 } else { 60 })
}

/// What a comparison is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub length: Length,
    /// How large the applications' inputs are.
    pub size: Size,
    /// Parts of workloads' names; all of them if empty.
    pub only: Vec<String>,
    pub plan: Plan,
    pub out: PathBuf,
    /// How long nothing may come of a competitor before it is given up.
    pub patience: Duration,
}

impl Request {
    pub fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| workload.contains(part.as_str()))
    }

    /// The arguments by which the program asks itself for one workload: see [`Errand`].
    pub fn errand(&self, name: &str, share: Duration, diary: &Path) -> Vec<String> {
        let mut arguments = vec!["errand".to_owned(), name.to_owned()];
        arguments.extend(self.length.option().map(str::to_owned));
        let mut add = |option: &str, value: &str| arguments.extend([option, value].map(str::to_owned));
        add("--size", self.size.name());
        add("--share", &share.as_millis().to_string());
        add("--diary", &diary.to_string_lossy());
        self.plan.with.iter().for_each(|part| add("--with", part));
        self.plan.failed.iter().for_each(|name| add("--failed", name));
        arguments
    }
}

/// What the program is to do.
#[derive(Clone, Debug)]
pub enum Job {
    Run(Request),
    Compare([PathBuf; 2]),
    Render {
        results: PathBuf,
        out: PathBuf,
    },
    List,
    Help,
    /// Measures one workload: asked by the program of itself.
    Errand(Errand),
    /// Prints what a million variables of a kind take: asked by the program of itself.
    Resident(String),
}

/// Understands the arguments, program name aside.
///
/// # Errors
///
/// Says what is wrong with them.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Job, String> {
    let mut length = Length::Default;
    let (mut only, mut with, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = PathBuf::from("target/comparison");
    let (mut size, mut given_patience) = (None, None);
    // Of an errand: for how long, and where it writes down what it is at.
    let (mut share, mut diary) = (Duration::ZERO, PathBuf::new());
    let mut words = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--quick" => length = Length::Quick,
            "--full" => length = Length::Full,
            "--only" => only.extend(list(&value()?)),
            "--with" => with.extend(list(&value()?)),
            "--failed" => failed.push(value()?),
            "--out" => out = value()?.into(),
            "--size" => size = Some(Size::called(&value()?)?),
            "--patience" => given_patience = Some(Duration::from_secs(number(&value()?)?)),
            "--share" => share = Duration::from_millis(number(&value()?)?),
            "--diary" => diary = value()?.into(),
            "--resident" => return Ok(Job::Resident(value()?)),
            "--help" | "-h" => return Ok(Job::Help),
            option if option.starts_with('-') => return Err(format!("unknown option `{option}`")),
            word => words.push(word.to_owned()),
        }
    }
    let size = size.unwrap_or(length.size());
    let patience = given_patience.unwrap_or(patience(size));
    let plan = Plan { with, failed, threads: length.threads() };
    let request = |out| Request { length, size, only, plan, out, patience };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Job::Run(request(out))),
        ["list"] => Ok(Job::List),
        ["help"] => Ok(Job::Help),
        ["compare", before, after] => Ok(Job::Compare([before.into(), after.into()])),
        ["compare", ..] => Err("compare needs two files".to_owned()),
        ["render", results] => Ok(Job::Render { results: results.into(), out }),
        ["render", ..] => Err("render needs a file".to_owned()),
        ["errand", name] => Ok(Job::Errand(Errand { name: (*name).to_owned(), request: request(out), share, diary })),
        [unknown, ..] => Err(format!("unknown command `{unknown}`")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn list(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Job, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn request(line: &str) -> Request {
        match of(line) {
            Ok(Job::Run(request)) => request,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_arguments_everything_is_run() {
        let request = request("");
        assert_eq!(request.length, Length::Default);
        assert!(request.wants("read-1") && request.plan.with.is_empty());
        assert!(request.plan.threads.starts_with(&[1, 2]));
    }

    #[test]
    fn lists_are_parts_of_names() {
        let request = request("--quick --only transfer,read-1 --with Mutex --with ours,fast --out /some/where");
        assert_eq!(request.length, Length::Quick);
        assert!(request.wants("transfer-1024") && request.wants("read-1000") && !request.wants("select"));
        assert_eq!(request.plan.with, ["Mutex", "ours", "fast"]);
        assert_eq!(request.out, PathBuf::from("/some/where"));
    }

    #[test]
    fn inputs_are_as_large_as_fits_or_as_asked_for() {
        let sizes = [("--quick", Size::Tiny), ("", Size::Small), ("--full", Size::Middle), ("--size full", Size::Full)];
        for (line, size) in
            sizes.into_iter().chain([("--quick --size small", Size::Small), ("--size middle", Size::Middle)])
        {
            assert_eq!(request(line).size, size, "{line}");
        }
        // What takes long is waited for.
        let waits = |line| request(line).patience.as_secs();
        assert_eq!((waits("--full"), waits("--size full"), waits("--size full --patience 5")), (60, 3600, 5));
    }

    #[test]
    fn an_errand_is_understood() {
        let mut asked = request("--quick --with Mutex,ours --size middle");
        asked.plan.failed.push("std Mutex".to_owned());
        let line = asked.errand("read-1", Duration::from_millis(1500), Path::new("/some/diary"));
        match parse(line) {
            Ok(Job::Errand(Errand { name, request, share, diary })) => {
                assert_eq!((name.as_str(), share.as_millis(), diary), ("read-1", 1500, PathBuf::from("/some/diary")));
                assert_eq!((request.length, request.size), (Length::Quick, Size::Middle));
                assert_eq!(request.plan.with, ["Mutex", "ours"]);
                assert!(request.plan.has_failed("std Mutex") && !request.plan.has_failed("Mutex"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, part) in [
            ("--fast", "--fast"),
            ("--only", "needs a value"),
            ("compare a.json", "two files"),
            ("compare a b c", "two files"),
            ("run", "unknown command"),
            ("--patience long", "no number"),
            ("--size huge", "no size `huge`"),
        ] {
            let message = of(line).expect_err(line);
            assert!(message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn commands_have_their_files() {
        assert!(
            matches!(of("compare a.json b.json"), Ok(Job::Compare([a, b])) if a.ends_with("a.json") && b.ends_with("b.json"))
        );
        assert!(matches!(of("render a.json --out x"), Ok(Job::Render { out, .. }) if out.ends_with("x")));
        assert!(matches!(of("list"), Ok(Job::List)));
        assert!(matches!(of("--help"), Ok(Job::Help)));
    }
}
