//! A transactional function has one parameter for the transaction, a shared reference with a name. Refused functions can
//! still be called, so that one mistake gives one message.

use stm::{ReadTransaction, TVar, Transaction, transactional};

#[transactional]
fn missing(a: &TVar<u32>) -> u32 {
    a.load()
}

#[transactional]
fn by_value(tx: Transaction, a: &TVar<u32>) -> u32 {
    a.read(&tx)
}

#[transactional]
fn by_mut(tx: &mut Transaction, a: &TVar<u32>) -> u32 {
    a.read(tx)
}

#[transactional]
fn unnamed(_: &Transaction) -> u32 {
    5
}

#[transactional]
fn pattern(mut tx: &Transaction, a: &TVar<u32>) -> u32 {
    a.read(tx)
}

#[transactional]
fn twice(tx: &Transaction, other: &ReadTransaction, a: &TVar<u32>) -> u32 {
    a.read(tx) + a.read(other)
}

struct Account(TVar<u32>);

impl Account {
    #[transactional]
    fn balance(&self) -> impl Sized {
        self.0.load()
    }
}

trait Counter {
    #[transactional]
    fn count(&self) -> u32;
}

fn main() {
    let a = TVar::new(1);
    let _: stm::StmResult<u32> = missing(&a);
    let _ = Account(a).balance();
}
