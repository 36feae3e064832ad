//! A transaction does not start inside another one.

use stm::{TVar, Transaction, atomically, transactional};

#[transactional]
fn bump(tx: &Transaction, a: &TVar<u32>) {
    a.write(tx, stm::snapshot!(|tx| a.read(tx)) + 1);
}

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        a.write(tx, 2);
        atomically!(|tx| bump(tx, &a));
    });
}
