//! A body may run again, so it cannot give away what it captured.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(String::new());
    let text = String::from("once");
    atomically(|tx| a.write(tx, text));
}
