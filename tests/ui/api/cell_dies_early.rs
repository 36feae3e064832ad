//! A `TCell` is borrowed by the transaction, so it has to live outside of the body.

use stm::{TCell, atomically};

fn main() {
    atomically(|tx| {
        let cell = TCell::new(1);
        cell.write(tx, 2)?;
        cell.read(tx)
    });
}
