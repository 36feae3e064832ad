//! What waits until there is something.

use std::borrow::Borrow;

use super::TOrdMap;
use crate::{ReadTransaction, StmResult, Transaction};

impl<K: Ord + Send + Sync + 'static, V: Clone + Send + Sync + 'static> TOrdMap<K, V> {
    /// Returns a clone of the value of `key`, waiting until there is one. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get); without a value it [`retry`](ReadTransaction::retry)s, and is woken by changes of the gap that the
    /// key is in.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let results = TOrdMap::new();
    /// let found = std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| results.insert(tx, "answer", 42)));
    ///     atomically(|tx| results.wait_for(tx, "answer"))
    /// });
    /// assert_eq!(found, 42);
    /// ```
    pub fn wait_for<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.get(tx, key)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        }
    }

    /// Removes `key` and returns its value, waiting until there is one. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`remove`](Self::remove), which is its form that does not wait; without a value it [`retry`](ReadTransaction::retry)s.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let answers = TOrdMap::from_iter([(7, "yes")]);
    /// assert_eq!(atomically(|tx| answers.take(tx, &7)), "yes");
    /// assert!(atomically(|tx| answers.is_empty(tx)));
    /// ```
    pub fn take<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self.remove(tx, key)? {
            Some(value) => Ok(value),
            None => tx.retry(),
        }
    }

    /// Removes the first key and returns it with its value, waiting until there is one. O(1), expected, as
    /// [`pop_first`](Self::pop_first), which is its form that does not wait.
    ///
    /// # Retry and conflicts
    ///
    /// As `pop_first`. While the map is empty it waits by [`retry`](ReadTransaction::retry), or, if the transaction has written
    /// nothing yet, [in line](ReadTransaction::retry_in_line): a key wakes one of those who wait.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let jobs = TOrdMap::new();
    /// let first = std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| jobs.extend(tx, [(2, "dust"), (1, "sweep")])));
    ///     atomically(|tx| jobs.take_first(tx))
    /// });
    /// assert_eq!(first, (1, "sweep"));
    /// ```
    pub fn take_first(&self, tx: &Transaction<'_, '_>) -> StmResult<(K, V)>
    where
        K: Clone,
    {
        let since = tx.reads();
        match self.pop_first(tx)? {
            Some(entry) => Ok(entry),
            None => tx.wait_in_line(since),
        }
    }

    /// Removes the last key and returns it with its value, waiting until there is one. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`pop_last`](Self::pop_last), which is its form that does not wait; it waits as [`take_first`](Self::take_first) does.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over, or waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let bids = TOrdMap::from_iter([(30, "Ada"), (50, "Grace")]);
    /// assert_eq!(atomically(|tx| bids.take_last(tx)), (50, "Grace"));
    /// ```
    pub fn take_last(&self, tx: &Transaction<'_, '_>) -> StmResult<(K, V)>
    where
        K: Clone,
    {
        let since = tx.reads();
        match self.pop_last(tx)? {
            Some(entry) => Ok(entry),
            None => tx.wait_in_line(since),
        }
    }
}
