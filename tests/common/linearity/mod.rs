//! Linearisability of recorded histories: whether some order of the operations that several threads have called explains what
//! each of them returned, where an operation takes effect at one moment between its call and its return (Herlihy and Wing,
//! "Linearizability: a correctness condition for concurrent objects", TOPLAS 1990).
//!
//! An operation here may be a transaction of several: all of them take effect at that moment. So what is checked is strict
//! serialisability of whole transactions, by what a structure is said to do and not by the variables that it is made of, as
//! [`history`](crate::history) has it.
//!
//! The checker is that of Wing and Gong ("Testing and verifying concurrent objects", JPDC 1993), which tries what may come next,
//! with Lowe's memory of what has been tried ("Testing for linearizability", CCPE 2017): of the same operations in another order
//! that lead to the same state nothing new can come. Histories of operations on one key each are checked key by key, as locality
//! (Herlihy and Wing) allows.

mod check;
mod explain;
mod record;
mod spec;

pub use check::{check, is_linear};
pub use explain::Violation;
pub use record::{Clock, Entry, History, by_key};
pub use spec::Spec;
