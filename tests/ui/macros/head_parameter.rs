//! A body has one parameter, which is a plain name.

use stm::{TVar, atomically, snapshot};

fn main() {
    let a = TVar::new(1);
    atomically!(|| a.load());
    atomically!(| | { a.load() });
    atomically!(|tx, b| a.write(tx, b));
    atomically!(|_| a.load());
    atomically!(|mut tx| a.write(tx, 2));
    atomically!(|&tx| a.write(tx, 2));
    atomically!(move |(tx, b)| a.write(tx, b));
    snapshot!(|tx @ _| a.read(tx));
}
