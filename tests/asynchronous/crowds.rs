//! Many tasks, and threads among them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use common::{scaled, watchdog};
use stm::{StmResult, TVar, Transaction, atomically, atomically_async};

use super::workers;

/// As many tasks as a server has connections.
fn crowd() -> usize {
    scaled(100_000)
}

#[test]
fn a_crowd_at_one_gate_gets_through() {
    let _watchdog = watchdog();
    let (gate, through) = (TVar::new(false), TVar::new(0_usize));
    workers().block_on(async {
        let tasks: Vec<_> = (0..crowd())
            .map(|_| {
                let (gate, through) = (gate.clone(), through.clone());
                tokio::spawn(async move {
                    atomically_async(|tx| tx.check(gate.read(tx)?)).await;
                    through.fetch_update(|n| *n += 1);
                })
            })
            .collect();
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
    workers().block_on(async {
        let tasks: Vec<_> = links
            .windows(2)
            .map(|pair| {
                let (before, behind) = (pair[0].clone(), pair[1].clone());
                tokio::spawn(async move {
                    atomically_async(|tx| {
                        let n = before.read(tx)?;
                        tx.check(n > 0)?;
                        behind.write(tx, n + 1)
                    })
                    .await;
                })
            })
            .collect();
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
