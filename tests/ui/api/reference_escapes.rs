//! A reference into the transaction's view is returned from it.

use stm::{Ref, TVar, atomically};

fn main() {
    let a = TVar::new(String::new());
    let _ = atomically(|tx| a.read_ref(tx));
    let mut kept: Option<Ref<'_, String>> = None;
    atomically(|tx| {
        kept = Some(a.read_ref(tx)?);
        Ok(())
    });
}
