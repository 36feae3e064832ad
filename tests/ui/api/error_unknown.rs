//! Nothing in the body says what it could be cancelled with.

use stm::{TVar, try_atomically};

fn main() {
    let a = TVar::new(1);
    let _ = try_atomically(|tx| {
        a.write(tx, 5)?;
        Ok(())
    });
}
