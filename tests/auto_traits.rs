//! The auto traits of every public type: part of the promise, and easily lost by adding a field.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::MutexGuard;

use stm::collections::{TArray, TCounter, TDeque};
use stm::sync::{
    Arrival, Owner, Permit, ReadGuard, TBarrier, TFuture, TLatch, TMVar, TPromise, TRwLock, TSemaphore, Turn,
    UpgradableGuard, WriteGuard,
};
use stm::{
    Abort, Changes, Linkage, Options, ReadTransaction, Ref, Report, RunError, Shared, StmResult, TCell, TLink, TVar,
    Transaction, TxError, TxResult,
};

/// Whether a type has a trait, as a value.
macro_rules! has {
    ($type:ty: $trait:path) => {{
        // The inherent constant is found first, where the bound holds; otherwise the trait's.
        #[allow(dead_code, reason = "used only for types that lack the trait")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "used only for types that have the trait")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        // Reads the field, which is there to mention the type only.
        let probe: Probe<$type> = Probe(PhantomData);
        let Probe(PhantomData) = probe;
        <Probe<$type>>::HAS
    }};
}

/// Checks `Send`, `Sync` and `Unpin` in this order.
macro_rules! assert_threads {
    ($($type:ty: $send:literal $sync:literal;)*) => {$(
        let found = (has!($type: Send), has!($type: Sync), has!($type: Unpin));
        assert_eq!(found, ($send, $sync, true), "Send, Sync, Unpin of {}", stringify!($type));
    )*};
}

/// Checks `UnwindSafe` and `RefUnwindSafe` in this order.
macro_rules! assert_unwinding {
    ($($type:ty: $unwind_safe:literal $ref_unwind_safe:literal;)*) => {$(
        let found = (has!($type: UnwindSafe), has!($type: RefUnwindSafe));
        assert_eq!(found, ($unwind_safe, $ref_unwind_safe), "UnwindSafe, RefUnwindSafe of {}", stringify!($type));
    )*};
}

/// `Send` and not `Sync`.
type NotSync = Cell<u64>;
/// `Sync` and not `Send`.
type NotSend = MutexGuard<'static, u64>;

#[test]
fn the_probe_tells_types_apart() {
    assert!(has!(u64: Send) && !has!(Rc<u64>: Send));
    assert!(has!(NotSync: Send) && !has!(NotSync: Sync));
    assert!(!has!(NotSend: Send) && has!(NotSend: Sync));
    assert!(!has!(&'static RefCell<u64>: UnwindSafe) && has!(str: UnwindSafe));
}

#[test]
fn variables_cross_threads_if_their_values_may_do_both() {
    assert_threads! {
        TVar<u64>: true true;
        TVar<String>: true true;
        TCell<u64>: true true;
        TCell<Vec<TVar<String>>>: true true;
        // A value is shared by reference and dropped wherever it is collected: both are needed for either.
        TVar<NotSync>: false false;
        TVar<NotSend>: false false;
        TVar<Rc<u64>>: false false;
        TCell<NotSync>: false false;
        TCell<NotSend>: false false;
        TCell<Rc<u64>>: false false;
    }
}

#[test]
fn references_and_links_cross_threads_if_what_they_lead_to_may_do_both() {
    assert_threads! {
        Shared<u64>: true true;
        Shared<TLink<TCell<String>>>: true true;
        TLink<u64>: true true;
        TLink<TLink<String>>: true true;
        Shared<NotSync>: false false;
        Shared<NotSend>: false false;
        Shared<Rc<u64>>: false false;
        TLink<NotSync>: false false;
        TLink<NotSend>: false false;
        TLink<Rc<u64>>: false false;
    }
    // Nothing that is found in a run leaves its thread.
    assert_threads! {
        Linkage<'static, u64>: false false;
    }
    assert_unwinding! {
        TLink<u64>: true true;
        TLink<RefCell<u64>>: true true;
        Shared<TCell<RefCell<u64>>>: true true;
        Shared<TLink<RefCell<u64>>>: true true;
        Linkage<'static, TCell<u64>>: true true;
        // As of an `Arc`.
        Shared<RefCell<u64>>: false false;
    }
}

/// Nothing is poisoned: a panic leaves variables whole.
#[test]
fn variables_may_be_looked_at_after_a_panic() {
    assert_unwinding! {
        TVar<u64>: true true;
        TVar<String>: true true;
        TVar<RefCell<u64>>: true true;
        TCell<u64>: true true;
        TCell<RefCell<u64>>: true true;
    }
}

#[test]
fn transactions_stay_on_their_thread() {
    assert_threads! {
        Transaction<'static, 'static>: false false;
        ReadTransaction<'static, 'static>: false false;
        Ref<'static, u64>: false false;
        Ref<'static, String>: false false;
    }
}

#[test]
fn outcomes_and_options_cross_threads() {
    assert_threads! {
        TxError<String>: true true;
        TxError<Rc<u64>>: false false;
        TxResult<u64, String>: true true;
        StmResult<u64>: true true;
        Abort: true true;
        RunError<Infallible>: true true;
        RunError<String>: true true;
        RunError<Rc<u64>>: false false;
        Options: true true;
        Report: true true;
        Changes<'static, u64>: true true;
        Changes<'static, String>: true true;
        Changes<'static, NotSync>: false false;
    }
    assert_unwinding! {
        Abort: true true;
        TxError<String>: true true;
        RunError<String>: true true;
        Options: true true;
    }
}

#[test]
fn primitives_cross_threads_and_so_do_guards() {
    assert_threads! {
        TMVar<u64>: true true;
        TMVar<NotSync>: false false;
        TMVar<NotSend>: false false;
        TSemaphore: true true;
        Permit: true true;
        Turn: true true;
        TRwLock<String>: true true;
        TRwLock<NotSync>: false false;
        // A guard belongs to an owner, and not to a thread.
        ReadGuard<String>: true true;
        UpgradableGuard<String>: true true;
        WriteGuard<String>: true true;
        Owner: true true;
        TBarrier: true true;
        Arrival: true true;
        TLatch: true true;
        TPromise<String>: true true;
        TFuture<String>: true true;
        TFuture<Rc<u64>>: false false;
    }
    assert_unwinding! {
        TMVar<u64>: true true;
        TSemaphore: true true;
        TRwLock<u64>: true true;
        TBarrier: true true;
        TLatch: true true;
        TPromise<u64>: true true;
        TFuture<u64>: true true;
    }
}

#[test]
fn counters_arrays_and_deques_cross_threads_if_their_elements_may_do_both() {
    assert_threads! {
        TCounter: true true;
        TArray<String>: true true;
        TArray<NotSync>: false false;
        TArray<NotSend>: false false;
        TDeque<String>: true true;
        TDeque<NotSync>: false false;
        TDeque<NotSend>: false false;
    }
    assert_unwinding! {
        TCounter: true true;
        TArray<RefCell<u64>>: true true;
        TDeque<RefCell<u64>>: true true;
    }
}
