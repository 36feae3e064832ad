//! The attribute takes no arguments.

use stm::{TVar, Transaction, transactional};

#[transactional(retry, twice)]
fn read(tx: &Transaction, a: &TVar<u32>) -> u32 {
    a.read(tx)
}

fn main() {}
