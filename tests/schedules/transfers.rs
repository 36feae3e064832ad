//! Transfers between accounts, and audits in between.

use stm::{StmResult, TCell, Transaction, atomically, snapshot};

use crate::explore::{exhaust, sample};
use crate::threads::{both, cells, race};

fn transfer<'tx>(
    tx: &Transaction<'tx, '_>,
    from: &'tx TCell<u64>,
    to: &'tx TCell<u64>,
    amount: u64,
) -> StmResult<bool> {
    let available = from.read(tx)?;
    if available < amount {
        return Ok(false);
    }
    from.write(tx, available - amount)?;
    to.modify(tx, |balance| balance + amount)?;
    Ok(true)
}

#[test]
fn an_audit_sees_a_transfer_or_does_not() {
    exhaust([(10, 0), (4, 6)], || {
        let [from, to] = cells([10, 0]);
        let (moved, audit) =
            both(|| atomically(|tx| transfer(tx, &from, &to, 6)), || snapshot(|tx| Ok((from.read(tx)?, to.read(tx)?))));
        assert!(moved);
        assert_eq!((from.load(), to.load()), (4, 6));
        audit
    });
}

#[test]
fn of_two_transfers_that_are_too_much_one_is_refused() {
    exhaust([[true, false], [false, true]], || {
        let [from, left, right] = cells([10, 0, 0]);
        let (first, second) =
            both(|| atomically(|tx| transfer(tx, &from, &left, 7)), || atomically(|tx| transfer(tx, &from, &right, 7)));
        assert_eq!(from.load(), 3);
        assert_eq!([left.load(), right.load()], [first, second].map(|moved| u64::from(moved) * 7));
        [first, second]
    });
}

#[test]
fn money_is_neither_made_nor_lost_and_every_transfer_counts() {
    const ROUNDS: u64 = 2;
    // What the audit sees: how many transfers had been made.
    sample(0..=3 * ROUNDS, || {
        let accounts = cells([5; 3]);
        let [made] = cells([0]);
        let audits = race(4, |index| {
            if index == 0 {
                return snapshot(|tx| {
                    let total: u64 = accounts.iter().map(|account| account.read(tx)).sum::<StmResult<_>>()?;
                    assert_eq!(total, 15, "in every attempt");
                    made.read(tx)
                });
            }
            for round in 0..ROUNDS {
                let (from, to) = (&accounts[index - 1], &accounts[index % 3]);
                atomically(|tx| {
                    made.modify(tx, |count| count + 1)?;
                    transfer(tx, from, to, 3 + round)
                });
            }
            0
        });
        assert_eq!(accounts.iter().map(TCell::load).sum::<u64>(), 15);
        assert_eq!(made.load(), 3 * ROUNDS, "transfers that took effect");
        audits[0]
    });
}
