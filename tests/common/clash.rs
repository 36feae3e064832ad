//! Conflicts on demand: another thread commits in the middle of a body, in a way that leaves
//! no order in which both could have happened.

use stm::{StmResult, TVar, Transaction, atomically};

use crate::elsewhere;

/// Variables over which a running attempt can be made to fail.
#[derive(Clone, Debug, Default)]
pub struct Clash {
    seen: TVar<u64>,
    late: TVar<u64>,
    own: TVar<u64>,
}

impl Clash {
    /// Creates variables of its own, so that clashes of several tests do not meet.
    pub fn new() -> Self {
        Self::default()
    }

    fn interfere(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.seen.read(tx)?;
        self.own.write(tx, u64::from(tx.attempt_number()))?;
        // The other transaction reads what this one writes and writes what this one has read:
        // each would have to come before the other, so this attempt cannot commit.
        elsewhere(|| {
            atomically(|other| {
                self.own.read(other)?;
                self.late.modify(other, |count| count + 1)?;
                self.seen.modify(other, |count| count + 1)
            });
        });
        Ok(())
    }

    /// Makes the running attempt fail when it commits; no call of it fails before.
    ///
    /// Not for an attempt that may be promoted: then the other thread would wait for it.
    pub fn at_commit(&self, tx: &Transaction<'_, '_>) -> StmResult<()> {
        self.interfere(tx)
    }

    /// Makes a read of the running attempt fail, and returns what that read returned.
    ///
    /// Not for an attempt that may be promoted: then the other thread would wait for it.
    pub fn at_read(&self, tx: &Transaction<'_, '_>) -> StmResult<u64> {
        self.interfere(tx)?;
        self.late.read(tx)
    }
}
