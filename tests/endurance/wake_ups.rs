//! Very many wake-ups, each of which is the only way on: one that is lost stops everything, for there is no timeout
//! anywhere that could end a wait.

use std::env;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Ends, race, scaled};
use stm::{TVar, TxResult, atomically, cancel, debug, try_atomically};

use crate::alone;

/// Far more than cores.
const THREADS: usize = 16;

/// A million in a long run.
fn rounds() -> u64 {
    let full = env::var("STM_ENDURANCE").is_ok_and(|choice| choice == "full");
    scaled(if full { 1_000_000 } else { 30_000 }) as u64
}

/// Runs `body` on all threads. Ends the process if rounds stop being counted, and says who waits for what.
fn watched(body: impl Fn(usize, &AtomicU64) + Sync) -> u64 {
    let (count, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut last, mut idle) = (0, 0);
            while !done.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(100));
                let now = count.load(Ordering::SeqCst);
                idle = if now == last { idle + 1 } else { 0 };
                last = now;
                if idle == 600 {
                    eprintln!("nothing has happened for a minute, after {now} rounds: {}", debug::waiting());
                    process::abort();
                }
            }
        });
        let _ends = Ends(&done);
        race(THREADS, |index| body(index, &count));
    });
    count.into_inner()
}

/// Threads in a ring pass a token: each waits for a variable of its own.
#[test]
fn no_wake_up_of_a_ring_is_lost() {
    let _alone = alone();
    let rounds = rounds();
    let slots: Vec<_> = (0..THREADS).map(|index| TVar::new(index == 0)).collect();
    let counted = watched(|index, count| {
        loop {
            atomically(|tx| {
                tx.check(slots[index].read(tx)?)?;
                slots[index].write(tx, false)
            });
            let turn = count.fetch_add(1, Ordering::SeqCst);
            slots[(index + 1) % THREADS].store(true);
            // The token goes round once more behind the end, so that everybody has a turn there, and ends with that. (Who ended
            // because the count had come to the end meanwhile would keep the token from those behind.)
            if turn >= rounds {
                break;
            }
        }
    });
    assert_eq!(counted, rounds + THREADS as u64);
}

/// One item is put back by whoever has taken it, and now and then refused by whoever was woken for it.
#[test]
fn no_wake_up_of_a_line_is_lost() {
    let _alone = alone();
    let rounds = rounds();
    let (items, done) = (TVar::new(1_u64), TVar::new(false));
    let counted = watched(|index, count| {
        let mut visits = index;
        loop {
            visits += 1;
            let refuses = visits.is_multiple_of(3);
            let taken = try_atomically(|tx| -> TxResult<bool, ()> {
                if done.read(tx)? {
                    return Ok(false);
                }
                if items.read(tx)? == 0 {
                    return Ok(tx.retry_in_line()?);
                }
                if refuses {
                    return cancel(());
                }
                items.write(tx, 0)?;
                Ok(true)
            });
            match taken {
                Err(()) => {}
                Ok(false) => break,
                Ok(true) if count.fetch_add(1, Ordering::SeqCst) + 1 < rounds => items.store(1),
                Ok(true) => done.store(true),
            }
        }
    });
    assert_eq!(counted, rounds);
}

/// Many wait in the same way for each turn of one variable: all are woken each time.
#[test]
fn no_wake_up_of_a_crowd_is_lost() {
    let _alone = alone();
    let rounds = rounds() / THREADS as u64;
    let (turn, arrived) = (TVar::new(0_u64), TVar::new(0_u64));
    let counted = watched(|index, count| {
        for round in 1..=rounds {
            if index == 0 {
                atomically(|tx| tx.check(arrived.read(tx)? == (THREADS as u64 - 1) * round));
                turn.store(round);
            } else {
                arrived.fetch_update(|arrived| *arrived += 1);
                atomically(|tx| tx.check(turn.read(tx)? >= round));
            }
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(counted, rounds * THREADS as u64);
}
