//! Sizes and allocations: what a variable costs, and that a transaction which only reads, or
//! writes plain words, allocates nothing once its thread has warmed up.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{elsewhere, scaled};
use stm::{StmResult, TCell, TVar, Transaction, TxError, atomically, cancel, snapshot, try_atomically};

/// The system's allocator, counting what the calling thread asks of it.
struct Counting;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heap {
    allocations: u64,
    bytes_allocated: u64,
    bytes_freed: u64,
}

thread_local! {
    static HEAP: Cell<Heap> = const { Cell::new(Heap { allocations: 0, bytes_allocated: 0, bytes_freed: 0 }) };
}

fn count(change: impl FnOnce(&mut Heap)) {
    // Not while the thread-local itself is being destroyed.
    let _ = HEAP.try_with(|heap| {
        let mut counts = heap.get();
        change(&mut counts);
        heap.set(counts);
    });
}

// SAFETY: every call goes on to the system's allocator with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|heap| {
            heap.allocations += 1;
            heap.bytes_allocated += layout.size() as u64;
        });
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(|heap| heap.bytes_freed += layout.size() as u64);
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|heap| {
            heap.allocations += 1;
            heap.bytes_allocated += size as u64;
            heap.bytes_freed += layout.size() as u64;
        });
        // SAFETY: passed on to the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by each test that counts: a body of another one would hold back what this one has retired.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A failed test has not broken anything that the guard protects.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `body` does to the heap on this thread.
fn heap_of<R>(body: impl FnOnce() -> R) -> Heap {
    let before = HEAP.get();
    let result = body();
    let after = HEAP.get();
    black_box(result);
    Heap {
        allocations: after.allocations - before.allocations,
        bytes_allocated: after.bytes_allocated - before.bytes_allocated,
        bytes_freed: after.bytes_freed - before.bytes_freed,
    }
}

/// Checks that `body` allocates nothing when it has run a few times before.
#[track_caller]
fn assert_allocates_nothing<R>(name: &str, mut body: impl FnMut() -> R) {
    // Also long enough for commits to notice that a snapshot before them is over.
    for _ in 0..200 {
        black_box(body());
    }
    let heap = heap_of(|| {
        for _ in 0..1_000 {
            black_box(body());
        }
    });
    assert_eq!(heap, Heap::default(), "{name}: in 1000 transactions");
}

#[test]
fn the_counters_count() {
    let _alone = alone();
    let heap = heap_of(|| drop(black_box(Box::new(7_u64))));
    assert_eq!(heap, Heap { allocations: 1, bytes_allocated: 8, bytes_freed: 8 });
}

#[test]
fn handles_are_pointers() {
    assert_eq!(size_of::<TVar<u64>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<TVar<String>>>(), size_of::<usize>());
}

#[test]
fn a_variable_of_one_word_is_one_small_allocation() {
    let _alone = alone();
    drop(TVar::new(0_u64));
    let heap = heap_of(|| TVar::new(7_u64));
    assert_eq!(heap.allocations, 1);
    assert!(heap.bytes_allocated <= 32, "{heap:?}");
    let cell = heap_of(|| {
        let cell = TCell::new(7_u64);
        cell.store(8);
        assert_eq!(cell.load(), 8);
    });
    assert_eq!(cell, Heap::default(), "a cell lives where it is put");
}

#[test]
fn plain_transactions_allocate_nothing() {
    let _alone = alone();
    let variables: Vec<_> = (0..1_000_u64).map(TVar::new).collect();
    let cells: Vec<_> = (0..10_u64).map(TCell::new).collect();
    assert_allocates_nothing("empty", || atomically(|_| Ok(())));
    for count in [1, 10, 100, 1_000] {
        let sum = |tx: &stm::ReadTransaction| {
            variables[..count].iter().map(|x| x.read(tx)).try_fold(0_u64, |sum, x| Ok(sum + x?))
        };
        assert_allocates_nothing("read", || atomically(|tx| sum(tx)));
        assert_allocates_nothing("snapshot", || snapshot(sum));
        assert_allocates_nothing("write", || {
            atomically(|tx| variables[..count].iter().try_for_each(|x| x.write(tx, 5)));
        });
        assert_allocates_nothing("modify", || {
            atomically(|tx| variables[..count].iter().try_for_each(|x| x.modify(tx, |n| n + 1)));
        });
    }
    assert_allocates_nothing("cells", || atomically(|tx| cells.iter().try_for_each(|x| x.modify(tx, |n| n + 1))));
    let [x, y] = [&variables[0], &variables[1]];
    assert_allocates_nothing("one-shot", || {
        x.store(1);
        y.fetch_update(|n| *n += x.swap(2));
        x.load()
    });
}

#[test]
fn choosing_nesting_and_cancelling_allocate_nothing() {
    let _alone = alone();
    let (x, y) = (TVar::new(0_u64), TVar::new(0_u64));
    assert_allocates_nothing("or_else", || {
        atomically(|tx| {
            x.write(tx, 1)?;
            tx.or_else(
                |tx| {
                    x.write(tx, 2)?;
                    y.modify(tx, |n| n + 1)?;
                    tx.retry()
                },
                |tx| y.modify(tx, |n| n + 1),
            )
        });
    });
    assert_allocates_nothing("nested", || {
        atomically(|tx| {
            x.write(tx, 1)?;
            tx.nested(|tx| {
                y.modify(tx, |n| n + 1)?;
                if y.read(tx)? % 2 == 0 { cancel(7_u64) } else { Ok(()) }
            })
        })
    });
    assert_allocates_nothing("cancel", || {
        try_atomically(|tx| {
            x.modify(tx, |n| n + 1)?;
            cancel::<(), _>("undone")
        })
    });
    assert_allocates_nothing("restart", || {
        atomically(|tx| {
            x.modify(tx, |n| n + 1)?;
            if tx.attempt_number() == 1 { tx.restart() } else { Ok(()) }
        });
    });
}

#[test]
fn boxed_values_are_read_without_allocating() {
    let _alone = alone();
    let (text, list) = (TVar::new(String::from("text")), TCell::new(vec![1_u64, 2, 3]));
    assert_allocates_nothing("boxed", || {
        atomically(|tx| {
            let length = text.read_ref(tx)?.len() + text.with(tx, String::len)?;
            Ok(length + list.read_ref(tx)?.len())
        })
    });
    assert_allocates_nothing("boxed snapshot", || snapshot(|tx| text.with(tx, String::len)));
}

/// One allocation for the new value, and nothing that grows with the number of transactions.
#[test]
fn a_boxed_write_costs_one_allocation() {
    let _alone = alone();
    let x = TVar::new([0_u64; 4]);
    let write = |n: u64| atomically(|tx| x.write(tx, [n; 4]));
    (0..1_000).for_each(write);
    let heap = heap_of(|| (0..10_000).for_each(write));
    // The bags of what waits to be freed are refilled now and then; under chaos they are tiny.
    let most = if cfg!(stm_chaos) { 20_000 } else { 11_000 };
    assert!((10_000..most).contains(&heap.allocations), "{heap:?}");
    let kept = heap.bytes_allocated.abs_diff(heap.bytes_freed);
    assert!(kept < 100_000, "{kept} bytes more or less than before");
}

/// The bytes this thread holds after `times` of `body`, beyond what it held before.
fn growth(times: usize, mut body: impl FnMut()) -> i64 {
    let heap = heap_of(|| {
        for _ in 0..times {
            body();
        }
        for _ in 0..4 {
            stm::collect();
        }
    });
    i64::try_from(heap.bytes_allocated).expect("small") - i64::try_from(heap.bytes_freed).expect("small")
}

#[test]
fn memory_does_not_grow_with_the_number_of_transactions() {
    let _alone = alone();
    // On a thread of its own, whose garbage nobody else collects.
    elsewhere(|| {
        let (number, text) = (TVar::new(0_u64), TVar::new(String::new()));
        let mut work = || {
            atomically(|tx| {
                number.modify(tx, |n| n + 1)?;
                text.write(tx, String::from("a new value"))?;
                let made = TVar::new(String::from("short-lived"));
                made.write(tx, String::from("shorter"))?;
                tx.on_commit(|| ());
                tx.on_rollback(|| ());
                let _: Result<(), ()> = tx.nested(|tx| {
                    text.write(tx, String::from("undone"))?;
                    cancel(())
                })?;
                Ok(())
            });
            let undone: Result<(), ()> = try_atomically(|tx| {
                text.write(tx, String::from("undone"))?;
                cancel(())
            });
            assert_eq!(undone, Err(()));
        };
        growth(scaled(1_000), &mut work);
        let grown = growth(scaled(20_000), &mut work);
        assert!(grown < 50_000, "{grown} bytes more after so many transactions");
    });
}

/// The table of names must not keep those of variables that are gone.
#[test]
fn memory_does_not_grow_with_the_number_of_names() {
    let _alone = alone();
    elsewhere(|| {
        let name_many = || {
            let named: Vec<_> = (0..10_000_u64).map(|n| TVar::new(n).named("short-lived")).collect();
            assert!(named.iter().all(|x| x.name() == Some("short-lived")));
        };
        let grown = growth(1, name_many);
        assert!(grown < 50_000, "{grown} bytes more after variables with names");
    });
}

/// A thread that once ran a huge transaction does not keep its logs for ever.
#[test]
fn logs_shrink_after_a_huge_transaction() {
    let _alone = alone();
    elsewhere(|| {
        let count = 500_000;
        let variables: Vec<_> = (0..count as u64).map(TVar::new).collect();
        let small = || {
            for _ in 0..100 {
                atomically(|tx| variables[0].modify(tx, |n| n + 1));
            }
        };
        small();
        let grown = growth(1, || {
            atomically(|tx| variables.iter().try_for_each(|x| x.modify(tx, |n| n + 1)));
            small();
        });
        // Logs of up to 100,000 entries stay, so that repeated large transactions do not pay for their memory each time.
        assert!(grown < 5_000_000, "{grown} bytes are kept after {count} writes");
        let grown = growth(1, || {
            let sum = atomically(|tx| variables.iter().map(|x| x.read(tx)).try_fold(0_u64, |sum, x| Ok(sum + x?)));
            assert!(sum > 0);
            small();
        });
        assert!(grown < 5_000_000, "{grown} bytes are kept after {count} reads");
    });
}

/// What is allocated must not depend on how often a variable is read or written.
#[test]
fn the_log_has_one_entry_a_written_variable() {
    let _alone = alone();
    elsewhere(|| {
        let x = TVar::new(0_u64);
        let body = |tx: &Transaction| -> StmResult<u64> {
            for _ in 0..50_000 {
                x.modify(tx, |n| n + 1)?;
            }
            let kept: Result<(), ()> = tx.nested(|tx| Ok::<_, TxError<()>>(x.write(tx, 7)?))?;
            assert_eq!(kept, Ok(()));
            x.read(tx)
        };
        let heap = heap_of(|| atomically(body));
        assert!(heap.bytes_allocated < 100_000, "{heap:?}");
    });
}
