//! A queue between tasks and threads: thousands of tasks wait for jobs on two workers, a thread hands them out, and who
//! gets none in time gives up.
//!
//! Waiting is `retry`, in a task as in a thread. The queue knows nothing of either.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use stm::{RunError, StmResult, TVar, Transaction, atomically, options, timer};

const JOBS: u64 = 10_000;
const TASKS: usize = 2_000;

/// A queue that ends when it is closed.
#[derive(Clone)]
struct Jobs {
    waiting: TVar<VecDeque<u64>>,
    closed: TVar<bool>,
}

impl Jobs {
    fn new() -> Self {
        Self { waiting: TVar::new(VecDeque::new()).named("jobs"), closed: TVar::new(false).named("closed") }
    }

    fn push(&self, tx: &Transaction, job: u64) -> StmResult<()> {
        self.waiting.update(tx, |jobs| jobs.push_back(job))
    }

    /// The next job, or `None` if there will be none. Waits while neither can be told.
    fn next(&self, tx: &Transaction) -> StmResult<Option<u64>> {
        match self.waiting.update(tx, VecDeque::pop_front)? {
            Some(job) => Ok(Some(job)),
            None => {
                tx.check(self.closed.read(tx)?)?;
                Ok(None)
            }
        }
    }
}

fn main() {
    let (jobs, done) = (Jobs::new(), TVar::new(0_u64));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("it starts");
    let workers: Vec<_> = (0..TASKS)
        .map(|_| {
            let (jobs, done) = (jobs.clone(), done.clone());
            runtime.spawn(async move {
                let mut mine = 0;
                // One transaction takes a job and adds it up: neither happens without the other.
                while let Some(job) = atomically!(async |tx| {
                    let job = jobs.next(tx);
                    done.modify(tx, |sum| sum + job.unwrap_or(0));
                    job
                })
                .await
                {
                    mine += job;
                }
                mine
            })
        })
        .collect();

    // A thread is as good a producer as a task.
    let producer = thread::spawn({
        let jobs = jobs.clone();
        move || {
            for job in 1..=JOBS {
                atomically!(|tx| jobs.push(tx, job));
            }
            jobs.closed.store(true);
        }
    });
    producer.join().expect("it does not panic");
    let total: u64 = runtime.block_on(async {
        let mut total = 0;
        for worker in workers {
            total += worker.await.expect("it does not panic");
        }
        total
    });
    assert_eq!((total, done.load()), (JOBS * (JOBS + 1) / 2, total), "every job once");
    println!("{TASKS} tasks on two workers did {JOBS} jobs");

    // Two ways not to wait for ever: for a whole transaction, and as one branch of it.
    jobs.closed.store(false);
    let wait = options().name("poll").timeout(Duration::from_millis(20)).run_async(|tx| jobs.next(tx));
    let error = runtime.block_on(wait).expect_err("nobody pushes any more");
    assert_eq!(error, RunError::TimedOut);
    println!("{error}");
    let over = timer(Duration::from_millis(20));
    let job = runtime.block_on(atomically!(async |tx| { jobs.next(tx) } or { tx.check(over.read(tx)); None }));
    assert_eq!(job, None);
}
