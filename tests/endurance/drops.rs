//! Destructors that block, for as long as they like: nobody waits for them but the thread that runs them. And destructors
//! that fail in the middle of a transaction of their own. (Those that only panic are in `panicking_values.rs`, those that
//! start transactions in `destructors.rs`.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{Census, Clash, Counted, quietly, race, watchdog};
use stm::{StmResult, TVar, atomically, options};

use crate::alone;

#[derive(Debug, Default)]
struct Gate {
    open: AtomicBool,
    blocked: AtomicUsize,
    dropped: AtomicUsize,
}

/// Opens the gate when it is dropped, also when the test fails.
struct Opens<'g>(&'g Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open.store(true, Ordering::SeqCst);
    }
}

/// Blocks in its destructor until the gate is open.
struct Slow(Arc<Gate>);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.blocked.fetch_add(1, Ordering::SeqCst);
        while !self.0.open.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_micros(200));
        }
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Transactions of every kind on several threads, with garbage that has to be freed, and waits.
fn work(x: &TVar<Option<Slow>>) {
    let (census, turn) = (Census::new(), TVar::new(0_usize));
    race(2, |me| {
        for n in 0..100 {
            let text = TVar::new(census.value(n));
            atomically(|tx| {
                tx.check(turn.read(tx)? % 2 == me)?;
                text.update(tx, |text: &mut Counted| text.payload += 1)?;
                turn.modify(tx, |n| n + 1)
            });
            stm::collect();
        }
    });
    let clash = Clash::new();
    let runs = options().promote_after(2).run(|tx| {
        if tx.attempt_number() == 1 {
            clash.at_commit(tx)?;
        }
        assert!(x.with(tx, Option::is_some)?);
        turn.write(tx, 0)?;
        Ok(tx.attempt_number())
    });
    assert_eq!(runs, Ok(2));
    // Whoever blocks in a destructor is in no transaction, and holds back nobody's garbage.
    census.settle(0);
}

/// Returns once somebody is in the destructor of a [`Slow`].
fn wait_until_blocked(gate: &Gate) {
    while gate.blocked.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
}

#[test]
fn a_destructor_that_blocks_holds_up_only_its_own_thread() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let gate = Arc::new(Gate::default());
    let new = || Some(Slow(Arc::clone(&gate)));
    let x = TVar::new(new());
    thread::scope(|scope| {
        let opens = Opens(&gate);
        // One blocks at the end of a transaction, one in a collection.
        scope.spawn(|| {
            for _ in 0..300 {
                atomically(|tx| x.write(tx, new()));
            }
        });
        wait_until_blocked(&gate);
        scope.spawn(|| drop(TVar::new(new())));
        while gate.blocked.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        work(&x);
        assert_eq!(gate.dropped.load(Ordering::SeqCst), 0);
        drop(opens);
    });
    drop(x);
    // The first, 300 that were written, and that of the dropped variable.
    while gate.dropped.load(Ordering::SeqCst) < 302 {
        stm::collect();
    }
    assert_eq!((gate.dropped.load(Ordering::SeqCst), Arc::strong_count(&gate)), (302, 1));
}

/// What it has replaced is left to others, so that whoever joins the thread does not wait for destructors.
#[test]
fn a_thread_ends_without_the_destructors_of_what_it_leaves() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let gate = Arc::new(Gate::default());
    let x = TVar::new(Some(Slow(Arc::clone(&gate))));
    let _opens = Opens(&gate);
    thread::scope(|scope| {
        scope.spawn(|| (0..20).for_each(|_| x.store(Some(Slow(Arc::clone(&gate))))));
    });
    assert_eq!(gate.blocked.load(Ordering::SeqCst), 0);
    gate.open.store(true, Ordering::SeqCst);
    drop(x);
    while gate.dropped.load(Ordering::SeqCst) < 21 {
        stm::collect();
    }
    assert_eq!((gate.dropped.load(Ordering::SeqCst), Arc::strong_count(&gate)), (21, 1));
}

/// Waits in its destructor for a transaction of another thread.
struct Waits {
    begun: Arc<AtomicBool>,
    awaited: TVar<u64>,
    _counted: Counted,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.begun.store(true, Ordering::SeqCst);
        self.awaited.wait_until(|n| *n > 0);
    }
}

#[test]
fn a_destructor_may_wait_for_a_transaction() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (census, awaited) = (Census::new(), TVar::new(0));
    let begun = Arc::new(AtomicBool::new(false));
    let new = || Some(Waits { begun: Arc::clone(&begun), awaited: awaited.clone(), _counted: census.value(0) });
    thread::scope(|scope| {
        let waiting = scope.spawn(|| drop((0..100).map(|_| TVar::new(new())).collect::<Vec<_>>()));
        // Until then the values may yet be left to whoever collects next, and that must not be the thread they wait for.
        while !begun.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // Its garbage, too.
        for _ in 0..300 {
            let text = TVar::new(String::from("a"));
            atomically(|tx| text.write(tx, String::from("b")));
        }
        assert!(!waiting.is_finished());
        awaited.store(1);
    });
    census.settle(0);
}

/// Starts a transaction in its destructor, and panics in the middle of it.
struct Fails {
    number: TVar<u64>,
    tries: Arc<AtomicUsize>,
}

impl Drop for Fails {
    fn drop(&mut self) {
        self.tries.fetch_add(1, Ordering::SeqCst);
        atomically(|tx| -> StmResult<()> {
            self.number.modify(tx, |n| n + 1)?;
            panic!("in a transaction of a destructor")
        })
    }
}

#[test]
fn a_destructor_that_fails_in_a_transaction_undoes_it_and_stops_no_other() {
    let (_alone, _watchdog) = (alone(), watchdog());
    let (number, tries) = (TVar::new(0), Arc::new(AtomicUsize::new(0)));
    let new = || Some(Fails { number: number.clone(), tries: Arc::clone(&tries) });
    let x = TVar::new(new());
    for _ in 0..300 {
        // The panic comes out of whichever transaction frees the value; what that transaction did stays done.
        drop(quietly(|| atomically(|tx| x.write(tx, new()))));
    }
    drop(quietly(|| drop(x)));
    while tries.load(Ordering::SeqCst) < 301 {
        drop(quietly(stm::collect));
    }
    assert_eq!((tries.load(Ordering::SeqCst), number.load()), (301, 0));
}
