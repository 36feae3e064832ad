//! The transaction is used from another thread.

use std::thread;

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    atomically(|tx| {
        thread::scope(|scope| {
            scope.spawn(|| a.read(tx));
        });
        Ok(())
    });
}
