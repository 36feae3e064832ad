//! The two kinds of transactional variables behind one trait, so that each workload is written once for both.

use stm::{ReadTransaction, StmResult, TCell, TVar, Transaction};

/// A transactional variable that holds a number.
pub trait Variable: Send + Sync {
    fn new(value: u64) -> Self;
    fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<u64>;
    fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: u64) -> StmResult<()>;
    fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, change: impl FnOnce(u64) -> u64) -> StmResult<()>;
    fn load(&self) -> u64;
}

macro_rules! variable {
    ($variable:ident) => {
        impl Variable for $variable<u64> {
            fn new(value: u64) -> Self {
                $variable::new(value)
            }

            #[inline]
            fn read<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<u64> {
                self.read(tx)
            }

            #[inline]
            fn write<'tx>(&'tx self, tx: &Transaction<'tx, '_>, value: u64) -> StmResult<()> {
                self.write(tx, value)
            }

            #[inline]
            fn modify<'tx>(&'tx self, tx: &Transaction<'tx, '_>, change: impl FnOnce(u64) -> u64) -> StmResult<()> {
                self.modify(tx, change)
            }

            #[inline]
            fn load(&self) -> u64 {
                self.load()
            }
        }
    };
}

variable!(TVar);
variable!(TCell);
