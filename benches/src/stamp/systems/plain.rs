//! Ordinary memory: the sequential program, and the same under one lock.

use std::any::Any;
use std::cell::{RefCell, UnsafeCell};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use super::super::ring::Ring;
use super::super::tree::Tree;
use super::{Found, System, Value};
use crate::systems::Lock;

/// Nodes that links have led to. They are dropped when the transaction is over, which may still be looking at them.
type Retired = Vec<Arc<dyn Any + Send + Sync>>;

/// What keeps two transactions apart.
pub(crate) trait Gate: Send + Sync + 'static {
    const CONCURRENT: bool;

    fn new() -> Self;
    fn pass<R>(&self, inside: impl FnOnce(&mut Retired) -> R) -> R;
}

/// Nothing: there is one thread.
pub(crate) struct Alone(UnsafeCell<Retired>);

// SAFETY: `Crew` refuses to share a system that is not concurrent between threads, so one at a time uses it.
unsafe impl Sync for Alone {}

/// A lock.
pub(crate) struct Locked<L>(L);

impl Gate for Alone {
    const CONCURRENT: bool = false;

    fn new() -> Self {
        Self(UnsafeCell::new(Vec::new()))
    }

    #[inline(always)]
    fn pass<R>(&self, inside: impl FnOnce(&mut Retired) -> R) -> R {
        // SAFETY: one thread uses it, and transactions are not nested.
        inside(unsafe { &mut *self.0.get() })
    }
}

impl<L: Lock<Retired> + 'static> Gate for Locked<L> {
    const CONCURRENT: bool = true;

    fn new() -> Self {
        Self(L::new(Vec::new()))
    }

    #[inline(always)]
    fn pass<R>(&self, inside: impl FnOnce(&mut Retired) -> R) -> R {
        self.0.with_mut(inside)
    }
}

/// Ordinary memory behind a gate.
pub(crate) struct Plain<G>(G);

/// The sequential program.
pub(crate) type Sequential = Plain<Alone>;

/// The program under one lock of parking_lot.
pub(crate) type Coarse = Plain<Locked<parking_lot::Mutex<Retired>>>;

/// The program under one lock of the standard library.
pub(crate) type StdCoarse = Plain<Locked<std::sync::Mutex<Retired>>>;

/// Proof of having passed the gate.
pub(crate) struct PlainTx<'tx>(RefCell<&'tx mut Retired>);

/// A variable that whoever has passed the gate may use.
pub(crate) struct PlainVar<T>(UnsafeCell<T>);

// SAFETY: the value is used behind the gate only, by one thread at a time.
unsafe impl<T: Send> Sync for PlainVar<T> {}

/// A link that whoever has passed the gate may use.
pub(crate) struct PlainLink<N>(UnsafeCell<Option<Arc<N>>>);

// SAFETY: as for a variable; threads then share the node.
unsafe impl<N: Send + Sync> Sync for PlainLink<N> {}

/// A node that lives at least until the transaction is over.
pub(crate) struct PlainAt<'tx, N> {
    node: *const N,
    marker: PhantomData<&'tx N>,
}

impl<N> Clone for PlainAt<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for PlainAt<'_, N> {}

impl<'tx, N: Send + Sync + 'static> Found<'tx, N, Arc<N>> for PlainAt<'tx, N> {
    #[inline(always)]
    fn get(self) -> &'tx N {
        // SAFETY: it was found in a link during the transaction: it is there still, or among the retired.
        unsafe { &*self.node }
    }

    #[inline(always)]
    fn own(self) -> Arc<N> {
        // SAFETY: the pointer came from an `Arc` that is alive, as in `get`; the count is raised for the new one.
        unsafe {
            Arc::increment_strong_count(self.node);
            Arc::from_raw(self.node)
        }
    }
}

impl<G: Gate> System for Plain<G> {
    const CONCURRENT: bool = G::CONCURRENT;
    const TORN: bool = false;

    type Abort = Infallible;
    type Tx<'tx> = PlainTx<'tx>;
    type Var<T: Value> = PlainVar<T>;
    type Node<N: Send + Sync + 'static> = Arc<N>;
    type Link<N: Send + Sync + 'static> = PlainLink<N>;
    type At<'tx, N: Send + Sync + 'static> = PlainAt<'tx, N>;
    type Map<V: Send + Sync + 'static> = Tree<Self, V>;
    type Queue<N: Send + Sync + 'static> = Ring<Self, N>;

    fn new() -> Self {
        Self(G::new())
    }

    fn var<T: Value>(value: T) -> PlainVar<T> {
        PlainVar(UnsafeCell::new(value))
    }

    fn node<N: Send + Sync + 'static>(item: N) -> Arc<N> {
        Arc::new(item)
    }

    fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> PlainLink<N> {
        PlainLink(UnsafeCell::new(node))
    }

    #[inline(always)]
    fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &Arc<N>,
        mut body: impl for<'tx> FnMut(&PlainTx<'tx>, &'tx N) -> Result<R, Infallible>,
    ) -> R {
        self.0.pass(|retired| {
            let Ok(result) = body(&PlainTx(RefCell::new(retired)), root);
            retired.clear();
            result
        })
    }

    #[inline(always)]
    fn read<'tx, T: Value>(_tx: &PlainTx<'tx>, var: &'tx PlainVar<T>) -> Result<T, Infallible> {
        // SAFETY: the transaction has passed the gate.
        Ok(unsafe { *var.0.get() })
    }

    #[inline(always)]
    fn write<'tx, T: Value>(_tx: &PlainTx<'tx>, var: &'tx PlainVar<T>, value: T) -> Result<(), Infallible> {
        // SAFETY: the transaction has passed the gate, and nobody keeps references to values.
        unsafe { *var.0.get() = value };
        Ok(())
    }

    #[inline(always)]
    fn follow<'tx, N: Send + Sync + 'static>(
        _tx: &PlainTx<'tx>,
        link: &'tx PlainLink<N>,
    ) -> Result<Option<PlainAt<'tx, N>>, Infallible> {
        // SAFETY: the transaction has passed the gate; the borrow of the link's inside ends here.
        let node = unsafe { &*link.0.get() };
        Ok(node.as_ref().map(|node| PlainAt { node: Arc::as_ptr(node), marker: PhantomData }))
    }

    #[inline(always)]
    fn lead<'tx, N: Send + Sync + 'static>(
        tx: &PlainTx<'tx>,
        link: &'tx PlainLink<N>,
        node: Option<Arc<N>>,
    ) -> Result<(), Infallible> {
        // SAFETY: the transaction has passed the gate, and nobody keeps references to what is in a link.
        let old = unsafe { std::mem::replace(&mut *link.0.get(), node) };
        if let Some(old) = old {
            tx.0.borrow_mut().push(old);
        }
        Ok(())
    }

    #[cold]
    fn restart<R>(_tx: &PlainTx<'_>) -> Result<R, Infallible> {
        unreachable!("a body has seen a state that never was")
    }

    fn copy<T: Value>(&self, vars: &[PlainVar<T>], values: &mut [T]) {
        self.0.pass(|_| {
            for (value, var) in values.iter_mut().zip(vars) {
                // SAFETY: this is behind the gate.
                *value = unsafe { *var.0.get() };
            }
        });
    }
}
