//! One attempt, step by step.

use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::archive;
use crate::cell::RawCell;
use crate::clock::tests::alone;
use crate::reclaim::{self, Handle};
use crate::storage::{self, Bits, Fits};
use crate::unwind::Panics;
use crate::wait::Registration;
use crate::waited::Who;
use crate::word::VersionedLock;
use crate::{TVar, atomically, snapshot};

mod ends;

const LOGGED: Tracking = Tracking::Logged;
const ALL: [Tracking; 3] = [LOGGED, Tracking::Snapshot, Tracking::LoggedSnapshot];

fn cell(value: usize) -> RawCell {
    RawCell::new(VersionedLock::FREE, bits(value))
}

fn bits(value: usize) -> Bits {
    ptr::without_provenance_mut(value)
}

/// An attempt of its own, and what `Context` does around each run.
struct Stand {
    attempt: Attempt,
    _handle: Handle,
}

impl Stand {
    fn new() -> Self {
        let handle = Handle::current();
        Self { attempt: Attempt::new(handle.local()), _handle: handle }
    }

    fn begin(&self, number: u32, privilege: Privilege, tracking: Tracking) -> &Attempt {
        self.attempt.local().enter();
        self.attempt.begin(number, privilege, tracking);
        &self.attempt
    }

    fn plain(&self) -> &Attempt {
        self.begin(1, Privilege::Ordinary, LOGGED)
    }

    fn end(&self) -> Option<Aftermath> {
        let aftermath = self.attempt.roll_back();
        self.leave();
        aftermath
    }

    fn leave(&self) {
        let (attempt, local) = (&self.attempt, self.attempt.local());
        attempt.leave();
        let closes = attempt.closes_snapshot();
        if closes {
            local.withdraw();
        }
        local.unpin();
        if closes {
            archive::closed(local);
        }
    }
}

/// A test that fails leaves its thread as it found it: others would wait for the end of its snapshot.
impl Drop for Stand {
    fn drop(&mut self) {
        if self.attempt.is_running() {
            assert!(thread::panicking(), "the run is over before its stand is");
            let _aftermath = self.end();
        }
    }
}

fn flags(attempt: &Attempt) -> u16 {
    attempt.state().flags
}

/// Whether the plain read may use the log.
fn is_open(attempt: &Attempt) -> bool {
    attempt.state().reads.has_room()
}

fn read(attempt: &Attempt, cell: &RawCell) -> Option<usize> {
    // SAFETY: the cells of a test outlive its attempts.
    unsafe { attempt.read(cell, storage::fits::<u64>, || ()) }.ok().map(|bits| bits.addr())
}

fn peek(attempt: &Attempt, cell: &RawCell) -> Option<usize> {
    // SAFETY: as above.
    unsafe { attempt.peek(cell, storage::fits::<u64>) }.ok().map(|bits| bits.addr())
}

fn write(attempt: &Attempt, cell: &RawCell, value: usize) -> bool {
    // SAFETY: as above; an inline value.
    unsafe { attempt.write(cell, bits(value), None) }.is_ok()
}

fn who() -> Who {
    Who { name: None, site: Location::caller() }
}

/// Another thread commits.
fn elsewhere(cell: &RawCell, value: usize) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let stand = Stand::new();
            let attempt = stand.plain();
            assert!(write(attempt, cell, value));
            // SAFETY: the cells are alive.
            assert!(unsafe { attempt.commit(who) }.is_ok());
            // If a snapshot is open, it has kept something.
            let _aftermath = attempt.finish().then(|| attempt.tidy());
            stand.leave();
        });
    });
}

fn awaited(attempt: &Attempt) -> Vec<usize> {
    attempt.awaited().into_iter().map(|(cell, _)| cell.addr()).collect()
}

/// A log that has memory, which it gets with the first entry.
fn warm(stand: &Stand) {
    let spare = cell(0);
    assert_eq!(read(stand.plain(), &spare), Some(0));
    write(&stand.attempt, &spare, 1);
    assert!(stand.end().is_none());
}

#[test]
fn a_run_begins_as_it_is_told() {
    let _alone = alone();
    let stand = Stand::new();
    warm(&stand);
    for (tracking, expected, open) in
        [(LOGGED, 0, true), (ALL[1], SNAPSHOT | UNLOGGED, false), (ALL[2], SNAPSHOT | UNTIDY, true)]
    {
        assert!(!stand.attempt.is_running());
        let attempt = stand.begin(7, Privilege::Ordinary, tracking);
        assert_eq!((flags(attempt), is_open(attempt), attempt.number()), (expected, open, 7));
        assert_eq!(attempt.is_logged(), tracking != Tracking::Snapshot);
        assert!(attempt.is_running() && !attempt.is_doomed() && attempt.doom().is_none() && !attempt.has_written());
        assert_eq!(attempt.state().writes.has_room(), tracking != Tracking::LoggedSnapshot);
        let closes = tracking != LOGGED && attempt.state().announced;
        assert_eq!(attempt.closes_snapshot(), closes);
        assert_eq!(attempt.state().limit == Limit::ANY, tracking == LOGGED, "a snapshot has its moment from the start");
        assert!(stand.end().is_none());
    }
    // A promoted run has the token to give back, and so is never the plain case.
    let promoted = stand.begin(1, Privilege::Promoted, LOGGED);
    assert_eq!(flags(promoted), UNTIDY);
    stand.end();
    let deadline = Instant::now() + Duration::from_secs(5);
    stand.attempt.set_deadline(deadline);
    assert_eq!(stand.attempt.state().deadline, Some(deadline));
}

#[test]
fn a_wait_is_in_line_if_all_retries_were_at_one_call() {
    let (one, other): (Call, Call) = (Location::caller(), Location::caller());
    assert_ne!(one, other);
    let stand = Stand::new();
    // `None` is a plain retry; each but the last is caught.
    let line = |retries: &[Option<Call>]| {
        let attempt = stand.plain();
        for (position, retry) in retries.iter().enumerate() {
            if position > 0 {
                attempt.absolve();
                assert!(!attempt.is_doomed() && attempt.line().is_none(), "it is under way");
            }
            let _abort = match retry {
                Some(call) => attempt.retry_in_line(call, None),
                None => attempt.abort(Cause::Retry),
            };
            assert_eq!(attempt.doom(), Some(Cause::Retry));
        }
        let line = attempt.line();
        stand.end();
        line
    };
    let (one, other) = (Some(one), Some(other));
    assert_eq!(line(&[one]), one);
    assert_eq!(line(&[one, one]), one);
    assert_eq!(line(&[one, one, one]), one);
    let plain: [&[_]; 8] = [
        &[None],
        &[None, one],
        &[one, None],
        &[one, other],
        &[one, other, one],
        &[one, None, one],
        &[None, None],
        &[one, other, other],
    ];
    plain.into_iter().for_each(|retries| assert_eq!(line(retries), None, "{retries:?}"));
    // Who is doomed already is not to wait at all.
    let attempt = stand.plain();
    let _abort = attempt.abort(Cause::Conflict);
    let second = attempt.retry_in_line(Location::caller(), None);
    assert_eq!((second.cause, attempt.doom(), attempt.line()), (Cause::Conflict, Some(Cause::Conflict), None));
    stand.end();
}

#[test]
fn in_line_is_waited_for_what_the_call_alone_has_read() {
    let (call, other): (Call, Call) = (Location::caller(), Location::caller());
    let (stand, a, b, c, d) = (Stand::new(), cell(1), cell(2), cell(3), cell(4));
    let addresses = |cells: &[&RawCell]| {
        let mut addresses: Vec<_> = cells.iter().map(|cell| (&raw const **cell).addr()).collect();
        addresses.sort_unstable();
        addresses
    };
    // Each reads so many variables, and from there on it is the call that reads.
    let lined = |parts: &[(&[&RawCell], Option<&[&RawCell]>)]| {
        let attempt = stand.plain();
        for (position, (apart, own)) in parts.iter().enumerate() {
            if position > 0 {
                attempt.absolve();
            }
            apart.iter().for_each(|cell| assert!(read(attempt, cell).is_some()));
            let since = own.is_some().then(|| attempt.reads());
            own.unwrap_or_default().iter().for_each(|cell| assert!(read(attempt, cell).is_some()));
            let _abort = attempt.retry_in_line(call, since);
        }
        assert_eq!(attempt.line(), Some(call));
        let lined = attempt.take_lined();
        stand.end();
        lined
    };
    assert_eq!(lined(&[(&[], Some(&[&a, &b]))]), Some(addresses(&[&a, &b])));
    assert_eq!(lined(&[(&[&a], Some(&[&b]))]), Some(addresses(&[&b])));
    assert_eq!(lined(&[(&[&a, &c], Some(&[&b, &a, &b]))]), Some(addresses(&[&b])), "one that is read apart as well");
    assert_eq!(lined(&[(&[&a], Some(&[&b])), (&[&d], Some(&[&c]))]), Some(addresses(&[&b, &c])));
    assert_eq!(lined(&[(&[], Some(&[&b])), (&[&b], Some(&[&c]))]), Some(addresses(&[&c])), "read apart later");
    // By a call that says nothing of the kind, for all.
    assert_eq!(lined(&[(&[&a, &b], None)]), None);
    assert_eq!(lined(&[(&[], Some(&[&a])), (&[&b], None)]), None);
    assert_eq!(lined(&[(&[&b], None), (&[], Some(&[&a]))]), None);
    // What was said in an earlier run, or at another call, is forgotten.
    let attempt = stand.plain();
    read(attempt, &a);
    let _abort = attempt.retry_in_line(other, Some(0));
    stand.end();
    assert_eq!(lined(&[(&[&d], Some(&[&b]))]), Some(addresses(&[&b])));
}

#[test]
fn nobody_else_commits_beside_a_promoted_run() {
    let stand = Stand::new();
    for (privilege, is_promoted) in
        [(Privilege::Ordinary, false), (Privilege::Promoted, true), (Privilege::Hurried, false)]
    {
        assert_eq!(stand.begin(1, privilege, LOGGED).is_promoted(), is_promoted);
        stand.end();
    }
}

#[test]
fn a_doomed_attempt_does_nothing_and_one_that_is_absolved_everything() {
    let _alone = alone();
    let (stand, a, b) = (Stand::new(), cell(1), cell(2));
    warm(&stand);
    for tracking in ALL {
        for cause in [Cause::Retry, Cause::Conflict, Cause::Restart] {
            let attempt = stand.begin(1, Privilege::Ordinary, tracking);
            assert_eq!(read(attempt, &a), Some(1));
            assert_eq!(attempt.abort(cause).cause, cause);
            assert_eq!(attempt.abort(Cause::Restart).cause, cause, "the first counts");
            assert!(attempt.is_doomed() && !is_open(attempt) && !attempt.state().writes.has_room());
            assert_eq!((read(attempt, &a), read(attempt, &b), peek(attempt, &a)), (None, None, None));
            assert_eq!(flags(attempt) & RETRIED != 0, cause == Cause::Retry);
            if tracking == LOGGED {
                assert!(!write(attempt, &a, 3) && !write(attempt, &b, 3));
                assert!(!attempt.has_written());
            }
            attempt.absolve();
            assert_eq!(is_open(attempt), tracking != Tracking::Snapshot);
            assert_eq!(attempt.state().writes.has_room(), tracking != Tracking::LoggedSnapshot);
            assert_eq!((read(attempt, &a), read(attempt, &b), peek(attempt, &b)), (Some(1), Some(2), Some(2)));
            stand.end();
        }
    }
}

#[test]
fn the_log_is_open_as_long_as_nothing_is_written() {
    let (stand, a, b) = (Stand::new(), cell(1), cell(2));
    warm(&stand);
    let attempt = stand.plain();
    assert_eq!(read(attempt, &a), Some(1));
    assert!(is_open(attempt) && !attempt.has_written());
    let outer = attempt.open();
    assert!(write(attempt, &b, 9) && attempt.has_written() && !is_open(attempt));
    let inner = attempt.open();
    assert!(write(attempt, &b, 10));
    assert_eq!((read(attempt, &b), peek(attempt, &b), read(attempt, &a)), (Some(10), Some(10), Some(1)));
    assert!(attempt.undo(inner).is_empty());
    assert_eq!(read(attempt, &b), Some(9), "the outer one's is back");
    assert!(!is_open(attempt), "there is still something to look for");
    assert!(attempt.undo(outer).is_empty());
    assert!(is_open(attempt) && !attempt.has_written());
    assert_eq!((read(attempt, &b), peek(attempt, &b)), (Some(2), Some(2)));
    // What is kept of a scope is there after the next is undone.
    let kept = attempt.open();
    assert!(write(attempt, &a, 5));
    attempt.merge(kept);
    let undone = attempt.open();
    assert!(write(attempt, &a, 6));
    attempt.merge(attempt.open());
    assert!(attempt.undo(undone).is_empty());
    assert_eq!(read(attempt, &a), Some(5));
    stand.end();
    assert_eq!((a.value().addr(), b.value().addr()), (1, 2));
}

#[test]
fn waiters_wait_for_all_that_was_read_also_if_it_was_written_then() {
    let (stand, a, b, c) = (Stand::new(), cell(1), cell(2), cell(3));
    let attempt = stand.plain();
    assert_eq!((read(attempt, &a), read(attempt, &b)), (Some(1), Some(2)));
    assert!(write(attempt, &b, 5) && write(attempt, &c, 6), "the latter blindly");
    assert_eq!(peek(attempt, &c), Some(6));
    let mut awaited = awaited(attempt);
    awaited.sort_unstable();
    let mut expected = [&a, &b].map(|cell| (&raw const *cell).addr());
    expected.sort_unstable();
    assert_eq!(awaited, expected);
    stand.end();
}

#[test]
fn a_look_leaves_no_trace_and_sees_the_latest() {
    let _alone = alone();
    let (stand, a) = (Stand::new(), cell(1));
    let attempt = stand.plain();
    assert_eq!(peek(attempt, &a), Some(1));
    elsewhere(&a, 2);
    assert_eq!(peek(attempt, &a), Some(2));
    assert!(awaited(attempt).is_empty() && attempt.state().limit == Limit::ANY);
    // SAFETY: the cell is alive.
    assert!(unsafe { attempt.commit(who) }.is_ok());
    stand.end();
    for tracking in [Tracking::Snapshot, Tracking::LoggedSnapshot] {
        a.set(bits(2));
        let attempt = stand.begin(1, Privilege::Ordinary, tracking);
        assert_eq!(peek(attempt, &a), Some(2));
        elsewhere(&a, 7);
        assert_eq!((peek(attempt, &a), peek(attempt, &a)), (Some(2), Some(2)), "its moment is before that");
        assert!(awaited(attempt).is_empty());
        assert_eq!(attempt.is_logged(), tracking == Tracking::LoggedSnapshot);
        assert_eq!(read(attempt, &a), Some(2));
        assert_eq!(awaited(attempt).len(), usize::from(tracking == Tracking::LoggedSnapshot));
        stand.end();
    }
}

#[test]
fn who_asks_learns_of_a_conflict_and_a_snapshot_has_none() {
    let _alone = alone();
    let (stand, a, b) = (Stand::new(), cell(1), cell(2));
    for (tracking, written) in [(LOGGED, false), (LOGGED, true), (ALL[1], false), (ALL[2], false)] {
        let attempt = stand.begin(1, Privilege::Ordinary, tracking);
        assert!(read(attempt, &a).is_some());
        assert!(!written || write(attempt, &a, 9), "what was read and written is one entry");
        elsewhere(&b, 3);
        assert!(attempt.revalidate().is_ok(), "it has not read that");
        elsewhere(&a, 5);
        assert_eq!(attempt.revalidate().is_ok(), tracking != LOGGED);
        assert_eq!(attempt.doom(), (tracking == LOGGED).then_some(Cause::Conflict));
        assert_eq!(attempt.revalidate().is_ok(), tracking != LOGGED);
        stand.end();
    }
}

#[test]
fn a_snapshot_reads_of_its_moment_what_fits_and_nothing_else() {
    let _alone = alone();
    let (stand, a, b) = (Stand::new(), cell(1), cell(2));
    let never: Fits = |_, _| false;
    for tracking in [Tracking::Snapshot, Tracking::LoggedSnapshot] {
        a.set(bits(1));
        let attempt = stand.begin(1, Privilege::Ordinary, tracking);
        elsewhere(&a, 5);
        assert_eq!((read(attempt, &a), read(attempt, &b), read(attempt, &a)), (Some(1), Some(2), Some(1)));
        assert_eq!(flags(attempt) & UNTIDY, UNTIDY, "what it has found is to be forgotten");
        // SAFETY: the cell is alive.
        assert!(unsafe { attempt.read(&a, never, || ()) }.is_err());
        assert_eq!(attempt.doom(), Some(Cause::Conflict));
        stand.end();
    }
}

#[test]
fn a_snapshot_that_writes_goes_on_with_what_is_true_now_or_not_at_all() {
    let _alone = alone();
    let (stand, a, b) = (Stand::new(), cell(1), cell(2));
    let begin = || stand.begin(1, Privilege::Ordinary, Tracking::LoggedSnapshot);
    // What it has read is as it was.
    let attempt = begin();
    assert_eq!(read(attempt, &a), Some(1));
    elsewhere(&b, 3);
    assert!(write(attempt, &a, 4) && attempt.has_written());
    assert_eq!(flags(attempt) & (SNAPSHOT | THAWED | DOOMED), THAWED);
    assert!(attempt.state().writes.has_room(), "later writes are like others");
    assert_eq!((read(attempt, &b), peek(attempt, &b)), (Some(3), Some(3)), "it has come forward");
    // SAFETY: the cells are alive.
    assert!(unsafe { attempt.commit(who) }.is_ok());
    assert!(attempt.finish() && attempt.tidy().is_none());
    stand.leave();
    assert_eq!(a.value().addr(), 4);
    // It is not.
    let attempt = begin();
    assert_eq!(read(attempt, &a), Some(4));
    elsewhere(&a, 6);
    assert!(!write(attempt, &b, 9) && attempt.is_doomed());
    assert_eq!(attempt.doom(), Some(Cause::Conflict));
    assert!(attempt.has_written(), "it has tried to");
    stand.end();
    // One that is doomed stays so.
    let attempt = begin();
    let _abort = attempt.abort(Cause::Retry);
    assert!(!write(attempt, &b, 9));
    assert_eq!((attempt.doom(), attempt.has_written()), (Some(Cause::Retry), true));
    stand.end();
    assert_eq!((a.value().addr(), b.value().addr()), (6, 3));
    // The next run is a plain one.
    warm(&stand);
    assert!(!stand.plain().has_written() && is_open(&stand.attempt) && stand.attempt.state().writes.has_room());
    stand.end();
}
