//! The global version clock, and all orderings on it.
//!
//! The clock is *deferred* (the GV5 family of TL2: Dice, Shalev, Shavit, DISC 2006, section 4; DCTL, PPoPP 2024): a commit
//! only loads it, and a reader that meets a version beyond it moves it there. Its contract:
//!
//! * **C1** If a commit obtained version `v` with all its locks held, and some thread later obtains `r >= v` from the
//!   clock, then the commit's access to the clock came before that access, in the order of sequentially consistent
//!   operations.
//! * **C2** A version exceeds every older version of the variables it is stored in, so no variable has one version twice.
//! * **C3** [`advance`] returns at least what it was asked for.
//!
//! The highest bits of the word tell commits what they need to know of others: every commit looks at the clock anyway, so
//! telling all of them costs nothing. One says that a promoted transaction runs (see `contention`), two are for snapshots
//! (see `archive`).

use crossbeam_utils::CachePadded;

use crate::shim::{AtomicU64, seq_cst, shared_static};

/// A moment of the clock, and the mark a commit leaves in the variables it wrote. Grows, never wraps: see [`LAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u64);

impl Version {
    /// The version of a variable that no transaction has written yet.
    pub(crate) const INITIAL: Self = Self(0);

    pub(crate) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }
}

/// How far versions may run ahead of the clock before a commit moves it. It bounds what a reader has to catch up with.
const MAX_DRIFT: u64 = 1024;

/// One of the two below is set: a commit has to look closer. As the sign of the word it costs commits no instruction.
const ATTENTION: u64 = 1 << 63;
/// A promoted transaction runs: nobody else may commit.
const EXCLUSIVE: u64 = 1 << 62;
/// A snapshot may be open: commits keep what they replace.
const KEEPING: u64 = 1 << 61;
/// With [`KEEPING`]: something was committed since the newest moment of a snapshot, so the next one needs a moment of its own.
const MOVED: u64 = 1 << 60;
/// The rest of the word.
const VERSION: u64 = MOVED - 1;

/// The clock stays below this, and so versions stay within a bit of it. Reaching it takes 2^60 commits; going on would in
/// the end break C2, so nobody may.
const LAST: u64 = (1 << 60) - 1;

shared_static! {
    static CLOCK: CachePadded<AtomicU64> = CachePadded::new(AtomicU64::new(0))
}

/// What one look at the clock saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading(u64);

impl Reading {
    pub(crate) fn version(self) -> Version {
        Version(self.0 & VERSION)
    }

    /// Whether a promoted transaction runs.
    pub(crate) fn is_exclusive(self) -> bool {
        self.0 & EXCLUSIVE != 0
    }

    /// Whether a snapshot may be open.
    pub(crate) fn is_keeping(self) -> bool {
        self.0 & KEEPING != 0
    }

    /// Whether the clock's version is a moment that a new snapshot can have: commits keep what they replace, and none has
    /// replaced anything since.
    #[inline(always)]
    pub(crate) fn is_a_moment(self) -> bool {
        self.0 & (KEEPING | MOVED) == KEEPING
    }
}

/// Looks at the clock. SeqCst: edge E3; for a commit this is the point at which it takes effect.
#[inline]
pub(crate) fn now() -> Reading {
    Reading(seq_cst::load(&CLOCK))
}

/// Moves the clock to `version` if it is behind, and returns a reading of at least `version` (C3).
pub(crate) fn advance(version: Version) -> Reading {
    let mut seen = seq_cst::load(&CLOCK);
    while seen & VERSION < version.0 {
        if version.0 >= LAST {
            exhausted();
        }
        let moved = version.0 | (seen & !VERSION);
        // SeqCst: edge E3. This is the access that makes `version` known, so it must follow the load of its commit.
        match seq_cst::compare_exchange(&CLOCK, seen, moved) {
            Ok(_) => return Reading(moved),
            // The failed exchange was relaxed; only a sequentially consistent access may be returned.
            Err(_) => seen = seq_cst::load(&CLOCK),
        }
    }
    Reading(seen)
}

/// Gives a commit its version: beyond the clock and beyond every version it replaces (C2).
///
/// The caller holds the locks of all variables it writes; `newest_replaced` is the newest of their versions.
#[inline]
pub(crate) fn stamp(newest_replaced: Version) -> (Reading, Version) {
    let mut reading = look();
    while newest_replaced.0 >= reading.version().0 + MAX_DRIFT {
        advance(newest_replaced);
        reading = look();
    }
    (reading, Version(reading.version().0.max(newest_replaced.0) + 1))
}

/// Looks at the clock as a commit does: if the newest moment of a snapshot ends with this, says so.
fn look() -> Reading {
    loop {
        let reading = now();
        // SeqCst: edge E13. The exchange is this commit's access to the clock: a snapshot that takes the moment came before.
        if !reading.is_a_moment() || seq_cst::compare_exchange(&CLOCK, reading.0, reading.0 | MOVED).is_ok() {
            return reading;
        }
    }
}

/// [`stamp`] where it takes but a look: no promoted transaction runs, no snapshot is open, and the clock need not be
/// moved.
#[inline(always)]
pub(crate) fn stamp_plainly(newest_replaced: Version) -> Option<Version> {
    let clock = now().0;
    // Negative with `ATTENTION`, and if what is replaced is too far ahead. `EXCLUSIVE` and `KEEPING` exceed all versions, so one
    // does not cancel the other. Otherwise the word is the version.
    let distance = clock.wrapping_add(MAX_DRIFT - 1).wrapping_sub(newest_replaced.0).cast_signed();
    (distance >= 0).then(|| Version(clock.max(newest_replaced.0) + 1))
}

/// Ends the process: no later commit would be told from an earlier one.
#[cold]
fn exhausted() -> ! {
    // Not by a panic: it could be caught.
    eprintln!("stm: the version clock is exhausted after 2^60 commits; the process has to be restarted");
    std::process::abort();
}

/// Tells every commit from now on that a promoted transaction runs. The caller holds the token of `contention`.
pub(crate) fn set_exclusive() {
    // SeqCst: edge E4.
    seq_cst::fetch_or(&CLOCK, EXCLUSIVE | ATTENTION);
}

/// Lets commits go on.
pub(crate) fn clear_exclusive() {
    clear(EXCLUSIVE, |_| true);
}

/// A moment for a new snapshot: all commits that have looked at the clock before have versions up to this one, all that will
/// look have later ones and see that they have to keep what they replace. `announce` is called with the moment before
/// anybody can see the latter.
pub(crate) fn new_moment(announce: impl Fn(Version)) -> Version {
    loop {
        let seen = seq_cst::load(&CLOCK);
        let reading = Reading(seen);
        if reading.is_a_moment() {
            return reading.version();
        }
        // Commits so far may have run ahead of the clock by this much.
        let moment = Version(reading.version().0 + MAX_DRIFT);
        if moment.0 >= LAST {
            exhausted();
        }
        announce(moment);
        // SeqCst: edge E12, as for moving the clock in an extension. Release: whoever sees the bit sees the announcement.
        let begun = moment.0 | (seen & EXCLUSIVE) | KEEPING | ATTENTION;
        if seq_cst::compare_exchange(&CLOCK, seen, begun).is_ok() {
            return moment;
        }
    }
}

/// Ends the newest moment: from now on no snapshot takes it. Returns what the clock said then, and the oldest moment that a
/// snapshot can have that makes one from now on.
pub(crate) fn end_moment() -> (Reading, Version) {
    // SeqCst: edge E13.
    let ended = look();
    (ended, Version(ended.version().0 + MAX_DRIFT))
}

/// Tells commits that no snapshot is open, unless a new moment may have begun since the last one `ended`. The caller has looked
/// for snapshots since then, and seen none. Returns whether commits keep nothing any more.
pub(crate) fn stop_keeping(ended: Reading) -> bool {
    // A new moment moves the clock.
    !ended.is_keeping() || clear(KEEPING | MOVED, |seen| seen.is_keeping() && seen.version() == ended.version())
}

/// Clears bits, and [`ATTENTION`] if nothing needs it any more, as long as the clock is as it should be.
///
/// SeqCst: edges E4 and E13. The exchange is with what was seen, so a moment that has begun meanwhile stays.
fn clear(bits: u64, should: impl Fn(Reading) -> bool) -> bool {
    loop {
        let seen = seq_cst::load(&CLOCK);
        if !should(Reading(seen)) {
            return false;
        }
        let rest = seen & !bits;
        let needless = if rest & (EXCLUSIVE | KEEPING) == 0 { ATTENTION } else { 0 };
        if seq_cst::compare_exchange(&CLOCK, seen, rest & !needless).is_ok() {
            return true;
        }
    }
}

/// The moment at which a variable is born, if a snapshot may be open: a commit in so far as no snapshot whose moment this was
/// may be joined by a later one.
#[inline(always)]
pub(crate) fn birth() -> Option<Version> {
    now().is_keeping().then(|| look().version())
}

/// Moves the clock up to `version`, as that many commits would. Versions are 62 bits wide; see [`LAST`].
#[cfg(stm_probe)]
pub fn set_clock(version: u64) {
    advance(Version(version));
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
pub(crate) mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// What the clock says besides the time, of promoted transactions and snapshots, is the process's, and so are the tests'
    /// of that. Commits of other tests go on.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let is_tidy = |_| {
            let is_tidy = !now().is_keeping() || crate::archive::tidy();
            if !is_tidy {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            is_tidy
        };
        assert!((0..10_000).any(is_tidy), "there is no end of a snapshot");
        alone
    }

    /// Calls `f` with the clock's version, until nobody has moved the clock meanwhile.
    fn with_the_clock_at_rest<R>(f: impl Fn(u64) -> R) -> R {
        for _ in 0..1_000_000 {
            let before = now().version().raw();
            let result = f(before);
            if now().version().raw() == before {
                return result;
            }
        }
        panic!("the clock is moved all the time")
    }

    #[test]
    fn versions_exceed_what_they_replace_and_run_ahead_by_so_much_and_no_more() {
        let _alone = alone();
        let plain = |ahead| with_the_clock_at_rest(|clock| stamp_plainly(Version(clock + ahead)).map(|v| v.0 - clock));
        assert_eq!(plain(0), Some(1));
        assert_eq!(plain(MAX_DRIFT - 1), Some(MAX_DRIFT));
        assert_eq!(plain(MAX_DRIFT), None);
        assert_eq!(plain(MAX_DRIFT + 1), None);
        let at_rest = with_the_clock_at_rest(|clock| {
            let (reading, version) = stamp(Version(clock + MAX_DRIFT - 1));
            (reading.version().0 - clock, version.0 - clock)
        });
        assert_eq!(at_rest, (0, MAX_DRIFT), "the clock need not be moved");
        let replaced = now().version().0 + MAX_DRIFT;
        let (reading, version) = stamp(Version(replaced));
        assert!(reading.version().0 >= replaced, "the clock is moved");
        assert!(version.0 > replaced && version.0 - reading.version().0 <= MAX_DRIFT);
        assert!(now().version() >= reading.version());
        // Older ones than the clock, too.
        let old = with_the_clock_at_rest(|clock| (stamp_plainly(Version::INITIAL).map(|v| v.0), clock + 1));
        assert_eq!(old.0, Some(old.1));
    }

    #[test]
    fn the_clock_is_moved_to_a_version_and_never_back() {
        let _alone = alone();
        let target = Version(now().version().0 + 5);
        assert!(advance(target).version() >= target);
        assert!(advance(Version::INITIAL).version() >= target);
        assert!(now().version() >= target && !now().is_exclusive());
    }

    #[test]
    fn the_highest_bits_say_one_thing_each() {
        let bits = [ATTENTION, EXCLUSIVE, KEEPING, MOVED];
        assert_eq!(bits, [63, 62, 61, 60].map(|bit| 1 << bit));
        assert_eq!((VERSION, LAST), (u64::MAX >> 4, u64::MAX >> 4));
        let says = |word| {
            let reading = Reading(word | 5);
            assert_eq!(reading.version(), Version(5));
            [reading.is_exclusive(), reading.is_keeping(), reading.is_a_moment()]
        };
        assert_eq!(says(0), [false, false, false]);
        assert_eq!(says(ATTENTION), [false, false, false]);
        assert_eq!(says(ATTENTION | EXCLUSIVE), [true, false, false]);
        assert_eq!(says(ATTENTION | KEEPING), [false, true, true]);
        assert_eq!(says(ATTENTION | EXCLUSIVE | KEEPING), [true, true, true]);
        assert_eq!(says(ATTENTION | KEEPING | MOVED), [false, true, false]);
        assert_eq!(says(MOVED), [false, false, false]);
        assert_eq!(Reading(u64::MAX).version(), Version(LAST));
    }

    /// While a promoted transaction runs or snapshots are open, no commit is a plain one, and the rest of the word stays when
    /// the clock is moved or a bit is set or cleared.
    #[test]
    fn attention_is_there_as_long_as_anything_needs_it() {
        let _alone = alone();
        let word = || now().0 & !VERSION & !MOVED;
        let is_plain = || with_the_clock_at_rest(|clock| stamp_plainly(Version(clock)).is_some());
        assert_eq!((word(), is_plain()), (0, true));
        set_exclusive();
        assert_eq!((word(), is_plain()), (EXCLUSIVE | ATTENTION, false));
        new_moment(|_| ());
        assert_eq!((word(), is_plain()), (EXCLUSIVE | KEEPING | ATTENTION, false));
        advance(Version(now().version().0 + 1));
        assert_eq!((word(), is_plain()), (EXCLUSIVE | KEEPING | ATTENTION, false));
        clear_exclusive();
        assert_eq!((word(), is_plain()), (KEEPING | ATTENTION, false));
        set_exclusive();
        stop();
        assert_eq!((word(), is_plain()), (EXCLUSIVE | ATTENTION, false));
        clear_exclusive();
        assert_eq!((now().0 & !VERSION, is_plain()), (0, true));
    }

    /// Stops keeping; commits of other tests may move the clock meanwhile.
    fn stop() {
        for _ in 0..10_000 {
            let (ended, next) = end_moment();
            assert_eq!(next.0, ended.version().0 + MAX_DRIFT);
            if stop_keeping(ended) {
                return;
            }
        }
        panic!("nothing stops it");
    }

    #[test]
    fn a_moment_is_beyond_all_commits_so_far_and_ends_with_the_next() {
        let _alone = alone();
        assert!(!end_moment().0.is_keeping() && birth().is_none(), "no commit keeps anything");
        for _ in 0..3 {
            let announced = std::cell::Cell::new(0);
            let before = now().version().0;
            let moment = new_moment(|moment| announced.set(moment.0));
            assert_eq!(announced.get(), moment.0);
            assert!(moment.0 >= before + MAX_DRIFT && now().version() >= moment);
            // Of no commit of another test.
            let mut taken = (moment, false);
            let is_shared = (0..1_000).any(|_| {
                taken = (new_moment(|_| ()), now().is_a_moment());
                let is_new = std::cell::Cell::new(false);
                taken == (new_moment(|_| is_new.set(true)), true) && !is_new.get()
            });
            assert!(is_shared, "who comes before the next commit has the same moment");
            let (reading, version) = stamp(Version::INITIAL);
            assert!(reading.is_keeping() && version > reading.version());
            assert!(!now().is_a_moment() || now().version() > reading.version());
            let born = birth().expect("a snapshot may be open");
            assert!(born >= taken.0);
            new_moment(|_| ());
            birth();
            assert!(!now().is_a_moment(), "a birth ends it, too");
        }
        // A moment that has begun since keeps them at it.
        let (ended, _) = end_moment();
        assert!(!now().is_a_moment());
        new_moment(|_| ());
        assert!(!stop_keeping(ended) && now().is_keeping());
        stop();
        assert!(stop_keeping(now()), "nobody keeps");
    }
}
