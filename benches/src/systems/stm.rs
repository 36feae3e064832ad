//! Software transactional memory.

use std::any::Any;
use std::sync::Arc;

/// What a variable can hold in every system. (Not simply every type that is all that: for nodes that hold variables of nodes
/// the compiler would not come to an end.)
pub trait Value: Any + Clone + Send + Sync {}

impl Value for u64 {}
impl Value for String {}
impl<T: Any + Send + Sync> Value for Arc<[T]> {}

/// A system of transactions whose variables are handles. Bodies are `Fn`, since not all systems take more.
pub trait Stm: Sized + Send + Sync + 'static {
    type Var<T: Value>: Clone + Send + Sync + 'static;
    /// What a body gets.
    type Tx<'tx>;
    /// What a body gets that only reads, where the system has such bodies.
    type View<'tx>;
    /// The signal that a run is over.
    type Abort;

    fn var<T: Value>(value: T) -> Self::Var<T>;

    fn atomically<T>(body: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>) -> T;

    fn read<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>) -> Result<T, Self::Abort>;

    /// Reads in the cheapest way the system has.
    fn with<T: Value, R>(tx: &Self::Tx<'_>, var: &Self::Var<T>, look: impl FnOnce(&T) -> R) -> Result<R, Self::Abort>;

    fn write<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>, value: T) -> Result<(), Self::Abort>;

    #[inline]
    fn modify<T: Value>(tx: &Self::Tx<'_>, var: &Self::Var<T>, change: impl FnOnce(T) -> T) -> Result<(), Self::Abort> {
        let value = Self::read(tx, var)?;
        Self::write(tx, var, change(value))
    }

    /// Waits until something that was read has changed.
    fn retry<T>(tx: &Self::Tx<'_>) -> Result<T, Self::Abort>;

    /// Runs the second branch if the first retries.
    fn or_else<T>(
        tx: &Self::Tx<'_>,
        first: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>,
        second: impl for<'tx> Fn(&Self::Tx<'tx>) -> Result<T, Self::Abort>,
    ) -> Result<T, Self::Abort>;

    /// Runs a body that only reads, in the cheapest way the system has.
    fn snapshot<T>(body: impl for<'tx> Fn(&Self::View<'tx>) -> Result<T, Self::Abort>) -> T;

    fn look<T: Value>(view: &Self::View<'_>, var: &Self::Var<T>) -> Result<T, Self::Abort>;

    /// Returns the committed value, from outside of transactions.
    fn load<T: Value>(var: &Self::Var<T>) -> T {
        Self::atomically(|tx| Self::read(tx, var))
    }
}
