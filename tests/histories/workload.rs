//! Random programs on real threads, and their histories under the checker.
//!
//! `STM_HISTORY_TRANSACTIONS` says how many transactions to run, by default 100,000. `STM_HISTORY_SEED` says which: a
//! failure names the seed that runs the same programs first. They do not meet in the same way again, so it may take many runs;
//! a build with `--cfg stm_chaos` helps, and one with `--cfg stm_probe` writes blindly as well.

use std::collections::BTreeSet;
use std::env;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use common::history::{Fate, History, Program, Size, check, play};
use common::{Random, watchdog};
use stm::PROMOTE_AFTER;

/// How many transactions one history has, more or less: they are checked in rounds, each on variables of its own, so that
/// memory does not grow with the length of the run.
const ROUND: usize = 2_000;

/// Lines of progress that a long run prints.
const LINES: usize = 20;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// All kinds of actions and steps that there are.
const KINDS: [&str; 18] = [
    "cancel",
    "commit",
    "fetch_update",
    "irrevocable",
    "load",
    "meet",
    "nested",
    "nested, undone",
    "or else",
    "pause",
    "read",
    "restart",
    "retry by chance",
    "snapshot",
    "snapshot that chooses",
    "store",
    "swap",
    "write",
];

/// Everything that is worth reaching, and how often it was.
#[derive(Debug, Default)]
struct Reached {
    committed: usize,
    cancelled: usize,
    waiting: usize,
    aborted: usize,
    /// Attempts that had undone a part or replaced a write of their own.
    discarded: usize,
    reads: usize,
    writes: usize,
    /// Writes of variables that were not read before.
    blind: usize,
    /// The most runs in a row that one transaction lost.
    lost: usize,
    /// What the programs were made of.
    kinds: BTreeSet<&'static str>,
    /// Threads, variables, and the most steps of a body, of each.
    sizes: BTreeSet<[usize; 3]>,
}

impl Reached {
    fn add_program(&mut self, program: &Program, size: Size) {
        program.note_kinds(&mut self.kinds);
        self.sizes.insert([size.threads, size.variables, size.longest]);
    }

    fn add(&mut self, history: &History) {
        let mut lost = 0;
        // Those of a thread come one after the other.
        for attempt in &history.attempts {
            if attempt.run == 1 || attempt.fate != Fate::Aborted {
                lost = 0;
            }
            lost += usize::from(attempt.fate == Fate::Aborted);
            self.lost = self.lost.max(lost);
            *match attempt.fate {
                Fate::Committed => &mut self.committed,
                Fate::Cancelled => &mut self.cancelled,
                Fate::Waiting => &mut self.waiting,
                Fate::Aborted => &mut self.aborted,
            } += 1;
            self.discarded += usize::from(!attempt.discarded.is_empty());
            self.reads += attempt.reads.len();
            self.writes += attempt.writes.len();
            self.blind += attempt.writes.iter().filter(|write| attempt.saw(write.variable).is_none()).count();
        }
    }

    /// A workload that stays away from what it is to test would pass with anything.
    fn assert_everything(&self) {
        let all = [self.committed, self.cancelled, self.waiting, self.aborted, self.discarded, self.reads, self.writes];
        assert!(!all.contains(&0), "the workload did not reach everything: {self:?}");
        assert_eq!(self.blind > 0, cfg!(stm_probe), "{self:?}");
        assert_eq!(self.kinds.iter().copied().collect::<Vec<_>>(), KINDS);
        for (what, reach) in [(0, [2, 64]), (1, [3, 256]), (2, [4, 60])] {
            let met: BTreeSet<usize> = self.sizes.iter().map(|size| size[what]).collect();
            assert_eq!([met.first(), met.last()], reach.each_ref().map(Some), "{:?}", self.sizes);
        }
        // One less by conflicts, and one by a restart of the body's own.
        assert!(self.lost <= PROMOTE_AFTER as usize, "a transaction was kept from committing: {self:?}");
    }
}

/// A size of round `round`: few threads and many, few variables and many, one after the other.
fn size(choices: &mut Random, round: usize) -> Size {
    let threads = [2, 3, 4, 2, 8, 2, 16, 64][round % 8];
    let variables = [3, 8, 40, 256][choices.below(4)];
    Size {
        threads,
        variables,
        hot: 1 + choices.below(variables.min(4)),
        actions: ROUND / threads,
        apart: 8 + choices.below(100),
        longest: [4, 12, 60][choices.below(3)],
    }
}

/// Runs rounds until there are enough transactions.
fn run(transactions: usize, seed: u64) -> Reached {
    let start = Instant::now();
    let mut reached = Reached::default();
    let mut lines = 0;
    for round in 0.. {
        if reached.committed + reached.cancelled >= transactions {
            break;
        }
        // A seed for each round, so that a run with the seed of a round begins with that round.
        let seed = seed.wrapping_add(round as u64);
        let mut choices = Random::new(seed);
        let size = size(&mut choices, (seed % 8) as usize);
        // For each round: the whole may take as long as somebody wants it to.
        let _watchdog = watchdog();
        let program = Program::draw(&mut choices, size);
        reached.add_program(&program, size);
        let history = play(&program);
        reached.add(&history);
        if let Err(violation) = check(&history) {
            let done = reached.committed + reached.cancelled;
            panic!("after {done} transactions, with STM_HISTORY_SEED={seed}: {violation}");
        }
        let done = reached.committed + reached.cancelled;
        if done * LINES / transactions > lines {
            lines = done * LINES / transactions;
            println!("{done} transactions, {} runs that failed, {:?}", reached.aborted, start.elapsed());
        }
    }
    reached
}

#[test]
fn every_history_of_random_programs_has_an_explanation() {
    let transactions = number("STM_HISTORY_TRANSACTIONS").map_or(100_000, |count| count as usize);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than that");
    let seed = number("STM_HISTORY_SEED").unwrap_or(now.as_secs());
    println!("{transactions} transactions, STM_HISTORY_SEED={seed}");
    let reached = run(transactions, seed);
    println!("{reached:?}");
    if transactions >= 100_000 {
        reached.assert_everything();
    }
}
