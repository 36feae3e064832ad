//! Structures under threads: for what each operation, and each transaction of several, has returned there is an order, in which
//! each takes effect at one moment between its call and its return.
//!
//! The checker is tested first, with histories made by hand and by comparison with a search through all orders. Then threads call
//! random operations of each structure in short rounds: some as transactions of several, some after others that are undone, some
//! in snapshots, some by the functions that are transactions of their own; in further rounds threads wait for each other.

#[path = "linearity/broadcast.rs"]
mod broadcast;
#[path = "linearity/by_hand.rs"]
mod by_hand;
#[path = "linearity/keyed.rs"]
mod keyed;
#[path = "linearity/locks.rs"]
mod locks;
#[path = "linearity/numbers.rs"]
mod numbers;
#[path = "linearity/orders.rs"]
mod orders;
#[path = "linearity/ranked.rs"]
mod ranked;
#[path = "linearity/sequences.rs"]
mod sequences;
#[path = "linearity/table.rs"]
mod table;
#[path = "linearity/together.rs"]
mod together;
#[path = "linearity/values.rs"]
mod values;
#[path = "linearity/workload.rs"]
mod workload;
