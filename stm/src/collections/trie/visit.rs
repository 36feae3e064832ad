//! Looking at all entries in a transaction.

use std::ops::ControlFlow;

use crate::error::StmResult;
use crate::shared::Shared;
use crate::tx::ReadTransaction;

use super::Trie;
use super::branch::Branch;
use super::entry::Entry;
use super::link::Target;

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> Trie<K, V> {
    /// Calls `f` on entry after entry until it breaks.
    pub(crate) fn visit<'tx, B>(
        &'tx self,
        tx: &ReadTransaction<'tx, '_>,
        mut f: impl FnMut(&'tx Entry<K, V>) -> StmResult<ControlFlow<B>>,
    ) -> StmResult<ControlFlow<B>> {
        let root = self.root(tx)?.get();
        visit_branch(tx, Shared::get(&root.branch, tx), &mut f)
    }

    pub(crate) fn is_empty<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<bool> {
        Ok(self.visit(tx, |_| Ok(ControlFlow::Break(())))?.is_continue())
    }

    pub(crate) fn len<'tx>(&'tx self, tx: &ReadTransaction<'tx, '_>) -> StmResult<usize> {
        let root = self.root(tx)?.get();
        let sum = root.counts.sum(tx)?;
        Ok(usize::try_from(sum).expect("every entry was counted when it was added"))
    }
}

/// As deep as the trie, which is bounded by the length of a hash.
fn visit_branch<'tx, K: Send + Sync + 'static, V: Send + Sync + 'static, B>(
    tx: &ReadTransaction<'tx, '_>,
    branch: &'tx Branch<K, V>,
    f: &mut impl FnMut(&'tx Entry<K, V>) -> StmResult<ControlFlow<B>>,
) -> StmResult<ControlFlow<B>> {
    for slot in &branch.slots {
        let mut target = slot.read(tx)?;
        if let Target::Branch(below) = target {
            if let ControlFlow::Break(value) = visit_branch(tx, below.get(), f)? {
                return Ok(ControlFlow::Break(value));
            }
            continue;
        }
        while let Target::Entry(entry) = target {
            if let ControlFlow::Break(value) = f(entry.get())? {
                return Ok(ControlFlow::Break(value));
            }
            target = entry.get().next.read(tx)?;
        }
    }
    Ok(ControlFlow::Continue(()))
}
