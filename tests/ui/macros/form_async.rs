//! The asynchronous form is recognised and refused.

use stm::{TVar, atomically};

async fn run(a: TVar<u32>) {
    atomically!(async |tx| { a.read(tx) }).await;
    atomically!(async try |tx| { a.read(tx) }).await;
}

fn main() {}
