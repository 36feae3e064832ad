//! A queue over plain variables: a ring of links with a head and a tail.

use super::systems::{Found, Queue, System};

/// A queue that never grows.
pub(crate) struct Ring<S: System, N: Send + Sync + 'static> {
    head: Padded<S::Var<u64>>,
    tail: Padded<S::Var<u64>>,
    slots: Box<[S::Link<N>]>,
}

/// Alone in its cache line, and in the one that is fetched with it.
#[repr(align(128))]
struct Padded<T>(T);

impl<S: System, N: Send + Sync + 'static> Queue<S, N> for Ring<S, N> {
    fn new(nodes: Vec<S::Node<N>>, capacity: usize) -> Self {
        let length = nodes.len();
        let filled = nodes.into_iter().map(|node| S::link(Some(node)));
        let slots = filled.chain((length..capacity).map(|_| S::link(None))).collect();
        Self { head: Padded(S::var(0)), tail: Padded(S::var(length as u64)), slots }
    }

    fn push<'tx>(&'tx self, tx: &S::Tx<'tx>, node: S::Node<N>) -> Result<(), S::Abort> {
        let tail = S::read(tx, &self.tail.0)?;
        S::lead(tx, &self.slots[tail as usize % self.slots.len()], Some(node))?;
        S::write(tx, &self.tail.0, tail + 1)
    }

    fn pop<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Option<S::Node<N>>, S::Abort> {
        let head = S::read(tx, &self.head.0)?;
        if head == S::read(tx, &self.tail.0)? {
            return Ok(None);
        }
        // The link stays as it is until it is needed again.
        let node = S::follow(tx, &self.slots[head as usize % self.slots.len()])?;
        S::write(tx, &self.head.0, head + 1)?;
        match node {
            Some(node) => Ok(Some(node.own())),
            None => S::restart(tx),
        }
    }
}
