//! Writers that never stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use stm::{TVar, atomically};

use crate::Ends;

/// Runs `body` while so many other threads write all `variables` as fast as they can; they count their commits.
pub fn while_hammered<R>(hammers: usize, variables: &[TVar<u64>], body: impl FnOnce(&AtomicU64) -> R) -> R {
    let (done, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _ends = Ends(&done);
        for hammer in 0..hammers {
            let (done, commits) = (&done, &commits);
            scope.spawn(move || {
                let mut place = hammer;
                while !done.load(Ordering::SeqCst) {
                    place = (place + 1) % variables.len();
                    match place % 3 {
                        0 => atomically(|tx| variables[place].modify(tx, |n| n + 1)),
                        1 => variables[place].fetch_update(|n| *n += 1),
                        _ => variables[place].store(1),
                    }
                    commits.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        body(&commits)
    })
}
