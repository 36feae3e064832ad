//! Alarms: wakers to be woken at a certain time, for timers and for tasks with a deadline.
//!
//! One thread serves all of them. It is started by the first alarm, sleeps until the earliest is due, and ends when none
//! has been pending for a moment; the next one starts another. It calls wakers with nothing held, and goes on if one
//! panics. In a model time does not pass, so there no alarm goes off.

#[cfg(not(any(stm_loom, stm_shuttle)))]
pub(crate) use clockwork::{Alarm, claim, forget, keep};
#[cfg(any(stm_loom, stm_shuttle))]
pub(crate) use stopped::{Alarm, claim, forget, keep};

#[cfg(not(any(stm_loom, stm_shuttle)))]
mod clockwork {
    use std::collections::BTreeMap;
    use std::task::Waker;
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::shim::{Condvar, Mutex, MutexGuard};
    use crate::unwind::Panics;

    /// How long the thread stays when it has nothing to do.
    const LINGER: Duration = Duration::from_millis(100);

    /// When an alarm goes off, and which of those at the same time it is.
    type Key = (Instant, u64);

    struct Clockwork {
        /// In order of time. Not a heap: most alarms are taken back before they go off.
        pending: BTreeMap<Key, Waker>,
        /// How many there have been.
        set: u64,
        /// There is a thread, and it will look at `pending` once more.
        running: bool,
        /// When it will at the latest, if it sleeps.
        wakes: Option<Instant>,
    }

    impl Clockwork {
        /// Whether the thread has to be woken, since it sleeps longer than this.
        fn oversleeps(&self, time: Instant) -> bool {
            self.wakes.is_some_and(|wakes| wakes > time)
        }
    }

    /// Sleeps until `time`, or until it is woken. Says whether it was not.
    fn sleep(mut clockwork: MutexGuard<'_, Clockwork>, time: Instant) -> (MutexGuard<'_, Clockwork>, bool) {
        clockwork.wakes = Some(time);
        let (mut clockwork, late) = AWAKE.wait_until(clockwork, Some(time));
        clockwork.wakes = None;
        (clockwork, late)
    }

    static CLOCKWORK: Mutex<Clockwork> =
        Mutex::new(Clockwork { pending: BTreeMap::new(), set: 0, running: false, wakes: None });
    static AWAKE: Condvar = Condvar::new();

    /// An alarm that is set. Dropping it takes it back.
    #[derive(Debug)]
    pub(crate) struct Alarm(Key);

    impl Alarm {
        /// Wakes `waker` at `time` or a little later.
        ///
        /// # Panics
        ///
        /// Panics if no thread can be started.
        pub(crate) fn set(time: Instant, waker: Waker) -> Self {
            let mut clockwork = CLOCKWORK.lock();
            let alarm = Self((time, clockwork.set));
            clockwork.set += 1;
            clockwork.pending.insert(alarm.0, waker);
            if !clockwork.running {
                let thread = thread::Builder::new().name("stm-timer".into()).spawn(serve);
                clockwork.running = thread.is_ok();
                drop(clockwork);
                // If it fails, the alarm is taken back while the panic unwinds.
                thread.expect("the thread that serves timers and deadlines can be started");
            } else if clockwork.oversleeps(time) {
                AWAKE.notify_all();
            }
            alarm
        }
    }

    impl Drop for Alarm {
        fn drop(&mut self) {
            let mut clockwork = CLOCKWORK.lock();
            let waker = clockwork.pending.remove(&self.0);
            // With nothing to do the thread need not sleep until then; but that it wakes up is nothing urgent.
            if clockwork.pending.is_empty() && clockwork.oversleeps(Instant::now() + LINGER) {
                AWAKE.notify_all();
            }
            drop(clockwork);
            // Not under the lock: its destructor is user code.
            drop(waker);
        }
    }

    /// Alarms of variables, by their addresses: taken back when the variable has no handle any more.
    struct Kept {
        alarms: BTreeMap<usize, (u64, Alarm)>,
        /// How many there have been. An address may be used anew.
        count: u64,
    }

    static KEPT: Mutex<Kept> = Mutex::new(Kept { alarms: BTreeMap::new(), count: 0 });

    /// Sets an alarm for the variable at this address. `waker` gets the alarm's number, for [`claim`].
    pub(crate) fn keep(address: usize, time: Instant, waker: impl FnOnce(u64) -> Waker) {
        let mut kept = KEPT.lock();
        kept.count += 1;
        let number = kept.count;
        // Should it go off at once, `claim` waits for the lock.
        let alarm = Alarm::set(time, waker(number));
        kept.alarms.insert(address, (number, alarm));
    }

    /// The alarm has gone off. Calls `hold` unless somebody forgets it first: until it returns, nobody does.
    pub(crate) fn claim<R>(address: usize, number: u64, hold: impl FnOnce() -> R) -> Option<R> {
        let mut kept = KEPT.lock();
        if kept.alarms.get(&address).is_none_or(|&(present, _)| present != number) {
            return None;
        }
        let held = hold();
        let alarm = kept.alarms.remove(&address);
        drop(kept);
        drop(alarm);
        Some(held)
    }

    /// Takes back the alarm of the variable at this address, if it has one.
    pub(crate) fn forget(address: usize) {
        let alarm = KEPT.lock().alarms.remove(&address);
        drop(alarm);
    }

    fn serve() {
        let mut clockwork = CLOCKWORK.lock();
        loop {
            let now = Instant::now();
            let later = clockwork.pending.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut clockwork.pending, later);
            if !due.is_empty() {
                drop(clockwork);
                let mut panics = Panics::new();
                panics.run_each(due.into_values(), Waker::wake);
                panics.swallow();
                clockwork = CLOCKWORK.lock();
            } else if let Some(&(earliest, _)) = clockwork.pending.keys().next() {
                (clockwork, _) = sleep(clockwork, earliest);
            } else {
                let late;
                (clockwork, late) = sleep(clockwork, now + LINGER);
                if late && clockwork.pending.is_empty() {
                    clockwork.running = false;
                    return;
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::sync::Arc;
        use std::sync::mpsc::{Sender, channel};
        use std::task::Wake;

        struct Tell(Sender<u32>, u32);

        impl Wake for Tell {
            fn wake(self: Arc<Self>) {
                assert!(self.1 != 0, "this one panics");
                let _ = self.0.send(self.1);
            }
        }

        #[test]
        fn alarms_go_off_in_order_and_one_that_panics_stops_no_other() {
            let (sender, receiver) = channel();
            let start = Instant::now();
            let set = |after: u64, number| {
                Alarm::set(start + Duration::from_millis(after), Arc::new(Tell(sender.clone(), number)).into())
            };
            let taken_back = set(1_000_000, 9);
            let alarms = [set(30, 2), set(15, 1), set(20, 0), set(20, 0), set(45, 3)];
            let key = taken_back.0;
            assert!(CLOCKWORK.lock().pending.contains_key(&key));
            drop(taken_back);
            assert!(!CLOCKWORK.lock().pending.contains_key(&key));
            let heard: Vec<_> = receiver.iter().take(3).collect();
            assert_eq!(heard, [1, 2, 3]);
            assert!(start.elapsed() >= Duration::from_millis(45), "not before its time");
            drop(alarms);
        }

        #[test]
        fn the_thread_ends_when_it_is_idle_and_comes_back() {
            for _ in 0..2 {
                let (sender, receiver) = channel();
                let alarm = Alarm::set(Instant::now(), Arc::new(Tell(sender, 1)).into());
                assert_eq!(receiver.recv(), Ok(1));
                drop(alarm);
                while CLOCKWORK.lock().running {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}

#[cfg(any(stm_loom, stm_shuttle))]
mod stopped {
    use std::task::Waker;
    use std::time::Instant;

    /// An alarm that never goes off.
    #[derive(Debug)]
    pub(crate) struct Alarm;

    impl Alarm {
        pub(crate) fn set(_time: Instant, _waker: Waker) -> Self {
            Self
        }
    }

    pub(crate) fn keep(_address: usize, _time: Instant, _waker: impl FnOnce(u64) -> Waker) {}

    pub(crate) fn claim<R>(_address: usize, _number: u64, hold: impl FnOnce() -> R) -> Option<R> {
        Some(hold())
    }

    pub(crate) fn forget(_address: usize) {}
}
