//! The crate `stm` of crates.io and the crate `fast-stm`, which was made from it and has the same interface. Of the former it is
//! `stm-core` that is here, which is all that it consists of: two packages of one name in one workspace would make every
//! `cargo -p stm` ambiguous.

use std::cell::RefCell;

use super::stm::{Stm, Value};

macro_rules! system {
    ($(#[$about:meta])* $name:ident, $library:ident) => {
        $(#[$about])*
        pub struct $name;

        impl Stm for $name {
            type Var<T: Value> = $library::TVar<T>;
            /// The system wants its transaction mutable. Asking the cell takes an instruction or two of the hundreds of an access.
            type Tx<'tx> = RefCell<&'tx mut $library::Transaction>;
            type View<'tx> = Self::Tx<'tx>;
            type Abort = $library::StmError;

            fn var<T: Value>(value: T) -> $library::TVar<T> {
                $library::TVar::new(value)
            }

            #[inline]
            fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, $library::StmError>) -> T {
                $library::atomically(|tx| body(&RefCell::new(tx)))
            }

            #[inline]
            fn read<T: Value>(tx: &Self::Tx<'_>, var: &$library::TVar<T>) -> Result<T, $library::StmError> {
                var.read(*tx.borrow_mut())
            }

            /// It reads by cloning alone.
            #[inline]
            fn with<T: Value, R>(
                tx: &Self::Tx<'_>,
                var: &$library::TVar<T>,
                look: impl FnOnce(&T) -> R,
            ) -> Result<R, $library::StmError> {
                Ok(look(&Self::read(tx, var)?))
            }

            #[inline]
            fn write<T: Value>(tx: &Self::Tx<'_>, var: &$library::TVar<T>, value: T) -> Result<(), $library::StmError> {
                var.write(*tx.borrow_mut(), value)
            }

            #[inline]
            fn retry<T>(_tx: &Self::Tx<'_>) -> Result<T, $library::StmError> {
                $library::retry()
            }

            #[inline]
            fn or_else<T>(
                tx: &Self::Tx<'_>,
                first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, $library::StmError>,
                second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, $library::StmError>,
            ) -> Result<T, $library::StmError> {
                tx.borrow_mut().or(|tx| first(&RefCell::new(tx)), |tx| second(&RefCell::new(tx)))
            }

            #[inline]
            fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, $library::StmError>) -> T {
                Self::atomically(body)
            }

            #[inline]
            fn look<T: Value>(view: &Self::View<'_>, var: &$library::TVar<T>) -> Result<T, $library::StmError> {
                Self::read(view, var)
            }

            fn load<T: Value>(var: &$library::TVar<T>) -> T {
                var.read_atomic()
            }
        }
    };
}

system!(
    /// The crate `stm` of crates.io.
    CratesIoStm,
    stm_core
);
system!(
    /// The crate `fast-stm`.
    FastStm,
    fast_stm
);
