//! Structures as places for items.

use stm::channel::{TBQueue, TBroadcast, TPriorityQueue, TQueue, TSubscriber};
use stm::collections::{OrderedIndex, TArray, TCounter, TDeque, TMap, TOrdMap, TSet, TTable};
use stm::sync::{TMVar, TRwLock, TSemaphore};
use stm::{ReadTransaction, StmResult, Transaction};

/// Items may be put in and taken out.
pub(crate) trait Place: Sync {
    fn name(&self) -> &'static str;

    /// How many items it has room for.
    fn room(&self) -> usize {
        100
    }

    /// Puts an item in, if there is room.
    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool>;

    /// Takes any item out, if there is one. What does not know its items gives them that name.
    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>>;

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize>;

    /// All items, if they can be told.
    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>>;

    fn knows_its_items(&self) -> bool {
        stm::atomically(|tx| self.items(tx)).is_some()
    }
}

struct Hashed(TMap<u64, u64>);

impl Place for Hashed {
    fn name(&self) -> &'static str {
        "TMap"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        Ok(self.0.insert(tx, item, item)?.is_none())
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        match self.0.iter(tx)?.next() {
            Some((key, _)) => self.0.remove(tx, &key),
            None => Ok(None),
        }
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.0.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.0.iter(tx)?.map(|(_, item)| item).collect()))
    }
}

struct Members(TSet<u64>);

impl Place for Members {
    fn name(&self) -> &'static str {
        "TSet"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        self.0.insert(tx, item)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        let Some(item) = self.0.iter(tx)?.next() else { return Ok(None) };
        Ok(self.0.remove(tx, &item)?.then_some(item))
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.0.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.0.iter(tx)?.collect()))
    }
}

struct InOrder(TOrdMap<u64, u64>);

impl Place for InOrder {
    fn name(&self) -> &'static str {
        "TOrdMap"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        Ok(self.0.insert(tx, item, item)?.is_none())
    }

    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>> {
        let pair = if fresh.is_multiple_of(2) { self.0.pop_first(tx)? } else { self.0.pop_last(tx)? };
        Ok(pair.map(|(_, item)| item))
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.0.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.0.range(tx, ..)?.into_iter().map(|(_, item)| item).collect()))
    }
}

/// Found by an index, and taken out by the primary key.
struct Rows(TTable<u64, u64>, OrderedIndex<u64, u64, u64>);

impl Rows {
    fn new() -> Self {
        let mut builder = TTable::builder(|item: &u64| *item);
        let by_remainder = builder.ordered("remainder", |item: &u64| item % 3);
        Self(builder.build(), by_remainder)
    }
}

impl Place for Rows {
    fn name(&self) -> &'static str {
        "TTable"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        Ok(self.0.insert(tx, item)?.is_ok())
    }

    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>> {
        match self.1.range(tx, ..)?.get(fresh as usize % 2) {
            Some(item) => self.0.remove(tx, item),
            None => Ok(None),
        }
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.0.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        self.1.range(tx, ..).map(Some)
    }
}

struct Array(TArray<Option<u64>>);

impl Place for Array {
    fn name(&self) -> &'static str {
        "TArray"
    }

    fn room(&self) -> usize {
        self.0.len()
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        for at in 0..self.0.len() {
            if self.0.read(tx, at)?.is_none() {
                self.0.write(tx, at, Some(item))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        for at in 0..self.0.len() {
            if let Some(item) = self.0.read(tx, at)? {
                self.0.write(tx, at, None)?;
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(self.0.to_vec(tx)?.into_iter().flatten().count())
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.0.to_vec(tx)?.into_iter().flatten().collect()))
    }
}

struct Deque(TDeque<u64>);

impl Place for Deque {
    fn name(&self) -> &'static str {
        "TDeque"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        if item.is_multiple_of(2) {
            self.0.push_front(tx, item)?
        } else {
            self.0.push_back(tx, item)?
        }
        Ok(true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>> {
        if fresh.is_multiple_of(2) { self.0.pop_front(tx) } else { self.0.pop_back(tx) }
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.0.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        self.0.to_vec(tx).map(Some)
    }
}

impl Place for TQueue<u64> {
    fn name(&self) -> &'static str {
        "TQueue"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        self.push(tx, item).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        self.try_pop(tx)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        TQueue::items(self, tx).map(Some)
    }
}

impl Place for TBQueue<u64> {
    fn name(&self) -> &'static str {
        "TBQueue"
    }

    fn room(&self) -> usize {
        self.capacity()
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        Ok(self.try_push(tx, item)?.is_ok())
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        self.try_pop(tx)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        TBQueue::items(self, tx).map(Some)
    }
}

impl Place for TPriorityQueue<u64> {
    fn name(&self) -> &'static str {
        "TPriorityQueue"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        self.push(tx, item).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        self.try_pop(tx)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.len(tx)
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        TPriorityQueue::items(self, tx).map(Some)
    }
}

/// What is there is what its one subscriber has not read.
struct Channel(TBroadcast<u64>, TSubscriber<u64>);

impl Place for Channel {
    fn name(&self) -> &'static str {
        "TBroadcast"
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        self.0.send(tx, item).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        self.1.try_recv(tx)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        self.1.len(tx)
    }

    /// One could tell only by reading them.
    fn items(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(None)
    }
}

impl Place for TMVar<u64> {
    fn name(&self) -> &'static str {
        "TMVar"
    }

    fn room(&self) -> usize {
        1
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        Ok(self.try_put(tx, item)?.is_ok())
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        self.try_take(tx)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(usize::from(!self.is_empty(tx)?))
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.try_read(tx)?.into_iter().collect()))
    }
}

/// Of which nobody holds the lock.
impl Place for TRwLock<Option<u64>> {
    fn name(&self) -> &'static str {
        "TRwLock"
    }

    fn room(&self) -> usize {
        1
    }

    fn put(&self, tx: &Transaction<'_, '_>, item: u64) -> StmResult<bool> {
        if self.get(tx)?.is_some() {
            return Ok(false);
        }
        self.set(tx, Some(item)).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, _fresh: u64) -> StmResult<Option<u64>> {
        let item = *self.get(tx)?;
        if item.is_some() {
            self.set(tx, None)?;
        }
        Ok(item)
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(usize::from(self.get(tx)?.is_some()))
    }

    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(Some(self.get(tx)?.iter().copied().collect()))
    }
}

impl Place for TCounter {
    fn name(&self) -> &'static str {
        "TCounter"
    }

    fn put(&self, tx: &Transaction<'_, '_>, _item: u64) -> StmResult<bool> {
        self.add(tx, 1).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>> {
        Ok(self.try_take(tx, 1)?.then_some(fresh))
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(self.get(tx)? as usize)
    }

    fn items(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(None)
    }
}

impl Place for TSemaphore {
    fn name(&self) -> &'static str {
        "TSemaphore"
    }

    fn put(&self, tx: &Transaction<'_, '_>, _item: u64) -> StmResult<bool> {
        self.release(tx, 1).map(|()| true)
    }

    fn take(&self, tx: &Transaction<'_, '_>, fresh: u64) -> StmResult<Option<u64>> {
        Ok(self.try_acquire(tx, 1)?.then_some(fresh))
    }

    fn count(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize> {
        Ok(self.available(tx)? as usize)
    }

    fn items(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<Option<Vec<u64>>> {
        Ok(None)
    }
}

/// One of each, and all are empty.
pub(crate) fn all_kinds() -> Vec<Box<dyn Place>> {
    let channel = TBroadcast::new();
    let subscriber = channel.subscriber();
    vec![
        Box::new(Hashed(TMap::new())),
        Box::new(Members(TSet::new())),
        Box::new(InOrder(TOrdMap::new())),
        Box::new(Rows::new()),
        Box::new(Array(TArray::new(4, None))),
        Box::new(Deque(TDeque::new())),
        Box::new(TQueue::new()),
        Box::new(TBQueue::new(3)),
        Box::new(TPriorityQueue::new()),
        Box::new(Channel(channel, subscriber)),
        Box::new(TMVar::new_empty()),
        Box::new(TRwLock::new(None)),
        Box::new(TCounter::new(0)),
        Box::new(TSemaphore::new(0)),
    ]
}
