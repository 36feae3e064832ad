//! Running a scenario under many schedules, and one schedule again.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `STM_SHUTTLE_ITERATIONS` | schedules that each of the two sampling explorers tries | 3000 |
//! | `STM_SHUTTLE_SEED` | where their random numbers start | 1 |
//! | `STM_SHUTTLE_PREEMPTIONS` | how many preemptions the systematic explorer allows in a schedule | 2 |
//! | `STM_SHUTTLE_REPLAY` | a schedule that a failure has printed, or a file with one: tries this one alone | |
//!
//! Without further settings a run is the same every time. Scenarios have nothing random of their own: no random
//! numbers, no clock, and no order of addresses that the allocator decides. Each is checked to
//! do the same twice under the same schedule.

use std::any::type_name_of_val;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{env, fs, thread};

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler, UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};

use crate::systematic::Systematic;

/// A scenario that takes more steps than this is taken to run for ever.
const STEPS: usize = 50_000;
/// The systematic explorer gives up, and fails, after as many schedules.
const SCHEDULES: usize = 1_000_000;
/// How many schedules are run twice, to see whether anything but the schedule decides.
const TWICE: usize = 25;
/// Preemptions at random places of a PCT schedule are one less.
const DEPTH: usize = 3;
/// Bytes of stack of a modelled thread: enough for a build without optimisation.
const STACK: usize = 1 << 18;

/// Tries the scenario under random schedules and PCT's. It has to end in one of the `expected` ways, and in each
/// at times.
pub(crate) fn sample<O, S>(expected: impl IntoIterator<Item = O>, scenario: S)
where
    O: Ord + Debug + Send + 'static,
    S: Fn() -> O + Send + Sync + 'static,
{
    let (exploration, outcomes) = explore(expected, scenario);
    if !exploration.replay() {
        exploration.sample();
        outcomes.require_all();
    }
}

/// Tries a scenario of two threads under every schedule with few preemptions, and then as [`sample`].
pub(crate) fn exhaust<O, S>(expected: impl IntoIterator<Item = O>, scenario: S)
where
    O: Ord + Debug + Send + 'static,
    S: Fn() -> O + Send + Sync + 'static,
{
    let (exploration, outcomes) = explore(expected, scenario);
    if !exploration.replay() {
        exploration.exhaust();
        outcomes.require_all();
        exploration.sample();
    }
}

fn explore<O, S>(expected: impl IntoIterator<Item = O>, scenario: S) -> (Exploration, Outcomes<O>)
where
    O: Ord + Debug + Send + 'static,
    S: Fn() -> O + Send + Sync + 'static,
{
    let name = type_name_of_val(&scenario).trim_start_matches("schedules::").trim_end_matches("::{{closure}}");
    let outcomes = Outcomes(Arc::new(Mutex::new(expected.into_iter().map(|outcome| (outcome, 0)).collect())));
    let recorder = Outcomes(Arc::clone(&outcomes.0));
    let execute = Arc::new(move || recorder.record(&scenario()));
    (Exploration { name: name.to_owned(), execute }, outcomes)
}

fn setting(name: &str, default: usize) -> usize {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
        Err(_) => default,
    }
}

/// How often each of the expected outcomes has come up.
struct Outcomes<O>(Arc<Mutex<BTreeMap<O, usize>>>);

impl<O: Ord + Debug> Outcomes<O> {
    fn record(&self, outcome: &O) {
        let known = self.0.lock().expect("nobody panics with it").get_mut(outcome).map(|count| *count += 1);
        assert!(known.is_some(), "this must not come up: {outcome:?}");
    }

    fn require_all(&self) {
        let seen = self.0.lock().expect("nobody panics with it");
        assert!(seen.values().all(|&count| count > 0), "all of these should have come up: {seen:?}");
    }
}

/// A scenario and its explorers.
struct Exploration {
    name: String,
    execute: Arc<dyn Fn() + Send + Sync>,
}

impl Exploration {
    fn sample(&self) {
        let seed = u64::try_from(setting("STM_SHUTTLE_SEED", 1)).expect("usize fits");
        let iterations = setting("STM_SHUTTLE_ITERATIONS", 3000);
        let twice = RandomScheduler::new_from_seed(seed, TWICE.min(iterations));
        self.run("twice", Box::new(UncontrolledNondeterminismCheckScheduler::new(twice)));
        self.run("random", Box::new(RandomScheduler::new_from_seed(seed, iterations)));
        self.run("pct", Box::new(PctScheduler::new_from_seed(seed, DEPTH, iterations)));
    }

    fn exhaust(&self) {
        let bound = setting("STM_SHUTTLE_PREEMPTIONS", 2);
        let tried = self.run("systematic", Box::new(Systematic::new(bound, SCHEDULES)));
        assert!(tried < SCHEDULES, "there are more schedules with {bound} preemptions than can be tried");
    }

    /// Runs the scenario under a schedule that is to be seen again, if there is one.
    fn replay(&self) -> bool {
        let Ok(given) = env::var("STM_SHUTTLE_REPLAY") else { return false };
        let schedule = fs::read_to_string(&given).unwrap_or(given);
        let mut scheduler = ReplayScheduler::new_from_encoded(schedule.trim().trim_matches('"').trim());
        // The schedule ends where it failed.
        scheduler.set_allow_incomplete();
        self.run("replay", Box::new(scheduler));
        true
    }

    /// Returns how many schedules the explorer has tried.
    fn run(&self, explorer: &'static str, scheduler: Box<dyn Scheduler + Send>) -> usize {
        let report = Report { name: &self.name, explorer, tried: Arc::default() };
        let mut config = Config::new();
        config.max_steps = MaxSteps::FailAfter(STEPS);
        // That orderings are not modelled and statics have destructors is known.
        config.silence_warnings = true;
        config.stack_size = STACK;
        let (execute, tried) = (Arc::clone(&self.execute), Arc::clone(&report.tried));
        Runner::new(scheduler, config).run(move || {
            tried.fetch_add(1, Ordering::Relaxed);
            execute();
        })
    }
}

/// Says what an explorer has done.
struct Report<'n> {
    name: &'n str,
    explorer: &'static str,
    tried: Arc<AtomicUsize>,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        let Self { name, explorer, tried } = self;
        let tried = tried.load(Ordering::Relaxed);
        if thread::panicking() {
            eprintln!(
                "{name}, {explorer}: failed under schedule number {tried}\nto see it again, with the schedule above: \
                 STM_SHUTTLE_REPLAY=.. .ci/shuttle {name}"
            );
        } else {
            println!("{name}, {explorer}: {tried} schedules");
        }
    }
}
