//! Variables made while a body runs, kept in place until its caller is done: a transaction may use them to its end.

use std::cell::OnceCell;

use super::variable::Variable;

/// A list that grows through a shared reference.
#[derive(Default)]
pub(crate) struct Arena {
    item: OnceCell<Box<dyn Variable>>,
    rest: OnceCell<Box<Arena>>,
}

impl Arena {
    pub(crate) fn push(&self, variable: Box<dyn Variable>) {
        let mut end = self;
        while end.item.get().is_some() {
            end = end.rest.get_or_init(Box::default);
        }
        assert!(end.item.set(variable).is_ok(), "the end of the list is free");
    }

    pub(crate) fn get(&self, index: usize) -> Option<&dyn Variable> {
        let mut node = self;
        for _ in 0..index {
            node = node.rest.get()?;
        }
        node.item.get().map(AsRef::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        (0..).take_while(|index| self.get(*index).is_some()).count()
    }
}
