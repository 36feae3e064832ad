//! `Arrival`: that somebody has come to a barrier.

/// What [`TBarrier::arrive`](super::TBarrier::arrive) returns: with it the same one can pass the barrier later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub(super) generation: u32,
    pub(super) is_last: bool,
}

impl Arrival {
    /// Whether it was the last that was missing, which made the others go on. O(1); conflicts with nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = stm::sync::TBarrier::new(1);
    /// assert!(stm::atomically(|tx| barrier.arrive(tx)).is_last());
    /// ```
    pub fn is_last(&self) -> bool {
        self.is_last
    }
}
