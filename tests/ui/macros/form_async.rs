//! The asynchronous form waits in a task; its body runs like any other.

use stm::{TVar, atomically};

async fn fetch() -> u32 {
    5
}

async fn run(a: TVar<u32>) {
    atomically!(async |tx| { a.write(tx, fetch().await) }).await;
    let _: u32 = atomically!(async |tx| { a.read(tx) });
    atomically!(move async |tx| { a.read(tx) }).await;
    atomically!(async move try |tx| { a.read(tx) }).await;
}

fn main() {}
