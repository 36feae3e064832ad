//! `TCounter`: a number that many threads add to at once.

use std::fmt;

use crossbeam_utils::CachePadded;

use crate::reclaim;
use crate::shim::cores::cores;
use crate::{ReadTransaction, Shared, StmResult, TCell, Transaction, atomically, snapshot};

/// A number that is added to and taken from without conflicts, and can be read exactly.
///
/// It is a handle: cloning it shares the counter, and `==` says whether two handles are of one counter.
///
/// Each thread counts in a part of its own, a *stripe*, unless there are more threads at once than stripes. [`add`](Self::add)
/// touches that one alone, and so does [`try_take`](Self::try_take) as long as the stripe holds enough; else it gathers from the
/// others, and moves half of what it finds there over, so that the next times are free of conflicts again. They meet only when the
/// counter as a whole comes near what is asked for. [`get`](Self::get) reads all stripes.
///
/// A counter that is read as often as it is changed is better off as a `TVar<u64>`: it takes 1 kB for every two cores of the
/// machine or part thereof (64 stripes at most).
///
/// # Complexity and conflicts
///
/// | operation | complexity | conflicts with |
/// |---|---|---|
/// | [`add`](Self::add), [`bump`](Self::bump) | O(1); O(stripes) where the stripe is full, beyond 2^58 | readers of the sum, and those who gather |
/// | [`try_take`](Self::try_take), [`take`](Self::take) | O(1) while the thread's stripe holds enough, else O(stripes) | the same; when it gathers, with every change of what it looked at |
/// | [`get`](Self::get), [`take_all`](Self::take_all) | O(stripes) | every change |
/// | [`load`](Self::load) | O(stripes) | nothing |
/// | [`set`](Self::set) | O(stripes) | who reads or changes the counter; none by itself |
///
/// The value is at most `u64::MAX`; adding beyond that is an error of the program, and panics.
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::collections::TCounter;
///
/// let visits = TCounter::new(0);
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(|| (0..100).for_each(|_| atomically(|tx| visits.add(tx, 1))));
///     }
/// });
/// assert_eq!(visits.load(), 400);
/// ```
#[derive(Clone)]
pub struct TCounter {
    stripes: Shared<Stripes>,
}

struct Stripes {
    /// A power of two of them. They hold the value as their sum.
    cells: Box<[CachePadded<TCell<u64>>]>,
}

impl TCounter {
    /// Creates a counter with this value. O(stripes); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let stock = stm::collections::TCounter::new(5);
    /// assert_eq!(stock.load(), 5);
    /// ```
    pub fn new(value: u64) -> Self {
        Self { stripes: Shared::new(Stripes::new((4 * cores()).next_power_of_two().clamp(8, 64), value)) }
    }

    /// Whether the two are handles of one counter. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TCounter;
    ///
    /// let counter = TCounter::new(5);
    /// assert!(counter.ptr_eq(&counter.clone()) && !counter.ptr_eq(&TCounter::new(5)));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.stripes, &other.stripes)
    }

    /// Adds to the counter. O(1); O(stripes) where the stripe is full, which happens beyond 2^58 only.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with those who read the sum or gather, and not with others who add, if they are on other stripes:
    /// on other threads, as long as there are no more threads than stripes.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if the counter would exceed `u64::MAX`.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// atomically(|tx| stock.add(tx, 3));
    /// assert_eq!(stock.load(), 8);
    /// ```
    #[inline]
    #[must_use = "an addition that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn add(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<()> {
        let stripes = Shared::get(&self.stripes, tx);
        let own = stripes.own(tx);
        let cell = &stripes.cells[own];
        match stripes.sum_within(own, cell.read(tx)?, n) {
            Some(sum) => cell.write(tx, sum),
            None => stripes.spread(tx, own, n),
        }
    }

    /// Adds to the counter, in one atomic step of its own. Inside a body it acts at once, and is not undone.
    ///
    /// Complexity and conflicts: as [`add`](Self::add).
    ///
    /// # Panics
    ///
    /// Panics if the counter would exceed `u64::MAX`; inside a body also if the thread's stripe is full, which happens beyond 2^58
    /// only.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// stock.bump(3);
    /// assert_eq!(stock.load(), 8);
    /// ```
    #[track_caller]
    pub fn bump(&self, n: u64) {
        let stripes = &*self.stripes;
        let own = stripes.index(reclaim::with_local(|local| local.number));
        let added = stripes.cells[own].fetch_update(|held| {
            let sum = stripes.sum_within(own, *held, n);
            *held = sum.unwrap_or(*held);
            sum.is_some()
        });
        if !added {
            atomically(|tx| self.add(tx, n));
        }
    }

    /// Returns the value, exactly. O(stripes).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change of the counter. In a [`snapshot`](crate::snapshot()) it does not.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TCounter;
    /// use stm::snapshot;
    ///
    /// let stock = TCounter::new(5);
    /// assert_eq!(snapshot(|tx| stock.get(tx)), 5);
    /// ```
    pub fn get(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        let mut sum = 0;
        for cell in &Shared::get(&self.stripes, tx).cells {
            // No overflow: the limits of all stripes add up to `u64::MAX`.
            sum += cell.read(tx)?;
        }
        Ok(sum)
    }

    /// Returns the committed value, of one moment. O(stripes). It is a [`snapshot`](crate::snapshot()), so it conflicts with
    /// nothing.
    ///
    /// # Panics
    ///
    /// Panics if called inside the body of a transaction.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::collections::TCounter::new(5).load(), 5);
    /// ```
    #[track_caller]
    #[must_use = "loading a value has no effect but to return it"]
    pub fn load(&self) -> u64 {
        snapshot(|tx| self.get(tx))
    }

    /// Gives the counter a new value. O(stripes).
    ///
    /// # Retry and conflicts
    ///
    /// Writes all stripes, and reads none: others conflict with it, not it with others.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// atomically(|tx| stock.set(tx, 100));
    /// assert_eq!(stock.load(), 100);
    /// ```
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn set(&self, tx: &Transaction<'_, '_>, value: u64) -> StmResult<()> {
        let stripes = Shared::get(&self.stripes, tx);
        let count = stripes.cells.len();
        (0..).zip(&stripes.cells).try_for_each(|(index, cell)| cell.write(tx, Stripes::part(count, index, value)))
    }

    /// Takes so much off the counter, if it has as much, and says whether it had. O(1) while the thread's stripe holds enough, else
    /// O(stripes).
    ///
    /// # Retry and conflicts
    ///
    /// As long as the thread's own stripe holds enough, as for [`add`](Self::add). Else it looks at other stripes until it has
    /// found enough, and conflicts with their changes. If it returns `false` it has seen the whole counter.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// assert!(atomically(|tx| stock.try_take(tx, 4)));
    /// assert!(!atomically(|tx| stock.try_take(tx, 2)), "one is left");
    /// assert_eq!(stock.load(), 1);
    /// ```
    #[inline]
    pub fn try_take(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<bool> {
        let stripes = Shared::get(&self.stripes, tx);
        let own = stripes.own(tx);
        let cell = &stripes.cells[own];
        let held = cell.read(tx)?;
        if held < n {
            return stripes.gather(tx, own, held, n);
        }
        cell.write(tx, held - n)?;
        Ok(true)
    }

    /// Takes so much off the counter; waits until it has as much. O(1) while the thread's stripe holds enough, else O(stripes).
    ///
    /// It waits by [`retry`](ReadTransaction::retry). Who waits for much does not get it before those who wait for little: for
    /// that see [`TSemaphore`](crate::sync).
    ///
    /// # Retry and conflicts
    ///
    /// As for [`try_take`](Self::try_take). One that waits is woken by every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| atomically(|tx| stock.add(tx, 4)));
    ///     atomically(|tx| stock.take(tx, 8));
    /// });
    /// assert_eq!(stock.load(), 1);
    /// ```
    #[inline]
    pub fn take(&self, tx: &Transaction<'_, '_>, n: u64) -> StmResult<()> {
        if self.try_take(tx, n)? { Ok(()) } else { tx.retry() }
    }

    /// Takes everything off the counter, and returns how much it was. O(stripes).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with every change.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TCounter;
    ///
    /// let stock = TCounter::new(5);
    /// assert_eq!(atomically(|tx| stock.take_all(tx)), 5);
    /// assert_eq!(stock.load(), 0);
    /// ```
    pub fn take_all(&self, tx: &Transaction<'_, '_>) -> StmResult<u64> {
        let mut sum = 0;
        for cell in &Shared::get(&self.stripes, tx).cells {
            let held = cell.read(tx)?;
            if held != 0 {
                cell.write(tx, 0)?;
                sum += held;
            }
        }
        Ok(sum)
    }
}

impl Stripes {
    fn new(count: usize, value: u64) -> Self {
        let cell = |index| CachePadded::new(TCell::new(Self::part(count, index, value)));
        Self { cells: (0..count).map(cell).collect() }
    }

    /// Which part of `value` belongs into the stripe when it is shared out evenly: within its limit.
    fn part(count: usize, index: usize, value: u64) -> u64 {
        let (count, index) = (count as u64, index as u64);
        value / count + u64::from(0 < index && index <= value % count)
    }

    /// How much the stripe may hold. All limits add up to `u64::MAX`, so that the sum can not overflow unnoticed.
    fn limit(&self, index: usize) -> u64 {
        Self::part(self.cells.len(), index, u64::MAX)
    }

    fn index(&self, number: usize) -> usize {
        number & (self.cells.len() - 1)
    }

    /// The stripe of this thread. Threads that run at the same time have different numbers, as small as can be, which is why
    /// they are not made here.
    fn own(&self, tx: &Transaction<'_, '_>) -> usize {
        self.index(tx.attempt().local().number)
    }

    /// What the stripe holds after an addition, if it may hold that much.
    fn sum_within(&self, index: usize, held: u64, n: u64) -> Option<u64> {
        held.checked_add(n).filter(|sum| *sum <= self.limit(index))
    }

    /// All stripes, from one on.
    fn from(&self, first: usize) -> impl Iterator<Item = (usize, &TCell<u64>)> {
        (0..self.cells.len()).map(move |step| self.index(first + step)).map(|index| (index, &*self.cells[index]))
    }

    /// Adds what is too much for one stripe.
    #[cold]
    fn spread<'tx>(&'tx self, tx: &Transaction<'tx, '_>, own: usize, n: u64) -> StmResult<()> {
        let mut room = 0;
        for (index, cell) in self.from(own) {
            room += self.limit(index) - cell.read(tx)?;
        }
        assert!(n <= room, "a `TCounter` holds at most `u64::MAX`: {n} was to be added to {}", u64::MAX - room);
        let mut left = n;
        for (index, cell) in self.from(own) {
            let held = cell.read(tx)?;
            let more = left.min(self.limit(index) - held);
            if more != 0 {
                cell.write(tx, held + more)?;
                left -= more;
            }
        }
        Ok(())
    }

    /// Takes what is more than the thread's own stripe holds, if the others have it.
    #[cold]
    fn gather<'tx>(&'tx self, tx: &Transaction<'tx, '_>, own: usize, held: u64, n: u64) -> StmResult<bool> {
        let mut found = held;
        for (steps, (_, cell)) in self.from(own).enumerate().skip(1) {
            let there = cell.read(tx)?;
            if there < n - found {
                found += there;
                continue;
            }
            for (_, emptied) in self.from(own).take(steps).skip(1) {
                if emptied.read(tx)? != 0 {
                    emptied.write(tx, 0)?;
                }
            }
            let left = there - (n - found);
            cell.write(tx, left - left / 2)?;
            self.cells[own].write(tx, left / 2)?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// By which counter it is, not by its value.
impl PartialEq for TCounter {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl Eq for TCounter {}

impl Default for TCounter {
    fn default() -> Self {
        Self::new(0)
    }
}

impl From<u64> for TCounter {
    fn from(value: u64) -> Self {
        Self::new(value)
    }
}

/// Adds up what is committed, without waiting for anybody: not the sum of one moment.
impl fmt::Debug for TCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum: u128 = self.stripes.cells.iter().map(|cell| u128::from(cell.load())).sum();
        f.debug_tuple("TCounter").field(&sum).finish()
    }
}

/// By value, as it is at one moment.
#[cfg(feature = "serde")]
impl serde_core::Serialize for TCounter {
    fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.load())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde_core::Deserialize<'de> for TCounter {
    fn deserialize<D: serde_core::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::new)
    }
}
