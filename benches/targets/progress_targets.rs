//! The targets of waiting and progress: which contender is held against which peer, and how far.

use parking_lot::Mutex;
use stm::{TCell, TVar};

use stm_benches::measure::trial::Limit::{AtLeast, AtMost, Open};
use stm_benches::measure::trial::{Build, Trial};
use stm_benches::workloads::progress::hot::Hot;
use stm_benches::workloads::progress::opposite::{self, Nothing, Opposite};
use stm_benches::workloads::progress::ping_pong::{self, Channels, PingPong};
use stm_benches::workloads::progress::queues::{self, Channel, Flow};
use stm_benches::workloads::progress::snapshots::{self, CoarseMutex, Sums, Transfers};
use stm_benches::workloads::progress::tasks::{self, Home, OneThread, TaskPingPong, TwoThreads};
use stm_benches::workloads::progress::waiters::{Count, InLine, Retry, Ring, Waiters};

const T_VAR: &str = "TVar";
const T_CELL: &str = "TCell";
const FAST: &str = "fast-stm";
const CONDVAR: &str = "Mutex and Condvar";
const CHANNEL: &str = "crossbeam-channel";
const ORDERED: &str = "two ordered pl-mutexes";

/// All trials, in the order of the table. `--only progress:` selects them.
pub(crate) const TRIALS: &[(&str, Build)] = &[
    ("progress: snapshot of 4096 beside a writer", snapshot),
    ("progress: queue of 128, time per item", queue),
    ("progress: ping-pong, time per round trip", ping_pong),
    ("progress: ping-pong of tasks on one thread, time per round trip", task_ping_pong::<OneThread>),
    ("progress: ping-pong of tasks on two threads, time per round trip", task_ping_pong::<TwoThreads>),
    ("progress: opposite orders", opposite_orders),
    ("progress: hot counter", hot_counter),
    ("progress: waiters in line, time per item", waiters_in_line),
    ("progress: waiters in line for a count, time per item", waiters_in_line_for_a_count),
    ("progress: waiters by retry, time per item", waiters_by_retry),
];

fn snapshot() -> Trial {
    const COARSE: &str = "one coarse pl-mutex";
    const T_VAR_ALONE: &str = "TVar, no reader";
    const T_CELL_ALONE: &str = "TCell, no reader";
    let mut trial = Trial::new()
        .stretched(6)
        .contender(T_VAR, Sums::<snapshots::Transactional<TVar<u64>>>::new(), &[2])
        .contender(T_CELL, Sums::<snapshots::Transactional<TCell<u64>>>::new(), &[2])
        .contender(T_VAR_ALONE, Transfers::<snapshots::Transactional<TVar<u64>>>::new(), &[1])
        .contender(T_CELL_ALONE, Transfers::<snapshots::Transactional<TCell<u64>>>::new(), &[1])
        .contender(COARSE, Sums::<CoarseMutex>::new(), &[2])
        .contender(FAST, Sums::<snapshots::FastStm>::new(), &[2]);
    for (ours, alone) in [(T_VAR, T_VAR_ALONE), (T_CELL, T_CELL_ALONE)] {
        trial = trial
            .target((ours, 2), (FAST, 2), AtLeast(100.0), Open)
            .target((ours, 2), (COARSE, 2), Open, AtLeast(0.1))
            .target_beside((ours, 2), (alone, 1), AtLeast(0.6), Open);
    }
    trial
}

fn queue() -> Trial {
    const FEW_AND_MANY: &[usize] = &[2, 8];
    let mut trial = Trial::new()
        .stretched(4)
        .crowded()
        .contender(T_VAR, Flow::<queues::Transactional<TVar<u64>>>::new(), FEW_AND_MANY)
        .contender(T_CELL, Flow::<queues::Transactional<TCell<u64>>>::new(), FEW_AND_MANY)
        .contender(FAST, Flow::<queues::FastStm>::new(), FEW_AND_MANY)
        .contender(CHANNEL, Flow::<Channel>::new(), FEW_AND_MANY)
        .contender(CONDVAR, Flow::<queues::Locked>::new(), FEW_AND_MANY);
    for ours in [T_VAR, T_CELL] {
        trial = trial
            .target((ours, 2), (FAST, 2), AtLeast(4.5), Open)
            .target((ours, 8), (FAST, 8), AtLeast(3.0), Open)
            .target((ours, 2), (CHANNEL, 2), AtLeast(0.7), AtLeast(1.0))
            .target((ours, 8), (CHANNEL, 8), AtLeast(0.2), AtLeast(0.4));
    }
    trial
}

fn ping_pong() -> Trial {
    const TWO: &[usize] = &[2];
    let mut trial = Trial::new()
        .contender(T_VAR, PingPong::<ping_pong::Transactional<TVar<u64>>>::new(), TWO)
        .contender(T_CELL, PingPong::<ping_pong::Transactional<TCell<u64>>>::new(), TWO)
        .contender(FAST, PingPong::<ping_pong::FastStm>::new(), TWO)
        .contender(CHANNEL, PingPong::<Channels>::new(), TWO)
        .contender(CONDVAR, PingPong::<ping_pong::Locked>::new(), TWO);
    for ours in [T_VAR, T_CELL] {
        trial =
            trial.target((ours, 2), (CONDVAR, 2), AtMost(1.0), Open).target((ours, 2), (CHANNEL, 2), Open, AtMost(1.0));
    }
    trial
}

/// Of tokio: its runtime for everybody, and as the peer its bounded channel with room for one each way.
fn task_ping_pong<H: Home + 'static>() -> Trial {
    const ASYNC: &str = "async-stm";
    const TOKIO: &str = "tokio's channel";
    let workers = H::WORKERS;
    // A window begins and ends with a hand-over to the runtime's threads, which is to be little of it.
    Trial::new()
        .stretched(4)
        .contender(T_VAR, TaskPingPong::<tasks::Transactional, H>::new(), &[workers])
        .contender(ASYNC, TaskPingPong::<tasks::AsyncStm, H>::new(), &[workers])
        .contender(TOKIO, TaskPingPong::<tasks::Channels, H>::new(), &[workers])
        .target((T_VAR, workers), (ASYNC, workers), AtMost(1.0), Open)
        .target((T_VAR, workers), (TOKIO, workers), Open, AtMost(1.0))
}

/// The mutexes have no target of their own: they are there to compare the numbers with, as is the measuring loop.
fn opposite_orders() -> Trial {
    const THREADS: &[usize] = &[32];
    let mut trial = Trial::new()
        .stretched(40)
        .crowded()
        .contender(T_VAR, Opposite::<opposite::Transactional<TVar<u64>>, 32>::new(), THREADS)
        .contender(T_CELL, Opposite::<opposite::Transactional<TCell<u64>>, 32>::new(), THREADS)
        .contender(ORDERED, Opposite::<opposite::OrderedMutexes, 32>::new(), THREADS)
        .contender("the measuring loop", Opposite::<Nothing, 32>::new(), THREADS);
    for ours in [T_VAR, T_CELL] {
        trial = trial.tail_target(ours, AtMost(10.0), AtMost(5.0)).target((ours, 32), (ORDERED, 32), Open, Open);
    }
    trial.tail_target(ORDERED, Open, Open)
}

fn hot_counter() -> Trial {
    const FEW_AND_MANY: &[usize] = &[2, 64];
    let mut trial = Trial::new()
        .stretched(20)
        .crowded()
        .contender(T_VAR, Hot::<TVar<u64>>::new(), FEW_AND_MANY)
        .contender(T_CELL, Hot::<TCell<u64>>::new(), FEW_AND_MANY)
        .contender("pl-mutex", Hot::<Mutex<u64>>::new(), FEW_AND_MANY)
        .contender(FAST, Hot::<fast_stm::TVar<u64>>::new(), FEW_AND_MANY);
    for ours in [T_VAR, T_CELL] {
        trial = trial.target((ours, 64), (ours, 2), AtMost(2.0), Open);
    }
    trial.target(("pl-mutex", 64), ("pl-mutex", 2), Open, Open)
}

/// At a queue whose head moves: each item leaves all but one in line for the place that it had.
fn waiters_in_line() -> Trial {
    const FEW: &str = "10 threads in line";
    const MANY: &str = "10,000 threads in line";
    Trial::new()
        .stretched(20)
        .crowded()
        .contender(FEW, Waiters::<Ring<InLine>, 10>::new(), &[1])
        .contender(MANY, Waiters::<Ring<InLine>, 10_000>::new(), &[1])
        .target((MANY, 1), (FEW, 1), AtMost(3.0), AtMost(1.2))
}

fn waiters_in_line_for_a_count() -> Trial {
    const FEW: &str = "10 threads in line for a count";
    const MANY: &str = "10,000 threads in line for a count";
    Trial::new()
        .stretched(20)
        .crowded()
        .contender(FEW, Waiters::<Count, 10>::new(), &[1])
        .contender(MANY, Waiters::<Count, 10_000>::new(), &[1])
        .target((MANY, 1), (FEW, 1), AtMost(3.0), AtMost(1.2))
}

/// Each item wakes all of them: that is what waiting in line is for. Another trial, since no machine has room for all at once.
fn waiters_by_retry() -> Trial {
    const FEW: &str = "10 threads that retry";
    const MANY: &str = "10,000 threads that retry";
    Trial::new()
        .stretched(20)
        .crowded()
        .contender(FEW, Waiters::<Ring<Retry>, 10>::new(), &[1])
        .contender(MANY, Waiters::<Ring<Retry>, 10_000>::new(), &[1])
        .target((MANY, 1), (FEW, 1), Open, Open)
}
