//! Sleeping and starting threads in a body warns.

#![deny(deprecated)]

use std::thread;
use std::time::Duration;

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        if a.read(tx) > 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = thread::spawn(|| println!("one warning is enough"));
        tx.on_commit(|| thread::sleep(Duration::from_millis(1)));
    });
}
