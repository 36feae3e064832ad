//! A macro takes one body and nothing else.

use stm::{TVar, atomically, snapshot};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| { a.read(tx) }, 5);
    atomically!(|tx| a.read(tx), |tx| 5);
    snapshot!(|tx| a.read(tx); 5);
}
