//! Many threads that wait at one place, to which one item comes at a time.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stm::channel::TQueue;
use stm::{ReadTransaction, StmResult, TVar, Transaction, atomically};

use super::Team;
use super::queues::{Queue, Transactional};

/// Where items come to and waiters wait, in transactions.
pub trait Desk: Send + Sync + 'static {
    fn new() -> Self;
    fn put(&self, item: u64);
    /// Waits for an item and takes it; [`STOP`] stays there for the next one.
    fn take<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<u64>;
}

/// How a body waits that has found nothing.
pub trait Waiting: Send + Sync + 'static {
    fn wait<T>(tx: &ReadTransaction<'_, '_>) -> StmResult<T>;
}

/// Waits until anything it has read is written.
pub struct Retry;

impl Waiting for Retry {
    fn wait<T>(tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        tx.retry()
    }
}

/// Waits in line: a write wakes one of those who wait here.
pub struct InLine;

impl Waiting for InLine {
    fn wait<T>(tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        tx.retry_in_line()
    }
}

/// A queue whose head moves.
pub struct Ring<W> {
    queue: Transactional<TVar<u64>>,
    waiting: PhantomData<W>,
}

impl<W: Waiting> Desk for Ring<W> {
    fn new() -> Self {
        Self { queue: Queue::new(), waiting: PhantomData }
    }

    fn put(&self, item: u64) {
        self.queue.push(item);
    }

    fn take<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<u64> {
        if self.queue.first(tx)? == STOP {
            return Ok(STOP);
        }
        self.queue.take(tx, |tx| W::wait(tx))
    }
}

/// The number of items alone: a variable that stays the same from item to item, where those in line wait.
pub struct Count(TVar<u64>);

impl Desk for Count {
    fn new() -> Self {
        Self(TVar::new(0))
    }

    fn put(&self, item: u64) {
        atomically(|tx| self.0.modify(tx, |items| if item == STOP { STOP } else { items + 1 }));
    }

    fn take<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<u64> {
        match self.0.read(tx)? {
            0 => tx.retry_in_line(),
            STOP => Ok(STOP),
            items => self.0.write(tx, items - 1).map(|()| items),
        }
    }
}

/// The library's queue.
impl Desk for TQueue<u64> {
    fn new() -> Self {
        Self::new()
    }

    fn put(&self, item: u64) {
        self.send(item);
    }

    fn take<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<u64> {
        let item = self.pop(tx)?;
        if item == STOP {
            self.push(tx, STOP)?;
        }
        Ok(item)
    }
}

/// Ends all waiters.
const STOP: u64 = u64::MAX;
/// Enough for a transaction; ten thousand of these are but address space.
const STACK: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };
/// When no body has run for so long, all waiters sleep.
const QUIET: Duration = Duration::from_millis(3);
/// When an item has lain there for so many nanoseconds, nobody was woken for it.
const LOST: u64 = 60_000_000_000;

/// What the waiters share.
struct Hall<D> {
    desk: D,
    start: Instant,
    /// Items taken.
    taken: AtomicU64,
    /// Runs of the waiters' bodies, and when the last one was, in nanoseconds since `start`.
    runs: AtomicU64,
    latest: AtomicU64,
}

impl<D: Desk> Hall<D> {
    fn wait(&self) {
        loop {
            let item = atomically(|tx| {
                // Relaxed, here and below: counts that publish nothing else.
                self.runs.fetch_add(1, Ordering::Relaxed);
                self.latest.fetch_max(self.now(), Ordering::Relaxed);
                self.desk.take(tx)
            });
            if item == STOP {
                return;
            }
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Returns when no body has run for a while.
    fn let_them_sleep(&self) {
        loop {
            let runs = self.runs.load(Ordering::Relaxed);
            thread::sleep(QUIET);
            if self.runs.load(Ordering::Relaxed) == runs {
                return;
            }
        }
    }
}

/// `N` waiting threads, and one worker who puts an item there when all of them sleep. An item's time is that
/// from before it is put in until it has been taken and nobody runs because of it any more.
pub struct Waiters<D: Desk, const N: usize> {
    hall: Arc<Hall<D>>,
    threads: Vec<JoinHandle<()>>,
    /// What the items of the last window took, in nanoseconds.
    busy: AtomicU64,
    /// Items and runs when the warm-up was over.
    earlier: [AtomicU64; 2],
}

impl<D: Desk, const N: usize> Waiters<D, N> {
    pub fn new() -> Self {
        let hall = Arc::new(Hall {
            desk: D::new(),
            start: Instant::now(),
            taken: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        });
        let spawn = |_| {
            let hall = Arc::clone(&hall);
            let spawned = thread::Builder::new().stack_size(STACK).spawn(move || hall.wait());
            spawned.expect("the system has room for that many threads")
        };
        let threads = (0..N).map(spawn).collect();
        while hall.runs.load(Ordering::Relaxed) < N as u64 {
            thread::sleep(QUIET);
        }
        hall.let_them_sleep();
        Self { hall, threads, busy: AtomicU64::new(0), earlier: Default::default() }
    }
}

impl<D: Desk, const N: usize> Team for Waiters<D, N> {
    fn run(&self, _worker: usize, operations: u64) -> u64 {
        let hall = &*self.hall;
        let mut busy = 0;
        for item in 1..=operations {
            let (start, taken) = (hall.now(), hall.taken.load(Ordering::Relaxed));
            hall.desk.put(item);
            let pushed = hall.now();
            // On a busy machine it can take longer than they are to be quiet until the first of them runs.
            while hall.taken.load(Ordering::Relaxed) == taken && hall.now() < pushed + LOST {
                hall.let_them_sleep();
            }
            hall.let_them_sleep();
            assert_eq!(hall.taken.load(Ordering::Relaxed), taken + 1, "an item lies there and nobody takes it");
            busy += hall.latest.load(Ordering::Relaxed).max(pushed) - start;
        }
        self.busy.store(busy, Ordering::Relaxed);
        operations
    }

    fn verify(&self, operations: u64) {
        assert_eq!(self.hall.taken.load(Ordering::Relaxed), operations, "items were lost or came twice");
    }

    fn counted(&self, _elapsed: Duration) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    fn forget(&self) {
        self.earlier[0].store(self.hall.taken.load(Ordering::Relaxed), Ordering::Relaxed);
        self.earlier[1].store(self.hall.runs.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn note(&self) -> Option<String> {
        let items = self.hall.taken.load(Ordering::Relaxed) - self.earlier[0].load(Ordering::Relaxed);
        let runs = self.hall.runs.load(Ordering::Relaxed) - self.earlier[1].load(Ordering::Relaxed);
        Some(format!("{:.1} runs of waiters' bodies an item", runs as f64 / items as f64))
    }
}

impl<D: Desk, const N: usize> Drop for Waiters<D, N> {
    fn drop(&mut self) {
        self.hall.desk.put(STOP);
        for thread in self.threads.drain(..) {
            // One that has panicked has said so; a second panic in here would end the process.
            let _ = thread.join();
        }
    }
}
