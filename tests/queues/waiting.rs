//! Who waits is woken when it is time, is not when it is not, and never forgotten.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{Random, Runs, race, runs_until, scaled, threads, watchdog};
use stm::channel::{Overflow, TBQueue, TQueue};
use stm::{RunError, StmResult, TVar, TxResult, atomically, atomically_async, cancel, options, try_atomically};

/// Tasks that are polled by hand, so that everything happens in a certain order.
#[derive(Default)]
pub(crate) struct Crowd {
    tasks: Vec<Option<Pin<Box<dyn Future<Output = u64> + Send>>>>,
    woken: Arc<Mutex<Vec<usize>>>,
}

struct Bell(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("nobody panics with it").push(self.0);
    }
}

impl Crowd {
    /// Adds a task and has it wait. Returns its number.
    pub(crate) fn add(&mut self, task: impl Future<Output = u64> + Send + 'static) -> usize {
        let number = self.tasks.len();
        self.tasks.push(Some(Box::pin(task)));
        assert_eq!(self.poll(number), None, "it has something to wait for");
        number
    }

    fn poll(&mut self, number: usize) -> Option<u64> {
        let waker = Waker::from(Arc::new(Bell(number, self.woken.clone())));
        let task = self.tasks[number].as_mut()?;
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(output) => {
                self.tasks[number] = None;
                Some(output)
            }
        }
    }

    fn woken(&self) -> Vec<usize> {
        std::mem::take(&mut self.woken.lock().expect("nobody panics with it"))
    }

    /// Polls whoever is woken until nobody is. Returns who has finished, and with what.
    pub(crate) fn run(&mut self) -> Vec<(usize, u64)> {
        let mut finished = Vec::new();
        loop {
            let woken = self.woken();
            if woken.is_empty() {
                return finished;
            }
            for number in woken {
                finished.extend(self.poll(number).map(|output| (number, output)));
            }
        }
    }
}

pub(crate) fn send(queue: &TQueue<u64>, item: u64) {
    queue.send(item);
}

#[test]
fn an_item_wakes_who_waits_for_it_and_room_wakes_who_waits_for_that() {
    let _watchdog = watchdog();
    let (queue, bounded) = (TQueue::new(), TBQueue::new(1));
    let pop = |runs: &Runs| atomically(|tx| (runs.count(), queue.pop(tx)).1);
    assert_eq!(runs_until(pop, |_| queue.send(5)), (5, 2));
    let pop = |runs: &Runs| atomically(|tx| (runs.count(), bounded.pop(tx)).1);
    assert_eq!(runs_until(pop, |_| bounded.send(6).expect("it is open")), (Some(6), 2));
    bounded.send(1).expect("it is open");
    let push = |runs: &Runs| atomically(|tx| (runs.count(), bounded.push(tx, 2)).1);
    let take = |_: &Runs| assert_eq!(bounded.recv(), Some(1));
    assert_eq!(runs_until(push, take), (Ok(()), 2));
    assert_eq!(bounded.to_vec(), [2]);
    let peek = |runs: &Runs| atomically(|tx| (runs.count(), queue.peek(tx)).1);
    assert_eq!(runs_until(peek, |_| queue.send(7)), (7, 2));
}

/// Ten thousand wait, and each item costs as much as if there were ten.
#[test]
fn an_item_costs_the_same_however_many_wait() {
    let _watchdog = watchdog();
    let (waiters, items) = (10_000, scaled(300) as u64);
    let (queue, bounded) = (TQueue::new(), TBQueue::new(4));
    let runs = Arc::new(AtomicU64::new(0));
    let (mut at_one, mut at_other) = (Crowd::default(), Crowd::default());
    for _ in 0..waiters {
        let (one, other) = (queue.clone(), bounded.clone());
        let (runs_of_one, runs_of_other) = (runs.clone(), runs.clone());
        at_one.add(atomically_async(move |tx| {
            runs_of_one.fetch_add(1, Ordering::SeqCst);
            one.pop(tx)
        }));
        at_other.add(atomically_async(move |tx| {
            runs_of_other.fetch_add(1, Ordering::SeqCst);
            Ok(other.pop(tx)?.expect("it is open"))
        }));
    }
    for item in 0..items {
        let before = runs.load(Ordering::SeqCst);
        queue.send(item);
        let finished = at_one.run();
        // Whoever has waited longest.
        assert_eq!(finished, [(item as usize, item)]);
        bounded.send(item).expect("it is open");
        assert_eq!(at_other.run(), [(item as usize, item)]);
        let cost = runs.load(Ordering::SeqCst) - before;
        assert!(cost <= 2 * 4, "{cost} runs for two items");
    }
}

/// As for consumers, so for producers that wait for room.
#[test]
fn a_place_costs_the_same_however_many_wait() {
    let _watchdog = watchdog();
    let queue = TBQueue::new(3);
    (0..3).for_each(|n| queue.send(n).expect("it is open"));
    let runs = Arc::new(AtomicU64::new(0));
    let mut crowd = Crowd::default();
    for n in 0..2_000 {
        let (queue, runs) = (queue.clone(), runs.clone());
        crowd.add(atomically_async(move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            queue.push(tx, n + 3).map(|pushed| pushed.map_or(1, |()| 0))
        }));
    }
    for n in 0..200 {
        let before = runs.load(Ordering::SeqCst);
        assert_eq!(queue.recv(), Some(n), "they are let in in the order in which they came");
        assert_eq!(crowd.run(), [(n as usize, 0)]);
        assert!(runs.load(Ordering::SeqCst) - before <= 4);
    }
    // The gate is opened: all of them go.
    queue.shut();
    assert_eq!(crowd.run().len(), 1_800);
    assert_eq!(queue.to_vec(), [200, 201, 202]);
}

/// The first in line wants two items and there is one: it must not keep it from who wants one.
#[test]
fn who_needs_more_does_not_keep_asleep_who_needs_less() {
    let _watchdog = watchdog();
    let (queue, mut crowd) = (TQueue::new(), Crowd::default());
    let (one, other) = (queue.clone(), queue.clone());
    let greedy = crowd.add(atomically_async(move |tx| Ok(one.pop(tx)? + one.pop(tx)?)));
    let modest = crowd.add(atomically_async(move |tx| other.pop(tx)));
    send(&queue, 10);
    assert_eq!(crowd.run(), [(modest, 10)]);
    send(&queue, 1);
    assert_eq!(crowd.run(), []);
    send(&queue, 2);
    assert_eq!(crowd.run(), [(greedy, 3)]);
}

/// The same at the other end.
#[test]
fn who_needs_more_room_does_not_keep_asleep_who_needs_less() {
    let _watchdog = watchdog();
    let (queue, mut crowd) = (TBQueue::new(2), Crowd::default());
    (0..2).for_each(|n| queue.send(n).expect("it is open"));
    let (one, other) = (queue.clone(), queue.clone());
    let greedy = crowd.add(atomically_async(move |tx| {
        one.push(tx, 10)?.expect("it is open");
        one.push(tx, 11)?.expect("it is open");
        Ok(0)
    }));
    let modest = crowd.add(async move { other.send_async(20).await.map_or(1, |()| 0) });
    assert_eq!(queue.recv(), Some(0));
    assert_eq!(crowd.run(), [(modest, 0)]);
    assert_eq!(queue.recv(), Some(1));
    assert_eq!(crowd.run(), []);
    assert_eq!(queue.recv(), Some(20));
    assert_eq!(crowd.run(), [(greedy, 0)]);
    assert_eq!(queue.to_vec(), [10, 11]);
}

/// The same, if it has come to need more by the time it is woken.
#[test]
fn who_is_woken_and_waits_for_something_else_passes_it_on() {
    let _watchdog = watchdog();
    let (queue, gate, mut crowd) = (TQueue::new(), TVar::new(false), Crowd::default());
    let (one, other, closed) = (queue.clone(), queue.clone(), gate.clone());
    let picky = crowd.add(atomically_async(move |tx| {
        let item = one.pop(tx)?;
        tx.check(closed.read(tx)?)?;
        Ok(item)
    }));
    let modest = crowd.add(atomically_async(move |tx| other.pop(tx)));
    send(&queue, 1);
    assert_eq!(crowd.run(), [(modest, 1)]);
    gate.store(true);
    send(&queue, 2);
    assert_eq!(crowd.run(), [(picky, 2)]);
}

#[test]
fn a_task_that_is_dropped_when_it_has_been_woken_passes_it_on() {
    let _watchdog = watchdog();
    for polled_again in [false, true] {
        let (queue, mut crowd) = (TBQueue::new(8), Crowd::default());
        for _ in 0..4 {
            let queue = queue.clone();
            crowd.add(async move { queue.recv_async().await.expect("it is open") });
        }
        queue.send(7).expect("it is open");
        assert_eq!(crowd.woken(), [0]);
        if polled_again {
            // Somebody else was faster, so it waits again, and is dropped then.
            assert_eq!(queue.try_recv(), Some(7));
            crowd.poll(0);
            queue.send(7).expect("it is open");
        }
        crowd.tasks[0] = None;
        assert_eq!(crowd.run(), [(1, 7)]);
        crowd.tasks[2] = None;
        queue.send(8).expect("it is open");
        assert_eq!(crowd.run(), [(3, 8)], "whoever is gone is not waited for");
    }
}

#[test]
fn a_queue_without_room_is_always_empty_and_always_full() {
    let _watchdog = watchdog();
    let (queue, mut crowd) = (TBQueue::<u64>::new(0), Crowd::default());
    assert!(atomically(|tx| Ok(queue.is_full(tx)? && queue.is_empty(tx)?)));
    let (one, other) = (queue.clone(), queue.clone());
    let pushes = crowd.add(async move { one.send_async(5).await.expect_err("it waits until the end") });
    let pops = crowd.add(async move { other.recv_async().await.map_or(0, |_| 1) });
    assert_eq!(crowd.run(), []);
    let timed = options().timeout(Duration::from_millis(5)).run(|tx| queue.push(tx, 1).map(drop));
    assert_eq!(timed, Err(RunError::TimedOut));
    queue.shut();
    let mut finished = crowd.run();
    finished.sort_unstable();
    assert_eq!(finished, [(pushes, 5), (pops, 0)]);
    for rule in [Overflow::DropNewest, Overflow::DropOldest] {
        let queue = TBQueue::with_overflow(0, rule);
        assert_eq!(atomically(|tx| queue.offer(tx, 3)), Ok(Some(3)));
        assert_eq!(queue.send(4), Ok(()));
        assert_eq!(atomically(|tx| queue.dropped(tx)), 2);
    }
}

/// Close wakes all at both ends, and what is left is handed out first.
#[test]
fn closing_wakes_everybody() {
    let _watchdog = watchdog();
    let (full, empty) = (TBQueue::new(1), TBQueue::<u64>::new(1));
    full.send(0).expect("it is open");
    let asleep = TVar::new(0);
    thread::scope(|scope| {
        for n in 0..6 {
            let (full, empty, asleep) = (&full, &empty, &asleep);
            scope.spawn(move || {
                asleep.fetch_update(|n| *n += 1);
                match n % 2 {
                    0 => assert_eq!(full.send(n), Err(n)),
                    _ => assert_eq!(empty.recv(), None),
                }
            });
        }
        asleep.wait_until(|n| *n == 6);
        full.shut();
        empty.shut();
    });
    assert_eq!((full.recv(), full.recv(), full.try_send(1).is_err()), (Some(0), None, true));
    assert!(!full.shut(), "it was closed");
}

#[test]
fn a_choice_of_two_queues_waits_for_both() {
    let _watchdog = watchdog();
    for sent in [0, 1] {
        let queues = [TQueue::new(), TQueue::new()];
        let mut crowd = Crowd::default();
        let [one, other] = queues.clone();
        let either = crowd.add(atomically_async(move |tx| tx.or_else(|tx| one.pop(tx), |tx| other.pop(tx))));
        let single = queues[sent].clone();
        let behind = crowd.add(atomically_async(move |tx| single.pop(tx)));
        send(&queues[sent], 1);
        assert_eq!(crowd.run(), [(either, 1)]);
        send(&queues[sent], 2);
        assert_eq!(crowd.run(), [(behind, 2)]);
    }
}

/// A consumer that does everything that can go wrong with it. Returns how many items it has taken.
fn consume(random: &mut Random, queue: &TQueue<u64>, other: &TQueue<u64>, stop: &TVar<bool>) -> u64 {
    let next = |tx: &stm::Transaction<'_, '_>| -> StmResult<u64> {
        if stop.read(tx)? {
            return Ok(0);
        }
        queue.pop(tx).map(|_| 1)
    };
    match random.below(9) {
        0 => try_atomically(|tx| -> TxResult<u64, ()> {
            next(tx)?;
            cancel(())
        })
        .unwrap_or(0),
        1 => options().max_attempts(1 + random.below(3) as u32).run(|tx| next(tx)).unwrap_or(0),
        2 => atomically(|tx| tx.or_else(|tx| other.pop(tx).map(|_| 0), |tx| next(tx))),
        3 => options().timeout(Duration::from_micros(random.below(200) as u64)).run(|tx| next(tx)).unwrap_or(0),
        4 => {
            // Two at once, if there are two.
            let two = options().timeout(Duration::from_micros(100));
            two.run(|tx| {
                Ok(next(tx)?
                    + if stop.read(tx)? {
                        0
                    } else {
                        queue.pop(tx)?;
                        1
                    })
            })
            .unwrap_or(0)
        }
        5 => {
            // A task that is dropped after a poll or two.
            let (queue, stop) = (queue.clone(), stop.clone());
            let mut task =
                Box::pin(atomically_async(move |tx| if stop.read(tx)? { Ok(0) } else { queue.pop(tx).map(|_| 1) }));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..1 + random.below(3) {
                if let Poll::Ready(taken) = task.as_mut().poll(&mut context) {
                    return taken;
                }
                thread::yield_now();
            }
            0
        }
        6 => atomically(|tx| if stop.read(tx)? { Ok(0) } else { queue.peek(tx).map(|_| 0) }),
        _ => atomically(|tx| next(tx)),
    }
}

/// Items come one, two or three at a time, and nothing else happens until all are taken: whoever ought to have been woken and was
/// not is missing at once.
#[test]
fn no_wake_up_is_lost_whatever_the_consumers_do() {
    let _watchdog = watchdog();
    let (queue, other, stop) = (TQueue::new(), TQueue::new(), TVar::new(false));
    let (rounds, taken) = (scaled(3_000) as u64, AtomicU64::new(0));
    let consumers = threads() * 2;
    race(consumers + 1, |index| {
        if index == consumers {
            for round in 0..rounds {
                atomically(|tx| (0..=round % 3).try_for_each(|n| queue.push(tx, n)));
                atomically(|tx| tx.check(queue.is_empty(tx)?));
            }
            stop.store(true);
            return;
        }
        let mut random = Random::new(index as u64);
        while !stop.load() {
            taken.fetch_add(consume(&mut random, &queue, &other, &stop), Ordering::Relaxed);
        }
    });
    let sent: u64 = (0..rounds).map(|round| 1 + round % 3).sum();
    assert_eq!((queue.to_vec(), taken.load(Ordering::Relaxed)), (vec![], sent));
}

/// The same for room: consumers take one at a time, and wait until it has been filled.
#[test]
fn no_wake_up_is_lost_whatever_the_producers_do() {
    let _watchdog = watchdog();
    let (queue, is_over) = (TBQueue::new(2), AtomicBool::new(false));
    let (rounds, sent) = (scaled(2_000) as u64, AtomicU64::new(0));
    let producers = threads() * 2;
    race(producers + 1, |index| {
        if index == producers {
            for _ in 0..rounds {
                atomically(|tx| tx.check(queue.is_full(tx)?));
                assert!(queue.recv().is_some());
            }
            is_over.store(true, Ordering::SeqCst);
            queue.shut();
            return;
        }
        let mut random = Random::new(index as u64);
        while !is_over.load(Ordering::SeqCst) {
            let pushed = match random.below(4) {
                0 => options().timeout(Duration::from_micros(50)).run(|tx| queue.push(tx, 1)),
                1 => {
                    let mut task = Box::pin(queue.send_async(1));
                    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(sent) => Ok(sent),
                        Poll::Pending => Err(RunError::TimedOut),
                    }
                }
                2 => Ok(Err(try_atomically(|tx| -> TxResult<u64, u64> {
                    queue.push(tx, 1)?.ok();
                    cancel(2)
                })
                .expect_err("it cancels"))),
                _ => Ok(queue.send(1)),
            };
            sent.fetch_add(u64::from(pushed == Ok(Ok(()))), Ordering::Relaxed);
        }
    });
    assert_eq!(sent.load(Ordering::Relaxed), rounds + queue.to_vec().len() as u64);
}
