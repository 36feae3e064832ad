//! A snapshot cannot write, nor can a function that takes `&ReadTransaction`.

use stm::{ReadTransaction, StmResult, TCell, TVar, snapshot};

static CELL: TCell<u32> = TCell::new(1);

fn bump(tx: &ReadTransaction, a: &TVar<u32>) -> StmResult<()> {
    a.modify(tx, |value| value + 1)
}

fn main() {
    let a = TVar::new(1);
    snapshot(|tx| a.write(tx, 5));
    snapshot(|tx| CELL.write(tx, 5));
    snapshot(|tx| bump(tx, &a));
    snapshot(|tx| Ok(tx.on_commit(|| ())));
}
