//! What becomes of an item for which there is no room.

/// What [`TBQueue::push`](super::TBQueue::push) does where the queue is full, and [`TBroadcast::send`](super::TBroadcast::send)
/// where a subscriber is as many items behind as the channel's capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It waits until there is room or the queue is closed. On a broadcast channel there is room when the slowest subscriber has
    /// read on or is gone.
    #[default]
    Wait,
    /// It drops the item it was to put in. A broadcast channel sends it to nobody.
    DropNewest,
    /// It drops the item that has been in the queue for longest, and puts the new one in. (Where the capacity is 0, the new
    /// one is all there is to drop.) Of a broadcast channel, the subscriber misses it.
    DropOldest,
}
