//! The attribute belongs on a function.

use stm::transactional;

#[transactional]
struct Account {
    balance: u32,
}

#[transactional]
const LIMIT: u32 = 5;

fn main() {}
