//! Who waits in line having looked at something else as well: it keeps nobody asleep.

use std::sync::Arc;

use common::watchdog;
use stm::channel::{TBQueue, TPriorityQueue, TQueue};
use stm::{StmResult, TVar, Transaction, TxResult, atomically_async, cancel};

use crate::waiting::{Crowd, send};

/// The first in line has looked at the queue, and waits for another one: it does not speak for who waits for this.
#[test]
fn who_looks_at_a_queue_and_waits_for_another_does_not_keep_asleep_who_waits_for_this() {
    let _watchdog = watchdog();
    let (queue, other, mut crowd) = (TQueue::new(), TQueue::new(), Crowd::default());
    let (watched, awaited) = (queue.clone(), other.clone());
    let watcher = crowd.add(atomically_async(move |tx| {
        let length = watched.len(tx)? as u64;
        Ok(100 * length + awaited.pop(tx)?)
    }));
    let single = queue.clone();
    let consumer = crowd.add(atomically_async(move |tx| single.pop(tx)));
    send(&queue, 5);
    assert_eq!(crowd.run(), [(consumer, 5)]);
    send(&other, 7);
    assert_eq!(crowd.run(), [(watcher, 7)]);
}

/// The same at the other end: who passes things on waits for room elsewhere.
#[test]
fn who_can_not_pass_an_item_on_does_not_keep_asleep_who_waits_for_room_behind_it() {
    let _watchdog = watchdog();
    let (from, to, mut crowd) = (TBQueue::new(2), TBQueue::new(1), Crowd::default());
    [1, 2].into_iter().for_each(|n| from.send(n).expect("it is open"));
    to.send(0).expect("it is open");
    let (source, target) = (from.clone(), to.clone());
    let relay = crowd.add(atomically_async(move |tx| {
        let Some(item) = source.try_peek(tx)? else { return Ok(0) };
        target.push(tx, item)?.expect("it is open");
        source.try_pop(tx).map(|item| item.unwrap_or(0))
    }));
    let queue = from.clone();
    let producer = crowd.add(async move { queue.send_async(3).await.map_or(1, |()| 0) });
    assert_eq!(from.recv(), Some(1));
    assert_eq!(crowd.run(), [(producer, 0)]);
    assert_eq!(to.recv(), Some(0));
    assert_eq!(crowd.run(), [(relay, 2)]);
}

/// What was looked at before in an undone part, or in the other branch of a choice, counts as well.
#[test]
fn who_has_undone_a_pop_and_waits_elsewhere_does_not_keep_asleep_who_would_pop() {
    let _watchdog = watchdog();
    let (queue, other, mut crowd) = (TPriorityQueue::new(), TPriorityQueue::new(), Crowd::default());
    let (watched, awaited) = (queue.clone(), other.clone());
    let picky = crowd.add(atomically_async(move |tx| {
        tx.or_else(
            |tx| awaited.pop(tx),
            |tx| {
                let looked = tx.nested(|tx| -> TxResult<(), ()> {
                    watched.try_pop(tx)?;
                    cancel(())
                })?;
                assert_eq!(looked, Err(()));
                awaited.pop(tx)
            },
        )
    }));
    let single = queue.clone();
    let consumer = crowd.add(atomically_async(move |tx| single.pop(tx)));
    queue.send(5);
    assert_eq!(crowd.run(), [(consumer, 5)]);
    other.send(7);
    assert_eq!(crowd.run(), [(picky, 7)]);
}

/// Those who wait for one queue may have looked at other things before, by which some go on and others do not.
#[test]
fn who_waits_for_something_else_as_well_is_woken_by_that() {
    type Wait = fn(&Transaction, &(TQueue<u64>, TPriorityQueue<u64>, TBQueue<u64>, TBQueue<u64>)) -> StmResult<u64>;
    let ways: [Wait; 4] = [
        |tx, queues| queues.0.pop(tx),
        |tx, queues| queues.1.pop(tx),
        |tx, queues| queues.2.pop(tx).map(Option::unwrap_or_default),
        |tx, queues| queues.3.push(tx, 1).map(|outcome| outcome.map_or(0, |()| 1)),
    ];
    let _watchdog = watchdog();
    for wait in ways {
        let full: TBQueue<u64> = TBQueue::new(1);
        full.send(0).expect("it is open");
        let queues = Arc::new((TQueue::new(), TPriorityQueue::new(), TBQueue::new(2), full));
        let (day, mut crowd) = (TVar::new(0), Crowd::default());
        for last in [2, 1, 2, 1] {
            let (day, queues) = (day.clone(), queues.clone());
            crowd.add(atomically_async(move |tx| if day.read(tx)? >= last { Ok(100) } else { wait(tx, &queues) }));
        }
        day.store(1);
        let mut finished = crowd.run();
        finished.sort_unstable();
        assert_eq!(finished, [(1, 100), (3, 100)]);
        day.store(2);
        assert_eq!(crowd.run().len(), 2);
    }
}
