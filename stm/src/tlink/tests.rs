//! Links as seen from inside: types that share an address, and looks without a trace.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::thread;

use super::*;
use crate::clock::tests::alone;
use crate::storage;
use crate::{TCell, atomically, snapshot};

fn elsewhere<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|threads| threads.spawn(f).join().expect("the other thread panicked"))
}

fn number(n: u64) -> Option<Shared<u64>> {
    Some(Shared::new(n))
}

fn peeked<'tx>(link: &'tx TLink<u64>, tx: &ReadTransaction<'tx, '_>) -> StmResult<Option<u64>> {
    Ok(link.peek(tx)?.map(|node| *node))
}

#[test]
fn what_another_type_of_variable_held_is_no_link() {
    let anything = ptr::null_mut();
    assert!(TLink::<u64>::fits(Some(TLink::<u64>::KIND), anything));
    assert!(!TLink::<i64>::fits(Some(TLink::<u64>::KIND), anything));
    assert!(!TLink::<u64>::fits(None, anything) && !TLink::<u64>::fits(storage::kind::<String>(), anything));
    // The same as a value of a cell is a box with the reference in it.
    let boxed = storage::kind::<Option<Shared<u64>>>();
    assert!(boxed.is_some() && !TLink::<u64>::fits(boxed, anything));
    assert!(!storage::fits::<Option<Shared<u64>>>(Some(TLink::<u64>::KIND), anything));
    assert!(!storage::fits::<u64>(Some(TLink::<u64>::KIND), anything));
}

/// A place for one variable after the other, as a freed node's memory is.
#[repr(align(16))]
struct Place(UnsafeCell<MaybeUninit<[u8; 16]>>);

// SAFETY: what is put there is `Sync`, and nobody uses the place while something is put there.
unsafe impl Sync for Place {}

impl Place {
    /// # Safety
    ///
    /// Nobody uses what is in it any more.
    unsafe fn put<V: Sync>(&self, variable: V) -> &V {
        assert!(size_of::<V>() <= 16 && align_of::<V>() <= 16);
        // SAFETY: it fits, and by the contract nobody uses the place.
        unsafe {
            self.0.get().cast::<V>().write(variable);
            self.get()
        }
    }

    /// # Safety
    ///
    /// A `V` was put there last.
    unsafe fn get<V: Sync>(&self) -> &V {
        // SAFETY: by the contract.
        unsafe { &*self.0.get().cast::<V>() }
    }
}

/// What a snapshot makes of a variable that has the address of an older one, and how often its body runs. A value of each is kept
/// for it, one by this thread (the older one's, if `older_here`) and one by another: which is found is a matter of chance.
fn after_a_link_to_bytes<V: Send + Sync + 'static, R>(
    older_here: bool,
    make: impl Fn() -> V + Sync,
    change: impl Fn(&V) + Sync,
    read: impl for<'tx> Fn(&'tx V, &ReadTransaction<'tx, '_>) -> StmResult<R>,
) -> (R, u32) {
    let _alone = alone();
    let runs = Cell::new(0);
    let place = Place(UnsafeCell::new(MaybeUninit::zeroed()));
    // SAFETY: nobody knows the place yet.
    let link = unsafe { place.put(TLink::new(Some(Shared::new(1_u8)))) };
    let result = snapshot(|tx| {
        runs.set(runs.get() + 1);
        if runs.get() == 1 {
            let end_older = || link.store(None);
            // SAFETY: the link is not used again, and as it is empty it need not be dropped.
            let begin_younger = || change(unsafe { place.put(make()) });
            if older_here {
                end_older();
                elsewhere(begin_younger);
            } else {
                elsewhere(end_older);
                begin_younger();
            }
        }
        // SAFETY: the first run has put it there.
        read(unsafe { place.get::<V>() }, tx)
    });
    // SAFETY: as above, and it is not used again.
    unsafe { place.0.get().cast::<V>().drop_in_place() };
    (result, runs.get())
}

#[test]
fn a_snapshot_does_not_take_the_value_of_an_older_variable_for_a_younger_ones() {
    let link_after_link = |older_here| {
        let change = |link: &TLink<u64>| link.store(number(4));
        after_a_link_to_bytes(
            older_here,
            || TLink::new(number(3)),
            change,
            |link, tx| Ok(link.read(tx)?.map(|node| *node)),
        )
    };
    let cell_after_link = |older_here| {
        let change = |cell: &TCell<u64>| cell.store(4);
        after_a_link_to_bytes(older_here, || TCell::new(3), change, |cell, tx| Ok(Some(cell.read(tx)?)))
    };
    for attempt in [&link_after_link as &dyn Fn(bool) -> (Option<u64>, u32), &cell_after_link] {
        let met = (0..1_000).any(|round| match attempt(round % 2 == 0) {
            // Its first value, if that is what was found.
            (Some(3), 1) => false,
            // A run more: what was found of the other is not of its type.
            (Some(4), 2) => true,
            found => panic!("{found:?}"),
        });
        assert!(met, "the other's value was never found");
    }
}

#[test]
fn a_look_finds_the_latest_value_and_leaves_no_trace() {
    let (link, own) = (TLink::new(number(1)), TCell::new(0_u64));
    let cell = TCell::new(1_u64);
    let runs = Cell::new(0);
    atomically(|tx| {
        runs.set(runs.get() + 1);
        own.modify(tx, |n| n + 1)?;
        for n in 2..5 {
            elsewhere(|| {
                link.store(number(n));
                cell.store(n);
            });
            assert_eq!((peeked(&link, tx)?, *cell.peek(tx)?), (Some(n), n));
        }
        elsewhere(|| link.store(None));
        assert_eq!(peeked(&link, tx)?, None);
        Ok(())
    });
    assert_eq!((runs.get(), own.load()), (1, 1), "a look conflicts with nobody");
}

#[test]
fn a_look_finds_the_runs_own_value() {
    let (link, cell) = (TLink::new(number(1)), TCell::new(String::from("one")));
    atomically(|tx| {
        link.write(tx, number(2))?;
        cell.write(tx, String::from("two"))?;
        elsewhere(|| link.store(number(9)));
        assert_eq!((peeked(&link, tx)?, &**cell.peek(tx)?), (Some(2), "two"));
        link.write(tx, None)?;
        assert_eq!(peeked(&link, tx)?, None);
        // Taken back with the part that wrote it.
        tx.or_else(
            |tx| {
                link.write(tx, number(3))?;
                assert_eq!(peeked(&link, tx)?, Some(3));
                tx.retry()
            },
            |tx| peeked(&link, tx).map(|found| assert_eq!(found, None)),
        )
    });
    assert!(link.load().is_none());
}

#[test]
fn a_look_does_not_put_a_wait_to_sleep_on_what_it_saw() {
    let (seen, waited) = (TLink::<u64>::empty(), TCell::new(false));
    let runs = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|threads| {
        let waiter = threads.spawn(|| {
            atomically(|tx| {
                runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let _ = seen.peek(tx)?;
                tx.check(waited.read(tx)?)
            });
        });
        while runs.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        (0..100).for_each(|n| seen.store(number(n)));
        waited.store(true);
        waiter.join().expect("it ends");
    });
    assert!(runs.into_inner() <= 2, "it runs again for what it has read only");
}

#[test]
fn in_a_snapshot_a_look_finds_the_value_of_its_moment() {
    let (link, cell) = (TLink::new(number(1)), TCell::new(1_u64));
    let runs = Cell::new(0);
    snapshot(|tx| {
        runs.set(runs.get() + 1);
        for n in 2..5 {
            assert_eq!((peeked(&link, tx)?, *cell.peek(tx)?), (Some(1), 1));
            elsewhere(|| {
                link.store(number(n));
                cell.store(n);
            });
        }
        assert_eq!((link.read(tx)?.map(|node| *node), cell.read(tx)?), (Some(1), 1));
        Ok(())
    });
    assert_eq!(runs.get(), 1);
    // The same with a log, as it has in its second run. What it has looked at is not in it.
    let waited = TCell::new(0_u64);
    let found = snapshot(|tx| {
        let found = (peeked(&link, tx)?, tx.attempt_number());
        if waited.read(tx)? == 0 {
            elsewhere(|| waited.store(1));
            return tx.retry();
        }
        elsewhere(|| link.store(None));
        assert_eq!(peeked(&link, tx)?, found.0);
        Ok(found)
    });
    assert_eq!(found, (Some(4), 2));
}

#[test]
fn a_doomed_run_can_not_look() {
    let (link, cell) = (TLink::new(number(1)), TCell::new(1_u64));
    let rounds = Cell::new(0);
    atomically(|tx| {
        rounds.set(rounds.get() + 1);
        if rounds.get() == 1 {
            let restarted: StmResult<()> = tx.restart();
            assert!(restarted.is_err() && link.peek(tx).is_err() && cell.peek(tx).is_err());
            return restarted;
        }
        link.peek(tx).map(drop)
    });
    assert_eq!(rounds.get(), 2);
    // In a snapshot too.
    rounds.set(0);
    snapshot(|tx| {
        rounds.set(rounds.get() + 1);
        if rounds.get() == 1 {
            let restarted: StmResult<()> = tx.restart();
            assert!(restarted.is_err() && link.peek(tx).is_err() && cell.peek(tx).is_err());
            return restarted;
        }
        link.peek(tx).map(drop)
    });
    assert_eq!(rounds.get(), 2);
}
