//! Many producers, many consumers, threads and tasks: nothing is lost, nothing comes twice, and the items of one producer
//! come in their order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{Ends, Random, race, scaled, threads, watchdog};
use stm::channel::{TBQueue, TQueue};
use stm::{atomically, atomically_async, snapshot};

use super::subject::Queue;

/// What one consumer has got of each producer.
struct Received {
    latest: Vec<u64>,
    count: u64,
    sum: u64,
}

impl Received {
    fn new(producers: usize) -> Self {
        Self { latest: vec![0; producers], count: 0, sum: 0 }
    }

    fn note(&mut self, item: u64) {
        let (producer, number) = ((item >> 32) as usize, item & 0xFFFF_FFFF);
        assert!(number > self.latest[producer], "one producer's items came in another order");
        self.latest[producer] = number;
        self.count += 1;
        self.sum = self.sum.wrapping_add(item);
    }
}

/// Half of the consumers and producers are threads, half are tasks that block on each other.
fn traffic(queue: &impl Queue<u64>) {
    let (pairs, each) = (threads() / 2, scaled(20_000) as u64);
    let sent = AtomicU64::new(0);
    let received = race(2 * pairs, |index| {
        let mut received = Received::new(pairs);
        if index < pairs {
            for number in 1..=each {
                let item = (index as u64) << 32 | number;
                let push = |tx: &stm::Transaction<'_, '_>| queue.push(tx, item);
                let pushed = match number % 2 == index as u64 % 2 {
                    true => atomically(push),
                    false => pollster::block_on(atomically_async(push)),
                };
                assert_eq!(pushed, Ok(()));
                sent.fetch_add(item, Ordering::Relaxed);
            }
        } else {
            for number in 0..each {
                let item = match number % 3 {
                    0 => pollster::block_on(atomically_async(|tx| queue.pop(tx))),
                    1 => atomically(|tx| tx.or_else(|tx| queue.pop(tx), |tx| queue.pop(tx))),
                    _ => atomically(|tx| queue.pop(tx)),
                };
                received.note(item.expect("it is open"));
            }
        }
        received
    });
    assert_eq!(received.iter().map(|received| received.count).sum::<u64>(), pairs as u64 * each);
    let sum = received.iter().fold(0_u64, |sum, received| sum.wrapping_add(received.sum));
    assert_eq!(sum, sent.load(Ordering::Relaxed));
    assert!(atomically(|tx| queue.is_empty(tx)));
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    let _watchdog = watchdog();
    traffic(&TQueue::new());
    for capacity in [1, 2, 3, 128] {
        traffic(&TBQueue::new(capacity));
    }
}

#[test]
fn tasks_of_a_runtime_pass_everything_on() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("it starts");
    let (stages, items) = (20, scaled(500) as u64);
    let queues: Vec<_> = (0..=stages).map(|n| TBQueue::new(n % 3 + 1)).collect();
    runtime.block_on(async {
        for pair in queues.windows(2) {
            let (from, to) = (pair[0].clone(), pair[1].clone());
            tokio::spawn(async move {
                while let Some(item) = from.recv_async().await {
                    to.send_async(item + 1).await.expect("it is open");
                }
                to.shut();
            });
        }
        let first = queues[0].clone();
        tokio::spawn(async move {
            for n in 0..items {
                first.send_async(n).await.expect("it is open");
            }
            first.shut();
        });
        let last = &queues[stages];
        for n in 0..items {
            assert_eq!(last.recv_async().await, Some(n + stages as u64));
        }
        assert_eq!(last.recv_async().await, None);
    });
}

/// Items go from queue to queue, and no snapshot sees one twice or not at all.
#[test]
fn a_move_between_queues_is_one_step_for_everybody() {
    let _watchdog = watchdog();
    let items: Vec<u64> = (0..50).collect();
    let (one, other) = (items.iter().copied().collect::<TQueue<_>>(), TBQueue::new(40));
    let (is_over, snapshots) = (AtomicBool::new(false), scaled(500));
    race(3, |index| {
        let mut random = Random::new(index as u64);
        if index == 0 {
            let _ends = Ends(&is_over);
            for _ in 0..snapshots {
                let mut seen = snapshot(|tx| {
                    let mut seen = one.items(tx)?;
                    seen.extend(other.items(tx)?);
                    assert_eq!(seen.len(), one.len(tx)? + other.len(tx)?);
                    Ok(seen)
                });
                seen.sort_unstable();
                assert_eq!(seen, items);
            }
            return;
        }
        while !is_over.load(Ordering::SeqCst) {
            atomically(|tx| match random.below(4) {
                0 => match other.try_pop(tx)? {
                    Some(item) => one.push(tx, item),
                    None => Ok(()),
                },
                1 => match other.try_pop(tx)? {
                    Some(item) => one.push_front(tx, item),
                    None => Ok(()),
                },
                2 if random.below(20) == 0 => other.flush(tx)?.into_iter().try_for_each(|item| one.push(tx, item)),
                _ if other.is_full(tx)? => Ok(()),
                _ => match one.try_pop(tx)? {
                    Some(item) => other.push(tx, item).map(|pushed| pushed.expect("it is open")),
                    None => Ok(()),
                },
            });
        }
    });
}
