//! `TBroadcast` where the sender keeps to the slowest subscriber, among many who send, read, come and go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::{race, scaled, watchdog};
use stm::atomically;
use stm::channel::{Overflow, TBroadcast, TryPushError};

/// Closes a channel when it is dropped.
struct Shuts<'c>(&'c TBroadcast<(u64, u64)>);

impl Drop for Shuts<'_> {
    fn drop(&mut self) {
        self.0.shut();
    }
}

/// Several senders and subscribers, of whom some come and go: all get everything in order, and nobody is further behind.
#[test]
fn all_get_everything_and_nobody_falls_behind() {
    let _watchdog = watchdog();
    const CAPACITY: usize = 3;
    let (channel, each) = (TBroadcast::with_overflow(CAPACITY, Overflow::Wait), scaled(2_000) as u64);
    let readers: Vec<_> = (0..2).map(|_| channel.subscriber()).collect();
    let (is_over, senders) = (AtomicBool::new(false), AtomicU64::new(2));
    race(6, |index| match index {
        0 | 1 => {
            for n in 0..each {
                match n % 3 {
                    0 => channel.publish((index as u64, n)),
                    1 => assert_eq!(pollster::block_on(channel.send_async((index as u64, n))), Ok(())),
                    _ => {
                        while let Err(error) = channel.try_publish((index as u64, n)) {
                            assert!(matches!(error, TryPushError::Full(_)), "somebody has failed");
                            thread::yield_now();
                        }
                    }
                }
            }
            if senders.fetch_sub(1, Ordering::SeqCst) == 1 {
                channel.shut();
            }
        }
        2 | 3 => {
            // When one fails, nobody waits for it.
            let _ends = (common::Ends(&is_over), Shuts(&channel));
            let mut next = [0; 2];
            while let Some((sender, n)) = readers[index - 2].next_blocking() {
                assert_eq!(n, std::mem::replace(&mut next[sender as usize], n + 1));
                assert!(atomically(|tx| readers[index - 2].len(tx)) <= CAPACITY);
            }
            assert_eq!(next, [each; 2]);
        }
        _ => {
            while !is_over.load(Ordering::SeqCst) {
                let reader = if index == 4 { channel.subscriber() } else { readers[0].clone() };
                let mut seen = [None; 2];
                for _ in 0..5 {
                    let Some((sender, n)) = atomically(|tx| reader.try_recv(tx)) else { continue };
                    let last: &mut Option<u64> = &mut seen[sender as usize];
                    assert!(last.is_none_or(|last| last + 1 == n), "an item was left out");
                    *last = Some(n);
                }
            }
        }
    });
}
