//! Printing in a body warns. A hook is the place for it.

#![deny(deprecated)]

use stm::{ReadTransaction, TVar, Transaction, atomically, snapshot, transactional};

#[transactional]
fn show(tx: &ReadTransaction, a: &TVar<u32>) {
    println!("{}", a.read(tx));
}

#[transactional]
fn show_later(tx: &Transaction, a: &TVar<u32>) {
    let value = a.read(tx);
    tx.on_commit(move || println!("{value}"));
    let print = move || println!("{value}");
    tx.on_commit(print);
}

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| {
        print!("reading");
        eprint!("reading");
        if dbg!(a.read(tx)) > 1 {
            std::eprintln!("large");
        }
        a.with(tx, |value| println!("{value}"));
        show(tx, &a);
        show_later(tx, &a);
    });
    snapshot!(|tx| { println!("{}", a.read(tx)) });
    #[allow(deprecated)]
    let () = atomically!(|tx| println!("{}", a.read(tx)));
}
