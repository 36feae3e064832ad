//! `Pace`: how a broadcast channel keeps to its slowest subscriber.
//!
//! The sender knows a number of items that all subscribers have read, and looks at nobody as long as that is enough. When it is
//! not, it looks at the subscribers' positions: until it comes to one that is too far behind, for whom it waits, or else at all,
//! and then it knows the number anew. So subscribers change nothing but their own positions, and a send is in their way only now
//! and then.
//!
//! Who listens is no part of a transaction: one that subscribes only reads. A subscriber is entered, and struck out, in a step of
//! its own, and a sender looks for those who have been entered meanwhile *after* it has read the positions: whoever is entered
//! still later is where somebody was whom it has read, or further on.

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::overflow::Overflow;
use super::tbroadcast::Channel;
use super::tsubscriber::Position;
use crate::{ReadTransaction, Shared, StmResult, TCell, Transaction};

pub(super) struct Pace<T: 'static> {
    capacity: u64,
    pub(super) overflow: Overflow,
    /// All have read the items before this number.
    slowest: TCell<u64>,
    listeners: TCell<Listeners<T>>,
    /// By the rule.
    pub(super) dropped: TCell<u64>,
}

struct Listeners<T: 'static> {
    positions: Vec<Shared<Position<T>>>,
    /// How often anybody was entered.
    entries: u64,
}

impl<T: 'static> Clone for Listeners<T> {
    fn clone(&self) -> Self {
        Self { positions: self.positions.clone(), entries: self.entries }
    }
}

impl<T: Send + Sync + 'static> Pace<T> {
    pub(super) fn new(capacity: usize, overflow: Overflow) -> Self {
        let listeners = Listeners { positions: Vec::new(), entries: 0 };
        Self {
            capacity: capacity as u64,
            overflow,
            slowest: TCell::new(0),
            listeners: TCell::new(listeners),
            dropped: TCell::new(0),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Whether one who is to read the item of this number next is too far behind for that of another number.
    fn is_behind(&self, next: u64, number: u64) -> bool {
        number.saturating_sub(next) >= self.capacity
    }

    /// Whether the item of this number can be sent. If it can not, one subscriber has been read who is too far behind.
    pub(super) fn admits<'tx>(&'tx self, tx: &Transaction<'tx, '_>, number: u64) -> StmResult<bool> {
        if !self.is_behind(self.slowest.read(tx)?, number) {
            return Ok(true);
        }
        match self.look(tx, number)? {
            Some(slowest) => self.slowest.write(tx, slowest).map(|()| true),
            None => Ok(false),
        }
    }

    /// [`admits`](Self::admits), for who only wants to know.
    pub(super) fn has_room<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, number: u64) -> StmResult<bool> {
        Ok(!self.is_behind(self.slowest.read(tx)?, number) || self.look(tx, number)?.is_some())
    }

    /// The number that the slowest is to read next, at most `number`, unless that is too far behind.
    #[cold]
    fn look<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>, number: u64) -> StmResult<Option<u64>> {
        loop {
            let (entries, slowest) = self.listeners.show(|listeners| -> StmResult<_> {
                let mut slowest = number;
                for position in &listeners.positions {
                    let position = Shared::get(position, tx);
                    // No part of the transaction, unless it is to wait for that: whoever leaves in the same body would undo it.
                    if position.is_gone.load() {
                        continue;
                    }
                    let next = position.number(tx)?;
                    if self.is_behind(next, number) && !position.is_gone.read(tx)? {
                        return Ok((listeners.entries, None));
                    }
                    slowest = slowest.min(next);
                }
                Ok((listeners.entries, Some(slowest)))
            })?;
            if slowest.is_none() || self.listeners.show(|listeners| listeners.entries) == entries {
                return Ok(slowest);
            }
        }
    }

    fn enter(&self, position: &Shared<Position<T>>, next: u64) {
        self.listeners.fetch_update(|listeners| {
            listeners.positions.push(position.clone());
            listeners.entries += 1;
        });
        // Only if it comes from a moment that is over: a snapshot, or a run that will not commit.
        if self.slowest.load() > next {
            self.slowest.fetch_update(|slowest| *slowest = next.min(*slowest));
        }
    }

    fn strike_out(&self, position: &Shared<Position<T>>) {
        self.listeners.fetch_update(|listeners| {
            if let Some(place) = listeners.positions.iter().position(|other| Shared::ptr_eq(other, position)) {
                listeners.positions.swap_remove(place);
            }
        });
    }
}

/// That somebody listens on a channel that waits for it, until the last clone of this is dropped. (Whatever the items are: a
/// subscriber need not say again what they have to be.)
pub(super) type Presence = Arc<dyn Send + Sync + UnwindSafe + RefUnwindSafe>;

/// That this one listens. On a channel that waits for nobody this is nothing.
pub(super) fn listen<T: Send + Sync + 'static>(
    channel: &Shared<Channel<T>>,
    position: &Shared<Position<T>>,
    next: u64,
) -> Option<Presence> {
    let pace = channel.pace()?;
    // Before it is entered, so that it is struck out if a destructor or a waker panics meanwhile.
    let listening = Listening { channel: channel.clone(), position: position.clone() };
    pace.enter(position, next);
    // (A panic leaves the channel as it is.)
    Some(Arc::new(AssertUnwindSafe(listening)))
}

struct Listening<T: Send + Sync + 'static> {
    channel: Shared<Channel<T>>,
    position: Shared<Position<T>>,
}

impl<T: Send + Sync + 'static> Drop for Listening<T> {
    fn drop(&mut self) {
        /// Wakes who waits for it, after all else, and whatever panics before.
        struct Gone<'l, T: Send + Sync + 'static>(&'l Position<T>);
        impl<T: Send + Sync + 'static> Drop for Gone<'_, T> {
            fn drop(&mut self) {
                self.0.is_gone.store(true);
            }
        }
        let _gone = Gone(&self.position);
        if let Some(pace) = self.channel.pace() {
            pace.strike_out(&self.position);
        }
    }
}
