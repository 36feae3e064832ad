//! fast-stm: the same program over another library.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use fast_stm::{StmError, TVar, Transaction};

use super::super::ring::Ring;
use super::super::tree::Tree;
use super::{Found, System, Value};

/// Handles to variables; a link is a variable that holds an `Arc`.
pub(crate) struct FastStm;

/// A transaction, and the nodes it has found: they live until it is over.
///
/// The library's own log keeps what was read as well, but not what the transaction wrote, found again and overwrote.
pub(crate) struct FastTx<'tx> {
    transaction: RefCell<&'tx mut Transaction>,
    found: RefCell<Vec<Arc<dyn Any + Send + Sync>>>,
}

/// A node that lives at least until the transaction is over.
pub(crate) struct FastAt<'tx, N> {
    node: *const N,
    marker: PhantomData<&'tx N>,
}

impl<N> Clone for FastAt<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for FastAt<'_, N> {}

impl<'tx, N: Send + Sync + 'static> Found<'tx, N, Arc<N>> for FastAt<'tx, N> {
    fn get(self) -> &'tx N {
        // SAFETY: the transaction keeps an `Arc` of it until it is over.
        unsafe { &*self.node }
    }

    fn own(self) -> Arc<N> {
        // SAFETY: the pointer came from an `Arc` that is alive, as in `get`; the count is raised for the new one.
        unsafe {
            Arc::increment_strong_count(self.node);
            Arc::from_raw(self.node)
        }
    }
}

impl System for FastStm {
    const CONCURRENT: bool = true;
    const TORN: bool = true;

    type Abort = StmError;
    type Tx<'tx> = FastTx<'tx>;
    type Var<T: Value> = TVar<T>;
    type Node<N: Send + Sync + 'static> = Arc<N>;
    type Link<N: Send + Sync + 'static> = TVar<Option<Arc<N>>>;
    type At<'tx, N: Send + Sync + 'static> = FastAt<'tx, N>;
    type Map<V: Send + Sync + 'static> = Tree<Self, V>;
    type Queue<N: Send + Sync + 'static> = Ring<Self, N>;

    fn new() -> Self {
        Self
    }

    fn var<T: Value>(value: T) -> TVar<T> {
        TVar::new(value)
    }

    fn node<N: Send + Sync + 'static>(item: N) -> Arc<N> {
        Arc::new(item)
    }

    fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> TVar<Option<Arc<N>>> {
        TVar::new(node)
    }

    fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &Arc<N>,
        body: impl for<'tx> FnMut(&FastTx<'tx>, &'tx N) -> Result<R, StmError>,
    ) -> R {
        let body = RefCell::new(body);
        fast_stm::atomically(|transaction| {
            let tx = FastTx { transaction: RefCell::new(transaction), found: RefCell::new(Vec::new()) };
            let mut body = body.borrow_mut();
            body(&tx, root)
        })
    }

    fn read<'tx, T: Value>(tx: &FastTx<'tx>, var: &'tx TVar<T>) -> Result<T, StmError> {
        var.read(&mut tx.transaction.borrow_mut())
    }

    fn write<'tx, T: Value>(tx: &FastTx<'tx>, var: &'tx TVar<T>, value: T) -> Result<(), StmError> {
        var.write(&mut tx.transaction.borrow_mut(), value)
    }

    fn follow<'tx, N: Send + Sync + 'static>(
        tx: &FastTx<'tx>,
        link: &'tx TVar<Option<Arc<N>>>,
    ) -> Result<Option<FastAt<'tx, N>>, StmError> {
        let Some(node) = link.read(&mut tx.transaction.borrow_mut())? else { return Ok(None) };
        let at = FastAt { node: Arc::as_ptr(&node), marker: PhantomData };
        tx.found.borrow_mut().push(node);
        Ok(Some(at))
    }

    fn lead<'tx, N: Send + Sync + 'static>(
        tx: &FastTx<'tx>,
        link: &'tx TVar<Option<Arc<N>>>,
        node: Option<Arc<N>>,
    ) -> Result<(), StmError> {
        link.write(&mut tx.transaction.borrow_mut(), node)
    }

    #[cold]
    fn restart<R>(_tx: &FastTx<'_>) -> Result<R, StmError> {
        Err(StmError::Failure)
    }

    fn copy<T: Value>(&self, vars: &[TVar<T>], values: &mut [T]) {
        for (value, var) in values.iter_mut().zip(vars) {
            *value = var.read_atomic();
        }
    }
}
