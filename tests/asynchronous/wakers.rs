//! Wakers are user code: they may panic wherever they are called, and run transactions of their own.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};

use common::{Count, expect_panic, poll, quietly, watchdog};
use stm::{TVar, atomically, atomically_async};

/// A waker that panics when it is told to.
#[derive(Default)]
struct Moody {
    clone: AtomicBool,
    wake: AtomicBool,
    drop: AtomicBool,
    alive: AtomicUsize,
    woken: AtomicU32,
}

impl Moody {
    /// Panics the next time, if asked to.
    fn mind(mood: &AtomicBool, what: &str) {
        assert!(!mood.swap(false, Ordering::SeqCst), "a waker panics in {what}");
    }

    /// A waker of it. It has to outlive all of them.
    fn waker(&'static self) -> Waker {
        self.alive.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the functions of the table take what they are given for a `&'static Moody`, which it is.
        unsafe { Waker::from_raw(RawWaker::new((&raw const *self).cast(), &MOODY)) }
    }
}

/// # Safety
///
/// It is the pointer of a [`Moody`]'s waker.
unsafe fn moody(pointer: *const ()) -> &'static Moody {
    // SAFETY: passed on to the caller.
    unsafe { &*pointer.cast::<Moody>() }
}

static MOODY: RawWakerVTable = RawWakerVTable::new(
    |pointer| {
        // SAFETY: the table is that of a `Moody`'s waker.
        let moody = unsafe { moody(pointer) };
        Moody::mind(&moody.clone, "clone");
        moody.alive.fetch_add(1, Ordering::SeqCst);
        RawWaker::new(pointer, &MOODY)
    },
    |pointer| {
        // SAFETY: as above.
        let moody = unsafe { moody(pointer) };
        moody.alive.fetch_sub(1, Ordering::SeqCst);
        moody.woken.fetch_add(1, Ordering::SeqCst);
        Moody::mind(&moody.wake, "wake");
    },
    |pointer| {
        // SAFETY: as above.
        let moody = unsafe { moody(pointer) };
        moody.woken.fetch_add(1, Ordering::SeqCst);
        Moody::mind(&moody.wake, "wake_by_ref");
    },
    |pointer| {
        // SAFETY: as above.
        let moody = unsafe { moody(pointer) };
        moody.alive.fetch_sub(1, Ordering::SeqCst);
        Moody::mind(&moody.drop, "drop");
    },
);

static KEPT: Mutex<Vec<&Moody>> = Mutex::new(Vec::new());

fn new() -> (&'static Moody, Waker) {
    let moody: &'static Moody = Box::leak(Box::default());
    // A leak only to those who can not find it any more.
    KEPT.lock().expect("nobody panics with it").push(moody);
    (moody, moody.waker())
}

#[test]
fn a_panic_in_clone_ends_the_future_and_leaves_no_waiter() {
    let x = TVar::new(0);
    let (moody, waker) = new();
    let mut future = x.wait_until_async(|n| *n == 1);
    moody.clone.store(true, Ordering::SeqCst);
    let panic = expect_panic(|| poll(&mut future, &waker));
    assert!(panic.message.contains("in clone"), "{panic:?}");
    assert_eq!(moody.alive.load(Ordering::SeqCst), 1);
    assert!(expect_panic(|| poll(&mut future, &waker)).message.contains("after a poll had panicked"));
    x.store(1);
    assert_eq!(moody.woken.load(Ordering::SeqCst), 0);
    // The thread and the variable go on.
    assert_eq!(poll(&mut x.wait_until_async(|n| *n == 1), &waker), Poll::Ready(1));
}

#[test]
fn a_panic_in_wake_goes_on_in_the_writer_and_keeps_nobody_asleep() {
    let x = TVar::new(0);
    let (moody, waker) = new();
    let (count, calm) = Count::new();
    let mut futures: Vec<_> = (0..5).map(|_| x.wait_until_async(|n| *n == 1)).collect();
    for (place, future) in futures.iter_mut().enumerate() {
        assert!(poll(future, if place == 2 { &waker } else { &calm }).is_pending());
    }
    moody.wake.store(true, Ordering::SeqCst);
    let panic = expect_panic(|| atomically(|tx| x.write(tx, 1)));
    assert!(panic.message.contains("in wake"), "{panic:?}");
    assert_eq!((count.get(), moody.woken.load(Ordering::SeqCst), x.load()), (4, 1, 1), "it has committed");
    for future in &mut futures {
        assert_eq!(poll(future, &calm), Poll::Ready(1));
    }
    assert_eq!(moody.alive.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_in_drop_leaves_no_waiter() {
    let x = TVar::new(0);
    let (moody, waker) = new();
    let (count, calm) = Count::new();
    // Replaced by another waker.
    let mut future = x.wait_until_async(|n| *n == 1);
    assert!(poll(&mut future, &waker).is_pending());
    moody.drop.store(true, Ordering::SeqCst);
    let panic = expect_panic(|| poll(&mut future, &calm));
    assert!(panic.message.contains("in drop"), "{panic:?}");
    assert_eq!((moody.alive.load(Ordering::SeqCst), Arc::strong_count(&count)), (1, 2));
    // Dropped with the future.
    let mut future = x.wait_until_async(|n| *n == 1);
    assert!(poll(&mut future, &waker).is_pending());
    moody.drop.store(true, Ordering::SeqCst);
    assert!(expect_panic(|| drop(future)).message.contains("in drop"));
    assert_eq!(moody.alive.load(Ordering::SeqCst), 1);
    x.store(1);
    assert_eq!(moody.woken.load(Ordering::SeqCst), 0);
}

#[test]
fn a_panic_while_letting_others_run_may_be_survived() {
    let (moody, waker) = new();
    let mut future = atomically_async(|tx| if tx.attempt_number() < 20 { tx.restart() } else { Ok(7) });
    moody.wake.store(true, Ordering::SeqCst);
    assert!(expect_panic(|| poll(&mut future, &waker)).message.contains("in wake_by_ref"));
    let mut polls = 1;
    let value = loop {
        polls += 1;
        if let Poll::Ready(value) = poll(&mut future, &waker) {
            break value;
        }
    };
    assert!(value == 7 && polls > 2, "{polls} polls");
    assert_eq!(moody.woken.load(Ordering::SeqCst), polls - 1);
}

/// A waker that runs transactions, and drops what it wakes.
struct Busy {
    x: TVar<u64>,
    counter: TVar<u64>,
}

impl Busy {
    fn work(&self) {
        atomically(|tx| {
            let n = self.x.read(tx)?;
            self.counter.modify(tx, |count| count + n)
        });
        self.counter.fetch_update(|n| *n += 1);
    }
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        self.work();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.work();
    }
}

#[test]
fn wakers_may_run_transactions() {
    let _watchdog = watchdog();
    let (x, counter) = (TVar::new(0), TVar::new(0));
    let busy = || Waker::from(Arc::new(Busy { x: x.clone(), counter: counter.clone() }));
    let mut future = x.wait_until_async(|n| *n == 10);
    for _ in 0..3 {
        // The waker of the poll before is dropped by this one.
        assert!(poll(&mut future, &busy()).is_pending());
    }
    assert_eq!(counter.load(), 2);
    x.store(10);
    // Woken once, and dropped: with the value that woke it.
    assert_eq!(counter.load(), 2 + 11 + 11);
    assert_eq!(poll(&mut future, Waker::noop()), Poll::Ready(10));
}

/// Writes what is waited for when it is dropped.
struct Parting(TVar<u64>);

impl Wake for Parting {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Parting {
    fn drop(&mut self) {
        self.0.fetch_update(|n| *n += 1);
    }
}

#[test]
fn a_waker_may_wake_its_own_task_when_it_is_dropped() {
    let _watchdog = watchdog();
    let x = TVar::new(0);
    let mut future = x.wait_until_async(|n| *n == 1);
    assert!(poll(&mut future, &Waker::from(Arc::new(Parting(x.clone())))).is_pending());
    // The other waker goes in the middle of this poll, which notices.
    assert_eq!(poll(&mut future, Waker::noop()), Poll::Ready(1));
    let mut future = x.wait_until_async(|n| *n == 5);
    assert!(poll(&mut future, &Waker::from(Arc::new(Parting(x.clone())))).is_pending());
    drop(future);
    assert_eq!(x.load(), 2);
}

/// Also while another panic is under way nothing is left behind.
#[test]
fn a_future_dropped_by_a_panic_leaves_no_trace() {
    let x = TVar::new(0);
    let (count, waker) = Count::new();
    let outcome = quietly(|| {
        panic::catch_unwind(AssertUnwindSafe(|| {
            let mut future = x.wait_until_async(|n| *n == 1);
            assert!(poll(&mut future, &waker).is_pending());
            assert_eq!(Arc::strong_count(&count), 3);
            panic!("on purpose");
        }))
    });
    assert!(outcome.is_ok_and(|inner| inner.is_err()));
    assert_eq!(Arc::strong_count(&count), 2);
}
