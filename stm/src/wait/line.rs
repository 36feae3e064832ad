//! Waiting in line: a write wakes one of those who wait at the same call, and none of them is forgotten.
//!
//! A *line* is made of all who wait at one call of `retry_in_line` for one variable. A write wakes the first, who thereby
//! holds the line's *baton* until its transaction ends, or waits again at the same call for the same variable. In the
//! second case it has seen the new state, found it of no use, and speaks for the others, who would find the same. In
//! every other case, be it a commit, an error, a panic, or a wait given up, nobody has spoken for them, and the baton goes on
//! to the next in line.
//!
//! So, while somebody is in line who has not seen the variable's latest value, at least one of these holds:
//!
//! - the commit that stored the value has yet to look into the table;
//! - a baton of the line is out;
//! - somebody in line speaks for it: one who held the baton, has waited again since, and is woken if anything changes
//!   that it has read. When its wait is over, however, it holds the baton again: it *owes* it.
//!
//! Hence nothing is lost, and while a baton is out the bit in the word is not needed for that. It is set again at once
//! all the same (see [`super::WakeList::add`]), so that the next write wakes the next in line, however long the first takes.
//! If several batons of a line are out, only the last is passed on: whoever is still to end will see to the others.

use std::mem;
use std::panic::Location;

use super::WakeList;
use super::table;
use crate::unwind::Panics;

/// The call at which a transaction waits in line: its place in the source.
pub(crate) type Call = &'static Location<'static>;

/// The batons that a transaction holds between a wait and its end. Dropping them passes them on.
#[derive(Debug, Default)]
#[must_use = "dropping batons wakes the next in line"]
pub(crate) struct Batons {
    /// Where the transaction has waited in line, and as which number: it keeps its place when it waits there again.
    place: Option<(Call, u64)>,
    /// By variable. One may be held twice: whoever holds it can be woken once more while it is about to wait.
    held: Vec<(usize, Call)>,
}

impl Batons {
    pub(crate) const fn new() -> Self {
        Self { place: None, held: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The number of whoever waits at `call` now: the one it had if it waited there before.
    pub(super) fn number_at(&self, call: Call) -> Option<u64> {
        self.place.and_then(|(own, number)| (own == call).then_some(number))
    }

    /// Remembers a place in line, and the batons that came with it.
    pub(super) fn take_up(&mut self, call: Call, number: u64, addresses: impl IntoIterator<Item = usize>) {
        self.place = Some((call, number));
        self.held.extend(addresses.into_iter().map(|address| (address, call)));
    }

    /// Gives up those of the variables for which the holder waits at `call` again. Returns the variables, in order.
    pub(super) fn put_down(&mut self, call: Call, waits_for: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut owed = Vec::new();
        self.held.retain(|&(address, own)| {
            let is_done = own == call && waits_for(address);
            if is_done {
                table::put_down(address, call);
                owed.push(address);
            }
            !is_done
        });
        owed.sort_unstable();
        owed.dedup();
        owed
    }

    /// Hands all of them to somebody else; the place in line is kept.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = (usize, Call)> {
        mem::take(&mut self.held).into_iter()
    }

    pub(super) fn take_over(&mut self, address: usize, call: Call) {
        self.held.push((address, call));
    }
}

impl Drop for Batons {
    fn drop(&mut self) {
        if !self.is_empty() {
            let mut list = WakeList::new();
            list.owe(self);
            let mut panics = Panics::new();
            list.wake(&mut panics);
            panics.resume();
        }
    }
}
