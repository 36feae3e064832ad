//! What an attempt reads and writes: the operations on variables, and the moment they see.

use crate::attempt::{Attempt, DOOMED, SNAPSHOT, State, THAWED, UNLOGGED, UNTIDY};
use crate::cell::RawCell;
use crate::clock::Version;
use crate::commit::{self, Conflict};
use crate::error::{Abort, Cause};
use crate::log::WriteEntry;
use crate::log::reads::ReadEntry;
use crate::log::writes::Displaced;
use crate::shim::{Point, point};
use crate::storage::{Bits, Fits, Kind};
use crate::word::Word;

impl Attempt {
    /// Reads a variable: its own pending value, or the committed one as of the attempt's view. Where that is not plain,
    /// `make_ready` is called first: a cell that is not ready looks locked, and so is not plain. `fits` is that of the cell's
    /// type.
    ///
    /// # Safety
    ///
    /// The cell stays allocated until the attempt is over.
    #[inline(always)]
    pub(crate) unsafe fn read(
        &self,
        cell: *const RawCell,
        fits: Fits,
        make_ready: impl FnOnce(),
    ) -> Result<Bits, Abort> {
        point(Point::Read);
        let pointer = self.state.get();
        // SAFETY: as in `state`.
        let state = unsafe { &mut *pointer };
        // SAFETY: passed on to the caller.
        let shared = unsafe { &*cell };
        // The log is open only in the plain case. The other is written out beside it, so that neither pays for the other.
        if state.reads.has_room() {
            let seen = shared.lock.load();
            if state.limit.accepts(seen)
                && let Some(value) = shared.read(seen)
            {
                // SAFETY: there is room.
                unsafe { state.reads.push_within_room(ReadEntry { cell, seen }) };
                state.limit = state.view;
                return Ok(value);
            }
        } else if state.flags == SNAPSHOT | UNLOGGED {
            let seen = shared.lock.load();
            if state.limit.accepts(seen)
                && let Some(value) = shared.read(seen)
            {
                return Ok(value);
            }
        }
        make_ready();
        // SAFETY: passed on to the caller.
        let value = unsafe { self.read_closed(cell, fits) };
        // SAFETY: as in `state`, borrowed anew. By this pointer it takes no register more.
        value.ok_or_else(|| unsafe { &*pointer }.aborted())
    }

    /// A read when the log is closed: the plain case of an attempt that has written something else. Returns `None` from a
    /// doomed attempt, which fits into registers.
    ///
    /// # Safety
    ///
    /// As for [`Attempt::read`].
    #[inline(never)]
    unsafe fn read_closed(&self, cell: *const RawCell, fits: Fits) -> Option<Bits> {
        let state = self.state();
        if state.flags & (DOOMED | UNLOGGED) == 0 && !state.writes.may_contain(cell) && state.reads.has_capacity() {
            // SAFETY: passed on to the caller.
            let shared = unsafe { &*cell };
            let seen = shared.lock.load();
            if state.limit.accepts(seen)
                && let Some(value) = shared.read(seen)
            {
                // SAFETY: there is room.
                unsafe { state.reads.push_within_room(ReadEntry { cell, seen }) };
                state.limit = state.view;
                return Some(value);
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { state.read_slow(cell, fits) }
    }

    /// Looks at a variable without keeping track of it: its own pending value, or the latest committed one or, in a snapshot,
    /// that of its moment. The word is not consulted: a value gets into the cell only when its commit is decided.
    ///
    /// # Safety
    ///
    /// As for [`Attempt::read`]; the cell is ready for use.
    #[inline]
    pub(crate) unsafe fn peek(&self, cell: *const RawCell, fits: Fits) -> Result<Bits, Abort> {
        let state = self.state();
        if state.flags & (DOOMED | SNAPSHOT) == 0 && !state.writes.may_contain(cell) {
            // SAFETY: passed on to the caller.
            return Ok(unsafe { (*cell).value() });
        }
        // SAFETY: passed on to the caller.
        unsafe { state.peek_slow(cell, fits) }
    }

    /// Finds out whether all that was read is as it was: for who goes by looks, and may have none but its own values to read. A
    /// snapshot's looks are of its moment, like its reads.
    ///
    /// # Errors
    ///
    /// Returns [`Abort`] if the attempt is over, or is now.
    #[cold]
    pub(crate) fn revalidate(&self) -> Result<(), Abort> {
        let state = self.state();
        if state.flags & DOOMED != 0 {
            return Err(state.aborted());
        }
        if state.flags & SNAPSHOT != 0 { Ok(()) } else { state.extend(Version::INITIAL) }
    }

    /// Notes that the attempt will store `value`. On an error the value is retired.
    ///
    /// # Safety
    ///
    /// The cell stays allocated until the attempt is over; `value` is a stored form of the cell's type, which `kind` tells, and
    /// the caller gives it away.
    #[inline(never)]
    pub(crate) unsafe fn write(
        &self,
        cell: *const RawCell,
        value: Bits,
        kind: Option<&'static Kind>,
    ) -> Result<(), Abort> {
        let state = self.state();
        // The plain case: the first write to a variable that was read just now, or when no other read is in the log. The
        // lock will validate the read, so one entry serves for both.
        if state.writes.has_room()
            && let Some(filter) = state.writes.filter_with(cell)
            && let Some(expected) = state.reads.take_last(cell)
        {
            state.reads.set_open(false);
            let entry = WriteEntry { cell, value, expected, held: Word::NONE, kind };
            // SAFETY: there is room.
            unsafe { state.writes.push_within_room(entry, filter) };
            return Ok(());
        }
        self.write_slow(cell, value, kind)
    }

    #[inline(never)]
    fn write_slow(&self, cell: *const RawCell, value: Bits, kind: Option<&'static Kind>) -> Result<(), Abort> {
        let state = self.state();
        if state.flags & SNAPSHOT != 0 {
            state.thaw();
        }
        if state.flags & DOOMED != 0 {
            let cause = state.doom;
            if let Some(kind) = kind {
                self.discard(Displaced { value, kind });
            }
            return Err(Abort { cause });
        }
        if let Some(position) = state.writes.find(cell) {
            if let Some(displaced) = state.writes.replace(position, value) {
                self.discard(displaced);
            }
            return Ok(());
        }
        state.reads.set_open(false);
        let expected = state.reads.take_recent(cell).unwrap_or(Word::NONE);
        state.writes.push(WriteEntry { cell, value, expected, held: Word::NONE, kind });
        Ok(())
    }
}

impl State {
    /// Every other read; as [`Attempt::read_closed`].
    ///
    /// # Safety
    ///
    /// As for [`Attempt::read`].
    #[inline(never)]
    unsafe fn read_slow(&mut self, cell: *const RawCell, fits: Fits) -> Option<Bits> {
        if self.flags & DOOMED != 0 {
            return None;
        }
        if let Some(value) = self.writes.pending(cell) {
            return Some(value);
        }
        // SAFETY: passed on to the caller.
        let shared = unsafe { &*cell };
        loop {
            let mut word = shared.lock.load();
            if word.is_locked() {
                word = shared.wait_until_free();
            }
            if !self.limit.accepts(word) {
                if self.flags & SNAPSHOT != 0 {
                    return self.read_past(cell, fits);
                }
                self.extend(word.version()).ok()?;
                continue;
            }
            if let Some(value) = shared.read(word) {
                self.note_read(cell, word);
                self.limit = self.view;
                return Some(value);
            }
        }
    }

    /// Every other look without keeping track.
    ///
    /// # Safety
    ///
    /// As for [`Attempt::peek`].
    #[inline(never)]
    unsafe fn peek_slow(&mut self, cell: *const RawCell, fits: Fits) -> Result<Bits, Abort> {
        if self.flags & SNAPSHOT != 0 {
            let logged = self.flags & UNLOGGED == 0;
            self.flags |= UNLOGGED;
            // SAFETY: passed on to the caller.
            let value = unsafe { self.read_slow(cell, fits) };
            if logged {
                self.flags &= !UNLOGGED;
            }
            return value.ok_or_else(|| self.aborted());
        }
        if self.flags & DOOMED != 0 {
            return Err(self.aborted());
        }
        // SAFETY: passed on to the caller.
        Ok(self.writes.pending(cell).unwrap_or_else(|| unsafe { (*cell).value() }))
    }

    fn note_read(&mut self, cell: *const RawCell, seen: Word) {
        if self.flags & UNLOGGED == 0 {
            self.reads.push(ReadEntry { cell, seen });
            if self.reads.is_outsized() {
                self.flags |= UNTIDY;
            }
        }
    }

    /// What a snapshot reads of a variable that was written since its moment.
    #[cold]
    #[inline(never)]
    fn read_past(&mut self, cell: *const RawCell, fits: Fits) -> Option<Bits> {
        self.flags |= UNTIDY;
        match self.past.find(cell.addr(), self.view.version()) {
            Some(replaced) if fits(replaced.kind, replaced.value) => {
                self.note_read(cell, Word::of_version(replaced.from));
                Some(replaced.value)
            }
            // The variable is younger than the snapshot, which can not have learned of it by reading.
            _ => {
                let _signal = self.abort(Cause::Conflict);
                None
            }
        }
    }

    /// Makes an ordinary attempt of a snapshot with a log, because it writes: moves its view to now, if nothing it has read has
    /// changed.
    #[cold]
    fn thaw(&mut self) {
        debug_assert!(self.flags & UNLOGGED == 0, "who can not write keeps no log");
        self.flags |= THAWED;
        if self.flags & DOOMED == 0 && self.extend(Version::INITIAL).is_ok() {
            self.flags &= !SNAPSHOT;
            self.writes.set_open(true);
        }
    }

    /// Moves the view forward to a moment that includes `version`.
    #[cold]
    fn extend(&mut self, version: Version) -> Result<(), Abort> {
        // SAFETY: every cell in the logs is alive until the attempt is over, by the contracts of `read` and `write`.
        match unsafe { commit::extend(self.writes.entries(), self.reads.entries(), version) } {
            Ok(view) => {
                self.view = view;
                self.limit = view;
                Ok(())
            }
            Err(Conflict) => Err(self.abort(Cause::Conflict)),
        }
    }
}
