//! What is simulated on the lines.

/// How transactions, or holders of locks, keep out of each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// This library's: commits load the clock, and only readers that meet a newer version move it.
    Deferred,
    /// The clock of TL2 (GV1): each commit adds one to it, each transaction loads it at first.
    FetchAdd,
    /// The same clock, but a transaction begins with what its core last saw of it, and loads it when it meets a newer version.
    CachedClock,
    /// Time stamps of the processor: no clock in memory.
    TimeStamps,
    /// NOrec's: one sequence lock. Who reads looks whether somebody has committed, and then at all it has read again; who writes
    /// holds it.
    SequenceLock,
    /// One lock around everything.
    OneLock,
    /// One read-write lock around everything. Readers count themselves in and out; a writer that waits keeps new ones away.
    ReadWriteLock,
    /// A lock an object, taken in order.
    LockEach,
}

impl Scheme {
    pub const ALL: [Self; 8] = [
        Self::Deferred,
        Self::FetchAdd,
        Self::CachedClock,
        Self::TimeStamps,
        Self::SequenceLock,
        Self::OneLock,
        Self::ReadWriteLock,
        Self::LockEach,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Deferred => "transactions, deferred clock (ours)",
            Self::FetchAdd => "transactions, fetch_add clock",
            Self::CachedClock => "transactions, fetch_add clock, cached",
            Self::TimeStamps => "transactions, time stamps",
            Self::SequenceLock => "transactions, sequence lock (NOrec)",
            Self::OneLock => "one lock",
            Self::ReadWriteLock => "one read-write lock",
            Self::LockEach => "a lock each",
        }
    }

    pub fn is_transactional(self) -> bool {
        !matches!(self, Self::OneLock | Self::ReadWriteLock | Self::LockEach)
    }

    /// Whether variables have versions that are compared with a clock in memory.
    pub(super) fn has_clock(self) -> bool {
        matches!(self, Self::Deferred | Self::FetchAdd | Self::CachedClock)
    }
}
