//! Tasks: waiters that change their wakers. A wake-up that is lost is a deadlock, which loom reports.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::{Outcomes, explore, make_statics};
use crate::shim;
use crate::wait::{self, Batons, Registration, registered};
use crate::word::VersionedLock;
use crate::{TVar, atomically_async};

/// Whoever notifies takes the waker of the last poll, or the poll finds the notice.
#[test]
fn a_changed_waker_is_woken_or_not_needed() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(3, move || {
        make_statics();
        let shared = TVar::new(0_usize);
        let task = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut awaited = vec![(&raw const *shared.cell(), VersionedLock::FREE)];
                // SAFETY: the handle keeps the cell alive.
                let Some(registration) =
                    (unsafe { Registration::arm(None, super::wait::who(), &mut awaited, None, &mut Batons::new()) })
                else {
                    return "changed";
                };
                if registration.entrust(Waker::noop()) {
                    return "notified before the first waker";
                }
                if registration.entrust(&wait::thread_waker()) {
                    return "notified before the second waker";
                }
                shim::park();
                assert!(registration.entrust(&wait::thread_waker()), "woken without a notice");
                "woken"
            })
        };
        shared.store(1);
        seen.record(task.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_exactly([
        "changed",
        "notified before the first waker",
        "notified before the second waker",
        "woken",
    ]);
}

/// The whole way: a future waits for what another thread writes.
#[test]
fn a_future_is_woken_by_the_write_it_waits_for() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore(2, move || {
        make_statics();
        let ready = TVar::new(0_usize);
        let task = {
            let ready = ready.clone();
            thread::spawn(move || {
                let mut future = pin!(atomically_async(|tx| {
                    let value = ready.read(tx)?;
                    tx.check(value == 1)?;
                    Ok(tx.attempt_number())
                }));
                let waker = wait::thread_waker();
                let mut polls = 1;
                loop {
                    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(runs) => return (runs, polls),
                        Poll::Pending => shim::park(),
                    }
                    polls += 1;
                }
            })
        };
        ready.store(1);
        seen.record(task.join().unwrap());
        assert_eq!(registered(), 0, "a waiter was left behind");
    });
    outcomes.assert_exactly([(1, 1), (2, 1), (2, 2)]);
}
