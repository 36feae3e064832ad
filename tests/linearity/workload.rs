//! Threads that call random operations of a structure, in short rounds, each of which is checked.

use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use common::linearity::{Clock, Entry, History, Spec, check};
use common::{Random, Rendezvous, race, scaled, watchdog};
use stm::{ReadTransaction, StmResult, Transaction, atomically, snapshot};

/// Who uses a structure, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) threads: usize,
    /// Whether threads wait for each other, each by turns giving and taking.
    pub(crate) waits: bool,
    /// For what else can be chosen.
    pub(crate) seed: u64,
}

/// Whose turn it is to give and to take, and for which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) thread: usize,
    /// Whose thread's things it may take.
    pub(crate) next: usize,
    /// The same for all threads, and another one for each of a thread's turns.
    pub(crate) number: u64,
    /// Another one for each turn of any thread.
    pub(crate) fresh: u64,
}

/// A structure, and what it is said to do.
pub(crate) trait Subject: Sync + Sized {
    type Spec: Spec;

    /// A new one. If threads are to wait, everything is such that each of them can take once it has given.
    fn make(setting: Setting) -> (Self, Self::Spec);

    /// An operation that does not wait. `fresh` is another number each time.
    fn draw(&self, random: &mut Random, thread: usize, fresh: u64) -> <Self::Spec as Spec>::Op;

    /// What shows all of the state, and changes nothing.
    fn whole(&self) -> Vec<<Self::Spec as Spec>::Op>;

    /// What the thread does by turns, and may wait for.
    fn exchange(&self, _random: &mut Random, _turn: Turn) -> Option<[<Self::Spec as Spec>::Op; 2]> {
        None
    }

    /// Performs what looks.
    fn look(&self, tx: &ReadTransaction<'_, '_>, op: &<Self::Spec as Spec>::Op)
    -> StmResult<<Self::Spec as Spec>::Ret>;

    /// Performs everything else.
    fn change(&self, tx: &Transaction<'_, '_>, op: &<Self::Spec as Spec>::Op) -> StmResult<<Self::Spec as Spec>::Ret>;

    /// Performs the operation by a function that is a transaction of its own, if there is one.
    fn alone(&self, _op: &<Self::Spec as Spec>::Op) -> Option<<Self::Spec as Spec>::Ret> {
        None
    }

    /// Whether it can not be a part of a transaction, nor be left to one.
    fn is_apart(_op: &<Self::Spec as Spec>::Op) -> bool {
        false
    }

    fn perform(&self, tx: &Transaction<'_, '_>, op: &<Self::Spec as Spec>::Op) -> StmResult<<Self::Spec as Spec>::Ret> {
        if Self::Spec::looks(op) { self.look(tx, op) } else { self.change(tx, op) }
    }
}

type Op<S> = <<S as Subject>::Spec as Spec>::Op;
type Ret<S> = <<S as Subject>::Spec as Spec>::Ret;

/// How calls become one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Atomically,
    /// Only what looks.
    Snapshot,
    /// Not as a part of anything.
    Alone,
    /// After others, which are undone.
    AfterUndone,
}

/// Something to do, with pauses in which others may come in between.
struct Deed<S: Subject> {
    ops: Vec<Op<S>>,
    undone: Vec<Op<S>>,
    way: Way,
    pauses: u64,
}

impl<S: Subject> Deed<S> {
    fn new(mut ops: Vec<Op<S>>, mut undone: Vec<Op<S>>, random: &mut Random) -> Self {
        let apart = ops.iter().position(S::is_apart);
        if let Some(at) = apart {
            ops = vec![ops.swap_remove(at)];
        }
        undone.retain(|op| !S::is_apart(op));
        let looks = ops.iter().all(S::Spec::looks);
        let way = match random.below(6) {
            _ if apart.is_some() => Way::Alone,
            0 | 1 if looks => Way::Snapshot,
            2 | 3 if ops.len() == 1 => Way::Alone,
            4 => Way::AfterUndone,
            _ => Way::Atomically,
        };
        Self { ops, undone, way, pauses: random.draw() & random.draw() & random.draw() }
    }

    /// Up to three operations; seldom all that shows the state.
    fn draw(subject: &S, random: &mut Random, thread: usize, fresh: &mut u64) -> Self {
        let mut some = |random: &mut Random, count: usize| -> Vec<_> {
            let mut next = |_| {
                *fresh += 1;
                subject.draw(random, thread, *fresh)
            };
            (0..count).map(&mut next).collect()
        };
        let (count, undone) = (1 + random.below(6) / 3 + random.below(6) / 5, random.below(3));
        let undone = some(random, undone);
        let ops = if random.below(10) == 0 { subject.whole() } else { some(random, count) };
        Self::new(ops, undone, random)
    }

    fn pause(&self, at: usize) {
        if self.pauses >> (at % 64) & 1 == 1 {
            thread::yield_now();
        }
    }

    fn all(&self, subject: &S, tx: &Transaction<'_, '_>) -> StmResult<Vec<Ret<S>>> {
        let mut perform = |(at, op)| {
            let returned = subject.perform(tx, op)?;
            self.pause(at);
            Ok(returned)
        };
        self.ops.iter().enumerate().map(&mut perform).collect()
    }

    fn perform(&self, subject: &S) -> Vec<Ret<S>> {
        match self.way {
            Way::Alone => match subject.alone(&self.ops[0]) {
                Some(returned) => vec![returned],
                None => atomically(|tx| self.all(subject, tx)),
            },
            Way::Atomically => atomically(|tx| self.all(subject, tx)),
            Way::Snapshot => snapshot(|tx| {
                let looked = self.ops.iter().enumerate().map(|(at, op)| {
                    self.pause(at);
                    subject.look(tx, op)
                });
                looked.collect()
            }),
            Way::AfterUndone => atomically(|tx| {
                tx.or_else(
                    |tx| {
                        self.undone.iter().try_for_each(|op| subject.perform(tx, op).map(drop))?;
                        self.pause(63);
                        tx.retry()
                    },
                    |tx| self.all(subject, tx),
                )
            }),
        }
    }
}

/// So many numbers are each thread's own.
const NUMBERS: u64 = 1_000;

/// Enough to meet, and few enough for all orders to be tried.
const DEEDS: usize = 7;

fn deeds<S: Subject>(subject: &S, setting: Setting, random: &mut Random, me: usize, fresh: &mut u64) -> Vec<Deed<S>> {
    if !setting.waits {
        return (0..DEEDS).map(|_| Deed::draw(subject, random, me, fresh)).collect();
    }
    let mut deeds = Vec::new();
    for _ in 0..DEEDS / 2 {
        *fresh += 1;
        let turn = Turn { thread: me, next: (me + 1) % setting.threads, number: *fresh % NUMBERS, fresh: *fresh };
        let pair = subject.exchange(random, turn).expect("it is only asked to wait if it can");
        for op in pair {
            deeds.push(Deed::new(vec![op], Vec::new(), random));
            if random.below(3) == 0 {
                deeds.push(Deed::new(subject.whole(), Vec::new(), random));
            }
        }
    }
    deeds
}

/// Several rounds with one structure, and the histories of each thread in each.
fn record<S: Subject>(subject: &S, setting: Setting, rounds: usize) -> Vec<History<S::Spec>> {
    let (clock, meeting) = (Clock::new(), Rendezvous::new(setting.threads));
    race(setting.threads, |me| {
        let mut random = Random::new(setting.seed << 8 | me as u64);
        let mut fresh = NUMBERS * (1 + me as u64);
        let mut panicked = None;
        let mut round = || {
            let deeds = deeds(subject, setting, &mut random, me, &mut fresh);
            let mut log: Vec<Entry<S::Spec>> = Vec::with_capacity(deeds.len() + 1);
            meeting.meet();
            for deed in deeds {
                // The others would wait for this thread.
                let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
                    clock.record(&mut log, deed.ops.clone(), |_| deed.perform(subject));
                }));
                panicked = panicked.take().or(outcome.err());
            }
            meeting.meet();
            if me == 0 {
                // The state is known from here on.
                clock.record(&mut log, subject.whole(), |ops| {
                    atomically(|tx| ops.iter().map(|op| subject.perform(tx, op)).collect())
                });
            }
            log
        };
        let logs = (0..rounds).map(|_| round()).collect();
        if let Some(reason) = panicked {
            panic::resume_unwind(reason);
        }
        logs
    })
}

/// Plays with so many structures of a kind, and checks what each thread has seen.
pub(crate) fn is_linearisable<S: Subject>(name: &str) {
    plays::<S>(name, scaled(24), false);
}

/// The same for one whose operations wait.
pub(crate) fn is_linearisable_and_waits<S: Subject>(name: &str) {
    plays::<S>(name, scaled(24), false);
    plays::<S>(name, scaled(12), true);
}

fn plays<S: Subject>(name: &str, structures: usize, waits: bool) {
    const ROUNDS: usize = 6;
    let _watchdog = watchdog();
    for seed in 0..structures as u64 {
        let setting = Setting { threads: 2 + seed as usize % 3, waits, seed };
        let (subject, mut state) = S::make(setting);
        let mut logs = record(&subject, setting, ROUNDS);
        for round in 0..ROUNDS {
            let history = logs.iter_mut().map(|own| std::mem::take(&mut own[round])).collect();
            state = check(&state, &history)
                .unwrap_or_else(|violation| panic!("{name}, {setting:?}, round {round}: {violation}"));
        }
    }
}
