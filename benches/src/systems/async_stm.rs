//! The crate `async-stm`. Its transactions are futures; a thread runs one by `pollster`, the smallest executor there is.

use async_stm::{StmControl, TVar};

use super::stm::{Stm, Value};

pub struct AsyncStm;

impl Stm for AsyncStm {
    type Var<T: Value> = TVar<T>;
    /// Its transaction is the thread's.
    type Tx<'tx> = ();
    type View<'tx> = ();
    type Abort = StmControl;

    fn var<T: Value>(value: T) -> TVar<T> {
        TVar::new(value)
    }

    #[inline]
    fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmControl>) -> T {
        pollster::block_on(async_stm::atomically(|| body(&())))
    }

    #[inline]
    fn read<T: Value>((): &(), var: &TVar<T>) -> Result<T, StmControl> {
        var.read_clone()
    }

    #[inline]
    fn with<T: Value, R>((): &(), var: &TVar<T>, look: impl FnOnce(&T) -> R) -> Result<R, StmControl> {
        Ok(look(&*var.read()?))
    }

    #[inline]
    fn write<T: Value>((): &(), var: &TVar<T>, value: T) -> Result<(), StmControl> {
        var.write(value)
    }

    #[inline]
    fn retry<T>((): &()) -> Result<T, StmControl> {
        async_stm::retry()
    }

    #[inline]
    fn or_else<T>(
        (): &(),
        first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmControl>,
        second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmControl>,
    ) -> Result<T, StmControl> {
        async_stm::or(|| first(&()), || second(&()))
    }

    #[inline]
    fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, StmControl>) -> T {
        Self::atomically(body)
    }

    #[inline]
    fn look<T: Value>((): &(), var: &TVar<T>) -> Result<T, StmControl> {
        var.read_clone()
    }
}
