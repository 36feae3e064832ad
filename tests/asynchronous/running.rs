//! What a body does in a task is what it does in a thread.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use common::{Clash, Panic, World, elsewhere, expect_panic, poll, scaled, watchdog};
use stm::{
    PROMOTE_AFTER, RunError, StmResult, TCell, TVar, Transaction, TxError, atomically, atomically_async, cancel,
    options, try_atomically_async,
};

use super::{on_each_executor, workers};

/// Compiles if the value may go to another thread.
fn is_send<T: Send>(value: T) -> T {
    value
}

/// The futures are `Send` if the body is, also in a function that knows the body only by its bounds. What it returns and
/// cancels with need not be: that never waits anywhere.
#[allow(dead_code, reason = "it has to compile")]
fn futures_are_send<B, C>(body: B, cancelling: C)
where
    B: for<'tx> FnMut(&Transaction<'tx, 'static>) -> StmResult<Rc<u32>> + Clone + Send + 'static,
    C: for<'tx> FnMut(&Transaction<'tx, 'static>) -> stm::TxResult<u32, Rc<str>> + Clone + Send + 'static,
{
    drop(is_send(atomically_async(body.clone())));
    drop(is_send(options().run_async(body)));
    drop(is_send(try_atomically_async(cancelling.clone())));
    drop(is_send(options().try_run_async(cancelling)));
    let x = TVar::new(1);
    drop(is_send(x.wait_until_async(|x| *x == 1)));
    let mut changes = is_send(x.changes());
    drop(is_send(changes.next()));
    static CELL: TCell<u32> = TCell::new(1);
    let outlives: Box<dyn Future<Output = u32> + Send + Unpin + 'static> = Box::new(CELL.wait_until_async(|x| *x == 1));
    drop(outlives);
    let outlives: Box<dyn Future<Output = i32> + Send + Unpin + 'static> = Box::new(x.wait_until_async(|x| *x == 1));
    drop((outlives, x));
}

#[test]
fn values_and_errors_come_out_on_every_executor() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    on_each_executor(|| {
        let x = x.clone();
        async move {
            let before = atomically_async(|tx| x.replace(tx, 5)).await;
            let refused = try_atomically_async(|tx| {
                x.write(tx, 6)?;
                cancel::<(), _>("no")
            });
            assert_eq!(refused.await, Err("no"));
            assert_eq!(try_atomically_async(|tx| Ok::<_, TxError<()>>(x.read(tx)?)).await, Ok(5));
            assert_eq!(options().name("plain").run_async(|tx| x.read(tx)).await, Ok(5));
            let refused = options().try_run_async(|tx| {
                x.write(tx, 7)?;
                cancel::<(), _>(8)
            });
            assert_eq!(refused.await, Err(RunError::Cancel(8)));
            assert_eq!(atomically_async(|tx| x.replace(tx, before)).await, 5);
        }
    });
    assert_eq!(x.load(), 0);
}

/// A body may borrow what its future does not outlive, and need not be `Send` where the executor does not ask for it.
#[test]
fn a_body_may_borrow_and_stay_on_its_thread() {
    let (cell, text) = (TCell::new(1), TCell::new(String::from("a")));
    let runs = Rc::new(std::cell::Cell::new(0));
    let here = Rc::clone(&runs);
    let seen = pollster::block_on(atomically_async(|tx| {
        here.set(here.get() + 1);
        text.modify(tx, |text| text + "b")?;
        cell.modify(tx, |n| n + 1)?;
        text.read(tx)
    }));
    assert_eq!((seen.as_str(), cell.load(), text.load().as_str(), runs.get()), ("ab", 2, "ab", 1));
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let x = TVar::new(0);
    let future = atomically_async(|tx| x.write(tx, 1));
    drop(future);
    assert_eq!(x.load(), 0);
}

#[test]
fn conflicts_end_by_promotion_as_elsewhere() {
    let _watchdog = watchdog();
    let clash = Clash::new();
    let number = pollster::block_on(atomically_async(|tx| {
        if tx.attempt_number() < PROMOTE_AFTER {
            clash.at_commit(tx)?;
        }
        Ok(tx.attempt_number())
    }));
    assert_eq!(number, PROMOTE_AFTER);
    let outcome = pollster::block_on(options().max_attempts(3).run_async(|tx| clash.at_commit(tx)));
    assert_eq!(outcome, Err(RunError::TooManyAttempts));
}

/// A body that goes on and on lets other tasks of its thread run.
#[test]
fn repeating_lets_others_run() {
    let _watchdog = watchdog();
    let told = AtomicU32::new(0);
    super::single().block_on(async {
        let (restarts, tells) =
            (atomically_async(|tx| if told.load(Ordering::SeqCst) == 0 { tx.restart() } else { Ok(()) }), async {
                told.store(1, Ordering::SeqCst)
            });
        tokio::join!(restarts, tells);
    });
}

#[test]
fn hooks_run_in_the_poll_that_ends_it() {
    let (x, log) = (TVar::new(0), Arc::new(AtomicU32::new(0)));
    let hooked = Arc::clone(&log);
    let mut future = atomically_async(|tx| {
        let (committed, undone) = (Arc::clone(&hooked), Arc::clone(&hooked));
        tx.on_commit(move || {
            committed.fetch_add(1, Ordering::SeqCst);
        });
        tx.on_rollback(move || {
            undone.fetch_add(100, Ordering::SeqCst);
        });
        tx.check(x.read(tx)? == 1)
    });
    assert!(poll(&mut future, Waker::noop()).is_pending());
    assert_eq!(log.load(Ordering::SeqCst), 100);
    x.store(1);
    assert!(poll(&mut future, Waker::noop()).is_ready());
    assert_eq!(log.load(Ordering::SeqCst), 101);
}

#[test]
fn an_irrevocable_body_runs_once_in_one_poll() {
    let _watchdog = watchdog();
    let (x, runs) = (TVar::new(0_u64), AtomicU32::new(0));
    let each = scaled(50) as u32;
    workers().block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let x = x.clone();
                tokio::spawn(async move {
                    for _ in 0..each {
                        let outcome = options().irrevocable().run_async(|tx| x.modify(tx, |n| n + 1)).await;
                        assert_eq!(outcome, Ok(()));
                        atomically_async(|tx| x.modify(tx, |n| n + 1)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        let refused = options().irrevocable().run_async(|tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            x.read(tx)?;
            tx.retry::<()>()
        });
        assert_eq!(refused.await, Err(RunError::RetryInIrrevocable));
    });
    assert_eq!((x.load(), runs.load(Ordering::SeqCst)), (u64::from(each) * 16, 1));
}

#[test]
fn polling_in_a_body_is_refused_and_may_be_done_again_outside() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let mut fresh = atomically_async(|tx| x.modify(tx, |n| n + 1));
    let mut waiting = x.wait_until_async(|n| *n == 1);
    assert!(poll(&mut waiting, Waker::noop()).is_pending());
    let refused = |panic: Panic| {
        assert!(panic.message.contains("inside the body of another transaction"), "{panic:?}");
        assert_eq!(panic.file, file!(), "it points at who polls: {panic:?}");
    };
    refused(expect_panic(|| atomically(|_| Ok(poll(&mut fresh, Waker::noop()).is_ready()))));
    refused(expect_panic(|| atomically(|_| Ok(poll(&mut waiting, Waker::noop()).is_ready()))));
    assert!(poll(&mut fresh, Waker::noop()).is_ready());
    assert_eq!(poll(&mut waiting, Waker::noop()), Poll::Ready(1));
}

#[test]
fn a_panic_undoes_and_ends_the_future() {
    let world = World::new();
    let mut future = atomically_async(|tx| -> StmResult<()> {
        world.spoil(tx)?;
        panic!("on purpose")
    });
    let panic = expect_panic(|| poll(&mut future, Waker::noop()));
    assert_eq!(panic.message, "on purpose");
    let panic = expect_panic(|| poll(&mut future, Waker::noop()));
    assert!(panic.message.contains("after a poll had panicked"), "{panic:?}");
    drop(future);
    world.assert_intact();
}

#[test]
fn a_future_that_is_over_is_not_polled_again() {
    let mut future = atomically_async(|_| Ok(()));
    assert!(poll(&mut future, Waker::noop()).is_ready());
    let panic = expect_panic(|| poll(&mut future, Waker::noop()));
    assert!(panic.message.contains("after it had ended"), "{panic:?}");
}

/// A panic out of a poll has no place of its own, so the message says where the transaction was started.
#[test]
fn retry_with_nothing_read_panics_at_once() {
    let line = line!() + 1;
    let mut future = options().name("hopeless").run_async(|tx| tx.retry::<()>());
    let panic = expect_panic(|| poll(&mut future, Waker::noop()));
    let place = format!("{}:{line}:", file!());
    for part in ["`hopeless`", "`retry` without having read", &place] {
        assert!(panic.message.contains(part), "{part:?} is missing: {panic:?}");
    }
    atomically(|_| Ok(()));
}

#[test]
fn a_task_may_move_to_another_thread_between_polls() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let variable = x.clone();
    let mut future = Box::new(atomically_async(move |tx| tx.check(variable.read(tx)? == 3)));
    for value in 1..=3 {
        assert!(poll(&mut future, Waker::noop()).is_pending());
        x.store(value);
        future = thread::spawn(move || {
            if value < 3 {
                assert!(poll(&mut future, Waker::noop()).is_pending());
            }
            future
        })
        .join()
        .expect("it does not panic");
    }
    assert!(elsewhere(|| poll(&mut future, Waker::noop()).is_ready()));
}
