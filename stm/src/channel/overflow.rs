//! What becomes of an item for which there is no room.

/// What [`TBQueue::push`](super::TBQueue::push) does where the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It waits until there is room or the queue is closed.
    #[default]
    Wait,
    /// It drops the item it was to put in.
    DropNewest,
    /// It drops the item that has been in the queue for longest, and puts the new one in. (Where the capacity is 0, the new
    /// one is all there is to drop.)
    DropOldest,
}
