//! The value of the body is put into `Ok(..)` for every spelling of the return type. A `Result` of the user's own is theirs.

use stm::{StmResult, TVar, Transaction, TxResult, transactional};

#[transactional]
fn read(tx: &Transaction, a: &TVar<u32>) -> StmResult<u32> {
    if a.read(tx) == 3 {
        return Ok(5);
    }
    Ok(a.read(tx))
}

#[transactional]
fn write(tx: &Transaction, a: &TVar<u32>) -> TxResult<(), String> {
    a.write(tx, 5);
    Ok(())
}

#[transactional]
fn own(tx: &Transaction, a: &TVar<u32>) -> StmResult<Result<u32, String>> {
    Ok(a.read(tx))
}

fn main() {}
