//! The other libraries of transactions: the same program over each.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::super::ring::Ring;
use super::super::tree::Tree;
use super::{Found, System, Value};

/// A library whose variables are handles.
pub(crate) trait Library: Send + Sync + 'static {
    type Var<T: Value>: Send + Sync + 'static;
    /// A variable that holds an `Arc`.
    type Link<N: Send + Sync + 'static>: Send + Sync + 'static;
    /// What a body gets.
    type Log<'a>;
    type Abort;
    /// Ends a run, to have another at once.
    const FAILURE: Self::Abort;

    fn var<T: Value>(value: T) -> Self::Var<T>;

    fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> Self::Link<N>;

    fn atomically<R>(body: impl for<'a> Fn(Self::Log<'a>) -> Result<R, Self::Abort>) -> R;

    /// Lets a body forget how long its log lives.
    fn shorten<'short, 'long: 'short>(log: Self::Log<'long>) -> Self::Log<'short>;

    fn read<T: Value>(log: &mut Self::Log<'_>, var: &Self::Var<T>) -> Result<T, Self::Abort>;

    fn write<T: Value>(log: &mut Self::Log<'_>, var: &Self::Var<T>, value: T) -> Result<(), Self::Abort>;

    fn follow<N: Send + Sync + 'static>(
        log: &mut Self::Log<'_>,
        link: &Self::Link<N>,
    ) -> Result<Option<Arc<N>>, Self::Abort>;

    fn lead<N: Send + Sync + 'static>(
        log: &mut Self::Log<'_>,
        link: &Self::Link<N>,
        node: Option<Arc<N>>,
    ) -> Result<(), Self::Abort>;

    /// Returns the latest value.
    fn load<T: Value>(var: &Self::Var<T>) -> T;
}

/// The crate `stm` of crates.io and what was made from it have one interface.
macro_rules! library {
    ($(#[$about:meta])* $name:ident, $library:ident) => {
        $(#[$about])*
        pub(crate) struct $name;

        impl Library for $name {
            type Var<T: Value> = $library::TVar<T>;
            type Link<N: Send + Sync + 'static> = $library::TVar<Option<Arc<N>>>;
            type Log<'a> = &'a mut $library::Transaction;
            type Abort = $library::StmError;
            const FAILURE: $library::StmError = $library::StmError::Failure;

            fn var<T: Value>(value: T) -> $library::TVar<T> {
                $library::TVar::new(value)
            }

            fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> Self::Link<N> {
                $library::TVar::new(node)
            }

            fn atomically<R>(body: impl for<'a> Fn(Self::Log<'a>) -> Result<R, $library::StmError>) -> R {
                $library::atomically(|log| body(log))
            }

            fn shorten<'short, 'long: 'short>(log: Self::Log<'long>) -> Self::Log<'short> {
                log
            }

            fn read<T: Value>(log: &mut Self::Log<'_>, var: &$library::TVar<T>) -> Result<T, $library::StmError> {
                var.read(log)
            }

            fn write<T: Value>(log: &mut Self::Log<'_>, var: &$library::TVar<T>, value: T) -> Result<(), $library::StmError> {
                var.write(log, value)
            }

            fn follow<N: Send + Sync + 'static>(
                log: &mut Self::Log<'_>,
                link: &Self::Link<N>,
            ) -> Result<Option<Arc<N>>, $library::StmError> {
                link.read(log)
            }

            fn lead<N: Send + Sync + 'static>(
                log: &mut Self::Log<'_>,
                link: &Self::Link<N>,
                node: Option<Arc<N>>,
            ) -> Result<(), $library::StmError> {
                link.write(log, node)
            }

            fn load<T: Value>(var: &$library::TVar<T>) -> T {
                var.read_atomic()
            }
        }
    };
}

library!(
    /// fast-stm.
    Fast,
    fast_stm
);
library!(
    /// The crate `stm` of crates.io.
    CratesIo,
    stm_core
);

/// async-stm: a thread runs its futures.
pub(crate) struct Async;

impl Library for Async {
    type Var<T: Value> = async_stm::TVar<T>;
    type Link<N: Send + Sync + 'static> = async_stm::TVar<Option<Arc<N>>>;
    /// Its transaction is the thread's.
    type Log<'a> = ();
    type Abort = async_stm::StmControl;
    const FAILURE: async_stm::StmControl = async_stm::StmControl::Failure;

    fn var<T: Value>(value: T) -> async_stm::TVar<T> {
        async_stm::TVar::new(value)
    }

    fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> Self::Link<N> {
        async_stm::TVar::new(node)
    }

    fn atomically<R>(body: impl for<'a> Fn(Self::Log<'a>) -> async_stm::Stm<R>) -> R {
        pollster::block_on(async_stm::atomically(|| body(())))
    }

    fn shorten<'short, 'long: 'short>((): Self::Log<'long>) -> Self::Log<'short> {}

    fn read<T: Value>((): &mut (), var: &async_stm::TVar<T>) -> async_stm::Stm<T> {
        var.read_clone()
    }

    fn write<T: Value>((): &mut (), var: &async_stm::TVar<T>, value: T) -> async_stm::Stm<()> {
        var.write(value)
    }

    fn follow<N: Send + Sync + 'static>((): &mut (), link: &Self::Link<N>) -> async_stm::Stm<Option<Arc<N>>> {
        link.read_clone()
    }

    fn lead<N: Send + Sync + 'static>((): &mut (), link: &Self::Link<N>, node: Option<Arc<N>>) -> async_stm::Stm<()> {
        link.write(node)
    }

    fn load<T: Value>(var: &async_stm::TVar<T>) -> T {
        Self::atomically(|()| var.read_clone())
    }
}

/// A library as a system.
pub(crate) struct Peer<L>(PhantomData<L>);

pub(crate) type FastStm = Peer<Fast>;
pub(crate) type CratesIoStm = Peer<CratesIo>;
pub(crate) type AsyncStm = Peer<Async>;

/// A transaction, and the nodes it has found: they live until it is over.
///
/// The library's own log keeps what was read as well, but not what the transaction wrote, found again and overwrote.
pub(crate) struct PeerTx<'tx, L: Library> {
    log: RefCell<L::Log<'tx>>,
    found: RefCell<Vec<Arc<dyn Any + Send + Sync>>>,
}

/// A node that lives at least until the transaction is over.
pub(crate) struct PeerAt<'tx, N> {
    node: *const N,
    marker: PhantomData<&'tx N>,
}

impl<N> Clone for PeerAt<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for PeerAt<'_, N> {}

impl<'tx, N: Send + Sync + 'static> Found<'tx, N, Arc<N>> for PeerAt<'tx, N> {
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

impl<L: Library> System for Peer<L> {
    const CONCURRENT: bool = true;
    const TORN: bool = true;

    type Abort = L::Abort;
    type Tx<'tx> = PeerTx<'tx, L>;
    type Var<T: Value> = L::Var<T>;
    type Node<N: Send + Sync + 'static> = Arc<N>;
    type Link<N: Send + Sync + 'static> = L::Link<N>;
    type At<'tx, N: Send + Sync + 'static> = PeerAt<'tx, N>;
    type Map<V: Send + Sync + 'static> = Tree<Self, V>;
    type Queue<N: Send + Sync + 'static> = Ring<Self, N>;

    fn new() -> Self {
        Self(PhantomData)
    }

    fn var<T: Value>(value: T) -> L::Var<T> {
        L::var(value)
    }

    fn node<N: Send + Sync + 'static>(item: N) -> Arc<N> {
        Arc::new(item)
    }

    fn link<N: Send + Sync + 'static>(node: Option<Arc<N>>) -> L::Link<N> {
        L::link(node)
    }

    fn atomically<N: Send + Sync + 'static, R>(
        &self,
        root: &Arc<N>,
        body: impl for<'tx> FnMut(&PeerTx<'tx, L>, &'tx N) -> Result<R, L::Abort>,
    ) -> R {
        let body = RefCell::new(body);
        L::atomically(|log| {
            let tx = PeerTx { log: RefCell::new(L::shorten(log)), found: RefCell::new(Vec::new()) };
            let mut body = body.borrow_mut();
            body(&tx, root)
        })
    }

    fn read<'tx, T: Value>(tx: &PeerTx<'tx, L>, var: &'tx L::Var<T>) -> Result<T, L::Abort> {
        L::read(&mut tx.log.borrow_mut(), var)
    }

    fn write<'tx, T: Value>(tx: &PeerTx<'tx, L>, var: &'tx L::Var<T>, value: T) -> Result<(), L::Abort> {
        L::write(&mut tx.log.borrow_mut(), var, value)
    }

    fn follow<'tx, N: Send + Sync + 'static>(
        tx: &PeerTx<'tx, L>,
        link: &'tx L::Link<N>,
    ) -> Result<Option<PeerAt<'tx, N>>, L::Abort> {
        let Some(node) = L::follow(&mut tx.log.borrow_mut(), link)? else { return Ok(None) };
        let at = PeerAt { node: Arc::as_ptr(&node), marker: PhantomData };
        tx.found.borrow_mut().push(node);
        Ok(Some(at))
    }

    fn lead<'tx, N: Send + Sync + 'static>(
        tx: &PeerTx<'tx, L>,
        link: &'tx L::Link<N>,
        node: Option<Arc<N>>,
    ) -> Result<(), L::Abort> {
        L::lead(&mut tx.log.borrow_mut(), link, node)
    }

    #[cold]
    fn restart<R>(_tx: &PeerTx<'_, L>) -> Result<R, L::Abort> {
        Err(L::FAILURE)
    }

    fn copy<T: Value>(&self, vars: &[L::Var<T>], values: &mut [T]) {
        for (value, var) in values.iter_mut().zip(vars) {
            *value = L::load(var);
        }
    }
}
