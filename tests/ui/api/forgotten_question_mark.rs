//! The result of a call is used as if it were the value.

use stm::{StmResult, TVar, Transaction, atomically};

fn bump(tx: &Transaction, a: &TVar<u32>) -> StmResult<()> {
    a.write(tx, a.read(tx) + 1)
}

fn main() {
    let a = TVar::new(1);
    atomically(|tx| {
        if a.read(tx) == 5 {
            tx.retry()?;
        }
        bump(tx, &a)
    });
}
