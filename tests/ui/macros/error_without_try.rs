//! Only the `try` form has somebody to give an error to.

use stm::{ResultExt, TVar, atomically, cancel};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        if a.read(tx) == 1 {
            cancel("one")?;
        }
        let value: u32 = "5".parse().or_cancel()?;
        a.write(tx, value);
    });
}
