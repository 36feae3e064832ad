//! A variable is shared between threads, and so is its value.

use std::cell::Cell;
use std::rc::Rc;

use stm::{TCell, TVar, atomically};

fn main() {
    let _ = TVar::new(Rc::new(1));
    let _ = TVar::new(Cell::new(1));
    let cell = TCell::new(Rc::new(1));
    atomically(|tx| cell.write(tx, Rc::new(2)));
}
