//! A call that takes the transaction and returns something else than a `Result`.

use stm::{TVar, Transaction, atomically};

fn log(_tx: &Transaction, _what: &str) {}

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        log(tx, "reading");
        a.read(tx)
    });
}
