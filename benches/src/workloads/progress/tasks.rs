//! Two tasks that wait for each other in turn.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stm::TVar;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Team;

/// One of two sides that hand a count to each other. Whoever has it adds one.
pub trait Side: Send + Sized + 'static {
    /// Two sides; the count is 0, and it is the turn of side 0.
    fn pair() -> [Self; 2];
    /// Waits for this side's turn, adds one, hands the count to the other side, and returns what it was.
    fn pass(&mut self) -> impl Future<Output = u64> + Send;
}

/// A variable with the count, which is even when it is the turn of side 0. Whose turn it is not retries.
pub struct Transactional {
    count: TVar<u64>,
    parity: u64,
}

impl Side for Transactional {
    fn pair() -> [Self; 2] {
        let count = TVar::new(0);
        [0, 1].map(|parity| Self { count: count.clone(), parity })
    }

    fn pass(&mut self) -> impl Future<Output = u64> + Send {
        stm::atomically_async(|tx| {
            let count = self.count.read(tx)?;
            tx.check(count % 2 == self.parity)?;
            self.count.write(tx, count + 1)?;
            Ok(count)
        })
    }
}

/// The same in async-stm's variable.
pub struct AsyncStm {
    count: async_stm::TVar<u64>,
    parity: u64,
}

impl Side for AsyncStm {
    fn pair() -> [Self; 2] {
        let count = async_stm::TVar::new(0);
        [0, 1].map(|parity| Self { count: count.clone(), parity })
    }

    fn pass(&mut self) -> impl Future<Output = u64> + Send {
        async_stm::atomically(|| {
            let count = *self.count.read()?;
            async_stm::guard(count % 2 == self.parity)?;
            self.count.write(count + 1)?;
            Ok(count)
        })
    }
}

/// tokio's bounded channel, with room for one, each way. The one to side 0 starts with the count in it.
pub struct Channels {
    to_other: Sender<u64>,
    from_other: Receiver<u64>,
}

impl Side for Channels {
    fn pair() -> [Self; 2] {
        let [(to_zero, zero), (to_one, one)] = [channel(1), channel(1)];
        to_zero.try_send(0).expect("there is room for one");
        [Self { to_other: to_one, from_other: zero }, Self { to_other: to_zero, from_other: one }]
    }

    async fn pass(&mut self) -> u64 {
        let count = self.from_other.recv().await.expect("the other side is there");
        self.to_other.send(count + 1).await.expect("the other side is there");
        count
    }
}

/// Where tasks run, and which sides a worker brings there.
pub trait Home: Send + Sync {
    /// How many workers bring both sides.
    const WORKERS: usize;

    fn build() -> Runtime;
    fn sides(worker: usize) -> Range<usize>;
}

/// The runtime of one thread, which is the worker's own: one worker brings both sides.
pub struct OneThread;

impl Home for OneThread {
    const WORKERS: usize = 1;

    fn build() -> Runtime {
        Builder::new_current_thread().build().expect("the system lets us")
    }

    fn sides(_worker: usize) -> Range<usize> {
        0..2
    }
}

/// The runtime of several threads, of which there are two, on cores of their own; each worker brings a side and waits for it.
pub struct TwoThreads;

impl Home for TwoThreads {
    const WORKERS: usize = 2;

    fn build() -> Runtime {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let started = AtomicUsize::new(0);
        let pin = move || {
            // Relaxed: only a count.
            let number = started.fetch_add(1, Ordering::Relaxed);
            if let Some(&core) = cores.get(number % cores.len().max(1)) {
                core_affinity::set_for_current(core);
            }
        };
        Builder::new_multi_thread().worker_threads(2).on_thread_start(pin).build().expect("the system lets us")
    }

    fn sides(worker: usize) -> Range<usize> {
        worker..worker + 1
    }
}

/// Round trips between two tasks: both pass the count on as often.
pub struct TaskPingPong<S, H> {
    runtime: Runtime,
    /// Away while they play.
    sides: [Mutex<Option<S>>; 2],
    home: PhantomData<H>,
}

impl<S: Side, H: Home> TaskPingPong<S, H> {
    pub fn new() -> Self {
        let sides = S::pair().map(|side| Mutex::new(Some(side)));
        Self { runtime: H::build(), sides, home: PhantomData }
    }

    fn side(&self, number: usize) -> MutexGuard<'_, Option<S>> {
        self.sides[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has these sides pass the count on `times` times each, in tasks of their own.
    fn play(&self, numbers: Range<usize>, times: u64) {
        let begin = |number| {
            let side = self.side(number).take().expect("it is not playing");
            (number, self.runtime.spawn(pass_on(side, number, times)))
        };
        let tasks: Vec<_> = numbers.map(begin).collect();
        for (number, task) in tasks {
            let side = self.runtime.block_on(task).expect("a task panicked, see above");
            *self.side(number) = Some(side);
        }
    }
}

async fn pass_on<S: Side>(mut side: S, number: usize, times: u64) -> S {
    let mut next = None;
    for _ in 0..times {
        let count = side.pass().await;
        assert_eq!(count % 2, number as u64, "a side had the count out of turn");
        assert_eq!(count, next.unwrap_or(count), "a turn was skipped or taken twice");
        next = Some(count + 2);
    }
    side
}

impl<S: Side, H: Home> Team for TaskPingPong<S, H> {
    /// Counts round trips: those of side 0.
    fn run(&self, worker: usize, operations: u64) -> u64 {
        self.play(H::sides(worker), operations);
        if worker == 0 { operations } else { 0 }
    }

    fn verify(&self, operations: u64) {
        let mut side = self.side(0).take().expect("it is not playing");
        let count = self.runtime.block_on(side.pass());
        assert_eq!(count, 2 * operations, "turns were lost or taken twice");
    }
}
