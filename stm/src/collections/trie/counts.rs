//! How many entries there are, counted so that those who change it do not meet.

use crate::error::StmResult;
use crate::shared_slice::SharedSlice;
use crate::shim::cores::cores;
use crate::shim::{Mutex, shared_static, thread_owner};
use crate::tcell::TCell;
use crate::tx::{ReadTransaction, Transaction};

/// So many threads can count at once without conflicts: a power of two.
fn width() -> usize {
    (4 * cores()).next_power_of_two().clamp(16, 64)
}

/// On a cache line of its own.
#[repr(align(64))]
struct Stripe {
    count: TCell<i64>,
    /// Written when a generation is frozen. Of the first stripe: in the others it takes room that the alignment leaves.
    is_over: TCell<bool>,
}

/// A number in parts, of which each thread changes its own: how many entries are below the roots of one top branch.
#[derive(Clone)]
pub(crate) struct Counts {
    /// Never empty. They hold the number as their sum.
    stripes: SharedSlice<Stripe>,
}

impl Counts {
    pub(crate) fn new(base: i64) -> Self {
        let count = |index| TCell::new(if index == 0 { base } else { 0 });
        let stripe = |index| Stripe { count: count(index), is_over: TCell::new(false) };
        Self { stripes: SharedSlice::from_fn(width(), stripe) }
    }

    #[inline]
    pub(crate) fn add<'tx>(&self, tx: &Transaction<'tx, '_>, more: i64) -> StmResult<()> {
        let stripe = NUMBER.try_with(|number| number.stripe).unwrap_or(0);
        SharedSlice::get(&self.stripes, tx)[stripe].count.modify(tx, |count| count + more)
    }

    pub(crate) fn sum<'tx>(&self, tx: &ReadTransaction<'tx, '_>) -> StmResult<i64> {
        SharedSlice::get(&self.stripes, tx).iter().try_fold(0, |sum, stripe| Ok(sum + stripe.count.read(tx)?))
    }

    /// Says that the generation ends with this transaction.
    pub(crate) fn end<'tx>(&self, tx: &Transaction<'tx, '_>) -> StmResult<()> {
        SharedSlice::get(&self.stripes, tx)[0].is_over.write(tx, true)
    }

    /// Whether the generation is known to have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.stripes[0].is_over.load()
    }

    /// The sum, once it does not change any more.
    pub(crate) fn frozen(&self) -> i64 {
        self.stripes.iter().map(|stripe| stripe.count.load()).sum()
    }
}

/// The number of a thread: the smallest that no other living thread has.
struct Number {
    number: usize,
    /// In which stripe it counts.
    stripe: usize,
}

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
        Self { number, stripe: number % width() }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // Loom ends the variables of a thread in another order each time, so only one of them may take a step there.
        if cfg!(stm_loom) {
            return;
        }
        TAKEN.lock()[self.number] = false;
    }
}
