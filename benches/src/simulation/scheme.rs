//! What is simulated on the lines.

/// How transactions, or holders of locks, keep out of each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// This library's: commits load the clock, and only readers that meet a newer version move it.
    Deferred,
    /// The clock of TL2: each commit adds one to it, each transaction loads it at first.
    FetchAdd,
    /// Time stamps of the processor: no clock in memory.
    TimeStamps,
    /// One lock around everything.
    OneLock,
    /// A lock an object, taken in order.
    LockEach,
}

impl Scheme {
    pub const ALL: [Self; 5] = [Self::Deferred, Self::FetchAdd, Self::TimeStamps, Self::OneLock, Self::LockEach];

    pub fn name(self) -> &'static str {
        match self {
            Self::Deferred => "transactions, deferred clock (ours)",
            Self::FetchAdd => "transactions, fetch_add clock",
            Self::TimeStamps => "transactions, time stamps",
            Self::OneLock => "one lock",
            Self::LockEach => "a lock each",
        }
    }

    pub fn is_transactional(self) -> bool {
        matches!(self, Self::Deferred | Self::FetchAdd | Self::TimeStamps)
    }
}
