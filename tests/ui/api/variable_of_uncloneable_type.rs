//! `read` copies the value out. What cannot be copied is looked at in place.

use stm::{TVar, atomically};

struct Ticket;

fn main() {
    let a = TVar::new(Ticket);
    atomically(|tx| a.read(tx));
}
