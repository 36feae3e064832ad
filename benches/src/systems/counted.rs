//! The same system with its runs counted: its time says nothing, so it is a twin of the one that is timed.

use std::marker::PhantomData;

use super::stm::{Stm, Value};
use super::tally;

/// A system that counts the runs of its bodies.
pub struct Counted<S>(PhantomData<fn() -> S>);

impl<S: Stm> Stm for Counted<S> {
    type Var<T: Value> = S::Var<T>;
    type Tx<'tx> = S::Tx<'tx>;
    type View<'tx> = S::View<'tx>;
    type Abort = S::Abort;

    fn var<T: Value>(value: T) -> Self::Var<T> {
        S::var(value)
    }

    fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>) -> T {
        let value = S::atomically(|tx| {
            tally::count_run();
            body(tx)
        });
        tally::count_commit();
        value
    }

    fn read<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>) -> Result<T, Self::Abort> {
        S::read(tx, var)
    }

    fn with<T: Value, R>(tx: &Self::Tx<'_>, var: &Self::Var<T>, look: impl FnOnce(&T) -> R) -> Result<R, Self::Abort> {
        S::with(tx, var, look)
    }

    fn write<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>, value: T) -> Result<(), Self::Abort> {
        S::write(tx, var, value)
    }

    fn modify<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>, change: impl FnOnce(T) -> T) -> Result<(), Self::Abort> {
        S::modify(tx, var, change)
    }

    fn retry<T>(tx: &Self::Tx<'_>) -> Result<T, Self::Abort> {
        S::retry(tx)
    }

    fn or_else<T>(
        tx: &Self::Tx<'_>,
        first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>,
        second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>,
    ) -> Result<T, Self::Abort> {
        S::or_else(tx, first, second)
    }

    fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, Self::Abort>) -> T {
        let value = S::snapshot(|view| {
            tally::count_run();
            body(view)
        });
        tally::count_commit();
        value
    }

    fn look<T: Value>(view: &Self::View<'_>, var: &Self::Var<T>) -> Result<T, Self::Abort> {
        S::look(view, var)
    }

    fn load<T: Value>(var: &Self::Var<T>) -> T {
        S::load(var)
    }
}
