//! A line of those who are served in the order in which they have come.
//!
//! Everybody has a [`Spot`], which knows who is ahead and is waited for by who is behind. To leave is to store one
//! flag, so it can be done anywhere: also by a future that is dropped inside a body. Who leaves wakes only the next.
//! Before that it lets go of those ahead who have left: however many come and go behind one who stays, there are no more
//! places than have been in line at one time.

use crate::error::StmResult;
use crate::shared::Shared;
use crate::tcell::TCell;
use crate::tlink::{Linkage, TLink};
use crate::tx::{ReadTransaction, Transaction};

pub(super) struct Line {
    /// Who has come last, or somebody who is in line no more.
    last: TLink<Place>,
}

struct Place {
    /// Set until its owner has been served or has given up.
    waits: TCell<bool>,
    /// Who was in line when its owner came; nobody once its owner was served.
    ahead: TLink<Place>,
}

/// The nearest who still waits: `place`, or somebody ahead of it.
fn waiting<'tx>(
    mut place: Option<Linkage<'tx, Place>>,
    tx: &ReadTransaction<'tx, '_>,
) -> StmResult<Option<Linkage<'tx, Place>>> {
    while let Some(found) = place {
        let found = found.get();
        if found.waits.read(tx)? {
            break;
        }
        place = found.ahead.read(tx)?;
    }
    Ok(place)
}

impl Line {
    pub(super) fn new() -> Self {
        Self { last: TLink::new(None) }
    }

    /// Whether nobody is in line.
    pub(super) fn is_vacant<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<bool> {
        let Some(last) = self.last.read(tx)? else { return Ok(true) };
        let is_vacant = waiting(Some(last), tx)?.is_none();
        if is_vacant {
            // Nobody has to look at those who have left again.
            self.last.write(tx, None)?;
        }
        Ok(is_vacant)
    }

    /// Whether it is certain that nobody is in line at this moment.
    pub(super) fn is_empty_now(&self) -> bool {
        self.last.load().is_none()
    }

    /// How many are in line. Reads all of it.
    pub(super) fn len<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        let mut count = 0;
        let mut place = waiting(self.last.read(tx)?, tx)?;
        while let Some(found) = place {
            count += 1;
            place = waiting(found.get().ahead.read(tx)?, tx)?;
        }
        Ok(count)
    }
}

/// A place in a [`Line`], which is given up when this is dropped.
pub(super) struct Spot {
    place: Shared<Place>,
}

impl Spot {
    /// Exists before it is in a line, so that it is given up whatever happens.
    pub(super) fn new() -> Self {
        Self { place: Shared::new(Place { waits: TCell::new(true), ahead: TLink::new(None) }) }
    }

    /// Takes the place behind all others.
    pub(super) fn join<'tx>(&self, line: &'tx Line, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        let ahead = waiting(line.last.read(tx)?, tx)?;
        Shared::get(&self.place, tx).ahead.write(tx, ahead.map(Linkage::to_shared))?;
        line.last.write(tx, Some(self.place.clone()))
    }

    /// Whether nobody is ahead.
    pub(super) fn is_first(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Ok(waiting(Shared::get(&self.place, tx).ahead.read(tx)?, tx)?.is_none())
    }

    /// Whether it was neither served nor given up.
    pub(super) fn is_waiting(&self, tx: &ReadTransaction<'_, '_>) -> StmResult<bool> {
        Shared::get(&self.place, tx).waits.read(tx)
    }

    /// Lets the next come forward.
    pub(super) fn serve(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        let place = Shared::get(&self.place, tx);
        place.ahead.write(tx, None)?;
        place.waits.write(tx, false)
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        if self.place.waits.load() {
            let mut ahead = self.place.ahead.load();
            let mut has_left = false;
            while let Some(place) = ahead.take_if(|place| !place.waits.load()) {
                (ahead, has_left) = (place.ahead.load(), true);
            }
            if has_left {
                // To those behind it is the same: they would skip them, too.
                self.place.ahead.store(ahead);
            }
            self.place.waits.store(false);
        }
    }
}
