//! This project's library: over its plain variables alone, or with maps and queues of another make.

use std::marker::PhantomData;

use ::stm::{Abort, Linkage, Shared, TCell, TLink, Transaction};

use super::super::ring::Ring;
use super::super::tree::Tree;
use super::{Found, Map, Queue, System, Value};

/// Cells and links in place.
pub(crate) struct Stm<K = Plainly>(PhantomData<K>);

/// Where maps and queues come from.
pub(crate) trait Kit: Sized + Send + Sync + 'static {
    type Map<V: Send + Sync + 'static>: Map<Stm<Self>, V>;
    type Queue<N: Send + Sync + 'static>: Queue<Stm<Self>, N>;
}

/// They are those of the ports, over plain variables.
pub(crate) struct Plainly;

impl Kit for Plainly {
    type Map<V: Send + Sync + 'static> = Tree<Stm<Self>, V>;
    type Queue<N: Send + Sync + 'static> = Ring<Stm<Self>, N>;
}

impl<'tx, N: Send + Sync + 'static> Found<'tx, N, Shared<N>> for Linkage<'tx, N> {
    #[inline(always)]
    fn get(self) -> &'tx N {
        Linkage::get(self)
    }

    #[inline(always)]
    fn own(self) -> Shared<N> {
        self.to_shared()
    }
}

impl<K: Kit> System for Stm<K> {
    const CONCURRENT: bool = true;
    const TORN: bool = false;

    type Abort = Abort;
    type Tx<'tx> = Transaction<'tx, 'static>;
    type Var<T: Value> = TCell<T>;
    type Node<N: Send + Sync + 'static> = Shared<N>;
    type Link<N: Send + Sync + 'static> = TLink<N>;
    type At<'tx, N: Send + Sync + 'static> = Linkage<'tx, N>;
    type Map<V: Send + Sync + 'static> = K::Map<V>;
    type Queue<N: Send + Sync + 'static> = K::Queue<N>;

    fn new() -> Self {
        Self(PhantomData)
    }

    fn var<T: Value>(value: T) -> TCell<T> {
        TCell::new(value)
    }

    fn node<N: Send + Sync + 'static>(item: N) -> Shared<N> {
        Shared::new(item)
    }

    fn link<N: Send + Sync + 'static>(node: Option<Shared<N>>) -> TLink<N> {
        TLink::new(node)
    }

    #[inline(always)]
    fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &Shared<N>,
        mut body: impl for<'tx> FnMut(&Transaction<'tx, 'static>, &'tx N) -> Result<R, Abort>,
    ) -> R {
        ::stm::atomically(|tx| body(tx, Shared::get(root, tx)))
    }

    #[inline(always)]
    fn read<'tx, T: Value>(tx: &Self::Tx<'tx>, var: &'tx TCell<T>) -> Result<T, Abort> {
        var.read(tx)
    }

    #[inline(always)]
    fn write<'tx, T: Value>(tx: &Self::Tx<'tx>, var: &'tx TCell<T>, value: T) -> Result<(), Abort> {
        var.write(tx, value)
    }

    #[inline(always)]
    fn follow<'tx, N: Send + Sync + 'static>(
        tx: &Self::Tx<'tx>,
        link: &'tx TLink<N>,
    ) -> Result<Option<Linkage<'tx, N>>, Abort> {
        link.read(tx)
    }

    #[inline(always)]
    fn lead<'tx, N: Send + Sync + 'static>(
        tx: &Self::Tx<'tx>,
        link: &'tx TLink<N>,
        node: Option<Shared<N>>,
    ) -> Result<(), Abort> {
        link.write(tx, node)
    }

    #[cold]
    fn restart<R>(_tx: &Self::Tx<'_>) -> Result<R, Abort> {
        unreachable!("a body has seen a state that never was")
    }

    fn copy<T: Value>(&self, vars: &[TCell<T>], values: &mut [T]) {
        for (value, var) in values.iter_mut().zip(vars) {
            *value = var.load();
        }
    }
}
