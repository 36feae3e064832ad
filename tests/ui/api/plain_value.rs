//! The body returns its value without `Ok(..)`.

use stm::{TVar, atomically, snapshot};

fn main() {
    let a = TVar::new(1);
    let _: u32 = atomically(|tx| {
        a.write(tx, 5)?;
        5
    });
    atomically(|tx| {
        a.write(tx, 5)?;
    });
    let _ = snapshot(|_tx| 5);
}
