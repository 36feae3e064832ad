//! Threads move money between accounts while auditors sum all of them, each sum in one transaction.
//!
//! ```text
//! cargo run --release --example bank
//! cargo run --release --example bank -- --generate ledger.csv
//! cargo run --release --example bank -- --ledger ledger.csv --threads 1,4 --overdraft
//! cargo run --release --example bank -- --help
//! ```
//!
//! The transactions are in `bank/accounts.rs`, the threads that run them in `bank/replay.rs`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use stm_bank::Console;

fn main() -> ExitCode {
    let stderr = io::stderr();
    let rewrite = stderr.is_terminal();
    let mut console = Console { out: &mut io::stdout().lock(), err: &mut stderr.lock(), rewrite };
    stm_bank::run(std::env::args_os().skip(1), &mut console).into()
}
