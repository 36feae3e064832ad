//! A body never pauses.

use stm::{TVar, Transaction, atomically, transactional};

async fn fetch() -> u32 {
    5
}

#[transactional]
fn store(tx: &Transaction, a: &TVar<u32>) {
    a.write(tx, fetch().await);
}

async fn run(a: TVar<u32>) {
    atomically!(|tx| {
        let fetched = fetch().await;
        assert_eq!(fetch().await, a.read(tx));
        a.write(tx, fetched);
    });
}

fn main() {}
