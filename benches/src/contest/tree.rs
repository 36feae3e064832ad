//! An ordered map in the variables of any system: a binary tree with its entries in the leaves.
//!
//! It is not balanced; keys that come in no order keep it at about twice the least depth.

use std::ops::Range;
use std::sync::Arc;

use crate::systems::{Stm, Value};

/// A link is replaced as a whole. A clone is a count.
pub struct Link<S: Stm>(Option<Arc<Node<S>>>);

impl<S: Stm> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stm> Value for Link<S> {}

enum Node<S: Stm> {
    Leaf {
        key: u64,
        value: u64,
    },
    /// Keys below the pivot are on side 0, all others on side 1.
    Fork {
        pivot: u64,
        sides: [S::Var<Link<S>>; 2],
    },
}

impl<S: Stm> Link<S> {
    fn leaf(key: u64, value: u64) -> Self {
        Self(Some(Arc::new(Node::Leaf { key, value })))
    }
}

pub struct Tree<S: Stm> {
    root: S::Var<Link<S>>,
}

impl<S: Stm> Default for Tree<S> {
    fn default() -> Self {
        Self { root: S::var(Link(None)) }
    }
}

impl<S: Stm> Tree<S> {
    pub fn get(&self, tx: &S::Tx<'_>, key: u64) -> Result<Option<u64>, S::Abort> {
        let mut link = S::read(tx, &self.root)?;
        loop {
            match link.0.as_deref() {
                Some(Node::Fork { pivot, sides }) => link = S::read(tx, &sides[usize::from(key >= *pivot)])?,
                Some(Node::Leaf { key: found, value }) if *found == key => return Ok(Some(*value)),
                _ => return Ok(None),
            }
        }
    }

    /// Returns true if the key is new.
    pub fn insert(&self, tx: &S::Tx<'_>, key: u64, value: u64) -> Result<bool, S::Abort> {
        let mut place = self.root.clone();
        loop {
            let link = S::read(tx, &place)?;
            match link.0.as_deref() {
                None => {
                    S::write(tx, &place, Link::leaf(key, value))?;
                    return Ok(true);
                }
                Some(Node::Fork { pivot, sides }) => place = sides[usize::from(key >= *pivot)].clone(),
                Some(Node::Leaf { key: found, .. }) if *found == key => {
                    S::write(tx, &place, Link::leaf(key, value))?;
                    return Ok(false);
                }
                Some(Node::Leaf { key: found, .. }) => {
                    let (pivot, new) = (key.max(*found), Link::leaf(key, value));
                    let sides = if key < *found { [new, link.clone()] } else { [link.clone(), new] };
                    let fork = Node::Fork { pivot, sides: sides.map(S::var) };
                    S::write(tx, &place, Link(Some(Arc::new(fork))))?;
                    return Ok(true);
                }
            }
        }
    }

    /// How many keys are in the range.
    pub fn count(&self, tx: &S::Tx<'_>, keys: &Range<u64>) -> Result<u64, S::Abort> {
        Self::count_under(tx, &S::read(tx, &self.root)?, keys)
    }

    fn count_under(tx: &S::Tx<'_>, link: &Link<S>, keys: &Range<u64>) -> Result<u64, S::Abort> {
        match link.0.as_deref() {
            None => Ok(0),
            Some(Node::Leaf { key, .. }) => Ok(u64::from(keys.contains(key))),
            Some(Node::Fork { pivot, sides }) => {
                let mut count = 0;
                if keys.start < *pivot {
                    count += Self::count_under(tx, &S::read(tx, &sides[0])?, keys)?;
                }
                if keys.end > *pivot {
                    count += Self::count_under(tx, &S::read(tx, &sides[1])?, keys)?;
                }
                Ok(count)
            }
        }
    }

    /// Returns what the key had.
    pub fn remove(&self, tx: &S::Tx<'_>, key: u64) -> Result<Option<u64>, S::Abort> {
        let (mut place, mut link) = (self.root.clone(), S::read(tx, &self.root)?);
        // The place of the fork above, and what is on the fork's other side.
        let mut above: Option<[S::Var<Link<S>>; 2]> = None;
        let removed = loop {
            let next = match link.0.as_deref() {
                None => return Ok(None),
                Some(Node::Leaf { key: found, .. }) if *found != key => return Ok(None),
                Some(Node::Leaf { value, .. }) => break *value,
                Some(Node::Fork { pivot, sides }) => {
                    let side = usize::from(key >= *pivot);
                    above = Some([place, sides[1 - side].clone()]);
                    sides[side].clone()
                }
            };
            link = S::read(tx, &next)?;
            place = next;
        };
        match above {
            None => S::write(tx, &place, Link(None))?,
            Some([fork, sibling]) => {
                let sibling = S::read(tx, &sibling)?;
                S::write(tx, &fork, sibling)?;
            }
        }
        Ok(Some(removed))
    }
}
