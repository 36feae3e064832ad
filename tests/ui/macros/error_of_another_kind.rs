//! An error of another library leaves a body of the `try` form through `or_cancel()`.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        let value: u32 = "5".parse()?;
        a.write(tx, value);
    });
    let _: Result<(), String> = atomically!(try |tx| {
        let value = "5".parse::<u32>()?;
        a.write(tx, value);
    });
}
