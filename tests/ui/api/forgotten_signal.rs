//! The result of a call is not used at all.

#![deny(unused_must_use)]

use stm::{StmResult, TVar, Transaction, atomically};

fn bump(tx: &Transaction, a: &TVar<u32>) -> StmResult<()> {
    a.modify(tx, |value| value + 1)
}

fn main() {
    let a = TVar::new(1);
    atomically(|tx| {
        a.write(tx, 5);
        a.read(tx);
        tx.check(a.read(tx)? == 5);
        tx.retry::<()>();
        bump(tx, &a);
        Ok(())
    });
    stm::options().name("never run");
}
