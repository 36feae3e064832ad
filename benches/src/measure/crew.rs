//! Pinned worker threads that run contenders in timed windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use crate::systems::tally::{self, Tally};
use crate::workloads::progress::Team;

/// What a worker is asked to do in one window.
struct Order<'a> {
    contender: &'a dyn Team,
    operations: u64,
    gate: Arc<Gate>,
}

/// Where the workers of a window wait for each other, spinning, so that they start within nanoseconds.
struct Gate {
    missing: AtomicUsize,
    /// There are more workers than cores: the others may need this one's core to arrive.
    crowded: bool,
}

impl Gate {
    fn pass(&self) {
        // AcqRel: nobody's clock starts before everybody has arrived.
        self.missing.fetch_sub(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        // Acquire: pairs with the decrements above.
        while self.missing.load(Ordering::Acquire) > 0 {
            spins = spins.wrapping_add(1);
            // Else nobody yields: who gives its core away comes back when another process is done with it, and its window
            // does not look disturbed.
            if self.crowded && spins.is_multiple_of(1024) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

/// What a worker did in one window.
struct Shift {
    start: Instant,
    end: Instant,
    operations: u64,
    beside: bool,
    disturbed: bool,
    tally: Tally,
}

/// A window that did not end in [`PATIENCE`].
#[derive(Clone, Copy, Debug)]
pub struct Hung;

/// Longer than any window: whoever has not come back by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// Room for whoever recurses: who holds a lock for each of thousands of accounts does.
const STACK: usize = 16 << 20;

/// One timed window of all its workers.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From the first worker's start to the last worker's end; workers beside the others aside.
    pub span: Duration,
    /// What counts of that.
    pub elapsed: Duration,
    /// What all workers did together; those beside them aside.
    pub operations: u64,
    /// What the workers beside them did meanwhile.
    pub beside: u64,
    /// Another process took a worker's core meanwhile.
    pub disturbed: bool,
    /// What all workers have counted, where they count.
    pub tally: Tally,
}

impl Window {
    /// Returns the elapsed nanoseconds over all operations of one kind.
    pub fn nanoseconds(&self, part: Part) -> f64 {
        let operations = match part {
            Part::Work => self.operations,
            Part::Beside => self.beside,
        };
        self.elapsed.as_nanos() as f64 / operations as f64
    }
}

/// Whose operations a time is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those of the workers that are waited for.
    Work,
    /// Those of the workers beside them.
    Beside,
}

/// One worker thread. It ends with the sender of its orders.
struct Worker<'a> {
    orders: Sender<Order<'a>>,
    /// One channel a worker: when a worker panics its channel closes, and nobody waits for it.
    shifts: Receiver<Shift>,
}

/// The worker threads: number `i` is pinned to core `i` modulo the cores.
pub struct Crew<'a> {
    workers: Vec<Worker<'a>>,
}

impl<'a> Crew<'a> {
    pub fn new<'scope>(scope: &'scope Scope<'scope, '_>, workers: usize) -> Self
    where
        'a: 'scope,
    {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let hire = |number: usize| {
            let (orders, inbox) = channel();
            let (report, shifts) = channel();
            let core = cores.get(number % cores.len().max(1)).copied();
            let thread = Builder::new().name(format!("worker {number}")).stack_size(STACK);
            let spawned = thread.spawn_scoped(scope, move || {
                if let Some(core) = core {
                    core_affinity::set_for_current(core);
                }
                work(number, &inbox, &report);
            });
            spawned.expect("the system has room for another thread");
            Worker { orders, shifts }
        };
        Self { workers: (0..workers).map(hire).collect() }
    }

    /// Runs one window: the first `workers` workers do at least `operations` operations each.
    ///
    /// # Errors
    ///
    /// When a worker does not come back.
    ///
    /// # Panics
    ///
    /// When a worker has panicked.
    pub fn window(&self, contender: &'a dyn Team, workers: usize, operations: u64) -> Result<Window, Hung> {
        let workers = &self.workers[..workers];
        contender.begin(workers.len());
        let gate = Arc::new(Gate { missing: AtomicUsize::new(workers.len()), crowded: workers.len() > cores() });
        for worker in workers {
            let order = Order { contender, operations, gate: gate.clone() };
            let sent = worker.orders.send(order);
            sent.expect("a worker panicked, see above");
        }
        let mut shifts = Vec::with_capacity(workers.len());
        for worker in workers {
            match worker.shifts.recv_timeout(PATIENCE) {
                Ok(shift) => shifts.push(shift),
                Err(RecvTimeoutError::Timeout) => return Err(Hung),
                Err(RecvTimeoutError::Disconnected) => panic!("a worker panicked, see above"),
            }
        }
        let work = || shifts.iter().filter(|shift| !shift.beside);
        let start = work().map(|shift| shift.start).min();
        let end = work().map(|shift| shift.end).max();
        let span = end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start);
        let mut tally = Tally::default();
        shifts.iter().for_each(|shift| tally += shift.tally);
        Ok(Window {
            span,
            elapsed: contender.counted(span),
            operations: work().map(|shift| shift.operations).sum(),
            beside: shifts.iter().filter(|shift| shift.beside).map(|shift| shift.operations).sum(),
            disturbed: shifts.iter().any(|shift| shift.disturbed),
            tally,
        })
    }
}

/// Returns how many threads run at once here.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn work(worker: usize, inbox: &Receiver<Order<'_>>, report: &Sender<Shift>) {
    for order in inbox {
        let preemptions = preemptions();
        order.gate.pass();
        let start = Instant::now();
        let operations = order.contender.run(worker, order.operations);
        let end = Instant::now();
        let disturbed = self::preemptions() != preemptions;
        let beside = order.contender.is_beside(worker);
        let tally = tally::take();
        if report.send(Shift { start, end, operations, beside, disturbed, tally }).is_err() {
            return;
        }
    }
}

/// How often this thread has lost its core against its will; a thread that waits for a lock gives it up willingly. `None`
/// where nobody says.
fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let count = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count?.trim().parse().ok()
}
