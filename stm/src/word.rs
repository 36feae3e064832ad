//! The word in front of every variable's value: its version, its lock, and whether somebody waits for it.
//!
//! | bit 63 | bits 62..1 | bit 0 | state | left by |
//! |---|---|---|---|---|
//! | 0 | version | 0 | free | [`VersionedLock::try_lock`], [`VersionedLock::try_arm`] |
//! | 0 | version | 1 | free, somebody waits | `try_lock` |
//! | 1 | address of the owner's log entry | 0 | locked by a commit | its owner: [`VersionedLock::publish`] or [`VersionedLock::restore`] |
//! | 1 | 0 | 0 | a `TCell` that nobody has used yet | [`VersionedLock::try_lock_dormant`] |
//! | 1 | 1 | 0 | a `TCell` being moved into place | its owner: `publish` |
//!
//! A locked word compares greater than every version, so one comparison answers "locked or too new".

use crate::clock::Version;
use crate::shim::{AtomicU64, Ordering, seq_cst};

const LOCKED: u64 = 1 << 63;
const WAITERS: u64 = 1;
const VERSION_SHIFT: u32 = 1;

/// One observed state of a [`VersionedLock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word(u64);

impl Word {
    /// Says in a log entry that the entry expects no particular word. Never the state of a variable.
    pub(crate) const NONE: Self = Self(u64::MAX);
    /// Says in a log entry that the entry's commit has happened. Never the state of a variable.
    pub(crate) const DONE: Self = Self(u64::MAX - 2);
    const DORMANT: Self = Self(LOCKED);
    const WAKING: Self = Self(LOCKED | 2);

    pub(crate) const fn of_version(version: Version) -> Self {
        Self(version.raw() << VERSION_SHIFT)
    }

    /// The lock word of a commit. `owner` is the address of its log entry: aligned, so bit 0 is clear, and below 2^63.
    #[inline]
    pub(crate) fn owned_by<T>(owner: *const T) -> Self {
        // A sum, so that a loop over entries counts the word up rather than make it anew.
        Self(LOCKED.wrapping_add(owner.addr() as u64))
    }

    #[inline]
    pub(crate) fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// Whether the word is that of a `TCell` whose value is not in place yet: dormant, or being moved.
    #[inline(always)]
    pub(crate) fn is_unready(self) -> bool {
        self.0 | 2 == Self::WAKING.0
    }

    pub(crate) fn is_dormant(self) -> bool {
        self == Self::DORMANT
    }

    /// A note that the write log keeps in an entry until its variable is locked.
    pub(crate) fn of_scope(scope: u64) -> Self {
        Self(scope)
    }

    #[inline]
    pub(crate) fn version(self) -> Version {
        Version::from_raw(self.0 >> VERSION_SHIFT)
    }

    #[inline]
    pub(crate) fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    /// The word as it would be if nobody waited: waiting does not change a variable, so logs keep and compare this.
    #[inline]
    pub(crate) fn without_waiters(self) -> Self {
        Self(self.0 & !WAITERS)
    }

    /// The address [`Word::owned_by`] was made from.
    pub(crate) fn owner_address(self) -> usize {
        (self.0 & !LOCKED) as usize
    }
}

/// What several free words tell together: the newest version, and whether somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    greatest: u64,
    bits: u64,
}

impl Summary {
    pub(crate) const NONE: Self = Self { greatest: 0, bits: 0 };

    #[inline(always)]
    pub(crate) fn add(&mut self, word: Word) {
        self.greatest = self.greatest.max(word.0);
        self.bits |= word.0;
    }

    #[inline(always)]
    pub(crate) fn newest(self) -> Version {
        Word(self.greatest).version()
    }

    #[inline(always)]
    pub(crate) fn has_waiters(self) -> bool {
        Word(self.bits).has_waiters()
    }
}

/// The greatest word a reader accepts: every free word up to some version, with or without waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(u64);

impl Limit {
    /// Accepts every free word.
    pub(crate) const ANY: Self = Self(LOCKED - 1);

    pub(crate) fn up_to(version: Version) -> Self {
        Self((version.raw() << VERSION_SHIFT) | WAITERS)
    }

    /// The version [`Limit::up_to`] was made from.
    pub(crate) fn version(self) -> Version {
        Word(self.0).version()
    }

    #[inline]
    pub(crate) fn accepts(self, word: Word) -> bool {
        word.0 <= self.0
    }
}

/// The atomic word itself; every ordering on it lives here.
#[derive(Debug)]
pub(crate) struct VersionedLock(AtomicU64);

impl VersionedLock {
    #[cfg(not(any(stm_loom, stm_shuttle)))]
    pub(crate) const fn new(word: Word) -> Self {
        Self(AtomicU64::new(word.0))
    }
    #[cfg(any(stm_loom, stm_shuttle))]
    pub(crate) fn new(word: Word) -> Self {
        Self(AtomicU64::new(word.0))
    }

    /// A variable that has its first value.
    pub(crate) const FREE: Word = Word::of_version(Version::INITIAL);
    /// A `TCell` that nobody has used yet.
    pub(crate) const DORMANT: Word = Word::DORMANT;

    /// The first look of a read or of a validation. SeqCst: edges E3 and E4; acquire: edge E2, pairs with `publish`.
    #[inline(always)]
    pub(crate) fn load(&self) -> Word {
        Word(seq_cst::load(&self.0))
    }

    /// The second look of a read, and a hint elsewhere. Relaxed: the acquire load of the value in front of it orders it
    /// (edge E1).
    #[inline(always)]
    pub(crate) fn load_again(&self) -> Word {
        Word(self.0.load(Ordering::Relaxed))
    }

    /// Locks the variable if its word still is `current`. SeqCst: edges E3 and E4. A failed exchange returns a hint.
    #[inline]
    pub(crate) fn try_lock(&self, current: Word, owner: Word) -> Result<(), Word> {
        seq_cst::compare_exchange(&self.0, current.0, owner.0).map(drop).map_err(Word)
    }

    /// Unlocks with a new version. Release: edge E2, whoever reads the version reads the value stored before it.
    #[inline]
    pub(crate) fn publish(&self, version: Version) {
        self.0.store(Word::of_version(version).0, Ordering::Release);
    }

    /// Unlocks without a change. Release: edge E5, the next reader of the old version still synchronises with whoever
    /// stored it, through this thread's acquiring lock.
    pub(crate) fn restore(&self, word: Word) {
        self.0.store(word.0, Ordering::Release);
    }

    /// Marks a free variable as waited for. AcqRel: edge E6; it must not break the release sequence of `publish`, and as
    /// a read-modify-write it does not.
    pub(crate) fn try_arm(&self, current: Word) -> Result<(), Word> {
        self.0
            .compare_exchange(current.0, current.0 | WAITERS, Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
            .map_err(Word)
    }

    /// Whether a `TCell` is ready for use. Acquire: edge E11, pairs with the `publish` of whoever made it ready.
    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        !Word(self.0.load(Ordering::Acquire)).is_unready()
    }

    /// Takes a dormant `TCell` for moving its value into place. Acquire is more than edge E11 needs: whoever shares a cell has
    /// synchronised with its maker.
    pub(crate) fn try_lock_dormant(&self) -> bool {
        self.0.compare_exchange(Word::DORMANT.0, Word::WAKING.0, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, not(any(stm_loom, stm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_locked_word_is_beyond_every_limit() {
        let newest = Limit::up_to(Version::from_raw((1 << 61) - 1));
        assert!(newest.accepts(Word::of_version(Version::from_raw((1 << 61) - 1))));
        let entry = 0_u64;
        assert!(!newest.accepts(Word::owned_by(&raw const entry)));
        assert!(!newest.accepts(Word::DORMANT));
        assert!(!newest.accepts(Word::NONE));
    }

    #[test]
    fn a_limit_accepts_its_version_with_waiters_and_not_the_next() {
        let limit = Limit::up_to(Version::from_raw(7));
        let lock = VersionedLock::new(Word::of_version(Version::from_raw(7)));
        lock.try_arm(lock.load()).unwrap();
        assert!(lock.load().has_waiters());
        assert!(limit.accepts(lock.load()));
        assert_eq!(lock.load().without_waiters(), Word::of_version(Version::from_raw(7)));
        assert!(!limit.accepts(Word::of_version(Version::from_raw(8))));
    }

    #[test]
    fn a_lock_names_its_owner_and_keeps_others_out() {
        let lock = VersionedLock::new(VersionedLock::FREE);
        let entry = 0_u64;
        let owner = Word::owned_by(&raw const entry);
        lock.try_lock(VersionedLock::FREE, owner).unwrap();
        assert!(lock.load().is_locked());
        assert_eq!(lock.load().owner_address(), (&raw const entry).addr());
        assert_eq!(lock.try_lock(VersionedLock::FREE, owner), Err(owner));
        lock.publish(Version::from_raw(3));
        assert_eq!(lock.load().version(), Version::from_raw(3));
    }

    /// A few commits may go beyond the last version that the clock gives out, `(1 << 60) - 1`.
    #[test]
    fn the_last_versions_leave_room_for_every_bit() {
        for raw in [(1 << 60) - 1, (1 << 60) + 10_000, (1 << 61) - 1, (1 << 61) + 10_000, (1 << 62) - 2] {
            let (version, next) = (Version::from_raw(raw), Version::from_raw(raw + 1));
            let lock = VersionedLock::new(Word::of_version(version));
            assert!(!lock.load().is_locked() && lock.is_ready() && !lock.load().has_waiters());
            lock.try_arm(lock.load()).unwrap();
            let armed = lock.load();
            assert!(armed.has_waiters() && !armed.is_locked());
            assert_eq!((armed.version(), armed.without_waiters()), (version, Word::of_version(version)));
            assert!(Limit::up_to(version).accepts(armed) && Limit::ANY.accepts(armed));
            assert!(!Limit::up_to(version).accepts(Word::of_version(next)));
            let mut summary = Summary::NONE;
            summary.add(armed);
            assert_eq!((summary.newest(), summary.has_waiters()), (version, true));
            let entry = 0_u64;
            lock.try_lock(armed, Word::owned_by(&raw const entry)).unwrap();
            assert!(lock.load() > Word::of_version(next));
            lock.publish(next);
            assert_eq!(lock.load(), Word::of_version(next));
        }
    }

    #[test]
    fn a_dormant_word_is_locked_and_taken_once() {
        let lock = VersionedLock::new(VersionedLock::DORMANT);
        assert!(lock.load().is_locked() && lock.load().is_dormant() && !lock.is_ready());
        assert!(lock.try_lock_dormant());
        assert!(!lock.try_lock_dormant());
        assert!(lock.load().is_locked() && !lock.load().is_dormant() && !lock.is_ready());
        lock.publish(Version::INITIAL);
        assert!(lock.is_ready());
        assert_eq!(lock.load(), VersionedLock::FREE);
        let entry = 0_u64;
        lock.try_lock(VersionedLock::FREE, Word::owned_by(&raw const entry)).unwrap();
        assert!(lock.is_ready(), "a commit has it, and its value is in place");
    }
}
