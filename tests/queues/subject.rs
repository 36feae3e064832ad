//! Queues by one interface.

use stm::channel::{Overflow, TBQueue, TQueue, TryPushError};
use stm::{ReadTransaction, StmResult, Transaction};

/// What an item is made of.
pub(crate) trait Item: common::Sample {}
impl<T: common::Sample> Item for T {}

/// First in, first out.
pub(crate) trait Queue<T>: Clone + Send + Sync + 'static {
    fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), T>>;
    fn offer(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<Option<T>, T>>;
    fn try_push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), TryPushError<T>>>;
    fn push_front(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<()>;
    fn pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>>;
    fn try_pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>>;
    fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>>;
    fn try_peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>>;
    fn flush(&self, tx: &Transaction<'_, '_>) -> StmResult<Vec<T>>;
    fn items(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Vec<T>>;
    fn len(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<usize>;
    fn is_empty(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool>;
    fn is_full(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool>;
    fn close(&self, tx: &Transaction<'_, '_>) -> StmResult<bool>;
    fn is_closed(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool>;
    fn dropped(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<u64>;
    fn capacity(&self) -> usize;
    fn overflow(&self) -> Overflow;
}

macro_rules! forward {
    ($($name:ident($tx:ident $(, $item:ident)?) -> $result:ty;)*) => {
        $(fn $name(&self, tx: &$tx<'_, '_> $(, $item: T)?) -> StmResult<$result> {
            self.$name(tx $(, $item)?)
        })*
    };
}

impl<T: Item> Queue<T> for TBQueue<T> {
    forward! {
        push(Transaction, item) -> Result<(), T>;
        offer(Transaction, item) -> Result<Option<T>, T>;
        try_push(Transaction, item) -> Result<(), TryPushError<T>>;
        push_front(Transaction, item) -> ();
        pop(Transaction) -> Option<T>;
        try_pop(Transaction) -> Option<T>;
        peek(ReadTransaction) -> Option<T>;
        try_peek(ReadTransaction) -> Option<T>;
        flush(Transaction) -> Vec<T>;
        items(ReadTransaction) -> Vec<T>;
        len(ReadTransaction) -> usize;
        is_empty(ReadTransaction) -> bool;
        is_full(ReadTransaction) -> bool;
        close(Transaction) -> bool;
        is_closed(ReadTransaction) -> bool;
        dropped(ReadTransaction) -> u64;
    }
    fn capacity(&self) -> usize {
        self.capacity()
    }
    fn overflow(&self) -> Overflow {
        self.overflow()
    }
}

/// Like a bounded one that never fills up, and is never closed.
impl<T: Item> Queue<T> for TQueue<T> {
    forward! {
        push_front(Transaction, item) -> ();
        try_pop(Transaction) -> Option<T>;
        try_peek(ReadTransaction) -> Option<T>;
        flush(Transaction) -> Vec<T>;
        items(ReadTransaction) -> Vec<T>;
        len(ReadTransaction) -> usize;
        is_empty(ReadTransaction) -> bool;
    }
    fn push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), T>> {
        self.push(tx, item).map(Ok)
    }
    fn offer(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<Option<T>, T>> {
        self.push(tx, item).map(|()| Ok(None))
    }
    fn try_push(&self, tx: &Transaction<'_, '_>, item: T) -> StmResult<Result<(), TryPushError<T>>> {
        self.push(tx, item).map(Ok)
    }
    fn pop(&self, tx: &Transaction<'_, '_>) -> StmResult<Option<T>> {
        self.pop(tx).map(Some)
    }
    fn peek(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<Option<T>> {
        self.peek(tx).map(Some)
    }
    fn is_full(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(false)
    }
    fn close(&self, _tx: &Transaction<'_, '_>) -> StmResult<bool> {
        Ok(false)
    }
    fn is_closed(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(false)
    }
    fn dropped(&self, _tx: &ReadTransaction<'_, '_>) -> StmResult<u64> {
        Ok(0)
    }
    fn capacity(&self) -> usize {
        usize::MAX
    }
    fn overflow(&self) -> Overflow {
        Overflow::Wait
    }
}
