//! A body does not declare what it returns.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| -> u32 { a.read(tx) });
}
