//! A committer that is stopped while it holds variables, as the scheduler may do at any time: whoever does not need those
//! variables goes on, whoever does waits asleep, and nobody sees half of the commit.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{Clash, Sample, elsewhere, race, watchdog};
use stm::probe::{self, Point};
use stm::{StmResult, TCell, TVar, atomically, options, snapshot};

use crate::alone;

/// Stops a thread at a step until it is opened.
#[derive(Debug, Default)]
struct Gate {
    reached: AtomicBool,
    open: AtomicBool,
}

impl Gate {
    /// Stops the calling thread the first time it comes to `step`.
    fn stop_at(self: &Arc<Self>, step: Point) {
        let gate = Arc::clone(self);
        probe::set(move |point| {
            if point == step && !gate.reached.swap(true, Ordering::SeqCst) {
                while !gate.open.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_micros(100));
                }
            }
        });
    }

    /// Returns once a thread is stopped.
    fn wait(&self) {
        wait_for(&self.reached);
    }
}

/// Opens the gate when it is dropped, also when the test fails.
struct Opens<'g>(&'g Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open.store(true, Ordering::SeqCst);
    }
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        thread::yield_now();
    }
}

/// What a thread that needs a held variable has done so far.
#[derive(Debug, Default)]
struct Progress {
    started: AtomicBool,
    done: AtomicBool,
    runs: AtomicU32,
    steps: AtomicU32,
    #[cfg(target_os = "linux")]
    thread: std::sync::OnceLock<std::path::PathBuf>,
}

impl Progress {
    /// Runs `act` on this thread, counting its steps.
    fn watch(self: &Arc<Self>, act: impl FnOnce(&AtomicU32)) {
        #[cfg(target_os = "linux")]
        {
            let link = std::fs::read_link("/proc/thread-self").expect("Linux has it");
            self.thread.set(link).expect("one thread uses it");
        }
        let progress = Arc::clone(self);
        probe::set(move |_| {
            progress.steps.fetch_add(1, Ordering::SeqCst);
        });
        self.started.store(true, Ordering::SeqCst);
        act(&self.runs);
        self.done.store(true, Ordering::SeqCst);
        probe::clear();
    }

    /// Returns once the thread sleeps; the watchdog ends a test whose thread burns a processor instead.
    fn wait_until_asleep(&self) {
        wait_for(&self.started);
        #[cfg(target_os = "linux")]
        {
            let stat = std::path::Path::new("/proc").join(self.thread.get().expect("set at the start")).join("stat");
            loop {
                let text = std::fs::read_to_string(&stat).expect("the thread waits");
                // The state follows the name, which is in parentheses.
                if text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S')) {
                    return;
                }
                thread::yield_now();
            }
        }
        #[cfg(not(target_os = "linux"))]
        thread::sleep(Duration::from_millis(20));
    }
}

/// The variables of the stopped commit, which writes all but the last.
struct Held<T> {
    x: TVar<T>,
    y: TVar<T>,
    /// For one-shot writes.
    single: TVar<T>,
    read_only: TVar<u64>,
    /// The commit is stopped behind its last look at the clock, and so does not give way to a promoted transaction.
    certain: bool,
}

impl<T: Sample> Held<T> {
    fn new(certain: bool) -> Self {
        let new = || TVar::new(T::of(0));
        Self { x: new(), y: new(), single: new(), read_only: TVar::new(0), certain }
    }

    /// Checks a value that was read while the commit was under way.
    fn assert_new(&self, value: &T) {
        assert!(!self.certain || *value != T::of(0), "read past a lock");
    }

    /// The commit. One that depends on something it does not write is not the plain case.
    fn commit(&self, depends: bool) {
        atomically(|tx| {
            if depends {
                self.read_only.read(tx)?;
            }
            self.x.write(tx, T::of(1))?;
            self.y.write(tx, T::of(1))?;
            self.single.write(tx, T::of(1))
        });
    }

    fn both(&self, tx: &stm::ReadTransaction<'_, '_>) -> StmResult<T> {
        let (x, y) = (self.x.read(tx)?, self.y.read(tx)?);
        assert_eq!(x, y, "half of a commit");
        Ok(x)
    }
}

/// Everything that can be done to a variable, and that has to wait for whoever holds it.
fn needers<T: Sample>() -> Vec<fn(&Held<T>, &AtomicU32)> {
    fn count(runs: &AtomicU32) {
        runs.fetch_add(1, Ordering::SeqCst);
    }
    vec![
        |held, runs| {
            let seen = atomically(|tx| {
                count(runs);
                held.both(tx)
            });
            held.assert_new(&seen);
        },
        |held, runs| {
            // It may have begun before the commit took effect: then it waits all the same, and sees what was there before.
            snapshot(|tx| {
                count(runs);
                held.both(tx)
            });
        },
        |held, runs| {
            atomically(|tx| {
                count(runs);
                held.y.write(tx, T::of(2))?;
                held.x.write(tx, T::of(2))
            });
        },
        |held, runs| {
            atomically(|tx| {
                count(runs);
                held.both(tx)?;
                held.x.write(tx, T::of(3))?;
                held.y.write(tx, T::of(3))
            });
        },
        |held, _| held.assert_new(&held.single.load()),
        |held, _| held.single.store(T::of(4)),
        |held, _| held.assert_new(&held.single.swap(T::of(5))),
        |held, _| held.single.fetch_update(|value| *value = T::of(6)),
        |held, _| drop(held.single.wait_until(|value| *value != T::of(0))),
    ]
}

/// Work on other variables of every kind, with waits, garbage and collections.
fn work_elsewhere() {
    let (number, text, turn) = (TVar::new(0_u64), TVar::new(String::new()), TVar::new(0_usize));
    race(2, |me| {
        for _ in 0..100 {
            atomically(|tx| {
                tx.check(turn.read(tx)? % 2 == me)?;
                turn.modify(tx, |n| n + 1)
            });
            atomically(|tx| {
                number.modify(tx, |n| n + 1)?;
                text.update(tx, |text| text.push('x'))
            });
            let short_lived = TVar::new(String::from("short-lived"));
            short_lived.store(String::from("shorter"));
            drop(short_lived);
            stm::collect();
        }
    });
    assert_eq!((number.load(), text.load().len(), turn.load()), (200, 200, 200));
}

/// A transaction on held variables that is in its promoted run.
fn promoted<T: Sample>(held: &Held<T>, runs: &AtomicU32) {
    let clash = Clash::new();
    let result = options().promote_after(2).run(|tx| {
        runs.store(tx.attempt_number(), Ordering::SeqCst);
        if tx.attempt_number() == 1 {
            return clash.at_commit(tx);
        }
        held.both(tx)?;
        held.read_only.modify(tx, |n| n + 10)?;
        held.x.write(tx, T::of(7))?;
        held.y.write(tx, T::of(7))
    });
    assert_eq!(result, Ok(()));
}

/// What `Debug` shows, which does not wait.
fn shown(variable: &(impl Debug + Sync)) -> String {
    elsewhere(|| format!("{variable:?}").chars().filter(|c| !c.is_whitespace()).collect())
}

/// Stops a commit at `step`, and looks at what the others do.
fn check<T: Sample>(step: Point, depends: bool) {
    // A commit that is not the plain case looks at the clock once more, and none is while a snapshot may be open.
    let certain = step > Point::Stamped;
    let (held, gate) = (Held::<T>::new(certain), Arc::new(Gate::default()));
    thread::scope(|scope| {
        let opens = Opens(&gate);
        scope.spawn(|| {
            gate.stop_at(step);
            held.commit(depends);
            probe::clear();
        });
        gate.wait();

        work_elsewhere();
        let first = if step == Point::Published { 1 } else { 0 };
        assert!(shown(&held.x).contains(&shown(&T::of(first))), "{}", shown(&held.x));
        assert!(shown(&held.y).contains(&shown(&T::of(0))), "{}", shown(&held.y));
        elsewhere(|| assert_eq!(held.read_only.load(), 0, "read, and so not held"));

        let mut waiting = Vec::new();
        for act in needers::<T>().into_iter().chain([promoted::<T> as fn(&Held<T>, &AtomicU32)]) {
            let progress = Arc::new(Progress::default());
            let (own, held) = (Arc::clone(&progress), &held);
            scope.spawn(move || own.watch(|runs| act(held, runs)));
            if waiting.len() == needers::<T>().len() {
                // The last one waits only in its second run.
                while progress.runs.load(Ordering::SeqCst) < 2 {
                    thread::yield_now();
                }
            }
            progress.wait_until_asleep();
            waiting.push(progress);
        }
        // Time enough for many more steps, if anybody took them.
        thread::sleep(Duration::from_millis(20));
        for (index, progress) in waiting.iter().enumerate() {
            let [runs, steps] = [&progress.runs, &progress.steps].map(|count| count.load(Ordering::SeqCst));
            assert!(!progress.done.load(Ordering::SeqCst), "{index} did not wait for {step:?}");
            assert!(runs <= 2 && steps < 50, "{index} waits busily: {runs} runs and {steps} steps");
        }
        drop(opens);
    });
    // All have ended. Whoever was the last to write both, wrote both.
    assert_eq!(held.x.load(), held.y.load());
    assert_ne!(held.single.load(), T::of(0));
    assert_eq!(held.read_only.load(), 10);
}

#[test]
fn a_committer_that_is_stopped_holds_up_only_those_who_need_what_it_holds() {
    let (_alone, _watchdog) = (alone(), watchdog());
    for step in [Point::Locked, Point::Stamped, Point::Decided, Point::Published] {
        for depends in [false, true] {
            check::<u64>(step, depends);
            check::<String>(step, depends);
        }
    }
}

/// The variable is held by a commit that has not looked at the clock yet, and will give way. So it is not taken for
/// changed: the promoted run waits, and commits.
#[test]
fn a_promoted_transaction_waits_for_a_stopped_committer_that_has_to_give_way() {
    let (_alone, _watchdog) = (alone(), watchdog());
    for _ in 0..20 {
        let (x, total, clash) = (TVar::new(0_u64), TVar::new(0_u64), Clash::new());
        let (gate, progress) = (Arc::new(Gate::default()), Arc::new(Progress::default()));
        let (has_read, validates) = (&AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
        thread::scope(|scope| {
            let opens = Opens(&gate);
            let promoted = scope.spawn(|| {
                let mut result = None;
                progress.watch(|runs| {
                    let committing = Arc::clone(&validates);
                    result = Some(options().promote_after(2).run(|tx| {
                        runs.store(tx.attempt_number(), Ordering::SeqCst);
                        if tx.attempt_number() == 1 {
                            clash.at_commit(tx)?;
                            return Ok(1);
                        }
                        let seen = x.read(tx)?;
                        has_read.store(true, Ordering::SeqCst);
                        gate.wait();
                        let committing = Arc::clone(&committing);
                        probe::set(move |point| {
                            if point == Point::Stamped {
                                committing.store(true, Ordering::SeqCst);
                            }
                        });
                        total.write(tx, seen + 1)?;
                        Ok(tx.attempt_number())
                    }));
                });
                result.expect("it has run")
            });
            wait_for(has_read);
            scope.spawn(|| {
                gate.stop_at(Point::Locked);
                x.store(5);
                probe::clear();
            });
            wait_for(&validates);
            progress.wait_until_asleep();
            assert!(!promoted.is_finished(), "it was to wait");
            drop(opens);
            assert_eq!(promoted.join().expect("it returns"), Ok(2), "in its promoted run, and in no further one");
        });
        assert_eq!((x.load(), total.load()), (5, 1));
    }
}

/// The promoted run holds what the other needs and waits for what the other holds: one of them has to give way.
#[test]
fn a_commit_that_waits_for_a_lock_gives_way_to_a_promoted_one() {
    let (_alone, _watchdog) = (alone(), watchdog());
    // In order of address, which is the order in which a commit locks that waits for long.
    let [read, written] = &[TCell::new(0_u64), TCell::new(0_u64)];
    let (gate, clash, locks) = (&Arc::new(Gate::default()), Clash::new(), Arc::new(AtomicU32::new(0)));
    thread::scope(|scope| {
        let opens = Opens(gate);
        let promoted = scope.spawn(|| {
            let result = options().promote_after(2).run(|tx| {
                if tx.attempt_number() == 1 {
                    clash.at_commit(tx)?;
                    return Ok(1);
                }
                let seen = read.read(tx)?;
                gate.stop_at(Point::Locked);
                written.write(tx, seen + 1)?;
                Ok(tx.attempt_number())
            });
            probe::clear();
            result
        });
        gate.wait();
        scope.spawn(|| {
            let count = Arc::clone(&locks);
            probe::set(move |point| {
                count.fetch_add(u32::from(point == Point::Lock), Ordering::SeqCst);
            });
            atomically(|tx| {
                read.write(tx, 7)?;
                written.write(tx, 7)
            });
            probe::clear();
        });
        // Both at first in order of the log, with little patience, and then both again.
        while locks.load(Ordering::SeqCst) < 4 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(5));
        drop(opens);
        assert_eq!(promoted.join().expect("it returns"), Ok(2));
    });
    assert_eq!((read.load(), written.load()), (7, 7));
}
