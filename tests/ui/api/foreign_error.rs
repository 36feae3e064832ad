//! An error of another library leaves a body of `try_atomically` through `or_cancel()`.

use std::num::ParseIntError;

use stm::{TVar, atomically, try_atomically};

fn main() {
    let a = TVar::new(1);
    atomically(|tx| {
        let value: u32 = "5".parse()?;
        a.write(tx, value)
    });
    let _: Result<(), ParseIntError> = try_atomically(|tx| {
        let value = "5".parse::<u32>()?;
        a.write(tx, value)?;
        Ok(())
    });
}
