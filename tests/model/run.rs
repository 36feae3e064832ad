//! The real thing: programs as transactions, by every door of the library.

use std::time::{Duration, Instant};

use stm::{
    Options, RunError, Transaction, atomically, atomically_async, last_report, options, snapshot, transactional,
    try_atomically, try_atomically_async,
};

use super::kinds::Value;
use super::performed::{call, note};
use super::play::Play;
use super::program::{Action, Fired, Outcome, Program, Runner, Step, Trace, can_cancel};
use super::world::{World, shoot};

/// How to run a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) runner: Runner,
    /// How often the body may run. Only a bounded one comes back when it waits.
    pub(crate) attempts: Option<u32>,
    /// Whether the body reads something besides what its steps do: waiting for nothing is not allowed.
    pub(crate) anchored: bool,
}

impl Manner {
    /// However often it takes, for a body that does not wait.
    pub(crate) const UNBOUNDED: Self = Self { runner: Runner::Plain, attempts: None, anchored: false };
}

impl World {
    /// Does one thing, and tells what is seen of it and which hooks ran.
    pub(crate) fn act(&self, action: &Action, manner: Manner) -> (Trace, Vec<Fired>) {
        let play = Play::new(self, manner.anchored);
        let outcome = match action {
            Action::Transaction(Program(steps)) if can_cancel(steps) => cancellable(&play, steps, manner),
            Action::Transaction(Program(steps)) => certain(&play, steps, manner),
            Action::Snapshot(Program(steps)) => {
                look(&play, steps, manner.runner);
                Outcome::Done
            }
            Action::Shot(shot) => {
                if let Some(variable) = play.find(shot.variable()) {
                    play.see(shoot(variable, shot));
                }
                Outcome::Done
            }
        };
        play.end(outcome)
    }
}

/// More time than a program takes.
const AGES: Duration = Duration::from_secs(3600);

fn bounded(Manner { attempts, runner, .. }: Manner) -> Options {
    let named = call!(Options::name(call!(options()), "a program"));
    let patient = call!(Options::promote_after(named, 4));
    let options = if runner == Runner::Options {
        patient
    } else {
        call!(Options::deadline(call!(Options::timeout(patient, AGES)), Instant::now() + AGES))
    };
    match attempts {
        // A body that ends with its first run ends so too if that is its only one.
        Some(1) => call!(Options::irrevocable(options)),
        Some(attempts) => call!(Options::max_attempts(options, attempts)),
        None => options,
    }
}

/// Runs a program that may cancel.
fn cancellable(play: &Play<'_>, steps: &[Step], manner: Manner) -> Outcome {
    let result: Result<(), RunError<Value>> = match (manner.runner, manner.attempts) {
        (Runner::Async, Some(_)) => {
            pollster::block_on(call!(Options::try_run_async(bounded(manner), |tx| play.body(tx, steps))))
        }
        (Runner::Async, None) => {
            pollster::block_on(call!(try_atomically_async(|tx| play.body(tx, steps)))).map_err(RunError::Cancel)
        }
        (Runner::Options, _) | (_, Some(_)) => {
            call!(Options::try_run(bounded(manner), |tx| play.body(tx, steps)))
        }
        (Runner::Plain, None) => call!(try_atomically(|tx| play.body(tx, steps))).map_err(RunError::Cancel),
        (Runner::Macro | Runner::Attribute, None) => {
            note("atomically!");
            atomically!(try |tx| play.body(tx, steps)).map_err(RunError::Cancel)
        }
    };
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => call!(RunError::into_cancel(error)).map_or(Outcome::Waits, Outcome::Cancelled),
    }
}

/// Runs a program that does not cancel.
fn certain(play: &Play<'_>, steps: &[Step], manner: Manner) -> Outcome {
    let ended = |result: Result<(), RunError>| match result {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let report = call!(last_report());
            assert!(error != RunError::TooManyAttempts || report.is_some(), "it says what it waited for");
            Outcome::Waits
        }
    };
    match (manner.runner, manner.attempts) {
        (Runner::Async, Some(_)) => {
            let future = call!(Options::run_async(bounded(manner), |tx| play.certain_body(tx, steps)));
            return ended(pollster::block_on(future));
        }
        (Runner::Async, None) => pollster::block_on(call!(atomically_async(|tx| play.certain_body(tx, steps)))),
        (Runner::Options, _) | (_, Some(_)) => {
            return ended(call!(Options::run(bounded(manner), |tx| play.certain_body(tx, steps))));
        }
        (Runner::Plain, None) => call!(atomically(|tx| play.certain_body(tx, steps))),
        (Runner::Attribute, None) => {
            note("#[transactional]");
            atomically(|tx| transacted(tx, play, steps));
        }
        (Runner::Macro, None) => {
            note("atomically!");
            match steps {
                [Step::OrElse(first, second)] => {
                    atomically!(|tx| { play.certain_body(tx, first) } or { play.certain_steps(tx, second) });
                }
                _ => atomically!(|tx| play.certain_body(tx, steps)),
            }
        }
    }
    Outcome::Done
}

fn look(play: &Play<'_>, steps: &[Step], runner: Runner) {
    if runner == Runner::Macro {
        note("snapshot!");
        snapshot!(|tx| play.snapshot_body(tx, steps));
    } else {
        call!(snapshot(|tx| play.snapshot_body(tx, steps)));
    }
}

#[transactional]
fn transacted<'tx>(tx: &Transaction<'tx, '_>, play: &'tx Play<'_>, steps: &[Step]) {
    play.certain_body(tx, steps);
}
