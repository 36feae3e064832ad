//! A body whose value is not what is wanted.

use stm::{TVar, Transaction, atomically, transactional};

#[transactional]
fn bump(tx: &Transaction, a: &TVar<u32>) -> u32 {
    a.write(tx, 2);
}

fn main() {
    let a = TVar::new(1);
    let _: u32 = atomically!(|tx| {
        bump(tx, &a);
    });
    let _: u32 = atomically!(|tx| { a.with(tx, |_| "five") } or { 5 });
    atomically!(|tx| {
        if a.read(tx) == "one" {
            a.write(tx, 2);
        }
    });
}
