//! What a port is written against: variables, links, nodes and transactions of some system.
//!
//! Every program is written once, for a [`System`], and so does the same on all of them: the same data structures, the same
//! layout, the same generator. A system without synchronisation is the sequential program.

mod peers;
mod plain;
mod stm;
mod structures;

use std::ops::Deref;

pub(crate) use peers::{AsyncStm, CratesIoStm, FastStm};
pub(crate) use plain::{Coarse, Sequential, StdCoarse};
pub(crate) use stm::Stm;
pub(crate) use structures::{Hashed, Ordered};

/// What a variable can hold: something of one word.
pub(crate) trait Value: Copy + PartialEq + Send + Sync + 'static {}

impl<T: Copy + PartialEq + Send + Sync + 'static> Value for T {}

/// A node as a transaction has found it, which lives until the transaction is over.
pub(crate) trait Found<'tx, N, Owned>: Copy {
    fn get(self) -> &'tx N;

    /// A reference of one's own.
    fn own(self) -> Owned;
}

/// A map from numbers to values that do not move.
pub(crate) trait Map<S: System, V: Send + Sync + 'static>: Send + Sync + 'static {
    fn new() -> Self;

    fn get<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64) -> Result<Option<&'tx V>, S::Abort>;

    /// Inserts a value if there is none with that key, and returns whether it did.
    fn insert<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64, value: V) -> Result<bool, S::Abort>;

    /// Removes the value with that key, and returns whether there was one.
    fn remove<'tx>(&'tx self, tx: &S::Tx<'tx>, key: u64) -> Result<bool, S::Abort>;

    /// Calls `visit` for the keys of a range in order, for as long as it returns true.
    fn range<'tx>(
        &'tx self,
        tx: &S::Tx<'tx>,
        from: u64,
        to: u64,
        visit: impl FnMut(u64, &'tx V) -> Result<bool, S::Abort>,
    ) -> Result<(), S::Abort>;

    /// Returns how many keys there are, if the map's own invariants hold.
    fn check<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Option<usize>, S::Abort>;
}

/// Nodes, first in, first out.
pub(crate) trait Queue<S: System, N: Send + Sync + 'static>: Send + Sync + 'static {
    /// A queue into which no more than `capacity` nodes are ever pushed, those it is made with included.
    fn new(nodes: Vec<S::Node<N>>, capacity: usize) -> Self;

    fn push<'tx>(&'tx self, tx: &S::Tx<'tx>, node: S::Node<N>) -> Result<(), S::Abort>;

    fn pop<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Option<S::Node<N>>, S::Abort>;
}

/// A way to run pieces of a program as if one after the other.
///
/// Data that transactions share is a *node*, reached from another by a *link*, and consists of variables, links, and of what
/// never changes. A transaction starts at a root node that is passed to it.
pub(crate) trait System: Sized + Send + Sync + 'static {
    /// Whether threads may share it at all.
    const CONCURRENT: bool;
    /// Whether a body that is going to be run again may have seen values of different moments.
    const TORN: bool;

    /// Says that this run of a body is over.
    type Abort;
    /// A transaction.
    type Tx<'tx>;
    /// A variable, in place.
    type Var<T: Value>: Send + Sync + 'static;
    /// A reference of one's own to a node.
    type Node<N: Send + Sync + 'static>: Clone + Deref<Target = N> + Send + Sync + 'static;
    /// A variable, in place, that leads to a node or to none.
    type Link<N: Send + Sync + 'static>: Send + Sync + 'static;
    /// A node as a transaction has found it.
    type At<'tx, N: Send + Sync + 'static>: Found<'tx, N, Self::Node<N>>;

    /// The map that programs use.
    type Map<V: Send + Sync + 'static>: Map<Self, V>;
    /// The queue that programs use.
    type Queue<N: Send + Sync + 'static>: Queue<Self, N>;

    fn new() -> Self;
    fn var<T: Value>(value: T) -> Self::Var<T>;
    fn node<N: Send + Sync + 'static>(item: N) -> Self::Node<N>;
    fn link<N: Send + Sync + 'static>(node: Option<Self::Node<N>>) -> Self::Link<N>;

    /// Runs a transaction on what is reached from `root`.
    fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &Self::Node<N>,
        body: impl for<'tx> FnMut(&Self::Tx<'tx>, &'tx N) -> Result<R, Self::Abort>,
    ) -> R;

    fn read<'tx, T: Value>(tx: &Self::Tx<'tx>, var: &'tx Self::Var<T>) -> Result<T, Self::Abort>;
    fn write<'tx, T: Value>(tx: &Self::Tx<'tx>, var: &'tx Self::Var<T>, value: T) -> Result<(), Self::Abort>;

    /// Reads a variable, and writes what becomes of the value.
    #[inline(always)]
    fn modify<'tx, T: Value>(
        tx: &Self::Tx<'tx>,
        var: &'tx Self::Var<T>,
        change: impl FnOnce(T) -> T,
    ) -> Result<(), Self::Abort> {
        let value = Self::read(tx, var)?;
        Self::write(tx, var, change(value))
    }

    /// Follows a link.
    fn follow<'tx, N: Send + Sync + 'static>(
        tx: &Self::Tx<'tx>,
        link: &'tx Self::Link<N>,
    ) -> Result<Option<Self::At<'tx, N>>, Self::Abort>;

    /// Makes a link lead to another node.
    fn lead<'tx, N: Send + Sync + 'static>(
        tx: &Self::Tx<'tx>,
        link: &'tx Self::Link<N>,
        node: Option<Self::Node<N>>,
    ) -> Result<(), Self::Abort>;

    /// Ends this run, which has seen what can not be. Only where [`TORN`](Self::TORN) holds is that no bug.
    fn restart<R>(tx: &Self::Tx<'_>) -> Result<R, Self::Abort>;

    /// Copies the latest values of variables, each by itself: together they need not be of one moment.
    fn copy<T: Value>(&self, vars: &[Self::Var<T>], values: &mut [T]);
}
