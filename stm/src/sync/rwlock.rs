//! `TRwLock`: a value under a lock that is held beyond a transaction.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::holds::{Count, Holds, Survey};
use super::limit;
use super::line::{Line, Spot};
use super::lock_error::LockError;
use super::mode::Mode;
use super::obtain;
use super::owner::Owner;
use super::read_guard::ReadGuard;
use super::upgradable_guard::UpgradableGuard;
use super::write_guard::WriteGuard;
use crate::error::StmResult;
use crate::shared::Shared;
use crate::tlink::TLink;
use crate::tx::{ReadTransaction, Transaction};

/// A value under a lock, for many who read or one who writes, that is held longer than a transaction takes.
///
/// A transaction needs no lock to read and change a [`TVar`](crate::TVar). This is for what can not be done in a body:
/// a value that must stay as it is while something is sent, printed or awaited. Transactions see who holds the lock,
/// and wait for it.
///
/// # Owners
///
/// The lock is re-entrant: its [`Owner`] gets it again in the same or a weaker mode without waiting, and in a stronger
/// one once the others have left. Every guard counts. The functions without an owner act for [the
/// thread](Owner::thread); guards may move to another thread, and stay with the owner who has locked.
///
/// # Modes
///
/// Any number of owners may read. At most one of them may hold the lock *upgradable*: it reads beside the others, and
/// can come to write without letting go in between ([`UpgradableGuard::upgrade`]). One that writes is alone.
///
/// # Fairness
///
/// Guards are given out in the order in which they were asked for, except that an owner who has the lock already does
/// not queue. So writers are not starved by readers who keep coming, nor readers by writers. One who waits to upgrade
/// goes before all in line. Transactions that [`lock`](Self::lock) respect the line, and have no place in it; those
/// that only [`get`](Self::get) or [`set`](Self::set) hold nothing afterwards, and do not mind it.
///
/// # Deadlocks
///
/// An owner who holds the lock and waits for more of it waits for those others to leave who are in the way: to write, for all who
/// hold it; to have it upgradable, for the one who has that. If one of these waits for it in turn, neither ever goes on. So:
///
/// - two who hold it and both wait to write are a deadlock;
/// - so are one who has it upgradable and waits to write, and one who reads and waits to have it upgradable;
/// - two who both wait to have it upgradable are none, nor is one of these beside one who reads and waits to write: the one who has
///   it upgradable is to leave, and need not wait for either.
///
/// The one who asks last, and would close the circle, gets [`LockError::Deadlock`] (or a panic with that message, from functions
/// that have no error to return). An owner counts as one here: it is taken to hold on while one of its calls waits. Transactions
/// that retry are not counted, and locks that wait for each other in a circle are as much of a deadlock as with any other lock.
///
/// # The value
///
/// It is kept in a variable and replaced as a whole: a guard derefs to the value that was current when it was made, and
/// [`WriteGuard::set`] and [`update`](WriteGuard::update) put a new one in its place at once. No access goes around the
/// lock's state into a place that is being written, whatever owners do with their tokens; and a panic while the lock is
/// held to write leaves the value that was set last, so nothing is poisoned. Guards that the same owner has made before
/// show the new value after [`refresh`](ReadGuard::refresh).
///
/// # Complexity and conflicts
///
/// Locking and unlocking are O(1) while at most four owners hold the lock at a time, and else O(n) in the number of owners. Where
/// one owner uses it, or one at a time, each is a single step on a single variable and allocates nothing; who locks beside others
/// runs a small transaction. All who lock change or read one variable, and conflict with each other, with who unlocks, and with
/// transactions that look at the lock. Who waits in line is woken when it is first, and then by each change.
///
/// An owner that holds the lock already and has to wait for more of it looks whether that would be a deadlock: that is O(n²), with
/// more than four owners. Who looks whether somebody stands in line goes past those at its end who have given up, a step for each.
///
/// With `serde` it is its value.
///
/// # Examples
///
/// ```
/// use stm::sync::TRwLock;
///
/// let settings = TRwLock::new(String::from("quiet"));
/// {
///     let first = settings.read();
///     let again = settings.read(); // the same owner
///     assert_eq!(*first, *again);
/// }
/// settings.write().set(String::from("loud"));
/// assert_eq!(*settings.read(), "loud");
/// ```
#[doc(alias = "RWLock")]
pub struct TRwLock<T: 'static> {
    inner: Shared<Inner<T>>,
}

struct Inner<T: 'static> {
    holds: Holds,
    line: Line,
    /// Never empty.
    value: TLink<T>,
}

impl<T: 'static> Clone for TRwLock<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: Send + Sync + 'static> TRwLock<T> {
    /// Creates a lock that nobody holds. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(*stm::sync::TRwLock::new(1).read(), 1);
    /// ```
    #[doc(alias = "newRWLock")]
    pub fn new(value: T) -> Self {
        let value = TLink::new(Some(Shared::new(value)));
        Self { inner: Shared::new(Inner { holds: Holds::new(), line: Line::new(), value }) }
    }

    /// Locks to read, in turn, for this thread, and blocks it until that is possible.
    ///
    /// O(1) while at most four owners hold the lock, else O(n) in their number: see the [type](Self#complexity-and-conflicts).
    /// Conflicts with whoever locks or unlocks.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.read();
    /// assert_eq!(*value, 1);
    /// ```
    #[track_caller]
    pub fn read(&self) -> ReadGuard<T> {
        ReadGuard::new(obtain::blocking(self, Owner::thread(), Mode::Read))
    }

    /// Locks to read, if that is possible without waiting.
    ///
    /// Complexity and conflicts: as [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert_eq!(lock.try_read().map(|value| *value), Some(1));
    /// ```
    #[track_caller]
    pub fn try_read(&self) -> Option<ReadGuard<T>> {
        obtain::at_once(self, Owner::thread(), Mode::Read).map(ReadGuard::new)
    }

    /// Locks to read, in turn, and blocks the thread until that is possible or the time is over.
    ///
    /// Complexity and conflicts: as [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Returns [`LockError::TimedOut`] if the lock could not be had in that time.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert!(lock.read_timeout(Duration::from_millis(5)).is_ok());
    /// ```
    #[track_caller]
    pub fn read_timeout(&self, timeout: Duration) -> Result<ReadGuard<T>, LockError> {
        obtain::within(self, Owner::thread(), Mode::Read, &limit::within(timeout)).map(ReadGuard::new)
    }

    /// Locks to read, in turn, for an owner. The turn is counted from the first poll; dropping the future gives it up.
    ///
    /// Complexity and conflicts: as [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Polling panics inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let lock = TRwLock::new(1);
    /// assert_eq!(*lock.read_async(Owner::new()).await, 1);
    /// # }) }
    /// ```
    pub fn read_async(&self, owner: Owner) -> impl Future<Output = ReadGuard<T>> + Send + use<T> {
        let waiting = obtain::waiting(self.clone(), owner, Mode::Read);
        async { ReadGuard::new(waiting.await.unwrap_or_else(|_| obtain::deadlock())) }
    }

    /// Locks to read, for this thread, with the way to [upgrade](UpgradableGuard::upgrade); blocks the thread until
    /// that is possible. Others may read meanwhile.
    ///
    /// O(1) while at most four owners hold the lock. Else O(n) in their number, or O(n²) if this one holds it too and has to wait:
    /// see the [type](Self#complexity-and-conflicts). Conflicts with whoever locks or unlocks.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction, and with the message of [`LockError::Deadlock`] where that is
    /// the outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.upgradable_read();
    /// if *value < 10 {
    ///     value.upgrade().expect("nobody else upgrades").set(10);
    /// }
    /// assert_eq!(*lock.read(), 10);
    /// ```
    #[track_caller]
    pub fn upgradable_read(&self) -> UpgradableGuard<T> {
        UpgradableGuard::new(obtain::blocking(self, Owner::thread(), Mode::Upgradable))
    }

    /// Locks to read and upgrade, if that is possible without waiting.
    ///
    /// Complexity and conflicts: as [`upgradable_read`](Self::upgradable_read).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// let value = lock.upgradable_read();
    /// let other = lock.clone();
    /// std::thread::spawn(move || assert!(other.try_upgradable_read().is_none())).join().unwrap();
    /// ```
    #[track_caller]
    pub fn try_upgradable_read(&self) -> Option<UpgradableGuard<T>> {
        obtain::at_once(self, Owner::thread(), Mode::Upgradable).map(UpgradableGuard::new)
    }

    /// Locks to read and upgrade, and blocks the thread until that is possible or the time is over.
    ///
    /// Complexity and conflicts: as [`upgradable_read`](Self::upgradable_read).
    ///
    /// # Errors
    ///
    /// Returns a [`LockError`] if the lock could not be had in that time, or never.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert!(lock.upgradable_read_timeout(Duration::from_millis(5)).is_ok());
    /// ```
    #[track_caller]
    pub fn upgradable_read_timeout(&self, timeout: Duration) -> Result<UpgradableGuard<T>, LockError> {
        obtain::within(self, Owner::thread(), Mode::Upgradable, &limit::within(timeout)).map(UpgradableGuard::new)
    }

    /// Locks to read and upgrade, in turn, for an owner. The turn is counted from the first poll; dropping the future
    /// gives it up.
    ///
    /// Complexity and conflicts: as [`upgradable_read`](Self::upgradable_read).
    ///
    /// # Panics
    ///
    /// Polling panics as [`upgradable_read`](Self::upgradable_read) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let lock = TRwLock::new(1);
    /// let value = lock.upgradable_read_async(Owner::new()).await;
    /// value.upgrade_async().await.unwrap().set(2);
    /// # }) }
    /// ```
    pub fn upgradable_read_async(&self, owner: Owner) -> impl Future<Output = UpgradableGuard<T>> + Send + use<T> {
        let waiting = obtain::waiting(self.clone(), owner, Mode::Upgradable);
        async { UpgradableGuard::new(waiting.await.unwrap_or_else(|_| obtain::deadlock())) }
    }

    /// Locks to write, in turn, for this thread, and blocks it until that is possible.
    ///
    /// O(1) while at most four owners hold the lock. Else O(n) in their number, or O(n²) if this one holds it too and has to wait:
    /// see the [type](Self#complexity-and-conflicts). Conflicts with whoever locks or unlocks.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction; and with the message of [`LockError::Deadlock`] if this
    /// thread holds it already, and so does another one that waits for it to leave.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(vec![1]);
    /// lock.write().update(|items| items.push(2));
    /// assert_eq!(*lock.read(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn write(&self) -> WriteGuard<T> {
        WriteGuard::new(obtain::blocking(self, Owner::thread(), Mode::Write))
    }

    /// Locks to write, if that is possible without waiting.
    ///
    /// Complexity and conflicts: as [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert!(lock.try_write().is_some());
    /// ```
    #[track_caller]
    pub fn try_write(&self) -> Option<WriteGuard<T>> {
        obtain::at_once(self, Owner::thread(), Mode::Write).map(WriteGuard::new)
    }

    /// Locks to write, in turn, and blocks the thread until that is possible or the time is over.
    ///
    /// Complexity and conflicts: as [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// Returns a [`LockError`] if the lock could not be had in that time, or never.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert!(lock.write_timeout(Duration::from_millis(5)).is_ok());
    /// ```
    #[track_caller]
    pub fn write_timeout(&self, timeout: Duration) -> Result<WriteGuard<T>, LockError> {
        obtain::within(self, Owner::thread(), Mode::Write, &limit::within(timeout)).map(WriteGuard::new)
    }

    /// Locks to write, in turn, for an owner. The turn is counted from the first poll; dropping the future gives it up.
    ///
    /// Complexity and conflicts: as [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// Polling panics as [`write`](Self::write) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// # fn main() { pollster::block_on(async {
    /// let lock = TRwLock::new(1);
    /// lock.write_async(Owner::new()).await.set(2);
    /// # }) }
    /// ```
    pub fn write_async(&self, owner: Owner) -> impl Future<Output = WriteGuard<T>> + Send + use<T> {
        let waiting = obtain::waiting(self.clone(), owner, Mode::Write);
        async { WriteGuard::new(waiting.await.unwrap_or_else(|_| obtain::deadlock())) }
    }

    /// Locks for an owner when the transaction commits, until [`unlock`](Self::unlock). O(1) while at most four owners hold the
    /// lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Retries while others hold the lock in a way that forbids it, or, if the owner does not hold it yet, somebody
    /// stands in line. Two owners who read and both retry to write wait for each other: only the one-shot functions
    /// tell. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::{Mode, Owner, TRwLock}};
    ///
    /// let (a, b, me) = (TRwLock::new(1), TRwLock::new(2), Owner::new());
    /// // Both or neither, so the order does not matter.
    /// atomically(|tx| {
    ///     a.lock(tx, me, Mode::Write)?;
    ///     b.lock(tx, me, Mode::Read)
    /// });
    /// assert!(a.try_read().is_none());
    /// atomically(|tx| {
    ///     a.set_as(tx, me, *b.get(tx)?)?;
    ///     a.unlock(tx, me, Mode::Write)?;
    ///     b.unlock(tx, me, Mode::Read)
    /// });
    /// assert_eq!(*a.read(), 2);
    /// ```
    #[doc(alias = "acquireRead")]
    #[doc(alias = "acquireWrite")]
    pub fn lock(&self, tx: &Transaction<'_, '_>, owner: Owner, mode: Mode) -> StmResult<()> {
        if self.try_lock(tx, owner, mode)? { Ok(()) } else { tx.retry() }
    }

    /// Locks for an owner if that is possible without waiting, and says whether it has. O(1) while at most four owners hold the
    /// lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::{Mode, Owner, TRwLock}};
    ///
    /// let (lock, me, you) = (TRwLock::new(1), Owner::new(), Owner::new());
    /// assert!(atomically(|tx| lock.try_lock(tx, me, Mode::Read)));
    /// assert!(!atomically(|tx| lock.try_lock(tx, you, Mode::Write)));
    /// ```
    pub fn try_lock(&self, tx: &Transaction<'_, '_>, owner: Owner, mode: Mode) -> StmResult<bool> {
        let Inner { holds, line, .. } = Shared::get(&self.inner, tx);
        let mut survey = holds.survey(tx, Some(owner))?;
        if !survey.admits(mode) {
            return Ok(false);
        }
        if !survey.has() && survey.is_queued() {
            if !line.is_vacant(tx)? {
                return Ok(false);
            }
            survey.is_vacant();
        }
        holds.add(tx, &survey, Count::held(mode))?;
        Ok(true)
    }

    /// Takes one [`lock`](Self::lock) of an owner back. O(1) while at most four owners hold the lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if the owner does not hold it in this mode.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::{Mode, Owner, TRwLock}};
    ///
    /// let (lock, me) = (TRwLock::new(1), Owner::new());
    /// atomically(|tx| lock.lock(tx, me, Mode::Read));
    /// atomically(|tx| lock.unlock(tx, me, Mode::Read));
    /// assert!(lock.try_write().is_some());
    /// ```
    #[doc(alias = "releaseRead")]
    #[doc(alias = "releaseWrite")]
    #[track_caller]
    pub fn unlock(&self, tx: &Transaction<'_, '_>, owner: Owner, mode: Mode) -> StmResult<()> {
        let has = Shared::get(&self.inner, tx).holds.remove(tx, owner, Count::held(mode))?;
        assert!(has, "{owner:?} does not hold the lock in mode {mode:?}");
        Ok(())
    }

    /// How often an owner holds the lock in a mode. O(1) while at most four owners hold the lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Never retries. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{snapshot, sync::{Mode, Owner, TRwLock}};
    ///
    /// let lock = TRwLock::new(1);
    /// let (outer, inner) = (lock.read(), lock.read());
    /// assert_eq!(snapshot(|tx| lock.held(tx, Owner::thread(), Mode::Read)), 2);
    /// assert_eq!(snapshot(|tx| lock.held(tx, Owner::new(), Mode::Read)), 0);
    /// ```
    pub fn held(&self, tx: &ReadTransaction<'_, '_>, owner: Owner, mode: Mode) -> StmResult<u32> {
        Shared::get(&self.inner, tx).holds.times(tx, owner, mode)
    }

    /// Borrows the value for the rest of the run, and waits while somebody holds the lock to write. Holds nothing
    /// afterwards. O(1) while at most four owners hold the lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Retries as said. Conflicts with whoever locks or unlocks, and with changes of the value.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// assert_eq!(stm::snapshot(|tx| Ok(*lock.get(tx)?)), 1);
    /// ```
    pub fn get<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<&'tx T> {
        let inner = Shared::get(&self.inner, tx);
        tx.check(inner.holds.survey(tx, None)?.is_readable())?;
        self.value(tx)
    }

    /// Borrows the value for the rest of the run on behalf of an owner, who may hold the lock to write. O(1) while at most four
    /// owners hold the lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Retries while another holds the lock to write. Conflicts as [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::sync::{Owner, TRwLock};
    ///
    /// let lock = TRwLock::new(1);
    /// let writing = lock.write();
    /// assert_eq!(stm::snapshot(|tx| Ok(*lock.get_as(tx, Owner::thread())?)), 1);
    /// ```
    pub fn get_as<'tx>(&self, tx: &ReadTransaction<'tx, '_>, owner: Owner) -> StmResult<&'tx T> {
        let inner = Shared::get(&self.inner, tx);
        tx.check(inner.holds.survey(tx, Some(owner))?.is_readable())?;
        self.value(tx)
    }

    fn value<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<&'tx T> {
        let value = Shared::get(&self.inner, tx).value.read(tx)?;
        Ok(value.expect("a lock always has a value").get())
    }

    /// Replaces the value, and waits while anybody holds the lock. Holds nothing afterwards. O(1) while at most four owners hold
    /// the lock, else O(n) in their number.
    ///
    /// # Retry and conflicts
    ///
    /// Retries as said. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = stm::sync::TRwLock::new(1);
    /// stm::atomically(|tx| {
    ///     let n = *lock.get(tx)?;
    ///     lock.set(tx, n + 1)
    /// });
    /// assert_eq!(*lock.read(), 2);
    /// ```
    pub fn set(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<()> {
        self.set_for(tx, None, value)
    }

    /// Replaces the value on behalf of an owner, who may hold the lock. O(1) while at most four owners hold the lock, else O(n) in
    /// their number.
    ///
    /// # Retry and conflicts
    ///
    /// Retries while another holds the lock. Conflicts with whoever locks or unlocks.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, sync::{Owner, TRwLock}};
    ///
    /// let lock = TRwLock::new(1);
    /// let reading = lock.read();
    /// atomically(|tx| lock.set_as(tx, Owner::thread(), 2));
    /// assert_eq!((*reading, *lock.read()), (1, 2));
    /// ```
    pub fn set_as(&self, tx: &Transaction<'_, '_>, owner: Owner, value: T) -> StmResult<()> {
        self.set_for(tx, Some(owner), value)
    }

    fn set_for(&self, tx: &Transaction<'_, '_>, owner: Option<Owner>, value: T) -> StmResult<()> {
        // First of all: from here on it is retired and not dropped, if it has to be.
        let value = Shared::new(value);
        let inner = Shared::get(&self.inner, tx);
        tx.check(inner.holds.survey(tx, owner)?.is_free())?;
        inner.value.write(tx, Some(value))
    }

    /// The current value, for one who holds the lock.
    pub(super) fn current(&self) -> Shared<T> {
        self.inner.value.load().expect("a lock always has a value")
    }

    pub(super) fn replace(&self, value: Shared<T>) {
        self.inner.value.store(Some(value));
    }

    pub(super) fn holds(&self) -> &Holds {
        &self.inner.holds
    }

    /// Who holds the lock, as the owner sees it, and where that is kept.
    #[inline]
    pub(super) fn survey<'tx>(&self, tx: &ReadTransaction<'tx, '_>, owner: Owner) -> StmResult<(&'tx Holds, Survey)> {
        let holds = &Shared::get(&self.inner, tx).holds;
        Ok((holds, holds.survey(tx, Some(owner))?))
    }

    /// Takes the place behind all others.
    pub(super) fn join(&self, tx: &Transaction<'_, '_>, spot: &Spot) -> StmResult<()> {
        let inner = Shared::get(&self.inner, tx);
        inner.holds.announce(tx)?;
        spot.join(&inner.line, tx)
    }
}

impl<T: Default + Send + Sync + 'static> Default for TRwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync + 'static> From<T> for TRwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value and who holds the lock, without waiting for anybody.
impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for TRwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (readers, is_written) = self.inner.holds.show();
        f.debug_struct("TRwLock")
            .field("value", &self.current())
            .field("readers", &readers)
            .field("is_written", &is_written)
            .finish()
    }
}
