//! What a structure does if one thread uses it.

use std::fmt::Debug;
use std::hash::Hash;

/// The state of a structure, as its documentation has it.
pub trait Spec: Clone + Eq + Hash + Debug {
    /// A call.
    type Op: Clone + Debug + Send;
    /// What it returns.
    type Ret: Clone + PartialEq + Debug + Send;

    /// Performs a call, and says what it returns: nothing if it has to wait in this state.
    fn step(&mut self, op: &Self::Op) -> Option<Self::Ret>;

    /// Whether such a call changes nothing, in any state.
    fn looks(op: &Self::Op) -> bool;

    /// The state after several calls at one moment, and what they return.
    fn after(&self, ops: &[Self::Op]) -> Option<(Self, Vec<Self::Ret>)> {
        let mut state = self.clone();
        let returned = ops.iter().map(|op| state.step(op)).collect::<Option<_>>()?;
        Some((state, returned))
    }
}
