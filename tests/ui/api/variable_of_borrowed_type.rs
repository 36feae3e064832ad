//! A variable outlives its scope as long as transactions can see it, so it owns its value.

use stm::{TCell, TVar, atomically};

fn main() {
    let text = String::from("borrowed");
    let a = TVar::new(text.as_str());
    let b = TCell::new(text.as_str());
    atomically(|tx| {
        a.read(tx)?;
        b.read(tx)
    });
}
