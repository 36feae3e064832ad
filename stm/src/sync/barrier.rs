//! `TBarrier`: a meeting point.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::arrival::Arrival;
use super::limit;
use crate::config::Options;
use crate::error::{RunError, StmResult};
use crate::run::options;
use crate::shared::Shared;
use crate::task::atomically_async;
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

/// A meeting point of a number of threads and tasks: who comes waits until all have come, and then all go on. It can be
/// used again at once.
///
/// What one does between two meetings is a *generation*. A wait is not a part of a transaction, as nobody could see an
/// arrival before it is committed. Its two halves are: [`arrive`](Self::arrive) in one transaction,
/// [`pass`](Self::pass) in a later one.
///
/// # Complexity and conflicts
///
/// Everything is O(1). All who arrive change one variable, and conflict with each other. Those who wait do so for
/// another one, which changes once per generation: each is woken once.
///
/// Generations are counted modulo 2^32. There is no `serde`: those who have arrived are threads and tasks.
///
/// # Examples
///
/// ```
/// use stm::sync::TBarrier;
///
/// let barrier = TBarrier::new(3);
/// let leaders: usize = std::thread::scope(|threads| {
///     let workers: Vec<_> = (0..3).map(|_| threads.spawn(|| barrier.wait())).collect();
///     workers.into_iter().map(|worker| usize::from(worker.join().unwrap())).sum()
/// });
/// assert_eq!(leaders, 1);
/// ```
pub struct TBarrier {
    inner: Shared<Inner>,
}

struct Inner {
    parties: u32,
    /// The generation, and how many have arrived in it.
    state: TCell<(u32, u32)>,
    /// The generation once more, for those who wait for the next.
    generation: TCell<u32>,
}

impl Clone for TBarrier {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl TBarrier {
    /// Creates a barrier for so many. At a barrier for 0 or 1 nobody waits. O(1); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if that is more than `u32::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = stm::sync::TBarrier::new(1);
    /// assert!(barrier.wait());
    /// ```
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        let parties = u32::try_from(parties).expect("a barrier is for at most u32::MAX");
        Self { inner: Shared::new(Inner { parties, state: TCell::new((0, 0)), generation: TCell::new(0) }) }
    }

    /// How many have to come. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::sync::TBarrier::new(3).parties(), 3);
    /// ```
    pub fn parties(&self) -> usize {
        self.inner.parties as usize
    }

    /// How many have arrived and are not all yet. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who arrives.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = stm::sync::TBarrier::new(3);
    /// stm::atomically(|tx| barrier.arrive(tx));
    /// assert_eq!(stm::snapshot(|tx| barrier.arrived(tx)), 1);
    /// ```
    pub fn arrived(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(Shared::get(&self.inner, tx).state.read(tx)?.1 as usize)
    }

    /// Arrives when the transaction commits. The last that is missing ends the generation. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who else arrives.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, sync::TBarrier};
    ///
    /// let (barrier, results) = (TBarrier::new(2), TVar::new(0));
    /// let add = |n: i32| atomically(|tx| {
    ///     results.modify(tx, |sum| sum + n)?;
    ///     barrier.arrive(tx)
    /// });
    /// let (first, second) = (add(1), add(2));
    /// atomically(|tx| barrier.pass(tx, first));
    /// assert!(!first.is_last() && second.is_last());
    /// ```
    pub fn arrive(&self, tx: &Transaction<'_, '_>) -> StmResult<Arrival> {
        let inner = Shared::get(&self.inner, tx);
        let (generation, arrived) = inner.state.read(tx)?;
        let is_last = arrived + 1 >= inner.parties;
        if is_last {
            let next = generation.wrapping_add(1);
            inner.state.write(tx, (next, 0))?;
            inner.generation.write(tx, next)?;
        } else {
            inner.state.write(tx, (generation, arrived + 1))?;
        }
        Ok(Arrival { generation, is_last })
    }

    /// Waits until all have arrived. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Retries as said. Conflicts only with the last who arrives.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TBarrier};
    ///
    /// let barrier = TBarrier::new(2);
    /// let arrival = atomically(|tx| barrier.arrive(tx));
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| barrier.wait());
    ///     atomically(|tx| barrier.pass(tx, arrival));
    /// });
    /// ```
    pub fn pass(&self, tx: &ReadTransaction<'_, '_>, arrival: Arrival) -> StmResult<()> {
        tx.check(self.has_passed(tx, arrival)?)
    }

    /// Whether all have arrived. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts only with the last who arrives.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TBarrier};
    ///
    /// let barrier = TBarrier::new(2);
    /// let arrival = atomically(|tx| barrier.arrive(tx));
    /// assert!(!atomically(|tx| barrier.has_passed(tx, arrival)));
    /// ```
    pub fn has_passed(&self, tx: &ReadTransaction<'_, '_>, arrival: Arrival) -> StmResult<bool> {
        Ok(Shared::get(&self.inner, tx).generation.read(tx)? != arrival.generation)
    }

    /// Takes an arrival back, if not all have arrived yet, and says whether it has. To be called once for an arrival. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with who arrives.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::TBarrier};
    ///
    /// let barrier = TBarrier::new(2);
    /// let arrival = atomically(|tx| barrier.arrive(tx));
    /// assert!(atomically(|tx| barrier.withdraw(tx, arrival)));
    /// assert_eq!(atomically(|tx| barrier.arrived(tx)), 0);
    /// ```
    pub fn withdraw(&self, tx: &Transaction<'_, '_>, arrival: Arrival) -> StmResult<bool> {
        let state = &Shared::get(&self.inner, tx).state;
        let mut now = state.read(tx)?;
        let withdrawn = withdraw(&mut now, arrival.generation);
        if withdrawn {
            state.write(tx, now)?;
        }
        Ok(withdrawn)
    }

    /// Arrives, and blocks the thread until all have. Returns whether it was the last that was missing.
    ///
    /// O(1), the wait apart. Conflicts with who else arrives.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = stm::sync::TBarrier::new(2);
    /// std::thread::scope(|threads| {
    ///     let other = threads.spawn(|| barrier.wait());
    ///     assert_ne!(barrier.wait(), other.join().unwrap());
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> bool {
        self.wait_within(&options()).unwrap_or_else(|_| unreachable!("there is no limit to give out"))
    }

    /// [`wait`](Self::wait), as long as the time is not over.
    ///
    /// Complexity and conflicts: as [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// Returns [`RunError::TimedOut`] if not all have arrived in that time. The arrival is taken back then.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use stm::{RunError, snapshot, sync::TBarrier};
    ///
    /// let barrier = TBarrier::new(2);
    /// assert_eq!(barrier.wait_timeout(Duration::from_millis(5)), Err(RunError::TimedOut));
    /// assert_eq!(snapshot(|tx| barrier.arrived(tx)), 0);
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool, RunError> {
        self.wait_within(&limit::within(timeout))
    }

    #[track_caller]
    fn wait_within(&self, options: &Options) -> Result<bool, RunError> {
        let mut visit = Visit::new(self);
        let arrival = options.clone().run(|tx| visit.arrive(tx))?;
        if let Err(error) = options.clone().run(|tx| self.pass(tx, arrival)) {
            // All may have arrived after the time was over, and counted on this one.
            return if visit.end() { Err(error) } else { Ok(arrival.is_last) };
        }
        visit.is_over = true;
        Ok(arrival.is_last)
    }

    /// [`wait`](Self::wait) as a future, which arrives when it is first polled. Dropping it before all have arrived
    /// takes the arrival back.
    ///
    /// Complexity and conflicts: as [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() { pollster::block_on(async {
    /// let barrier = stm::sync::TBarrier::new(1);
    /// assert!(barrier.wait_async().await);
    /// # }) }
    /// ```
    pub fn wait_async(&self) -> impl Future<Output = bool> + Send + use<> {
        let barrier = self.clone();
        async move {
            let mut visit = Visit::new(&barrier);
            let arrival = atomically_async(|tx| visit.arrive(tx)).await;
            atomically_async(|tx| barrier.pass(tx, arrival)).await;
            visit.is_over = true;
            arrival.is_last
        }
    }
}

/// Takes an arrival out of the state of a barrier, if its generation is not over.
fn withdraw(state: &mut (u32, u32), generation: u32) -> bool {
    let can = state.0 == generation && state.1 > 0;
    if can {
        state.1 -= 1;
    }
    can
}

/// A wait that has begun. Dropped before it is over, it takes its arrival back, in one atomic step that is possible
/// anywhere.
struct Visit {
    barrier: TBarrier,
    /// Whether it has arrived, and in which generation.
    arrived: TCell<(u32, u32)>,
    is_over: bool,
}

impl Visit {
    fn new(barrier: &TBarrier) -> Self {
        Self { barrier: barrier.clone(), arrived: TCell::new((0, 0)), is_over: false }
    }

    fn arrive<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<Arrival> {
        let arrival = self.barrier.arrive(tx)?;
        self.arrived.write(tx, (1, arrival.generation))?;
        Ok(arrival)
    }

    /// Takes the arrival back, and says whether that was possible.
    fn end(&mut self) -> bool {
        self.is_over = true;
        let (arrived, generation) = self.arrived.load();
        arrived > 0 && self.barrier.inner.state.fetch_update(|state| withdraw(state, generation))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.is_over {
            self.end();
        }
    }
}

/// Shows how many have arrived, without waiting for anybody.
impl fmt::Debug for TBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (generation, arrived) = self.inner.state.load();
        let parties = self.inner.parties;
        f.debug_struct("TBarrier")
            .field("parties", &parties)
            .field("arrived", &arrived)
            .field("generation", &generation)
            .finish()
    }
}
