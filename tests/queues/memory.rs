//! What is in a queue lives as long as it is there, and what user code does on the way harms nobody.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use common::{Census, Counted, on_a_small_stack, quietly, scaled, watchdog};
use stm::channel::{Overflow, TBQueue, TPriorityQueue, TQueue};
use stm::{TVar, TxResult, atomically, cancel, collect, options, try_atomically};

/// The system's allocator, counting what is allocated.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes on to the system's allocator with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_item_is_freed_when_it_has_been_taken_out() {
    let _watchdog = watchdog();
    let (census, queue, bounded) = (Census::new(), TQueue::new(), TBQueue::new(100));
    for round in 0..3 {
        (0..100).for_each(|n| queue.send(census.value(n)));
        (0..100).for_each(|n| bounded.send(census.value(n)).expect("it is open"));
        census.settle(200);
        (0..50).for_each(|n| assert_eq!((queue.recv().payload, bounded.recv().expect("it is open").payload), (n, n)));
        census.settle(100);
        match round {
            0 => assert_eq!(atomically(|tx| Ok(queue.flush(tx)?.len() + bounded.flush(tx)?.len())), 100),
            1 => while queue.try_recv().is_some() && bounded.try_recv().is_some() {},
            _ => drop((queue.clone(), bounded.clone())),
        }
        census.settle(if round < 2 { 0 } else { 100 });
    }
    drop((queue, bounded));
    census.settle(0);
}

#[test]
fn what_a_rule_drops_and_what_is_undone_is_freed() {
    let _watchdog = watchdog();
    let census = Census::new();
    for (rule, kept) in [(Overflow::DropNewest, [0, 1]), (Overflow::DropOldest, [8, 9])] {
        let queue = TBQueue::with_overflow(2, rule);
        (0..10).for_each(|n| queue.send(census.value(n)).expect("it is open"));
        assert_eq!(queue.to_vec().iter().map(|item| item.payload).collect::<Vec<_>>(), kept);
        census.settle(2);
        let cancelled = try_atomically(|tx| -> TxResult<(), ()> {
            queue.flush(tx)?;
            queue.push(tx, census.value(20))?.expect("it is open");
            queue.push_front(tx, census.value(21))?;
            cancel(())
        });
        assert_eq!(cancelled, Err(()));
        census.settle(2);
        queue.shut();
        assert_eq!(queue.send(census.value(30)).expect_err("it is closed").payload, 30);
        drop(queue);
        census.settle(0);
    }
}

#[test]
fn a_million_items_are_dropped_without_recursion() {
    let _watchdog = watchdog();
    on_a_small_stack(|| {
        let (census, queue) = (Census::new(), TQueue::new());
        for n in 0..1_000_000 / 100 {
            let hundred: Vec<_> = (0..100).map(|i| census.value(n * 100 + i)).collect();
            atomically(|tx| hundred.iter().try_for_each(|item| queue.push(tx, item.clone())));
        }
        drop(queue);
        census.settle(0);
    });
}

/// In a process of its own, in which nobody else allocates.
#[test]
fn a_queue_in_use_does_not_grow() {
    const ALONE: &str = "STM_TEST_QUEUES_ALONE";
    let _watchdog = watchdog();
    if env::var_os(ALONE).is_none() {
        let name = "memory::a_queue_in_use_does_not_grow";
        let mut alone = process::Command::new(env::current_exe().expect("it runs"));
        let output = alone.args(["--exact", name]).env(ALONE, "1").output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let (numbers, texts) = (TQueue::new(), TQueue::new());
    let (few, fewer) = (TBQueue::new(5), TBQueue::with_overflow(3, Overflow::DropOldest));
    let mut least = [isize::MAX; 2];
    for half in &mut least {
        for n in 0..scaled(50_000) as u64 {
            numbers.send(n);
            texts.send(n.to_string());
            assert!(few.send(n).is_ok() && fewer.send(n.to_string()).is_ok());
            assert_eq!((numbers.recv(), texts.recv(), few.recv()), (n, n.to_string(), Some(n)));
            if n % 1_000 == 0 {
                stm::collect();
                *half = (*half).min(LIVE.load(Ordering::Relaxed));
            }
        }
    }
    assert!(least[1] < least[0] + 20_000, "{least:?} bytes at least, in the first half and in the second");
}

/// Panics when it is cloned, while that is wished for.
#[derive(Debug)]
struct Fragile(Counted);

static IS_BROKEN: AtomicBool = AtomicBool::new(false);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!IS_BROKEN.load(Ordering::SeqCst), "it was to panic");
        Self(self.0.clone())
    }
}

#[test]
fn a_clone_that_panics_leaves_the_queue_as_it_was() {
    let _watchdog = watchdog();
    let (census, queue, bounded) = (Census::new(), TQueue::new(), TBQueue::new(2));
    for n in 0..2 {
        queue.send(Fragile(census.value(n)));
        bounded.send(Fragile(census.value(n))).expect("it is open");
    }
    let attempts: [&dyn Fn(); 6] = [
        &|| drop(queue.recv()),
        &|| drop(bounded.recv()),
        &|| drop(atomically(|tx| queue.flush(tx))),
        &|| drop(bounded.to_vec()),
        &|| drop(atomically(|tx| (bounded.push_front(tx, Fragile(census.value(9)))?, bounded.peek(tx)).1)),
        &|| drop(atomically(|tx| (queue.push(tx, Fragile(census.value(9)))?, queue.pop(tx)).1)),
    ];
    IS_BROKEN.store(true, Ordering::SeqCst);
    for attempt in &attempts[..4] {
        assert!(quietly(attempt).is_err());
    }
    assert!(quietly(|| attempts[5]()).is_err());
    IS_BROKEN.store(false, Ordering::SeqCst);
    let payloads = |items: Vec<Fragile>| items.into_iter().map(|item| item.0.payload).collect::<Vec<_>>();
    assert_eq!(payloads(queue.to_vec()), [0, 1]);
    assert_eq!(payloads(atomically(|tx| bounded.flush(tx))), [0, 1]);
    assert_eq!((queue.recv().0.payload, queue.recv().0.payload), (0, 1));
    census.settle(0);
}

/// Panics when it is dropped, if it is the one and that is wished for.
#[derive(Clone, Debug)]
struct Explosive(Counted);

static FUSE: AtomicBool = AtomicBool::new(false);

impl Drop for Explosive {
    fn drop(&mut self) {
        if self.0.payload == 3 && !thread::panicking() && FUSE.swap(false, Ordering::SeqCst) {
            panic!("it was to panic");
        }
    }
}

#[test]
fn a_drop_that_panics_leaves_the_queue_whole() {
    let _watchdog = watchdog();
    let (census, queue, bounded) = (Census::new(), TQueue::new(), TBQueue::with_overflow(2, Overflow::DropOldest));
    let mut panics = 0;
    for n in 0..10 {
        FUSE.store(true, Ordering::SeqCst);
        panics += u32::from(quietly(|| queue.send(Explosive(census.value(n)))).is_err());
        panics += u32::from(quietly(|| bounded.send(Explosive(census.value(n)))).is_err());
        panics += u32::from(quietly(stm::collect).is_err());
    }
    FUSE.store(false, Ordering::SeqCst);
    assert!(panics > 0, "nothing was dropped");
    let payloads = |items: Vec<Explosive>| items.iter().map(|item| item.0.payload).collect::<Vec<_>>();
    assert_eq!(payloads(bounded.to_vec()), [8, 9]);
    assert_eq!(payloads(atomically(|tx| queue.flush(tx))), (0..10).collect::<Vec<_>>());
    assert_eq!(bounded.recv().map(|item| item.0.payload), Some(8));
    census.settle(1);
}

/// An item that counts, in a transaction, how often it was dropped.
#[derive(Clone)]
struct Loud(TVar<u64>);

impl Drop for Loud {
    fn drop(&mut self) {
        atomically(|tx| self.0.modify(tx, |n| n + 1));
    }
}

/// Whatever becomes of an item, its destructor runs between transactions.
#[test]
fn an_item_for_which_there_is_no_room_is_dropped_when_the_body_is_over() {
    let _watchdog = watchdog();
    let drops = TVar::new(0);
    let item = || Loud(drops.clone());
    for rule in [Overflow::DropNewest, Overflow::DropOldest] {
        for capacity in [0, 1] {
            let queue = TBQueue::with_overflow(capacity, rule);
            (0..3).for_each(|_| assert!(queue.send(item()).is_ok()));
        }
    }
    let full = TBQueue::new(1);
    assert!(full.send(item()).is_ok());
    assert!(full.try_send(item()).is_err());
    let timed = || options().timeout(Duration::from_millis(5));
    assert!(timed().run(|tx| full.push(tx, item())).is_err());
    assert!(timed().run(|tx| full.push_front(tx, item())).is_err());
    assert!(timed().run(|tx| full.offer(tx, item()).map(drop)).is_err());
    drop(full);
    collect();
    assert!(drops.load() > 6);
}

/// As a map can: nobody else knows the queue yet.
#[test]
fn a_queue_can_be_made_of_items_in_a_body() {
    let _watchdog = watchdog();
    let made =
        atomically(|_| Ok((TQueue::from_iter([1, 2]), TBQueue::from_iter([3, 4]), TPriorityQueue::from_iter([5, 6]))));
    assert_eq!((made.0.to_vec(), made.1.to_vec(), made.2.to_vec()), (vec![1, 2], vec![3, 4], vec![6, 5]));
}
