//! Transactions that are written down as they run, from the outside.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use stm::{ReadTransaction, StmResult, Transaction, TxResult};

use super::memory::Memory;
use super::program::{Reading, Writing};
use super::record::{Access, Attempt, Fate, Value, fresh_value};

/// Runs transactions of one thread and writes down what they see and do.
///
/// Everything it knows it knows from the arguments and results of the library's public operations, so it would not be
/// misled by the mistakes it is to find. (The version of a commit is the exception: see [`Attempt::version`].) It shares
/// nothing with other threads, so recording does not order them; moments come from the system's monotonic clock.
#[derive(Debug)]
pub struct Recorder<'m> {
    memory: &'m Memory,
    epoch: Instant,
    thread: usize,
    transaction: Cell<usize>,
    written: Cell<u64>,
    latest: Cell<u64>,
    /// When the library was asked for the next run, if that may be a snapshot: it has its moment before its body begins.
    begun: Cell<Option<u64>>,
    open: RefCell<Option<Open>>,
    attempts: RefCell<Vec<Attempt>>,
}

/// The run that is under way.
#[derive(Debug)]
struct Open {
    run: usize,
    start: u64,
    end: u64,
    /// The body has called `retry`, and no other branch has taken over since.
    retried: bool,
    reads: Vec<Access>,
    /// Writes that count as of now, in order.
    pending: Vec<Access>,
    discarded: Vec<Access>,
}

impl Open {
    fn pending(&self, variable: usize) -> Option<Value> {
        self.pending.iter().rev().find(|write| write.variable == variable).map(|write| write.value)
    }

    /// Takes back the writes since there were `mark`.
    fn undo(&mut self, mark: usize) {
        self.discarded.extend(self.pending.drain(mark..));
    }

    /// Leaves the last write to each variable.
    fn settle(&mut self) {
        // Stable, so the last of each variable stays the last.
        self.pending.sort_by_key(|write| write.variable);
        let pending = std::mem::take(&mut self.pending);
        for (place, write) in pending.iter().enumerate() {
            let last = pending.get(place + 1).is_none_or(|next| next.variable != write.variable);
            if last { self.pending.push(*write) } else { self.discarded.push(*write) }
        }
    }
}

impl<'m> Recorder<'m> {
    /// Starts to record a thread. Threads are numbered from 1; `epoch` is the same for all.
    pub fn new(memory: &'m Memory, thread: usize, epoch: Instant) -> Self {
        Self {
            memory,
            epoch,
            thread,
            transaction: Cell::new(0),
            written: Cell::new(0),
            latest: Cell::new(0),
            begun: Cell::new(None),
            open: RefCell::new(None),
            attempts: RefCell::new(Vec::new()),
        }
    }

    /// Ends the recording and returns what this thread did, in order.
    pub fn finish(self) -> Vec<Attempt> {
        self.attempts.into_inner()
    }

    /// A moment later than any before on this thread.
    fn now(&self) -> u64 {
        loop {
            let now = u64::try_from(self.epoch.elapsed().as_nanos()).expect("five hundred years fit");
            if now > self.latest.get() {
                self.latest.set(now);
                return now;
            }
        }
    }

    fn fresh(&self) -> Value {
        self.written.set(self.written.get() + 1);
        fresh_value(self.thread, self.written.get())
    }

    fn with_open<R>(&self, f: impl FnOnce(&mut Open) -> R) -> R {
        f(self.open.borrow_mut().as_mut().expect("a body is running"))
    }

    /// Runs a transaction; see [`stm::atomically`].
    pub fn atomically<'env, T>(&self, mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<T>) -> T {
        self.begin();
        let result = stm::atomically(|tx| self.run(|| body(tx)));
        self.close(Fate::Committed);
        result
    }

    /// Runs a transaction that may cancel; see [`stm::try_atomically`].
    pub fn try_atomically<'env, T, E>(
        &self,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> Result<T, E> {
        self.begin();
        let result = stm::try_atomically(|tx| self.run(|| body(tx)));
        self.close(if result.is_ok() { Fate::Committed } else { Fate::Cancelled });
        result
    }

    /// Runs a transaction whose body runs once; see [`stm::Options::irrevocable`]. A body that asks to be run again ends it.
    ///
    /// # Panics
    ///
    /// Panics if the body ran more than once.
    pub fn irrevocable<'env>(&self, mut body: impl for<'tx> FnMut(&Transaction<'tx, 'env>) -> StmResult<()>) {
        self.begin();
        let result = stm::options().irrevocable().run(|tx| self.run(|| body(tx)));
        assert_eq!(self.with_open(|open| open.run), 1, "the body of an irrevocable transaction runs once");
        self.close(if result.is_ok() { Fate::Committed } else { Fate::Cancelled });
    }

    /// Runs a transaction that can not write, and does not wait; see [`stm::snapshot`].
    ///
    /// # Panics
    ///
    /// Panics if the body ran more than once.
    pub fn snapshot<'env, T>(&self, mut body: impl for<'tx> FnMut(&ReadTransaction<'tx, 'env>) -> StmResult<T>) -> T {
        self.begin();
        self.begun.set(Some(self.now()));
        let result = stm::snapshot(|tx| self.run(|| body(tx)));
        assert_eq!(self.with_open(|open| open.run), 1, "nothing makes the body of a snapshot run again");
        self.close(Fate::Committed);
        result
    }

    fn begin(&self) {
        assert!(self.open.borrow().is_none(), "one transaction at a time");
        self.transaction.set(self.transaction.get() + 1);
        self.begun.set(None);
    }

    /// Records one run of a body.
    fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let run = self.open.borrow().as_ref().map_or(1, |open| open.run + 1);
        if run > 1 {
            let fate = if self.with_open(|open| open.retried) { Fate::Waiting } else { Fate::Aborted };
            self.close(fate);
        }
        let start = self.begun.get().unwrap_or_else(|| self.now());
        *self.open.borrow_mut() = Some(Open {
            run,
            start,
            end: start,
            retried: false,
            reads: Vec::new(),
            pending: Vec::new(),
            discarded: Vec::new(),
        });
        let result = body();
        let end = self.now();
        self.with_open(|open| open.end = end);
        // The next run, if there is one, may be a snapshot.
        self.begun.set(Some(self.now()));
        result
    }

    /// Writes down the run that is over.
    fn close(&self, fate: Fate) {
        let mut open = self.open.take().expect("the body has run");
        if fate == Fate::Committed {
            // Not when the body has returned: its commit took effect after that.
            open.end = self.now();
        }
        open.settle();
        let version = if fate == Fate::Committed && !open.pending.is_empty() { last_commit() } else { None };
        self.attempts.borrow_mut().push(Attempt {
            thread: self.thread,
            transaction: self.transaction.get(),
            run: open.run,
            start: open.start,
            end: open.end,
            fate,
            reads: open.reads,
            writes: open.pending,
            discarded: open.discarded,
            version,
        });
    }

    /// Reads a variable.
    ///
    /// # Errors
    ///
    /// Passes on the library's signal.
    ///
    /// # Panics
    ///
    /// Panics if the transaction has written the variable and does not see that.
    pub fn read<'tx>(&self, tx: &ReadTransaction<'tx, '_>, variable: usize, how: Reading) -> StmResult<Value>
    where
        'm: 'tx,
    {
        let value = self.memory.read(tx, variable, how)?;
        self.saw(Access { variable, value });
        Ok(value)
    }

    fn saw(&self, read: Access) {
        self.with_open(|open| match open.pending(read.variable) {
            Some(own) => assert_eq!(read.value, own, "a transaction sees its own write of x{}", read.variable),
            None => open.reads.push(read),
        });
    }

    /// Writes a fresh value. A write that does not look at the old one first is left to builds in which the library
    /// says in which order such writes took effect.
    ///
    /// # Errors
    ///
    /// Passes on the library's signal.
    ///
    /// # Panics
    ///
    /// Panics if the transaction has written the variable before and does not see that.
    pub fn write<'tx>(&self, tx: &Transaction<'tx, '_>, variable: usize, how: Writing) -> StmResult<()>
    where
        'm: 'tx,
    {
        let value = self.fresh();
        if how == Writing::Write && (cfg!(stm_probe) || self.with_open(|open| open.pending(variable)).is_some()) {
            self.memory.write(tx, variable, value)?;
        } else {
            let old = self.memory.exchange(tx, variable, value, how)?;
            self.saw(Access { variable, value: old });
        }
        self.with_open(|open| open.pending.push(Access { variable, value }));
        Ok(())
    }

    fn mark(&self) -> usize {
        self.with_open(|open| open.pending.len())
    }

    /// Chooses; see [`Transaction::try_or_else`].
    ///
    /// # Errors
    ///
    /// Passes on what the branch taken returned.
    pub fn or_else<'tx, 'env, T, E>(
        &self,
        tx: &Transaction<'tx, 'env>,
        first: impl FnOnce(&Transaction<'tx, 'env>) -> TxResult<T, E>,
        second: impl FnOnce(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> TxResult<T, E> {
        let mark = self.mark();
        tx.try_or_else(first, |tx| {
            self.take_over(mark);
            second(tx)
        })
    }

    /// Chooses between reads; see [`ReadTransaction::or_else`].
    ///
    /// # Errors
    ///
    /// Passes on the library's signal.
    pub fn choose<'tx, 'env, T>(
        &self,
        tx: &ReadTransaction<'tx, 'env>,
        first: impl FnOnce(&ReadTransaction<'tx, 'env>) -> StmResult<T>,
        second: impl FnOnce(&ReadTransaction<'tx, 'env>) -> StmResult<T>,
    ) -> StmResult<T> {
        let mark = self.mark();
        tx.or_else(first, |tx| {
            self.take_over(mark);
            second(tx)
        })
    }

    /// The first branch has called `retry`: its writes are gone, its reads stay.
    fn take_over(&self, mark: usize) {
        self.with_open(|open| {
            open.retried = false;
            open.undo(mark);
        });
    }

    /// Runs a part that can be undone; see [`Transaction::nested`].
    ///
    /// # Errors
    ///
    /// Passes on the library's signal.
    pub fn nested<'tx, 'env, T, E>(
        &self,
        tx: &Transaction<'tx, 'env>,
        body: impl FnOnce(&Transaction<'tx, 'env>) -> TxResult<T, E>,
    ) -> StmResult<Result<T, E>> {
        let mark = self.mark();
        let result = tx.nested(body)?;
        if result.is_err() {
            self.with_open(|open| open.undo(mark));
        }
        Ok(result)
    }

    /// Waits for a change; see [`ReadTransaction::retry`].
    ///
    /// # Errors
    ///
    /// Always.
    pub fn retry<T>(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<T> {
        self.with_open(|open| open.retried = true);
        tx.retry()
    }

    /// Records a one-shot operation, which returns what it has seen and what it has written.
    fn one_shot(&self, variable: usize, operation: impl FnOnce() -> (Option<Value>, Option<Value>)) {
        self.begin();
        let start = self.now();
        let (read, written) = operation();
        let end = self.now();
        let access =
            |value: Option<Value>| value.map(|value| Access { variable, value }).into_iter().collect::<Vec<_>>();
        self.attempts.borrow_mut().push(Attempt {
            thread: self.thread,
            transaction: self.transaction.get(),
            run: 1,
            start,
            end,
            fate: Fate::Committed,
            reads: access(read),
            writes: access(written),
            discarded: Vec::new(),
            version: written.and_then(|_| last_commit()),
        });
    }

    /// See [`stm::TVar::load`].
    pub fn load(&self, variable: usize) {
        self.one_shot(variable, || (Some(self.memory.load(variable)), None));
    }

    /// See [`stm::TVar::store`]; a `swap` where nobody could say in which order stores took effect.
    pub fn store(&self, variable: usize) {
        if !cfg!(stm_probe) {
            return self.swap(variable);
        }
        let value = self.fresh();
        self.one_shot(variable, || {
            self.memory.store(variable, value);
            (None, Some(value))
        });
    }

    /// See [`stm::TVar::swap`].
    pub fn swap(&self, variable: usize) {
        let value = self.fresh();
        self.one_shot(variable, || (Some(self.memory.swap(variable, value)), Some(value)));
    }

    /// See [`stm::TVar::fetch_update`].
    pub fn fetch_update(&self, variable: usize) {
        let value = self.fresh();
        self.one_shot(variable, || (Some(self.memory.fetch_update(variable, value)), Some(value)));
    }
}

/// The version of this thread's last commit that wrote something.
#[cfg(stm_probe)]
fn last_commit() -> Option<u64> {
    Some(stm::probe::last_commit())
}

/// The version of this thread's last commit that wrote something, which only a probed library tells.
#[cfg(not(stm_probe))]
fn last_commit() -> Option<u64> {
    None
}
