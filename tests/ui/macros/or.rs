//! Alternatives are blocks joined by `or`.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    atomically!(|tx| { a.read(tx) } else { 5 });
    atomically!(|tx| { a.read(tx) } || { 5 });
    atomically!(|tx| { a.read(tx) } or_else { 5 });
    atomically!(|tx| { a.read(tx) } or);
    atomically!(|tx| { a.read(tx) } or 5);
    atomically!(|tx| { a.read(tx) } or |tx| { 5 });
    atomically!(|tx| { a.read(tx) } or { 5 } { 6 });
    atomically!(|tx| a.read(tx) or { 5 });
}
