//! The body is a closure written at the macro.

use stm::{StmResult, Transaction, atomically, snapshot};

fn body(_tx: &Transaction) -> StmResult<u32> {
    Ok(5)
}

fn main() {
    atomically!();
    atomically!(try);
    atomically!({ 5 });
    atomically!(body);
    atomically!(tx => tx.retry());
    snapshot!(5);
}
