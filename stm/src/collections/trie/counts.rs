//! How many entries there are, counted so that those who change it do not meet.

use crate::error::StmResult;
use crate::shim::{Mutex, shared_static, thread_owner};
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

/// So many threads can count at once without conflicts.
const STRIPES: usize = 16;

/// On a cache line of its own.
#[repr(align(64))]
struct Stripe(TCell<i64>);

/// A number in parts, of which each thread changes its own: how many entries are below the roots of one top branch.
pub(crate) struct Counts {
    base: i64,
    /// Written when a generation is frozen. (It takes room that the alignment leaves.)
    is_over: TCell<bool>,
    stripes: [Stripe; STRIPES],
}

impl Counts {
    pub(crate) fn new(base: i64) -> Self {
        Self { base, is_over: TCell::new(false), stripes: std::array::from_fn(|_| Stripe(TCell::new(0))) }
    }

    #[inline]
    pub(crate) fn add<'tx>(&'tx self, tx: &Transaction<'tx, '_>, more: i64) -> StmResult<()> {
        let stripe = NUMBER.try_with(|number| number.0).unwrap_or(0) % STRIPES;
        self.stripes[stripe].0.modify(tx, |count| count + more)
    }

    pub(crate) fn sum<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<i64> {
        self.stripes.iter().try_fold(self.base, |sum, stripe| Ok(sum + stripe.0.read(tx)?))
    }

    /// Says that the generation ends with this transaction.
    pub(crate) fn end<'tx>(&'tx self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        self.is_over.write(tx, true)
    }

    /// Whether the generation is known to have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load()
    }

    /// The sum, once it does not change any more.
    pub(crate) fn frozen(&self) -> i64 {
        self.stripes.iter().fold(self.base, |sum, stripe| sum + stripe.0.load())
    }
}

/// The number of a thread: the smallest that no other living thread has.
struct Number(usize);

thread_owner! { static NUMBER: Number = Number::take() }

shared_static! {
    /// Which numbers are taken.
    static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new())
}

impl Number {
    fn take() -> Self {
        let mut taken = TAKEN.lock();
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(false);
        }
        taken[number] = true;
        Self(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // Loom ends the variables of a thread in another order each time, so only one of them may take a step there.
        if cfg!(stm_loom) {
            return;
        }
        TAKEN.lock()[self.0] = false;
    }
}
