//! `try_atomically` wants a `TxResult`: an `StmResult` becomes one by `?`.

use stm::{TVar, try_atomically};

fn main() {
    let a = TVar::new(1);
    let _: Result<u32, String> = try_atomically(|tx| a.read(tx));
}
