//! Timers: variables that change by themselves.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::alarm;
use crate::var::{Faint, TVar};

/// Sets a variable when it is woken, if somebody still has a handle to it.
struct Ring {
    variable: Faint<bool>,
    number: u64,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        // SAFETY: the variable's last handle forgets the alarm before the variable is retired.
        let held = alarm::claim(self.variable.address(), self.number, || unsafe { self.variable.revive() });
        if let Some(variable) = held.flatten() {
            variable.store(true);
        }
    }
}

/// Makes a variable that is `false` and becomes `true` once, after this time or a little later.
///
/// It is a variable like any other, so a timeout is a branch of [`or_else`](crate::Transaction::or_else), and it may be
/// waited for together with anything else. To bound a whole transaction use [`Options::timeout`](crate::Options::timeout),
/// which also ends one that others keep aborting.
///
/// Make it before the transaction: a body that makes a new one each time it runs waits for ever. After zero time it is
/// `true` from the start; after a time that the clock can not express it stays `false`. One thread, named `stm-timer`, serves
/// all timers; it exists only while some are pending. A timer that nobody has a handle to any more is taken back.
///
/// # Panics
///
/// Panics if the thread can not be started.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use stm::{TVar, atomically, timer};
///
/// let slot = TVar::new(None::<u32>);
/// let timeout = timer(Duration::from_millis(20));
/// let received = atomically(|tx| {
///     tx.or_else(
///         |tx| match slot.replace(tx, None)? {
///             Some(item) => Ok(Some(item)),
///             None => tx.retry(),
///         },
///         |tx| {
///             tx.check(timeout.read(tx)?)?;
///             Ok(None)
///         },
///     )
/// });
/// assert_eq!(received, None);
/// ```
#[doc(alias = "registerDelay")]
#[track_caller]
pub fn timer(after: Duration) -> TVar<bool> {
    if after.is_zero() {
        return TVar::new(true);
    }
    let Some(time) = Instant::now().checked_add(after) else { return TVar::new(false) };
    let variable = TVar::with_alarm(false);
    let faint = variable.faint();
    alarm::keep(faint.address(), time, |number| Waker::from(Arc::new(Ring { variable: faint, number })));
    variable
}
