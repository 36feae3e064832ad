//! A snapshot has one form.

use stm::{TVar, snapshot};

fn main() {
    let a = TVar::new(1);
    snapshot!(try |tx| a.read(tx));
    snapshot!(async |tx| a.read(tx));
}
