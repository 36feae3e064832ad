//! Everything that an expansion could stumble over is hidden, and every lint that could dislike it is on.

#![allow(dead_code, unreachable_pub)]

use ::stm::{ReadTransaction as Reader, TVar, atomically, snapshot, transactional};

pub struct Ok;
pub struct Err;
pub struct Some;
pub struct None;
pub struct Result;
pub struct Option;
pub struct Infallible;
pub struct StmResult;
pub struct Transaction;
pub struct ReadTransaction;
pub mod std {}
pub mod core {}
pub mod stm {}

mod types {
    pub type ReadTransaction<'tx, 'env> = super::Reader<'tx, 'env>;
}

/// Documented, but for errors it does not have.
#[transactional]
#[must_use]
pub fn twice(tx: &types::ReadTransaction, a: &TVar<u32>) -> u32 {
    if a.read(tx) == 77 {
        tx.retry();
    }
    a.read(tx) * 2
}

#[transactional]
fn constant(_tx: &types::ReadTransaction) -> u32 {
    5
}

#[test]
fn nothing_in_the_surroundings_matters() {
    let transaction = TVar::new(1);
    let value = atomically!(|tx| {
        if transaction.read(tx) == 2 { tx.retry() }
        twice(tx, &transaction) + constant(tx)
    } or { return 7; } or { tx.retry() });
    assert_eq!(value, 7);
    assert_eq!(snapshot!(|_tx| 5), 5);
    atomically!(|tx| transaction.write(tx, 3));
    if transaction.load() == 4 {
        atomically!(|tx| {
            transaction.read(tx);
            unreachable!()
        });
    }
}

macro_rules! through_a_macro {
    ($tx:ident, $($body:tt)*) => { atomically!(|$tx| { $($body)* }) };
}

macro_rules! around_an_expression {
    ($variable:expr, $value:expr) => {
        atomically!(|tx| {
            $variable.write(tx, $value);
            $variable.read(tx)
        })
    };
}

#[test]
fn another_macro_may_write_the_body() {
    let a = TVar::new(1);
    assert_eq!(through_a_macro!(tx, a.write(tx, 2); a.read(tx) + 1), 3);
    assert_eq!(around_an_expression!(a, 2 + 3), 5);
}
