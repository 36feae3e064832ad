//! Many tasks, and threads among them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use common::{scaled, watchdog};
use stm::{StmResult, TVar, Transaction, atomically, atomically_async, debug, options};

use super::workers;

/// As many tasks as a server has connections.
fn crowd() -> usize {
    scaled(100_000)
}

/// Returns once so many tasks of this name wait at once. `runs` counts those of their bodies.
fn until_all_wait(name: &str, count: usize, runs: &AtomicUsize) {
    // It takes long to look at so many: not before it is worth while.
    while runs.load(Ordering::SeqCst) < count {
        thread::yield_now();
    }
    let is_one = |waiter: &&debug::Waiter| waiter.name() == Some(name);
    while debug::waiting().waiters().iter().filter(is_one).count() < count {
        thread::yield_now();
    }
    assert_eq!(runs.load(Ordering::SeqCst), count, "each has run once, and waits");
}

#[test]
fn a_crowd_at_one_gate_gets_through() {
    let _watchdog = watchdog();
    let (gate, through, runs) = (TVar::new(false), TVar::new(0_usize), Arc::new(AtomicUsize::new(0)));
    workers().block_on(async {
        let tasks: Vec<_> = (0..crowd())
            .map(|_| {
                let (gate, through, runs) = (gate.clone(), through.clone(), Arc::clone(&runs));
                tokio::spawn(async move {
                    let passes = options().name("at the gate").run_async(|tx| {
                        runs.fetch_add(1, Ordering::SeqCst);
                        tx.check(gate.read(tx)?)
                    });
                    assert_eq!(passes.await, Ok(()));
                    through.fetch_update(|n| *n += 1);
                })
            })
            .collect();
        until_all_wait("at the gate", crowd(), &runs);
        gate.store(true);
        for task in tasks {
            task.await.expect("it does not panic");
        }
    });
    assert_eq!(through.load(), crowd());
}

/// Each waits for the one before it.
#[test]
fn a_long_chain_of_tasks_runs_to_its_end() {
    let _watchdog = watchdog();
    let links: Vec<_> = (0..=crowd()).map(|_| TVar::new(0_usize)).collect();
    let runs = Arc::new(AtomicUsize::new(0));
    workers().block_on(async {
        let tasks: Vec<_> = links
            .windows(2)
            .map(|pair| {
                let (before, behind, runs) = (pair[0].clone(), pair[1].clone(), Arc::clone(&runs));
                tokio::spawn(async move {
                    let passes = options().name("in the chain").run_async(|tx| {
                        runs.fetch_add(1, Ordering::SeqCst);
                        let n = before.read(tx)?;
                        tx.check(n > 0)?;
                        behind.write(tx, n + 1)
                    });
                    assert_eq!(passes.await, Ok(()));
                })
            })
            .collect();
        until_all_wait("in the chain", crowd(), &runs);
        links[0].store(1);
        for task in tasks {
            task.await.expect("it does not panic");
        }
    });
    assert_eq!(links[crowd()].load(), crowd() + 1);
}

/// A queue of few places.
#[derive(Clone)]
struct Queue(TVar<VecDeque<u64>>);

impl Queue {
    fn put(&self, tx: &Transaction, item: u64) -> StmResult<()> {
        tx.check(self.0.with(tx, |items| items.len() < 4)?)?;
        self.0.update(tx, |items| items.push_back(item))
    }

    fn take(&self, tx: &Transaction) -> StmResult<u64> {
        match self.0.update(tx, VecDeque::pop_front)? {
            Some(item) => Ok(item),
            None => tx.retry(),
        }
    }
}

#[test]
fn threads_and_tasks_share_a_bounded_queue() {
    let _watchdog = watchdog();
    let queue = Queue(TVar::new(VecDeque::new()));
    // Of each kind two threads and twenty tasks.
    let (members, each) = (22_u64, scaled(100) as u64);
    let taken = Arc::new((0..members * each).map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
    let count = |taken: &[AtomicU64], item: u64| taken[item as usize].fetch_add(1, Ordering::SeqCst);
    thread::scope(|scope| {
        for member in 0..2 {
            let (queue, taken) = (&queue, &taken);
            scope.spawn(move || {
                for n in 0..each {
                    atomically(|tx| queue.put(tx, member * each + n));
                }
            });
            scope.spawn(move || {
                for _ in 0..each {
                    count(taken, atomically(|tx| queue.take(tx)));
                }
            });
        }
        workers().block_on(async {
            let mut tasks = Vec::new();
            for member in 2..members {
                let producer = queue.clone();
                tasks.push(tokio::spawn(async move {
                    for n in 0..each {
                        atomically_async(|tx| producer.put(tx, member * each + n)).await;
                    }
                }));
                let (consumer, taken) = (queue.clone(), Arc::clone(&taken));
                tasks.push(tokio::spawn(async move {
                    for _ in 0..each {
                        let item = atomically_async(|tx| consumer.take(tx)).await;
                        count(&taken, item);
                    }
                }));
            }
            for task in tasks {
                task.await.expect("it does not panic");
            }
        });
    });
    assert!(queue.0.load().is_empty());
    assert!(taken.iter().all(|times| times.load(Ordering::SeqCst) == 1), "every item once");
}

/// A server that is shut down while its tasks wait.
#[test]
fn a_runtime_that_is_dropped_leaves_no_waiter() {
    let _watchdog = watchdog();
    let gate = TVar::new(0_u64);
    let alive = Arc::new(());
    let runtime = workers();
    let tasks = scaled(1_000);
    for _ in 0..tasks {
        let (gate, alive) = (gate.clone(), Arc::clone(&alive));
        runtime.spawn(async move {
            gate.wait_until_async(|n| *n == u64::MAX).await;
            drop(alive);
        });
    }
    gate.store(1);
    assert_eq!(Arc::strong_count(&alive), tasks + 1);
    drop(runtime);
    assert_eq!(Arc::strong_count(&alive), 1);
    gate.store(2);
}
