//! Queues as streams and sinks.

use common::{Census, watchdog};
use futures::{SinkExt, StreamExt, executor, stream};
use stm::channel::{Overflow, TBQueue, TBroadcast, TPriorityQueue, TQueue};

#[test]
fn a_stream_hands_out_what_is_in_the_queue() {
    let _watchdog = watchdog();
    executor::block_on(async {
        let queue: TQueue<u64> = (0..3).collect();
        assert_eq!(queue.stream().take(3).collect::<Vec<_>>().await, [0, 1, 2]);
        let ranked: TPriorityQueue<u64> = (0..3).collect();
        assert_eq!(ranked.stream().take(3).collect::<Vec<_>>().await, [2, 1, 0]);
        let news = TBroadcast::new();
        let reader = news.subscriber();
        (0..3).for_each(|n| news.publish(n));
        assert_eq!(reader.stream().take(2).collect::<Vec<_>>().await, [0, 1]);
        assert_eq!(reader.recv_async().await, 2, "it was the subscriber's position");
    });
}

#[test]
fn a_stream_of_a_bounded_queue_ends_when_that_is_closed_and_empty() {
    let _watchdog = watchdog();
    let queue: TBQueue<u64> = (0..3).collect();
    queue.shut();
    let mut stream = queue.stream();
    executor::block_on(async {
        assert_eq!(stream.by_ref().collect::<Vec<_>>().await, [0, 1, 2]);
        assert_eq!(stream.next().await, None, "it is asked again");
    });
}

/// Through a queue with less room than there are items, each end waiting for the other.
#[test]
fn a_sink_waits_for_room_and_a_stream_for_items() {
    let _watchdog = watchdog();
    for capacity in [1, 2, 7] {
        let queue = TBQueue::new(capacity);
        let produce = async {
            let mut items = stream::iter((0..500_u64).map(Ok));
            queue.sink().send_all(&mut items).await.expect("it is open");
            queue.shut();
        };
        let (received, ()) = executor::block_on(async { futures::join!(queue.stream().collect::<Vec<_>>(), produce) });
        assert_eq!(received, (0..500).collect::<Vec<_>>());
    }
}

#[test]
fn closing_a_sink_flushes_it_and_leaves_the_queue_open() {
    let _watchdog = watchdog();
    let queue = TBQueue::new(2);
    executor::block_on(async {
        let mut sink = queue.sink();
        sink.feed(1).await.expect("it is open");
        sink.close().await.expect("it is open");
        assert_eq!(queue.to_vec(), [1]);
        assert_eq!(queue.send(2), Ok(()));
        queue.shut();
        assert_eq!(queue.sink().send(3).await.expect_err("it is closed").0, 3);
    });
}

/// In the order in which they are given, each in the queue at once.
#[test]
fn a_sink_of_an_unbounded_queue_is_always_ready() {
    let _watchdog = watchdog();
    executor::block_on(async {
        let (queue, ranked) = (TQueue::new(), TPriorityQueue::new());
        let (mut plain, mut by_rank) = (queue.sink(), ranked.sink());
        for n in [2, 3, 1_u64] {
            plain.feed(n).await.expect("it can not be closed");
            by_rank.feed(n).await.expect("it can not be closed");
        }
        assert_eq!(queue.to_vec(), [2, 3, 1]);
        assert_eq!(ranked.to_vec(), [3, 2, 1]);
        plain.close().await.expect("nothing waits");
        by_rank.close().await.expect("nothing waits");
        plain.send(4).await.expect("the queue goes on");
        assert_eq!(queue.stream().take(4).collect::<Vec<_>>().await, [2, 3, 1, 4]);
    });
}

/// By a channel that keeps fewer items than there are, to a reader as slow as can be.
#[test]
fn a_sink_of_a_broadcast_waits_for_its_slowest_subscriber() {
    let _watchdog = watchdog();
    let channel = TBroadcast::with_overflow(2, Overflow::Wait);
    let reader = channel.subscriber();
    executor::block_on(async {
        let mut sink = channel.sink();
        sink.feed(0).await.expect("it is open");
        sink.feed(1).await.expect("it is open");
        sink.feed(2).await.expect("it is held");
        assert!(futures::poll!(sink.flush()).is_pending(), "there is no room for a third");
        assert_eq!(reader.recv_async().await, 0);
        sink.flush().await.expect("it is open");
        let produce = async {
            sink.send_all(&mut stream::iter((3..200_u64).map(Ok))).await.expect("it is open");
            channel.shut();
        };
        let (received, ()) = futures::join!(reader.stream().collect::<Vec<_>>(), produce);
        assert_eq!(received, (1..200).collect::<Vec<_>>());
        assert_eq!(channel.sink().send(200).await.expect_err("it is closed").0, 200);
    });
}

/// A stream that waits holds nothing; a sink that waits holds its item.
#[test]
fn dropping_an_end_that_waits_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let (census, queue) = (Census::new(), TBQueue::new(1));
    let mut stream = queue.stream();
    executor::block_on(async {
        assert!(futures::poll!(stream.next()).is_pending());
        drop(stream);
        let mut sink = queue.sink();
        sink.send(census.value(1)).await.expect("there is room");
        sink.feed(census.value(2)).await.expect("it is held");
        assert!(futures::poll!(sink.flush()).is_pending());
        drop(sink);
        assert_eq!(queue.recv_async().await.map(|item| item.payload), Some(1));
        assert!(queue.try_recv().is_none());
    });
    census.settle(0);
}
