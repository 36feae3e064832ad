//! The bank: one transactional variable an account, and what a transaction can do with them.

use stm::{ReadTransaction, StmResult, TVar, Transaction};

use crate::ledger::Transfer;

/// Whether a payer may go below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdraft {
    /// Every transfer is applied.
    Allowed,
    /// A transfer that would take its payer below zero is refused and changes nothing.
    Refused,
}

impl Overdraft {
    /// Says whether an account that holds `available` may pay what `transfer` asks of it.
    ///
    /// A transfer to oneself takes nothing away, so it is never refused.
    pub fn permits(self, transfer: &Transfer, available: i64) -> bool {
        self == Self::Allowed || transfer.is_to_self() || available >= transfer.amount
    }
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money has moved.
    Applied,
    /// The payer could not pay; nothing has changed.
    Refused,
}

/// What an auditor finds in one consistent view of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The sum of all balances. Wider than a balance, so that no number of accounts overflows it.
    pub total: i128,
    /// The lowest balance, zero for a bank without accounts.
    pub lowest: i64,
}

/// Accounts that many threads use at once.
#[derive(Debug)]
pub struct Bank {
    accounts: Vec<TVar<i64>>,
    overdraft: Overdraft,
}

impl Bank {
    /// Opens `accounts` accounts with `opening` in each.
    pub fn open(accounts: usize, opening: i64, overdraft: Overdraft) -> Self {
        let accounts = (0..accounts).map(|_| TVar::new(opening)).collect();
        Self { accounts, overdraft }
    }

    /// Returns the variable that holds the balance of account number `index`.
    pub fn account(&self, index: usize) -> &TVar<i64> {
        &self.accounts[index]
    }

    /// Returns what this bank does about overdrafts.
    pub fn overdraft(&self) -> Overdraft {
        self.overdraft
    }

    /// Moves the money of `transfer`, or refuses to.
    pub fn transfer(&self, tx: &Transaction, transfer: &Transfer) -> StmResult<Outcome> {
        let payer = &self.accounts[transfer.payer];
        let payee = &self.accounts[transfer.payee];
        let available = payer.read(tx)?;
        if !self.overdraft.permits(transfer, available) {
            return Ok(Outcome::Refused);
        }
        payer.write(tx, available - transfer.amount)?;
        // The payee's balance is read after the write, so a transfer to oneself adds to what is left.
        payee.modify(tx, |balance| balance + transfer.amount)?;
        Ok(Outcome::Applied)
    }

    /// Sums all accounts.
    pub fn audit(&self, tx: &ReadTransaction) -> StmResult<Audit> {
        let mut total = 0;
        let mut lowest = None;
        for account in &self.accounts {
            let balance = account.read(tx)?;
            total += i128::from(balance);
            lowest = Some(lowest.map_or(balance, |lowest: i64| lowest.min(balance)));
        }
        let lowest = lowest.unwrap_or(0);
        Ok(Audit { total, lowest })
    }

    /// Returns the balances of all accounts, in the order of their numbers.
    pub fn balances(&self, tx: &ReadTransaction) -> StmResult<Vec<i64>> {
        self.accounts.iter().map(|account| account.read(tx)).collect()
    }
}
