//! `Mode`: how a lock is held.

/// How a [`TRwLock`](super::TRwLock) is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// With any number of others who read.
    Read,
    /// With others who read, and nobody else who could come to write.
    Upgradable,
    /// Alone.
    Write,
}
