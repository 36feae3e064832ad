//! Touching the file system in a body warns.

#![deny(deprecated)]

use std::fs::{self, File, OpenOptions};

use stm::{ResultExt, TVar, atomically};

fn main() {
    let a = TVar::new(String::new());
    let _ = atomically!(try |tx| {
        let _ = File::open("ledger.csv").or_cancel()?;
        let _ = File::create("ledger.csv").or_cancel()?;
        let _ = OpenOptions::new().append(true).open("ledger.csv").or_cancel()?;
        fs::remove_file("ledger.csv").or_cancel()?;
        a.write(tx, fs::read_to_string("ledger.csv").or_cancel()?);
    });
}
