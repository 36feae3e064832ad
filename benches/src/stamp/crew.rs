//! Threads that run a program's parallel part, timed and counted.

use std::cell::Cell;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::outcome::{Outcome, Verdict};
use super::systems::System;

/// One thread of a program.
pub(crate) struct Worker<'a, S> {
    system: &'a S,
    /// Which one, from 0.
    pub(crate) number: usize,
    /// Of how many.
    pub(crate) threads: usize,
    barrier: &'a Barrier,
    commits: Cell<u64>,
    runs: Cell<u64>,
}

impl<S: System> Worker<'_, S> {
    /// Runs a transaction.
    #[inline(always)]
    pub(crate) fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &S::Node<N>,
        mut body: impl for<'tx> FnMut(&S::Tx<'tx>, &'tx N) -> Result<R, S::Abort>,
    ) -> R {
        let result = self.system.atomically(root, |tx, root| {
            self.runs.set(self.runs.get() + 1);
            body(tx, root)
        });
        self.commits.set(self.commits.get() + 1);
        result
    }

    /// The last transaction has found that what it was about to do is out of date: it counts as an abort.
    pub(crate) fn was_in_vain(&self) {
        self.commits.set(self.commits.get() - 1);
    }

    /// The system, for what is not done in transactions.
    pub(crate) fn system(&self) -> &S {
        self.system
    }

    /// Waits until every thread has come here.
    pub(crate) fn meet(&self) {
        if self.threads > 1 {
            self.barrier.wait();
        }
    }

    /// This thread's share of `0..total`.
    pub(crate) fn share(&self, total: usize) -> std::ops::Range<usize> {
        total * self.number / self.threads..total * (self.number + 1) / self.threads
    }
}

/// What a crew has done.
pub(crate) struct Measured<R> {
    elapsed: Duration,
    worked: Option<Duration>,
    transactions: u64,
    aborts: u64,
    /// What each thread returned.
    pub(crate) results: Vec<R>,
}

impl<R> Measured<R> {
    /// What is to be reported, once the result has been checked.
    pub(crate) fn outcome(&self, verdict: Verdict) -> Outcome {
        Outcome {
            elapsed: self.elapsed,
            worked: self.worked,
            transactions: self.transactions,
            aborts: self.aborts,
            verdict,
        }
    }
}

/// Runs `work` on that many threads, pinned to one core each in turn, from when all of them are ready.
///
/// # Panics
///
/// When a system that is not concurrent is to be shared by threads, and when a thread panics.
pub(crate) fn run<S: System, R: Send>(
    system: &S,
    threads: usize,
    work: impl Fn(&Worker<'_, S>) -> R + Sync,
) -> Measured<R> {
    assert!(threads == 1 || (S::CONCURRENT && threads > 1), "{threads} threads can not run this");
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let barrier = Barrier::new(threads);
    let shift = |number: usize| {
        if let Some(core) = cores.get(number % cores.len().max(1)) {
            core_affinity::set_for_current(*core);
        }
        let worker = Worker { system, number, threads, barrier: &barrier, commits: Cell::new(0), runs: Cell::new(0) };
        barrier.wait();
        let (start, before) = (Instant::now(), worked());
        let result = work(&worker);
        let (end, after) = (Instant::now(), worked());
        let worked = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        Shift { start, end, worked, commits: worker.commits.get(), runs: worker.runs.get(), result }
    };
    let shifts: Vec<Shift<R>> = std::thread::scope(|scope| {
        let hired: Vec<_> = (0..threads)
            .map(|number| {
                let shift = &shift;
                scope.spawn(move || shift(number))
            })
            .collect();
        hired.into_iter().map(|thread| thread.join().expect("a worker panicked, see above")).collect()
    });
    let start = shifts.iter().map(|shift| shift.start).min();
    let end = shifts.iter().map(|shift| shift.end).max();
    let transactions = shifts.iter().map(|shift| shift.commits).sum();
    Measured {
        elapsed: end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start),
        worked: shifts.iter().map(|shift| shift.worked).sum(),
        transactions,
        aborts: shifts.iter().map(|shift| shift.runs).sum::<u64>() - transactions,
        results: shifts.into_iter().map(|shift| shift.result).collect(),
    }
}

/// What one thread has done.
struct Shift<R> {
    start: Instant,
    end: Instant,
    worked: Option<Duration>,
    commits: u64,
    runs: u64,
    result: R,
}

/// How long this thread has had a core. `None` where nobody says.
fn worked() -> Option<Duration> {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes to the time that it is given, and to nothing else.
        let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0;
        (!failed).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
    #[cfg(not(unix))]
    None
}
