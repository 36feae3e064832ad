//! Variables of every kind with known values, to be found intact after something failed.

use stm::{StmResult, TCell, TVar, Transaction, atomically};

use crate::elsewhere;

/// A variable of each kind.
#[derive(Debug)]
pub struct World {
    /// Stored in place.
    pub number: TVar<u64>,
    /// Stored behind a pointer.
    pub text: TVar<String>,
    /// Without a handle.
    pub cell: TCell<u64>,
}

impl World {
    /// Creates them with the values 1, `one` and 1.
    #[allow(clippy::new_without_default, reason = "one way to make it is enough")]
    pub fn new() -> Self {
        Self { number: TVar::new(1), text: TVar::new(String::from("one")), cell: TCell::new(1) }
    }

    /// Writes everything, as the beginning of a transaction that is going to fail.
    pub fn spoil<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.number.write(tx, 99)?;
        self.text.write(tx, String::from("ninety-nine"))?;
        self.cell.write(tx, 99)
    }

    /// Checks that nothing of a failed transaction shows, and that this and other threads go on.
    #[track_caller]
    pub fn assert_intact(&self) {
        assert_eq!((self.number.load(), self.text.load(), self.cell.load()), (1, String::from("one"), 1));
        let bump = || {
            atomically(|tx| {
                self.number.modify(tx, |n| n + 1)?;
                self.text.modify(tx, |text| text + "!")?;
                self.cell.modify(tx, |n| n + 1)
            });
        };
        bump();
        elsewhere(bump);
        assert_eq!((self.number.load(), self.text.load(), self.cell.load()), (3, String::from("one!!"), 3));
        self.number.store(1);
        self.text.store(String::from("one"));
        self.cell.store(1);
    }
}
