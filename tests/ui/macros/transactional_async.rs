//! A transactional function runs inside a body, which never pauses.

use stm::{TVar, Transaction, transactional};

#[transactional]
async fn read(tx: &Transaction<'_, '_>, a: &TVar<u32>) -> u32 {
    a.read(tx)
}

fn main() {}
