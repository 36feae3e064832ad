//! The crate `fast-stm`.

use std::cell::RefCell;

use fast_stm::{StmError, TVar, Transaction};

use super::stm::{Stm, Value};

pub struct FastStm;

impl Stm for FastStm {
    type Var<T: Value> = TVar<T>;
    /// The system wants its transaction mutable. Asking the cell takes an instruction or two of the hundreds of an access.
    type Tx<'tx> = RefCell<&'tx mut Transaction>;
    type View<'tx> = Self::Tx<'tx>;
    type Abort = StmError;

    fn var<T: Value>(value: T) -> TVar<T> {
        TVar::new(value)
    }

    #[inline]
    fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmError>) -> T {
        fast_stm::atomically(|tx| body(&RefCell::new(tx)))
    }

    #[inline]
    fn read<T: Value>(tx: &Self::Tx<'_>, var: &TVar<T>) -> Result<T, StmError> {
        var.read(*tx.borrow_mut())
    }

    /// It reads by cloning alone.
    #[inline]
    fn with<T: Value, R>(tx: &Self::Tx<'_>, var: &TVar<T>, look: impl FnOnce(&T) -> R) -> Result<R, StmError> {
        Ok(look(&Self::read(tx, var)?))
    }

    #[inline]
    fn write<T: Value>(tx: &Self::Tx<'_>, var: &TVar<T>, value: T) -> Result<(), StmError> {
        var.write(*tx.borrow_mut(), value)
    }

    #[inline]
    fn retry<T>(_tx: &Self::Tx<'_>) -> Result<T, StmError> {
        fast_stm::retry()
    }

    #[inline]
    fn or_else<T>(
        tx: &Self::Tx<'_>,
        first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmError>,
        second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, StmError>,
    ) -> Result<T, StmError> {
        tx.borrow_mut().or(|tx| first(&RefCell::new(tx)), |tx| second(&RefCell::new(tx)))
    }

    #[inline]
    fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, StmError>) -> T {
        Self::atomically(body)
    }

    #[inline]
    fn look<T: Value>(view: &Self::View<'_>, var: &TVar<T>) -> Result<T, StmError> {
        Self::read(view, var)
    }

    fn load<T: Value>(var: &TVar<T>) -> T {
        var.read_atomic()
    }
}
