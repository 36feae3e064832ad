//! What happens when nodes are dropped: no recursion, and user code that does what it likes.

use super::*;

#[test]
fn a_million_nodes_are_dropped_without_recursion() {
    struct Plain {
        item: Counted,
        below: Option<Shared<Plain>>,
    }
    let _watchdog = watchdog();
    let length = scaled(1_000_000) as u64;
    let census = Census::new();
    let mine = census.clone();
    on_a_small_stack(move || {
        let census = mine;
        drop(chain(&census, 0, length));
        census.settle(0);
        let plain = (0..length / 10).fold(None, |below, n| Some(Shared::new(Plain { item: census.value(n), below })));
        assert!(plain.as_ref().is_some_and(|top| top.below.is_some() && top.item.payload > 0));
        drop(plain);
        census.settle(0);
        // The same from within a body, and by a link's replacement.
        let top = TLink::new(chain(&census, 0, length / 10));
        atomically(|tx| top.write(tx, None));
        let mut kept = chain(&census, 0, length / 10);
        atomically(|tx| {
            drop(kept.take());
            tx.check(true)
        });
    });
    census.settle(0);
}

#[test]
fn destructors_may_use_the_library() {
    struct Reports {
        drops: Arc<AtomicUsize>,
        next: TLink<Reports>,
        count: TCell<u64>,
    }
    impl Drop for Reports {
        fn drop(&mut self) {
            self.drops.fetch_add(1, Ordering::SeqCst);
            // Its own cells, other transactions, more to drop, and a collection within a collection.
            self.count.store(self.count.load() + 1);
            let made = Shared::new(TLink::new(self.next.load()));
            self.next.store(None);
            assert!(atomically(|tx| Ok(Shared::get(&made, tx).read(tx)?.is_none_or(|next| next
                .get()
                .drops
                .load(Ordering::SeqCst)
                > 0))));
            assert_eq!(stm::collect(), 0, "within a collection");
        }
    }
    let _watchdog = watchdog();
    let drops = Arc::<AtomicUsize>::default();
    let make =
        |below| Shared::new(Reports { drops: Arc::clone(&drops), next: TLink::new(below), count: TCell::new(0) });
    drop((0..1_000).fold(None, |below, _| Some(make(below))));
    while drops.load(Ordering::SeqCst) < 1_000 {
        stm::collect();
        thread::yield_now();
    }
    for _ in 0..8 {
        stm::collect();
    }
    assert_eq!(drops.load(Ordering::SeqCst), 1_000);
}

#[test]
fn a_destructor_that_panics_takes_nothing_with_it() {
    struct Fragile {
        _below: TLink<Fragile>,
        item: Counted,
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            assert!(self.item.payload % 10 != 5, "destructor failed");
        }
    }
    let _watchdog = watchdog();
    let census = Census::new();
    // On a thread of its own, whose collections meet the panics.
    elsewhere(|| {
        let make = |below, n| Some(Shared::new(Fragile { _below: TLink::new(below), item: census.value(n) }));
        let mut panics = 0;
        let mut count = |result: Result<(), _>| panics += usize::from(result.is_err());
        let top = (0..100).fold(None, make);
        count(quietly(|| drop(top)));
        let begin = std::time::Instant::now();
        while census.live() > 0 && begin.elapsed().as_secs() < 60 {
            count(quietly(|| while stm::collect() > 0 {}));
        }
        assert!((1..=10).contains(&panics), "{panics} panics came out");
    });
    census.settle(0);
}

#[test]
fn the_last_reference_may_go_with_its_thread() {
    thread_local! {
        static KEPT: Cell<Option<Shared<Node>>> = const { Cell::new(None) };
    }
    let _watchdog = watchdog();
    let census = Census::new();
    for order in [true, false] {
        elsewhere(|| {
            if order {
                atomically(|tx| tx.check(true));
            }
            KEPT.set(chain(&census, 0, 10));
            atomically(|tx| tx.check(true));
        });
        census.settle(0);
    }
    // From a thread that panics.
    let top = chain(&census, 0, 10);
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let _top = top;
        panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    census.settle(0);
}

#[test]
fn a_reference_moves_between_threads() {
    let _watchdog = watchdog();
    let (census, sum) = (Census::new(), AtomicU64::new(0));
    let (send, receive) = mpsc::channel::<Shared<Node>>();
    thread::scope(|scope| {
        let sum = &sum;
        scope.spawn(move || {
            for node in receive {
                let found = atomically(|tx| payloads(tx, &Shared::get(&node, tx).below));
                sum.fetch_add(found.iter().sum::<u64>(), Ordering::SeqCst);
            }
        });
        for n in 0..scaled(1_000) as u64 {
            send.send(node(&census, n, chain(&census, 1, 2))).expect("it listens");
        }
        drop(send);
    });
    assert_eq!(sum.load(Ordering::SeqCst), 3 * scaled(1_000) as u64);
    census.settle(0);
}
