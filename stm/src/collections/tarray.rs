//! `TArray`: variables in a row, in one allocation.

use std::fmt;
use std::vec;

use crate::shared_slice::SharedSlice;
use crate::{ReadTransaction, Ref, StmResult, TCell, Transaction, snapshot};

/// An array of a fixed length, each element of which is a variable of its own.
///
/// It is a handle: cloning it shares the array, and `==` says whether two handles are of one array.
///
/// All of it is one allocation: 16 bytes an element of up to one word. Numbers and the like have no memory of their own; other
/// values get some with the first access, as those of a [`TCell`] do, which is what the elements are: [`cell`](Self::cell) and
/// [`cells`](Self::cells) give access to them.
///
/// # Complexity and conflicts
///
/// Every operation on one element takes O(1), and conflicts with what others do to that element, exactly as the operation of that
/// name on a `TCell`. Operations on different elements never conflict. Those on all elements take O(length).
///
/// # Indexes
///
/// Where an element is told by its index and there is none, a method panics, as a slice does; the transaction is then undone.
/// [`get`](Self::get) returns `None` instead.
///
/// # Examples
///
/// ```
/// use stm::atomically;
/// use stm::collections::TArray;
///
/// let accounts = TArray::new(1000, 100_u64);
/// atomically(|tx| {
///     accounts.modify(tx, 3, |balance| balance - 30)?;
///     accounts.modify(tx, 5, |balance| balance + 30)
/// });
/// assert_eq!((accounts.load(3), accounts.load(5)), (70, 130));
/// ```
pub struct TArray<T: 'static> {
    cells: SharedSlice<TCell<T>>,
}

impl<T: Send + Sync + 'static> TArray<T> {
    /// Creates an array of so many clones of a value. O(length); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if `T::clone` does, or if that is more than memory can hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let array = stm::collections::TArray::new(3, 'a');
    /// assert_eq!((array.len(), array.load(2)), (3, 'a'));
    /// ```
    pub fn new(length: usize, value: T) -> Self
    where
        T: Clone,
    {
        let array = Self::from_fn(length, |_| value.clone());
        // Before it is returned: what is to be returned leaks if a destructor panics then (rust-lang/rust#47949).
        drop(value);
        array
    }

    /// Creates an array of so many elements, each made of its index. O(length); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if `f` does, or if that is more than memory can hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let squares = stm::collections::TArray::from_fn(10, |n| n * n);
    /// assert_eq!((squares.len(), squares.load(9)), (10, 81));
    /// ```
    pub fn from_fn(length: usize, mut f: impl FnMut(usize) -> T) -> Self {
        Self { cells: SharedSlice::from_fn(length, |index| TCell::new(f(index))) }
    }

    /// The length, which never changes. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(stm::collections::TArray::new(3, 0).len(), 3);
    /// ```
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are no elements. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!stm::collections::TArray::new(3, 0).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Borrows all elements for the whole run: to go through them, or for what is not among the methods here. O(1).
    ///
    /// Reads nothing yet, and so conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TArray;
    /// use stm::snapshot;
    ///
    /// let array = TArray::from_iter([3, 1, 2]);
    /// let sum = snapshot(|tx| array.cells(tx).iter().map(|cell| cell.read(tx)).sum::<Result<u32, _>>());
    /// assert_eq!(sum, 6);
    /// ```
    #[inline]
    pub fn cells<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> &'tx [TCell<T>] {
        SharedSlice::get(&self.cells, tx)
    }

    /// Borrows one element for the whole run. O(1).
    ///
    /// Reads nothing yet, and so conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TArray};
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// atomically(|tx| {
    ///     let cell = array.cell(tx, 1);
    ///     cell.write(tx, cell.read(tx)? * 10)
    /// });
    /// assert_eq!(array.load(1), 20);
    /// ```
    #[inline]
    #[track_caller]
    pub fn cell<'tx>(&self, tx: &ReadTransaction<'tx, '_>, index: usize) -> &'tx TCell<T> {
        &self.cells(tx)[index]
    }

    /// Returns a clone of an element, or `None` if there is none with this index. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of that element.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::from_iter(["a", "b"]);
    /// assert_eq!(atomically(|tx| Ok((array.get(tx, 1)?, array.get(tx, 2)?))), (Some("b"), None));
    /// ```
    #[inline]
    pub fn get(&self, tx: &ReadTransaction<'_, '_>, index: usize) -> StmResult<Option<T>>
    where
        T: Clone,
    {
        self.cells(tx).get(index).map(|cell| cell.read(tx)).transpose()
    }

    /// Returns a clone of an element. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of that element.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// assert_eq!(atomically(|tx| array.read(tx, 2)), 3);
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "readArray")]
    pub fn read(&self, tx: &ReadTransaction<'_, '_>, index: usize) -> StmResult<T>
    where
        T: Clone,
    {
        self.cell(tx, index).read(tx)
    }

    /// Borrows an element's value from the transaction, without a clone. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TArray};
    ///
    /// let names = TArray::from_iter(["Ada", "Grace"].map(String::from));
    /// assert_eq!(atomically(|tx| Ok(names.read_ref(tx, 1)?.len())), 5);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read_ref<'tx>(&self, tx: &ReadTransaction<'tx, '_>, index: usize) -> StmResult<Ref<'tx, T>> {
        self.cell(tx, index).read_ref(tx)
    }

    /// Runs `f` on an element's value, without cloning it. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// As [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let names = TArray::from_iter(["Ada", "Grace"].map(String::from));
    /// assert_eq!(atomically(|tx| names.with(tx, 1, |name| name.len())), 5);
    /// ```
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, tx: &ReadTransaction<'_, '_>, index: usize, f: impl FnOnce(&T) -> R) -> StmResult<R> {
        self.cell(tx, index).with(tx, f)
    }

    /// Gives an element a new value. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// An element that is only written conflicts with nobody. Who reads it conflicts with this one.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::new(3, 0);
    /// atomically(|tx| array.write(tx, 1, 7));
    /// assert_eq!(array.into_iter().collect::<Vec<_>>(), [0, 7, 0]);
    /// ```
    #[inline]
    #[track_caller]
    #[doc(alias = "set")]
    #[doc(alias = "writeArray")]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn write(&self, tx: &Transaction<'_, '_>, index: usize, value: T) -> StmResult<()> {
        self.cell(tx, index).write(tx, value)
    }

    /// Writes an element and returns the value before it. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with other uses of that element.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::new(3, 0);
    /// assert_eq!(atomically(|tx| array.replace(tx, 1, 7)), 0);
    /// ```
    #[inline]
    #[track_caller]
    pub fn replace(&self, tx: &Transaction<'_, '_>, index: usize, value: T) -> StmResult<T>
    where
        T: Clone,
    {
        self.cell(tx, index).replace(tx, value)
    }

    /// Writes what `f` makes of an element. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with other uses of that element.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::new(3, 1);
    /// atomically(|tx| array.modify(tx, 1, |n| n + 1));
    /// assert_eq!(array.load(1), 2);
    /// ```
    #[inline]
    #[track_caller]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn modify(&self, tx: &Transaction<'_, '_>, index: usize, f: impl FnOnce(T) -> T) -> StmResult<()>
    where
        T: Clone,
    {
        self.cell(tx, index).modify(tx, f)
    }

    /// Changes a clone of an element in place, writes it, and returns what `f` returned. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with other uses of that element.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let stacks = TArray::new(3, vec![1]);
    /// assert_eq!(atomically(|tx| stacks.update(tx, 1, Vec::pop)), Some(1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn update<R>(&self, tx: &Transaction<'_, '_>, index: usize, f: impl FnOnce(&mut T) -> R) -> StmResult<R>
    where
        T: Clone,
    {
        self.cell(tx, index).update(tx, f)
    }

    /// Exchanges two elements. O(1).
    ///
    /// # Retry and conflicts
    ///
    /// Reads and writes both, if they are two, and so conflicts with other uses of either.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Panics
    ///
    /// Panics if one of them does not exist.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// atomically(|tx| array.swap(tx, 0, 2));
    /// assert_eq!(array.into_iter().collect::<Vec<_>>(), [3, 2, 1]);
    /// ```
    #[track_caller]
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn swap(&self, tx: &Transaction<'_, '_>, a: usize, b: usize) -> StmResult<()>
    where
        T: Clone,
    {
        let (first, second) = (self.cell(tx, a), self.cell(tx, b));
        if a != b {
            let value = first.read(tx)?;
            first.write(tx, second.read(tx)?)?;
            second.write(tx, value)?;
        }
        Ok(())
    }

    /// Gives all elements one value. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Writes all elements, and reads none: whoever reads one conflicts with it, it with nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::atomically;
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// atomically(|tx| array.fill(tx, 0));
    /// assert_eq!(array.into_iter().collect::<Vec<_>>(), [0, 0, 0]);
    /// ```
    #[must_use = "a write that returned `Abort` has not happened: pass the signal on with `?`"]
    pub fn fill(&self, tx: &Transaction<'_, '_>, value: T) -> StmResult<()>
    where
        T: Clone,
    {
        self.cells(tx).iter().try_for_each(|cell| cell.write(tx, value.clone()))
    }

    /// Runs `f` on the value of each element, in order, without cloning it. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Reads all elements, and so conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TArray;
    /// use stm::snapshot;
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// let most = snapshot(|tx| {
    ///     let mut most = 0;
    ///     array.for_each(tx, |n| most = most.max(*n))?;
    ///     Ok(most)
    /// });
    /// assert_eq!(most, 3);
    /// ```
    pub fn for_each(&self, tx: &ReadTransaction<'_, '_>, mut f: impl FnMut(&T)) -> StmResult<()> {
        self.cells(tx).iter().try_for_each(|cell| cell.with(tx, &mut f))
    }

    /// Returns clones of all elements. O(length).
    ///
    /// # Retry and conflicts
    ///
    /// Reads all elements, and so conflicts with every change. In a [`snapshot`](crate::snapshot()) nothing conflicts.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TArray;
    /// use stm::snapshot;
    ///
    /// let array = TArray::from_iter([1, 2, 3]);
    /// assert_eq!(snapshot(|tx| array.to_vec(tx)), [1, 2, 3]);
    /// ```
    pub fn to_vec(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>>
    where
        T: Clone,
    {
        let mut values = Vec::with_capacity(self.len());
        self.for_each(tx, |value| values.push(value.clone()))?;
        Ok(values)
    }

    /// Returns the committed value of an element. See [`TCell::load`]. O(1); conflicts with nothing.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// let array = stm::collections::TArray::from_iter([1, 2, 3]);
    /// assert_eq!(array.load(1), 2);
    /// ```
    #[inline]
    #[track_caller]
    #[must_use = "loading a value has no effect but to return it"]
    pub fn load(&self, index: usize) -> T
    where
        T: Clone,
    {
        self.cells[index].load()
    }

    /// Replaces the value of an element, in one atomic step of its own. See [`TVar::store`](crate::TVar::store). O(1). Conflicts
    /// with transactions that have read the element.
    ///
    /// # Panics
    ///
    /// Panics if there is none with this index.
    ///
    /// # Examples
    ///
    /// ```
    /// let array = stm::collections::TArray::new(3, 0);
    /// array.store(1, 5);
    /// assert_eq!(array.load(1), 5);
    /// ```
    #[inline]
    #[track_caller]
    pub fn store(&self, index: usize, value: T) {
        self.cells[index].store(value);
    }
}

impl<T: 'static> Clone for TArray<T> {
    fn clone(&self) -> Self {
        Self { cells: self.cells.clone() }
    }
}

impl<T: 'static> TArray<T> {
    /// Whether the two are handles of one array. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TArray;
    ///
    /// let array = TArray::new(3, 0);
    /// assert!(array.ptr_eq(&array.clone()) && !array.ptr_eq(&TArray::new(3, 0)));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.cells.as_ptr() == other.cells.as_ptr()
    }
}

/// By which array it is, not by what is in it.
impl<T: 'static> PartialEq for TArray<T> {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
    }
}

impl<T: 'static> Eq for TArray<T> {}

/// An array without elements.
impl<T: Send + Sync + 'static> Default for TArray<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T: Send + Sync + 'static> From<Vec<T>> for TArray<T> {
    fn from(values: Vec<T>) -> Self {
        let (length, mut values) = (values.len(), values.into_iter());
        Self::from_fn(length, |_| values.next().expect("there are so many"))
    }
}

impl<T: Send + Sync + 'static, const N: usize> From<[T; N]> for TArray<T> {
    fn from(values: [T; N]) -> Self {
        Self::from(Vec::from(values))
    }
}

impl<T: Send + Sync + 'static> FromIterator<T> for TArray<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from(Vec::from_iter(values))
    }
}

/// Clones of all elements, of one moment.
///
/// # Panics
///
/// Making the iterator panics inside the body of a transaction; there is [`to_vec`](TArray::to_vec) for that.
impl<T: Clone + Send + Sync + 'static> IntoIterator for &TArray<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        snapshot(|tx| self.to_vec(tx)).into_iter()
    }
}

/// As that of `&TArray`: other handles keep the array as it is.
impl<T: Clone + Send + Sync + 'static> IntoIterator for TArray<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        (&self).into_iter()
    }
}

/// Shows what is committed, one element after the other without waiting for anybody: not all of one moment.
impl<T: fmt::Debug + 'static> fmt::Debug for TArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for cell in &*self.cells {
            cell.show(|value| {
                list.entry(value);
            });
        }
        list.finish()
    }
}

/// By value, as it is at one moment.
#[cfg(feature = "serde")]
impl<T: serde_core::Serialize + Clone + Send + Sync + 'static> serde_core::Serialize for TArray<T> {
    fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde_core::Deserialize<'de> + Send + Sync + 'static> serde_core::Deserialize<'de> for TArray<T> {
    fn deserialize<D: serde_core::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(all(test, feature = "serde", not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;
    use crate::collections::{TCounter, TDeque};

    #[test]
    fn arrays_deques_and_counters_are_serialised_by_value() {
        let array = TArray::from_iter(["a", "b"].map(String::from));
        let deque = TDeque::from_iter(0..100);
        let counter = TCounter::new(u64::MAX);
        let text = serde_json::to_string(&(&array, &deque, &counter)).expect("plain data");
        let back: (TArray<String>, TDeque<u32>, TCounter) = serde_json::from_str(&text).expect("written so");
        assert_eq!(Vec::from_iter(&back.0), ["a", "b"]);
        assert!(back.1.into_iter().eq(0..100));
        assert_eq!(back.2.load(), u64::MAX);
    }
}
