//! Nothing in the body says what it could be cancelled with.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    let _ = atomically!(try |tx| { a.write(tx, 5) });
}
