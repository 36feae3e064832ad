//! This library, by its `TVar`.

use stm::{Abort, ReadTransaction, StmResult, TVar, Transaction};

use super::stm::{Stm, Value};
use super::tally;

pub struct Ours;

impl Stm for Ours {
    type Var<T: Value> = TVar<T>;
    type Tx<'tx> = Transaction<'tx, 'static>;
    type View<'tx> = ReadTransaction<'tx, 'static>;
    type Abort = Abort;

    fn var<T: Value>(value: T) -> TVar<T> {
        TVar::new(value)
    }

    #[inline]
    fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Abort>) -> T {
        stm::atomically(|tx| body(tx))
    }

    #[inline]
    fn read<T: Value>(tx: &Self::Tx<'_>, var: &TVar<T>) -> Result<T, Abort> {
        var.read(tx)
    }

    #[inline]
    fn with<T: Value, R>(tx: &Self::Tx<'_>, var: &TVar<T>, look: impl FnOnce(&T) -> R) -> Result<R, Abort> {
        var.with(tx, look)
    }

    #[inline]
    fn write<T: Value>(tx: &Self::Tx<'_>, var: &TVar<T>, value: T) -> Result<(), Abort> {
        var.write(tx, value)
    }

    #[inline]
    fn modify<T: Value>(tx: &Self::Tx<'_>, var: &TVar<T>, change: impl FnOnce(T) -> T) -> Result<(), Abort> {
        var.modify(tx, change)
    }

    #[inline]
    fn retry<T>(tx: &Self::Tx<'_>) -> Result<T, Abort> {
        tx.retry()
    }

    #[inline]
    fn or_else<T>(
        tx: &Self::Tx<'_>,
        first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Abort>,
        second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Abort>,
    ) -> Result<T, Abort> {
        tx.or_else(|tx| first(tx), |tx| second(tx))
    }

    #[inline]
    fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, Abort>) -> T {
        stm::snapshot(|view| body(view))
    }

    #[inline]
    fn look<T: Value>(view: &Self::View<'_>, var: &TVar<T>) -> Result<T, Abort> {
        var.read(view)
    }

    #[inline]
    fn load<T: Value>(var: &TVar<T>) -> T {
        var.load()
    }
}

/// Runs a transaction whose body borrows: for structures in place and collections, which [`Stm`] has no names for.
#[inline]
pub fn run<'env, const COUNTED: bool, T>(body: impl for<'tx> Fn(&Transaction<'tx, 'env>) -> StmResult<T>) -> T {
    let value = stm::atomically(|tx| {
        if COUNTED {
            tally::count_run();
        }
        body(tx)
    });
    if COUNTED {
        tally::count_commit();
    }
    value
}
