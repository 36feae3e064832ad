//! The transaction as a body sees it: waiting, choosing, nesting, hooks. Reading and writing variables is in `ops`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use crate::attempt::{Attempt, Savepoint};
use crate::context::Suspended;
use crate::error::{Abort, Cause, StmResult, TxError, TxResult};
use crate::hooks::Due;
use crate::unwind::Panics;

/// A transaction that can read.
///
/// A function that only reads takes `&ReadTransaction`. It then works in a [`snapshot`](crate::snapshot()) and, because
/// [`Transaction`] derefs to this type, in every other transaction. The lifetimes matter only to users of
/// [`TCell`](crate::TCell): `'tx` is the run of the body, `'env` is what the body borrows from outside.
#[repr(transparent)]
pub struct ReadTransaction<'tx, 'env: 'tx> {
    attempt: Attempt,
    /// Invariant in both: a cell must really live for the whole run, not for a shorter one of the caller's choosing.
    /// (What keeps a transaction on its thread is in the attempt: a cell and raw pointers.)
    marker: PhantomData<(&'tx mut &'tx (), &'env mut &'env ())>,
}

/// A transaction that can read and write.
///
/// It is handed to the body by [`atomically`](crate::atomically()) and the other runners, and can not leave it. All its
/// methods take `&self`. Functions that take `&Transaction` compose: called one after the other in a body they are one
/// atomic step.
#[repr(transparent)]
pub struct Transaction<'tx, 'env: 'tx> {
    read: ReadTransaction<'tx, 'env>,
}

// A panic in a body undoes what the body did, so nothing half done is seen through a transaction afterwards.
impl UnwindSafe for ReadTransaction<'_, '_> {}
impl RefUnwindSafe for ReadTransaction<'_, '_> {}
impl UnwindSafe for Transaction<'_, '_> {}
impl RefUnwindSafe for Transaction<'_, '_> {}

impl<'tx, 'env> Deref for Transaction<'tx, 'env> {
    type Target = ReadTransaction<'tx, 'env>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.read
    }
}

impl fmt::Debug for ReadTransaction<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTransaction").field("attempt_number", &self.attempt_number()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Transaction<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("attempt_number", &self.attempt_number()).finish_non_exhaustive()
    }
}

impl ReadTransaction<'_, '_> {
    /// The view of a run that has just begun. The caller picks lifetimes: `'tx` must not outlast the run.
    #[inline(always)]
    pub(crate) fn of_attempt(attempt: &Attempt) -> &Self {
        // SAFETY: the types are transparent over `Attempt`.
        unsafe { &*(&raw const *attempt).cast::<Self>() }
    }

    #[inline(always)]
    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// How much has been read so far: for [`wait_in_line`](Self::wait_in_line).
    #[inline]
    pub(crate) fn reads(&self) -> usize {
        self.attempt.reads()
    }

    /// Waits in line, at this call, for what has been read since, if that keeps the promise of
    /// [`retry_in_line`](Self::retry_in_line): a body that has written something may wait here for more than the others do, say
    /// for a second item, and so waits like everybody. So does it for what it has read before, even if the call reads it
    /// again: whether that lets it go on is for the body to say, and need not be the same for the others.
    #[cold]
    #[track_caller]
    pub(crate) fn wait_in_line<T>(&self, since: usize) -> StmResult<T> {
        if self.attempt.has_written() {
            return self.retry();
        }
        Err(self.attempt.retry_in_line(Location::caller(), Some(since)))
    }

    /// Undoes everything this run did, sleeps until a variable it has read is written, and runs the body again.
    ///
    /// # Retry and conflicts
    ///
    /// Inside the first branch of [`or_else`](Self::or_else) it chooses the second branch instead. The variables to wait
    /// for are all that were read, in every branch; one that was only written is not waited for.
    ///
    /// # Errors
    ///
    /// Always returns [`Abort`]; pass it on.
    ///
    /// # Panics
    ///
    /// The runner panics if nothing was read: nothing could ever end the wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, TVar, Transaction, atomically};
    ///
    /// fn take(tx: &Transaction, slot: &TVar<Option<u32>>) -> StmResult<u32> {
    ///     match slot.replace(tx, None)? {
    ///         Some(item) => Ok(item),
    ///         None => tx.retry(),
    ///     }
    /// }
    ///
    /// let slot = TVar::new(None);
    /// let item = std::thread::scope(|threads| {
    ///     threads.spawn(|| slot.store(Some(7)));
    ///     atomically(|tx| take(tx, &slot))
    /// });
    /// assert_eq!(item, 7);
    /// ```
    #[cold]
    #[doc(alias = "blockUntil")]
    pub fn retry<T>(&self) -> StmResult<T> {
        Err(self.attempt.abort(Cause::Retry))
    }

    /// Like [`retry`](Self::retry), but of those who wait at this very call for a variable, a write of it wakes one: the one
    /// that has waited longest.
    ///
    /// With `retry` all who wait for a variable run again when it is written, though it may be of use to one only. Here
    /// one runs again. If it still can not go on and waits here once more for the same variable, nobody else is woken; if its
    /// transaction ends in any other way (it commits, is cancelled, panics, gives up, waits for something else), the next in
    /// line is woken, and so on. The cost of an item in a queue does then not depend on how many wait for it, as long as they wait
    /// for variables that stay the same, such as a count. Consumers who wait for the place at a queue's head are all woken, one
    /// by one, when the head has moved on.
    ///
    /// "This call" is a place in the source: that of `retry_in_line`, or, if the function around it is `#[track_caller]`,
    /// that of the call of the function.
    ///
    /// # The promise
    ///
    /// The caller promises that all who wait at this call for one variable wait for the same thing: if one of them, run
    /// again, would wait here again, so would each of the others, unless it has also read a variable whose write wakes
    /// it by itself. A queue's `pop`, which waits while the queue is empty, keeps it. A `take(amount)` that waits until
    /// there is as much as its caller asks for does not: one who asks for 10 may wait again and keep asleep one who
    /// asks for 1. Nor does a call that waits for something different each time it is passed by, or to which bodies come that
    /// have read other variables before, by which some of them would go on and others not. If the promise is
    /// broken, waiters may sleep although they could go on, until the next write of the variable, or longer if
    /// others are in front of them. Nothing else happens.
    ///
    /// A gate that lets all who wait go on belongs to `retry`: in line they are woken one behind the other.
    ///
    /// # Retry and conflicts
    ///
    /// It chooses the second branch of an [`or_else`](Self::or_else) as `retry` does. A transaction waits in line if all
    /// retries of its last run were at one call, and then for every variable it has read; if one was a plain `retry`,
    /// or at another call, the wait is a plain one. Those who wait by `retry` for the same variable are woken by each write
    /// as ever. A transaction that has been woken sees to those behind it when its run has ended, so its body must
    /// not wait for them.
    ///
    /// # Errors
    ///
    /// Always returns [`Abort`]; pass it on.
    ///
    /// # Panics
    ///
    /// The runner panics if nothing was read, as for `retry`.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, TVar, Transaction, atomically};
    ///
    /// fn pop(tx: &Transaction, queue: &TVar<Vec<u32>>) -> StmResult<u32> {
    ///     match queue.update(tx, Vec::pop)? {
    ///         Some(item) => Ok(item),
    ///         None => tx.retry_in_line(),
    ///     }
    /// }
    ///
    /// let queue = TVar::new(vec![]);
    /// std::thread::scope(|threads| {
    ///     for _ in 0..3 {
    ///         threads.spawn(|| atomically(|tx| pop(tx, &queue)));
    ///     }
    ///     for item in 0..3 {
    ///         atomically(|tx| queue.update(tx, |items| items.push(item)));
    ///     }
    /// });
    /// assert!(queue.load().is_empty());
    /// ```
    #[cold]
    #[track_caller]
    pub fn retry_in_line<T>(&self) -> StmResult<T> {
        Err(self.attempt.retry_in_line(Location::caller(), None))
    }

    /// Undoes everything this run did and runs the body again at once, without waiting.
    ///
    /// # Errors
    ///
    /// Always returns [`Abort`]; pass it on.
    #[cold]
    pub fn restart<T>(&self) -> StmResult<T> {
        Err(self.attempt.abort(Cause::Restart))
    }

    /// Goes on if the condition holds, and [`retry`](Self::retry)s if it does not.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`] if the condition is false.
    #[inline]
    #[doc(alias = "guard")]
    pub fn check(&self, condition: bool) -> StmResult<()> {
        if condition { Ok(()) } else { self.retry() }
    }

    /// Runs `first`, and if that retries, `second`. If both retry, waits for what either has read.
    ///
    /// Only a retry chooses the second branch; a conflict ends the whole run.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`] if the branch taken did.
    #[doc(alias = "orElse")]
    pub fn or_else<T>(
        &self,
        first: impl FnOnce(&Self) -> StmResult<T>,
        second: impl FnOnce(&Self) -> StmResult<T>,
    ) -> StmResult<T> {
        match choose(&self.attempt, || first(self))? {
            Chosen::First(value) => value,
            Chosen::Second => unless_doomed(&self.attempt, second(self)),
        }
    }

    /// How often the body has run in this transaction, this time included: 1 for the first run.
    pub fn attempt_number(&self) -> u32 {
        self.attempt.number()
    }
}

impl Transaction<'_, '_> {
    #[inline(always)]
    pub(crate) fn of_attempt(attempt: &Attempt) -> &Self {
        // SAFETY: the types are transparent over `Attempt`.
        unsafe { &*(&raw const *attempt).cast::<Self>() }
    }

    /// Runs `first`, and if that retries, undoes what it wrote and runs `second`.
    ///
    /// If both retry, the transaction waits for what either has read. Only a retry chooses the second branch; a conflict
    /// ends the whole run.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`] if the branch taken did.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, TVar, Transaction, atomically};
    ///
    /// fn withdraw(tx: &Transaction, account: &TVar<u64>, amount: u64) -> StmResult<()> {
    ///     let balance = account.read(tx)?;
    ///     tx.check(balance >= amount)?;
    ///     account.write(tx, balance - amount)
    /// }
    ///
    /// let (savings, checking) = (TVar::new(100), TVar::new(20));
    /// // Waits until one of them has enough.
    /// atomically(|tx| tx.or_else(|tx| withdraw(tx, &checking, 50), |tx| withdraw(tx, &savings, 50)));
    /// assert_eq!((savings.load(), checking.load()), (50, 20));
    /// ```
    #[doc(alias = "orElse")]
    pub fn or_else<T>(
        &self,
        first: impl FnOnce(&Self) -> StmResult<T>,
        second: impl FnOnce(&Self) -> StmResult<T>,
    ) -> StmResult<T> {
        match choose(self.attempt(), || first(self))? {
            Chosen::First(value) => value,
            Chosen::Second => unless_doomed(self.attempt(), second(self)),
        }
    }

    /// [`or_else`](Self::or_else) for branches that can cancel. A cancel in `first` does not choose `second`.
    ///
    /// # Errors
    ///
    /// Returns what the branch taken returned.
    pub fn try_or_else<T, E>(
        &self,
        first: impl FnOnce(&Self) -> TxResult<T, E>,
        second: impl FnOnce(&Self) -> TxResult<T, E>,
    ) -> TxResult<T, E> {
        match choose(self.attempt(), || first(self))? {
            Chosen::First(value) => value,
            Chosen::Second => unless_doomed(self.attempt(), second(self)),
        }
    }

    /// Runs a part of the transaction that can be undone on its own: a cancel in `body` undoes what `body` wrote, and
    /// the transaction goes on with the error.
    ///
    /// # Errors
    ///
    /// The outer error is [`Abort`], to be passed on. The inner one is what `body` cancelled with.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, cancel};
    ///
    /// let (visits, stock) = (TVar::new(0), TVar::new(0_u32));
    /// let sold = atomically(|tx| {
    ///     visits.modify(tx, |n| n + 1)?;
    ///     tx.nested(|tx| match stock.read(tx)? {
    ///         0 => cancel("sold out"),
    ///         n => Ok(stock.write(tx, n - 1)?),
    ///     })
    /// });
    /// assert_eq!(sold, Err("sold out"));
    /// assert_eq!(visits.load(), 1);
    /// ```
    pub fn nested<T, E>(&self, body: impl FnOnce(&Self) -> TxResult<T, E>) -> StmResult<Result<T, E>> {
        let attempt = self.attempt();
        if let Some(cause) = attempt.doom() {
            return Err(Abort { cause });
        }
        let scope = Scope::open(attempt);
        let result = body(self);
        if let Some(cause) = attempt.doom() {
            // The whole run is undone, and this scope with it: a retry may still be caught further out.
            scope.merge();
            return Err(Abort { cause });
        }
        match result {
            Ok(value) => {
                scope.merge();
                Ok(Ok(value))
            }
            Err(TxError::Cancel(error)) => {
                scope.undo();
                Ok(Err(error))
            }
            Err(TxError::Abort(abort)) => {
                scope.merge();
                Err(attempt.abort(abort.cause))
            }
        }
    }

    /// Runs `f` once after the commit of this transaction, on this thread, in order of registration.
    ///
    /// It does not run if the branch that registered it is undone. It may start transactions of its own.
    ///
    /// # Panics
    ///
    /// If a hook panics, the others still run, and then the first panic goes on: the transaction has committed.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically};
    ///
    /// let balance = TVar::new(5_i32);
    /// let left = atomically(|tx| {
    ///     let left = balance.read(tx)? - 1;
    ///     balance.write(tx, left)?;
    ///     tx.on_commit(move || println!("{left} left"));
    ///     Ok(left)
    /// });
    /// assert_eq!(left, 4);
    /// ```
    pub fn on_commit(&self, f: impl FnOnce() + Send + 'static) {
        self.attempt().on_commit(Box::new(f));
    }

    /// Runs `f` when what the transaction has done so far is undone: by a conflict, a retry, a cancel, or a panic. The
    /// latest hook runs first, before the next run or wait.
    pub fn on_rollback(&self, f: impl FnOnce() + Send + 'static) {
        self.attempt().on_rollback(Box::new(f));
    }
}

/// What [`choose`] found.
enum Chosen<R> {
    First(R),
    Second,
}

/// What a branch returns: either kind of body result.
trait Branch {
    /// Why the branch ended by the signal, if it did.
    fn cause(&self) -> Option<Cause>;
}

impl<T> Branch for StmResult<T> {
    fn cause(&self) -> Option<Cause> {
        self.as_ref().err().map(|abort| abort.cause)
    }
}

impl<T, E> Branch for TxResult<T, E> {
    fn cause(&self) -> Option<Cause> {
        match self {
            Err(TxError::Abort(abort)) => Some(abort.cause),
            _ => None,
        }
    }
}

/// Runs the first branch of an `or_else` in a scope of its own.
fn choose<R: Branch>(attempt: &Attempt, first: impl FnOnce() -> R) -> Result<Chosen<R>, Abort> {
    if let Some(cause) = attempt.doom() {
        return Err(Abort { cause });
    }
    let scope = Scope::open(attempt);
    let result = first();
    // What counts is whether an operation has failed, not what the branch made of it.
    match attempt.doom().or_else(|| result.cause()) {
        None => {
            scope.merge();
            Ok(Chosen::First(result))
        }
        Some(Cause::Retry) => {
            drop(result);
            attempt.absolve();
            scope.undo();
            Ok(Chosen::Second)
        }
        Some(cause) => {
            scope.merge();
            Err(attempt.abort(cause))
        }
    }
}

/// The result of a last branch, which does not count if the branch has swallowed the signal.
fn unless_doomed<T, E: From<Abort>>(attempt: &Attempt, result: Result<T, E>) -> Result<T, E> {
    match attempt.doom() {
        None => result,
        Some(cause) => Err(E::from(Abort { cause })),
    }
}

/// A scope that is undone when a panic leaves it.
struct Scope<'a> {
    attempt: &'a Attempt,
    savepoint: Savepoint,
}

impl<'a> Scope<'a> {
    fn open(attempt: &'a Attempt) -> Self {
        Self { attempt, savepoint: attempt.open() }
    }

    fn merge(self) {
        self.attempt.merge(self.savepoint);
        std::mem::forget(self);
    }

    fn undo(self) {
        drop(self);
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let due = self.attempt.undo(self.savepoint);
        if !due.is_empty() {
            run_in_the_middle(due);
        }
    }
}

/// Runs the hooks of an undone branch. The body goes on afterwards, so its context steps aside for theirs.
#[cold]
fn run_in_the_middle(due: Due) {
    let _suspended = Suspended::new();
    let mut panics = Panics::new();
    due.run(&mut panics);
    panics.resume();
}
