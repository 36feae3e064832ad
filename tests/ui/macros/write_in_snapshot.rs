//! A snapshot cannot write.

use stm::{ReadTransaction, TVar, Transaction, snapshot, transactional};

#[transactional]
fn bump(tx: &Transaction, a: &TVar<u32>) {
    a.write(tx, 2);
}

#[transactional]
fn read(tx: &ReadTransaction, a: &TVar<u32>) -> u32 {
    a.write(tx, 2);
    a.read(tx)
}

fn main() {
    let a = TVar::new(1);
    snapshot!(|tx| a.write(tx, 2));
    snapshot!(|tx| bump(tx, &a));
}
