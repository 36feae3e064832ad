//! `TOrdMap`: an ordered map, as a skip list.

mod ends;
mod list;
mod node;
mod scan;
mod spot;
mod traits;
mod waiting;
mod whole;

use std::borrow::Borrow;

pub(in crate::collections) use spot::Spot;

use crate::handed::{Handed, later};
use crate::height;
use crate::{ReadTransaction, Ref, Shared, StmResult, Transaction};
use list::{Found, LEVELS, List};

/// An ordered map.
///
/// It does what a `BTreeMap` does, as parts of transactions. It is a handle: cloning it shares the map, and `==` says whether two
/// handles are of one map. Keys are never cloned but where they are handed out (or put back, see [`update`](Self::update)).
///
/// # Complexity
///
/// It is a skip list: to search a key takes O(log n), expected, over the heights of nodes, which are random. A search is not
/// tracked: a transaction reads two variables for a key and its value, and two for each key of a range.
///
/// [`len`](Self::len) takes O(n), for it counts; [`is_empty`](Self::is_empty) takes O(1).
///
/// # Conflicts
///
/// - Operations on a key that is there conflict with changes of that key, and with nothing else. A change is an insert, a
///   removal, or a write of its value.
/// - One that finds no key there conflicts with changes of the gap that it is in: with inserts between the same two keys, and
///   with the removal of either of them.
/// - An insert of a new key and a removal conflict with other inserts and removals next to them. One in four also looks to the next
///   neighbours that are on a higher level, some four keys away, one in sixteen to those sixteen keys away, and so on.
/// - A range conflicts with changes in it, and at its bounds: see [`for_range`](Self::for_range).
///
/// # The order of keys
///
/// A key must not change its order while it is in the map. Nothing undefined happens if it does, but operations may miss keys or
/// panic, and nodes that an order which contradicts itself has linked in a circle are never freed. `Ord` and `Clone` of keys and
/// values may panic: as with every panic in a body, the transaction has not happened.
///
/// # Examples
///
/// ```
/// use stm::{atomically, collections::TOrdMap};
///
/// let scores = TOrdMap::new();
/// atomically(|tx| {
///     scores.insert(tx, 70, "Ada")?;
///     scores.insert(tx, 90, "Grace")?;
///     scores.insert(tx, 80, "Barbara")
/// });
/// let (best, middle) = atomically(|tx| Ok((scores.pop_last(tx)?, scores.range(tx, 75..85)?)));
/// assert_eq!(best, Some((90, "Grace")));
/// assert_eq!(middle, [(80, "Barbara")]);
/// ```
pub struct TOrdMap<K: 'static, V: 'static> {
    list: Shared<List<K, V>>,
}

impl<K: Ord + Send + Sync + 'static, V: Send + Sync + 'static> TOrdMap<K, V> {
    /// Creates an empty map. Inside a transaction or outside of one makes no difference: nobody knows it yet. O(1); conflicts with
    /// nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map: TOrdMap<u64, String> = TOrdMap::new();
    /// assert!(atomically(|tx| map.is_empty(tx)));
    /// ```
    pub fn new() -> Self {
        Self { list: Shared::new(List::new()) }
    }

    /// Whether the two are handles of one map. So says `==`, too. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::collections::TOrdMap;
    ///
    /// let map: TOrdMap<u32, u32> = TOrdMap::new();
    /// assert!(map.ptr_eq(&map.clone()) && !map.ptr_eq(&TOrdMap::new()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Shared::ptr_eq(&self.list, &other.list)
    }

    /// Returns a clone of the value of `key`. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key or, if it is not in the map, of the gap it is in.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, Transaction, atomically, collections::TOrdMap};
    ///
    /// /// Waits until the key is there.
    /// fn wait_for(tx: &Transaction, map: &TOrdMap<String, u64>, key: &str) -> StmResult<u64> {
    ///     match map.get(tx, key)? {
    ///         Some(value) => Ok(value),
    ///         None => tx.retry(),
    ///     }
    /// }
    ///
    /// let map = TOrdMap::from_iter([("a".to_owned(), 1)]);
    /// assert_eq!(atomically(|tx| wait_for(tx, &map, "a")), 1);
    /// ```
    #[inline]
    #[doc(alias = "lookup")]
    pub fn get<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        self.with(tx, key, V::clone)
    }

    /// Borrows the value of `key` for as long as the run lasts. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, vec![5; 1_000])]);
    /// let last = atomically(|tx| Ok(map.get_ref(tx, &1)?.and_then(|items| items.last().copied())));
    /// assert_eq!(last, Some(5));
    /// ```
    #[inline]
    pub fn get_ref<'tx, Q>(&self, tx: &ReadTransaction<'tx, '_>, key: &Q) -> StmResult<Option<Ref<'tx, V>>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        match list.find(tx, |other| other.borrow().cmp(key))? {
            Found::Node(node) => node.value.read_ref(tx).map(Some),
            Found::Gap(_) => Ok(None),
        }
    }

    /// Calls `f` with the value of `key`, if it is in the map. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, "one".to_owned())]);
    /// assert_eq!(atomically(|tx| map.with(tx, &1, String::len)), Some(3));
    /// ```
    #[inline]
    pub fn with<Q, R>(&self, tx: &ReadTransaction<'_, '_>, key: &Q, f: impl FnOnce(&V) -> R) -> StmResult<Option<R>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Ok(self.get_ref(tx, key)?.map(|value| f(&value)))
    }

    /// Returns whether `key` is in the map. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with the removal of the key or, if it is not in the map, with changes of the gap it is in. A change of the value
    /// is none.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, ())]);
    /// assert!(atomically(|tx| map.contains_key(tx, &1)));
    /// ```
    #[inline]
    #[doc(alias = "member")]
    pub fn contains_key<Q>(&self, tx: &ReadTransaction<'_, '_>, key: &Q) -> StmResult<bool>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let list = Shared::get(&self.list, tx);
        Ok(matches!(list.find(tx, |other| other.borrow().cmp(key))?, Found::Node(_)))
    }

    /// Gives `key` a value, and returns the one it had. A key that is there already is not replaced, as in `BTreeMap`. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key and, if it is not in the map, with inserts and removals next to it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over. The key and the value are dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::new();
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "a")), None);
    /// assert_eq!(atomically(|tx| map.insert(tx, 1, "b")), Some("a"));
    /// ```
    #[inline]
    pub fn insert(&self, tx: &Transaction<'_, '_>, key: K, value: V) -> StmResult<Option<V>>
    where
        V: Clone,
    {
        let (mut key, mut value) = (Handed::new(key), Handed::new(value));
        let list = Shared::get(&self.list, tx);
        let height = height::draw(LEVELS);
        let mut gaps = list::no_gaps();
        if let Some(node) = list.slot(tx, |other| other.cmp(key.get()), height, &mut gaps)? {
            return node.value.replace(tx, value.take()).map(Some);
        }
        list.put(tx, &gaps[..height], key.take(), value.take())?;
        Ok(None)
    }

    /// Removes `key` and returns its value. O(log n).
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key, and with inserts and removals next to it.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, "a")]);
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), Some("a"));
    /// assert_eq!(atomically(|tx| map.remove(tx, &1)), None);
    /// ```
    #[inline]
    #[doc(alias = "delete")]
    pub fn remove<Q>(&self, tx: &Transaction<'_, '_>, key: &Q) -> StmResult<Option<V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let list = Shared::get(&self.list, tx);
        list.take(tx, |other| other.borrow().cmp(key), |node| node.value.read(tx))
    }

    /// Changes the value of `key` in place, on a clone, and returns what `f` returned: nothing if the key is not in the map.
    /// O(log n).
    ///
    /// As all operations here that write what a closure has made, it is what you would write by hand: [`get`](Self::get), then `f`,
    /// then [`insert`](Self::insert). So `f` may use the map by the same transaction, and what the operation writes comes last:
    /// afterwards the key has the value that `f` has made of the clone, even if `f` has changed or removed the key meanwhile. (To
    /// put it back then, the key is cloned.) What else `f` does stays.
    ///
    /// # Retry and conflicts
    ///
    /// Conflicts with changes of the key or, if it is not in the map, of the gap it is in.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{atomically, collections::TOrdMap};
    ///
    /// let map = TOrdMap::from_iter([(1, 10)]);
    /// atomically(|tx| map.update(tx, &1, |n| *n += 1));
    /// assert_eq!(atomically(|tx| map.get(tx, &1)), Some(11));
    /// ```
    #[doc(alias = "adjust")]
    pub fn update<Q, R>(&self, tx: &Transaction<'_, '_>, key: &Q, f: impl FnOnce(&mut V) -> R) -> StmResult<Option<R>>
    where
        K: Borrow<Q> + Clone,
        Q: Ord + ?Sized,
        V: Clone,
    {
        let Some(spot) = self.spot(tx, key)? else { return Ok(None) };
        let mut value = Handed::new(V::clone(&*spot.read_ref(tx)?));
        let result = f(value.get_mut());
        if self.holds(tx, &spot)? {
            spot.write(tx, value.take())?;
        } else {
            self.insert(tx, spot.key().clone(), value.take()).map(later)?;
        }
        Ok(Some(result))
    }

    /// Makes of a key's value, or of its absence, what `f` says: the key is added, changed, removed or left out. O(log n).
    ///
    /// That comes last, as with [`update`](Self::update): whatever `f` does to the map by the same transaction, the key is as `f`
    /// says afterwards.
    ///
    /// # Retry and conflicts
    ///
    /// As those of [`get`](Self::get) and of what is done: [`insert`](Self::insert) or [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{StmResult, Transaction, atomically, collections::TOrdMap};
    ///
    /// /// Takes one, and the last one out of the list.
    /// fn take(tx: &Transaction, stock: &TOrdMap<&'static str, u32>, item: &'static str) -> StmResult<()> {
    ///     stock.alter(tx, item, |count| count.filter(|count| *count > 1).map(|count| count - 1))
    /// }
    ///
    /// let stock = TOrdMap::from_iter([("pen", 2)]);
    /// atomically(|tx| take(tx, &stock, "pen"));
    /// assert_eq!(atomically(|tx| stock.get(tx, "pen")), Some(1));
    /// atomically(|tx| take(tx, &stock, "pen"));
    /// assert!(atomically(|tx| stock.is_empty(tx)));
    /// ```
    #[doc(alias = "focus")]
    pub fn alter(&self, tx: &Transaction<'_, '_>, key: K, f: impl FnOnce(Option<V>) -> Option<V>) -> StmResult<()>
    where
        V: Clone,
    {
        let mut key = Handed::new(key);
        let spot = self.spot(tx, key.get())?;
        let before = spot.as_ref().map(|spot| spot.read_ref(tx).map(|value| V::clone(&*value))).transpose()?;
        let Some(value) = f(before) else {
            // Also if it was not there: `f` may have added it.
            return Shared::get(&self.list, tx).take(tx, |other| other.cmp(key.get()), |_| Ok(())).map(drop);
        };
        let mut value = Handed::new(value);
        match spot {
            Some(spot) if self.holds(tx, &spot)? => spot.write(tx, value.take()),
            _ => self.insert(tx, key.take(), value.take()).map(later),
        }
    }

    /// Returns a clone of a key's value; if there is none, adds what `f` makes. O(log n).
    ///
    /// That comes last, as with [`update`](Self::update): the key has the value that `f` returned, even if `f` has given it another
    /// one by the same transaction.
    ///
    /// # Retry and conflicts
    ///
    /// As [`get`](Self::get), or [`insert`](Self::insert).
    ///
    /// # Errors
    ///
    /// Returns [`Abort`](crate::Abort) if the run is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use stm::{TVar, atomically, collections::TOrdMap};
    ///
    /// let rooms: TOrdMap<&str, TVar<u32>> = TOrdMap::new();
    /// atomically(|tx| rooms.get_or_insert_with(tx, "hall", || TVar::new(0))?.modify(tx, |guests| guests + 1));
    /// assert_eq!(atomically(|tx| rooms.get(tx, "hall")).map(|guests| guests.load()), Some(1));
    /// ```
    pub fn get_or_insert_with(&self, tx: &Transaction<'_, '_>, key: K, f: impl FnOnce() -> V) -> StmResult<V>
    where
        V: Clone,
    {
        let mut key = Handed::new(key);
        if let Some(value) = self.get(tx, key.get())? {
            return Ok(value);
        }
        let value = f();
        self.insert(tx, key.take(), value.clone()).map(later)?;
        Ok(value)
    }
}
