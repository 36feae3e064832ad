//! The transaction is kept for later.

use stm::{Transaction, atomically};

fn main() {
    let mut kept: Option<&Transaction> = None;
    atomically(|tx| {
        kept = Some(tx);
        Ok(())
    });
    let _ = atomically(|tx| Ok(tx));
}
