//! A body never pauses.

use stm::{TVar, atomically};

async fn fetch() -> u32 {
    5
}

async fn run(a: TVar<u32>) {
    atomically(|tx| a.write(tx, fetch().await));
    atomically(async |tx| a.write(tx, fetch().await));
}

fn main() {}
